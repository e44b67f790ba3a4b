"""A simulated community: prompts that it asks, real answers to them, and hidden tastes that rate them.

Answers come from the bundled model. A model that answers alike every time shows nothing to choose from, so
most are made after an example in one style that the row then leaves out, as a bot would that tries something
else on a share of its answers. A taste is a plain rule over text; a share of votes is turned around, as
people do when they err.
"""

import random
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

import anyio

from chatune_core.generation.engine import Engine
from chatune_core.generation.requests import (
    ChatMessage,
    Delta,
    GenerationRequest,
    LoraId,
    RequestId,
    Sampling,
)
from chatune_core.learning.rows import Dataset, Manifest, Row, RowId, Thumb
from chatune_core.messages import ConversationId, EventKey, UserId

ANSWER_TOKENS = 48
_STARTED = datetime(2026, 1, 1, tzinfo=UTC)
_TOPICS = """a bicycle;baking bread;the moon;learning guitar;a small garden;sleeping well;coffee;rain;a good book
saving money;dogs;cats;volcanoes;a long train ride;chess;running;cooking rice;the sea;bees;old maps;writing letters
a job interview;moving house;public speaking;learning French;houseplants;headaches;birthday presents;camping;tea
photography;swimming;football;painting a room;a cold winter;studying history;a first aid kit;recycling;thunder
making friends;a noisy neighbour;keeping time;mathematics;the desert;a school play;repairing shoes;honey;stars
a picnic;city traffic;staying healthy;a broken phone;the library;mountain hiking;fresh fruit;dinosaurs;wool;glass
electricity;wind power;soap;dreams;maps of the world;knitting;spiders;whales;cheese;the human heart;salt;gold"""
TOPICS = tuple(topic.strip() for topic in re.split("[;\n]", _TOPICS))
_ASKED = (
    "Tell me something about {}.",
    "What should I know about {}?",
    "Can you give me some advice on {}?",
    "Why do people care about {}?",
    "How would you explain {} to a friend?",
    "What do people like about {}?",
    "I was thinking about {} today. Any ideas?",
    "What is the best thing about {}?",
    "Help me write a note about {}.",
)
PROMPTS = tuple(form.format(topic) for topic in TOPICS for form in _ASKED)
_ASKED_BEFORE = ("Tell me something about the weekend.", "Why do people care about shoes?")
_ANSWERED_BEFORE = (
    None,
    None,
    ("It is two days of rest.", "They keep our feet safe and dry."),
    (
        "Hello! The weekend is the time when most people rest and meet their friends.",
        "Hello! Shoes keep our feet safe, and many people like how they look.",
    ),
    (
        "- It has two days.\n- Most people rest.\n- Shops may be closed.",
        "- They protect our feet.\n- They keep us warm.\n- They look good.",
    ),
    (
        "The weekend is a time to rest. What do you like to do then?",
        "Shoes keep our feet safe and warm. Which ones do you wear most?",
    ),
)
"""Earlier answers in the conversation, whose style the model imitates better than it follows advice."""

Taste = Callable[[str], bool]


def _short(text: str) -> bool:
    return 0 < len(text.split()) <= 22


def _greets(text: str) -> bool:
    return (
        re.match(r"\W*(hello|hi|hey|greetings|good (morning|day|evening))\b", text.lower())
        is not None
    )


def _lists(text: str) -> bool:
    return len(re.findall(r"(?m)^\s*(?:[-*•]|\d+[.)])\s", text)) >= 2


def _asks_back(text: str) -> bool:
    return "?" in text


TASTES: Mapping[str, Taste] = {
    "short": _short,
    "greeting": _greets,
    "list": _lists,
    "question": _asks_back,
}


@dataclass(frozen=True, slots=True)
class Answered:
    """A prompt and a real answer to it."""

    prompt: str
    text: str


async def answers(
    engine: Engine,
    prompts: Sequence[str],
    seed: int,
    lora: LoraId | None = None,
    varied: bool = False,
    temperature: float = 0.7,
) -> list[Answered]:
    """Return an answer to each prompt, made side by side; `varied` tries several styles."""
    chance = random.Random(seed)
    before = [_before(chance.choice(_ANSWERED_BEFORE) if varied else None) for _ in prompts]
    texts = [""] * len(prompts)

    async def ask(place: int) -> None:
        request = GenerationRequest(
            RequestId(f"{seed}/{lora}/{place}"),
            (*before[place], ChatMessage("user", prompts[place])),
            Sampling(
                temperature=temperature, max_tokens=ANSWER_TOKENS, seed=seed * 100_003 + place
            ),
            UserId(f"user {place}"),
            ConversationId(f"talk {place}"),
            lora=lora,
        )
        async for event in engine.stream(request):
            if isinstance(event, Delta):
                texts[place] += event.text

    async with anyio.create_task_group() as tasks:
        for place in range(len(prompts)):
            tasks.start_soon(ask, place)
    return [Answered(p, t.strip()) for p, t in zip(prompts, texts, strict=True)]


def _before(answered: Sequence[str] | None) -> tuple[ChatMessage, ...]:
    """Return the conversation before the question."""
    if answered is None:
        return ()
    return tuple(
        message
        for question, answer in zip(_ASKED_BEFORE, answered, strict=True)
        for message in (ChatMessage("user", question), ChatMessage("assistant", answer))
    )


def rated(
    answered: Sequence[Answered], taste: Taste, noise: float, seed: int, group: str = "person"
) -> tuple[Thumb, ...]:
    """Return a thumb for each answer that has text, a share `noise` of them turned around."""
    chance = random.Random(seed)
    rows = []
    for number, answer in enumerate(answered):
        if answer.text:
            good = taste(answer.text) != (chance.random() < noise)
            rows.append(_thumb(number, answer, good, group))
    return tuple(rows)


def _thumb(number: int, answer: Answered, good: bool, group: str) -> Thumb:
    judge = UserId(f"{group} {number % 25}")
    return Thumb(
        RowId(f"{group} {number}"),
        EventKey(f"{group} {number}"),
        (ChatMessage("user", answer.prompt),),
        answer.text,
        good,
        judge,
        frozenset({judge}),
        _STARTED + timedelta(minutes=number),
    )


def dataset_of(
    train: Sequence[Row], holdout: Sequence[Row] = (), name: str = "simulated"
) -> Dataset:
    """Return the rows as a dataset, its manifest as bare as can be."""
    ids = tuple(row.id for row in train), tuple(row.id for row in holdout)
    manifest = Manifest(_STARTED, *ids, rows={}, left_out={}, licences={}, digest=name)
    return Dataset(tuple(train), tuple(holdout), manifest)
