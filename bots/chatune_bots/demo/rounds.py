"""The community at work: each asks questions, asks again, and rates what comes."""

import random
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import anyio

from chatune_bots.demo.people import Person
from chatune_bots.demo.town import Answered, Town

Saw = Callable[[Person, Answered, bool], None]
"""Told of each rating when it is given."""


@dataclass(frozen=True, slots=True)
class Round:
    """How much is asked. `answers` are rated to each question; `at_once` people are talking.

    corrects: the share of answers voted bad that are then corrected, from 0 to 1.
    """

    questions: Sequence[str]
    answers: int = 1
    at_once: int = 32
    corrects: float = 0.0


async def play(town: Town, people: Sequence[Person], plan: Round, seed: int, saw: Saw) -> None:
    """Have every question asked and every answer rated; people take turns.

    What people think of an answer depends on `seed` and the answer alone, not on who comes first.
    """
    room = anyio.CapacityLimiter(plan.at_once)

    async def talk(person: Person, question: str) -> None:
        async with room:
            answered = await town.ask(person.user, question)
            await _rate(person, answered, 0)
            for number in range(1, plan.answers):
                answered = await town.ask_again(answered)
                await _rate(person, answered, number)

    async def _rate(person: Person, answered: Answered, number: int) -> None:
        chance = random.Random(f"{seed}/{person.user}/{answered.question}/{number}")
        good = person.votes(answered.question, answered.text, chance)
        await town.rate(answered, good=good)
        better = person.corrects(answered.text)
        if not good and better != answered.text.strip() and chance.random() < plan.corrects:
            await town.correct(answered, better)
        saw(person, answered, good)

    async with anyio.create_task_group() as talks:
        for number, question in enumerate(plan.questions):
            talks.start_soon(talk, people[number % len(people)], question)
