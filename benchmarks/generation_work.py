"""The work of the generation benchmark: prompts, random arrivals, and what is measured of them."""

import random
import statistics
import time
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Protocol

import anyio

from chatune_core.generation.requests import ChatMessage, LoraId

clock = time.monotonic

NEW_TOKENS = 64
PAUSE_S = 0.05
"""Mean of the exponential pause between an answer and the same client's next request."""

SYSTEM_PROMPT = (
    "You are the assistant of a small team that builds software for libraries. Answer at length "
    "and in plain English. Say what you are sure of and what you are not, give an example for "
    "each point that you make, and never end an answer before you have told the whole story."
)
SUBJECTS = (
    "a lighthouse keeper", "the printing press", "bread", "a river that changes its course",
    "the history of bicycles", "a library at night", "how rain forms", "an old railway",
)  # fmt: skip
DETAILS = (
    "Describe the weather on each day.", "Name the people and say what they want.",
    "Explain every step as if to a child.", "Tell how it smelled and sounded.",
    "Compare it with how things are done today.", "Say what went wrong and who mended it.",
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class Ask:
    """One request: a chat of two messages, the tokens wanted, the LoRA to answer with."""

    messages: tuple[ChatMessage, ...]
    tokens: int = NEW_TOKENS
    lora: LoraId | None = None


@dataclass(slots=True)
class Timing:
    """When one answer began and ended, in seconds of `clock`, and how long it was."""

    asked: float
    first: float = 0.0
    done: float = 0.0
    tokens: int = 0
    prompt_tokens: int = 0


class System(Protocol):
    """Something that answers several requests at once, while it is open."""

    name: str

    async def answer(self, ask: Ask) -> Timing:
        """Return when the answer to `ask` began and ended."""
        ...


@dataclass(frozen=True, slots=True)
class Figures:
    """What one run came to. `in_flight` is the mean number of requests at work."""

    tokens_per_s: float
    first_p50_s: float
    first_p95_s: float
    in_flight: float
    answers: int
    tokens_an_answer: float
    prompt_tokens: float


def asks(count: int, seed: int, loras: Sequence[LoraId | None] = (None,)) -> list[Ask]:
    """Return `count` requests with user messages of 10 to 150 words under one system prompt."""
    randomness = random.Random(seed)
    return [_ask(randomness, number, loras[number % len(loras)]) for number in range(count)]


async def run(
    system: System, work: Sequence[Ask], in_flight: int, seed: int, at_most_s: float
) -> Figures:
    """Have `in_flight` clients ask for `work`, each with random pauses; return what it came to.

    Nothing new is asked after `at_most_s`, so that a slow system answers fewer.
    """
    queue = list(reversed(work))
    timings: list[Timing] = []
    until = clock() + at_most_s

    async def client(randomness: random.Random) -> None:
        while queue:
            await anyio.sleep(randomness.expovariate(1 / PAUSE_S))
            if queue and (clock() < until or not timings):
                timings.append(await system.answer(queue.pop()))
            elif clock() >= until:
                return

    async with anyio.create_task_group() as clients:
        for number in range(in_flight):
            clients.start_soon(client, random.Random(f"{seed} {number}"))
    return _figures(timings)


@dataclass(slots=True)
class Late:
    """A request that joins a batch at work: its wait, and whether it came before any other end."""

    first_s: float = 0.0
    before_the_others: bool = False
    ends: list[float] = field(default_factory=list)


async def late_joiner(system: System, others: int) -> Late:
    """Let one request join `others` that are a quarter of the way; return how it fared."""
    late = Late()
    work = asks(others + 1, seed=99)
    began = clock()

    async def other(ask: Ask) -> None:
        late.ends.append((await system.answer(ask)).done)

    async with anyio.create_task_group() as clients:
        await system.answer(Ask(work[-1].messages, tokens=NEW_TOKENS // 4))
        alone = clock() - began
        for ask in work[:-1]:
            clients.start_soon(other, Ask(ask.messages, tokens=4 * NEW_TOKENS))
        await anyio.sleep(2 * alone)
        joined = await system.answer(work[-1])
    late.first_s = joined.first - joined.asked
    late.before_the_others = joined.first < min(late.ends)
    return late


def _ask(randomness: random.Random, number: int, lora: LoraId | None) -> Ask:
    # The number first, so that prompts share the system prompt and nothing more.
    text = f"Story {number}: tell me a very long story about {randomness.choice(SUBJECTS)}."
    for _ in range(randomness.randrange(12)):
        text += " " + randomness.choice(DETAILS)
    return Ask((ChatMessage("system", SYSTEM_PROMPT), ChatMessage("user", text)), lora=lora)


def _figures(timings: Sequence[Timing]) -> Figures:
    span = max(t.done for t in timings) - min(t.asked for t in timings)
    firsts = sorted(t.first - t.asked for t in timings)
    return Figures(
        tokens_per_s=sum(t.tokens for t in timings) / span,
        first_p50_s=statistics.median(firsts),
        first_p95_s=firsts[min(len(firsts) - 1, int(0.95 * len(firsts)))],
        in_flight=sum(t.done - t.asked for t in timings) / span,
        answers=len(timings),
        tokens_an_answer=statistics.mean(t.tokens for t in timings),
        prompt_tokens=statistics.mean(t.prompt_tokens for t in timings),
    )
