"""How long a search takes with many memories of a person, and a great many in all.

Sentences are drawn from made-up words, as common as words are; vectors are random. Questions are encoded for real.
"""

import random
import resource
import time
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from datetime import UTC, date, datetime
from itertools import accumulate

import numpy as np
from numpy.typing import NDArray

from chatune_core.memory.entries import Entry
from chatune_core.memory.search import DIMENSIONS, MOST_BYTES, Encoder, MemorySearch
from chatune_core.memory.values import Kind, MemoryId
from chatune_core.messages import UserId

_VOCABULARY = 20_000
_QUESTIONS = 200
_AT = datetime(2026, 3, 1, tzinfo=UTC)


@dataclass(frozen=True, slots=True)
class Scale:
    """Milliseconds of a search on the clock, and of a core; and what the cache came to.

    They are the same on a machine that does nothing else.
    """

    of_a_person: int
    in_all: int
    alone_p95_ms: float
    alone_p95_core_ms: float
    among_all_p50_ms: float
    among_all_p95_ms: float
    among_all_p50_core_ms: float
    among_all_p95_core_ms: float
    load_core_ms: float
    add_core_ms: float
    forget_core_ms: float
    cache_mib: float
    cache_people: int
    peak_mib: float


def measured(encoder: Encoder, of_a_person: int, in_all: int) -> Scale:
    """Return the times of one person's searches before and after all others were loaded."""
    made = _Made(random.Random(1), np.random.default_rng(1))
    search = MemorySearch(encoder, most_bytes=MOST_BYTES)
    ada = UserId("bench:0")
    entries, vectors = made.person(0, of_a_person)
    started = time.process_time()
    search.load(ada, entries, vectors)
    load_ms = (time.process_time() - started) * 1e3
    alone = _times(search, ada, made)
    for number in range(1, in_all // of_a_person):
        search.load(UserId(f"bench:{number}"), *made.person(number, of_a_person))
        search.search(ada, "Where do I live?", 1, today=None, allowed=lambda _: True)
    among = _times(search, ada, made)
    started = time.process_time()
    search.add(ada, Entry(MemoryId("new"), "I keep bees.", at=_AT), made.vector())
    add_ms = (time.process_time() - started) * 1e3
    started = time.process_time()
    search.forget(ada, MemoryId("new"))
    forget_ms = (time.process_time() - started) * 1e3
    return Scale(
        of_a_person=of_a_person,
        in_all=in_all,
        alone_p95_ms=_percentile(95, alone.clock),
        alone_p95_core_ms=_percentile(95, alone.core),
        among_all_p50_ms=_percentile(50, among.clock),
        among_all_p95_ms=_percentile(95, among.clock),
        among_all_p50_core_ms=_percentile(50, among.core),
        among_all_p95_core_ms=_percentile(95, among.core),
        load_core_ms=load_ms,
        add_core_ms=add_ms,
        forget_core_ms=forget_ms,
        cache_mib=search.nbytes / 2**20,
        cache_people=search.people,
        peak_mib=resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 2**10,
    )


def as_lines(scale: Scale) -> Iterator[str]:
    for name, value in asdict(scale).items():
        yield (
            f"{name.replace('_', ' ')}: {value:,.1f}"
            if isinstance(value, float)
            else (f"{name.replace('_', ' ')}: {value:,}")
        )


@dataclass(frozen=True, slots=True)
class _Times:
    clock: list[float]
    core: list[float]


def _times(search: MemorySearch, user: UserId, made: "_Made") -> _Times:
    times = _Times([], [])
    for number in range(_QUESTIONS):
        begins = "Where did I see the" if number % 2 else "Can you recommend a"
        question = f"{begins} {made.sentence(6)} in May?"
        clock, core = time.perf_counter(), time.process_time()
        found = search.search(user, question, 10, today=date(2026, 3, 1), allowed=lambda _: True)
        times.clock.append((time.perf_counter() - clock) * 1e3)
        times.core.append((time.process_time() - core) * 1e3)
        assert len(found) == 10
    return times


def _percentile(share: float, times: list[float]) -> float:
    return float(np.percentile(times, share))


class _Made:
    def __init__(self, chance: random.Random, noise: np.random.Generator) -> None:
        self._chance, self._noise = chance, noise
        letters = "aeioulnrstmdkpb"
        self._words = [
            "".join(chance.choices(letters, k=chance.randint(3, 9))) for _ in range(_VOCABULARY)
        ]
        self._up_to = list(accumulate(1 / (rank + 10) for rank in range(_VOCABULARY)))

    def person(
        self, number: int, count: int
    ) -> tuple[list[Entry], dict[MemoryId, NDArray[np.float32]]]:
        kinds = (Kind.FACT, Kind.PREFERENCE)
        entries = [
            Entry(MemoryId(f"{number}:{i}"), f"I like {self.sentence(12)}.", kinds[i % 2], _AT)
            for i in range(count)
        ]
        rows = self._noise.standard_normal((count, DIMENSIONS)).astype(np.float32)
        rows /= np.linalg.norm(rows, axis=1, keepdims=True)
        return entries, {entry.id: row for entry, row in zip(entries, rows, strict=True)}

    def vector(self) -> NDArray[np.float32]:
        row = self._noise.standard_normal(DIMENSIONS).astype(np.float32)
        return row / np.float32(np.linalg.norm(row))

    def sentence(self, words: int) -> str:
        return " ".join(self._chance.choices(self._words, cum_weights=self._up_to, k=words))
