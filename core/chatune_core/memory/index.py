"""All of one person's entries, searched exactly in memory."""

from __future__ import annotations

from collections import Counter, deque
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from itertools import islice

import numpy as np
from numpy.typing import NDArray

from chatune_core.memory.dense import Vector, VectorIndex
from chatune_core.memory.entries import Entry
from chatune_core.memory.lexical import WordIndex
from chatune_core.memory.questions import Question
from chatune_core.memory.values import Kind, MemoryId
from chatune_core.memory.words import words_of

# A score is the likeness of vectors, from -1 to 1, and what is added to it. docs/memory-retrieval.md has
# what each is worth and how flat the optimum is.
WORDS_RECALLING, WORDS_OTHERWISE = 1.5, 0.3
"""What the share of words in common is worth where a question asks for a fact, and elsewhere."""
WORDS_ALONE = 1.0
"""The same where there are no vectors."""
NEIGHBOURS = 0.3
"""How much of its neighbours' scores a turn gets, where a question asks for a fact."""
TURN_BEFORE = 0.3
"""How much a word counts that stands in the turn before: an answer seldom repeats the question."""
BY_SPEAKER = 0.1
IN_TIME = 0.15
LIKING = 0.1
"""What a preference has ahead where no fact is asked for."""
OTHERS_EVERY = 6
"""Where preferences go first, every sixth place is kept for the best of what is none."""


Allowed = Callable[[MemoryId], bool]
"""Whether an entry may be used in the place where the question is asked."""


@dataclass(frozen=True, slots=True)
class Found:
    """An entry and how well it answers the question; scores of different questions do not compare."""

    entry: Entry
    score: float


class PersonIndex:
    """The entries of one person, in the order they were said. For use by one thread at a time."""

    def __init__(self, dimensions: int = 384) -> None:
        """Begin empty; `dimensions` is the length of the vectors that will be given."""
        self._dimensions = dimensions
        self._entries: list[Entry] = []
        self._numbers: dict[MemoryId, int] = {}
        self._words = WordIndex()
        self._before: Counter[str] = Counter()
        self._vectors = VectorIndex(dimensions)
        self._speakers: dict[str, None] = {}
        self._columns: _Columns | None = None
        self._text_bytes = 0

    @classmethod
    def of(
        cls, entries: Iterable[Entry], vectors: Mapping[MemoryId, Vector], dimensions: int = 384
    ) -> PersonIndex:
        """Return an index of `entries`, oldest first, with the vectors that are known."""
        index = cls(dimensions)
        for entry in entries:
            index.add(entry, vectors.get(entry.id))
        return index

    def __len__(self) -> int:
        return len(self._entries)

    def __contains__(self, key: MemoryId) -> bool:
        return key in self._numbers

    @property
    def entries(self) -> Sequence[Entry]:
        """What is in it, oldest first."""
        return tuple(self._entries)

    @property
    def speakers(self) -> Collection[str]:
        """The names of those who speak in the entries."""
        return self._speakers.keys()

    @property
    def nbytes(self) -> int:
        """About how much memory it takes."""
        return self._text_bytes + self._words.nbytes + self._vectors.nbytes

    def add(self, entry: Entry, vector: Vector | None = None) -> None:
        """Add what was said last; without its vector it is found by its words alone.

        Raises:
            ValueError: if there is an entry with that id.
        """
        if entry.id in self._numbers:
            raise ValueError(f"there is an entry {entry.id!r} already")
        counts = Counter(words_of(entry.text))
        weighted: dict[str, float] = dict(counts)
        if self._follows_the_last(entry):
            for word, count in self._before.items():
                weighted[word] = weighted.get(word, 0) + TURN_BEFORE * count
        self._words.add(weighted)
        self._vectors.add(vector)
        self._numbers[entry.id] = len(self._entries)
        self._entries.append(entry)
        if entry.speaker:
            self._speakers[entry.speaker] = None
        self._before = counts
        self._columns = None
        self._text_bytes += _ENTRY_BYTES + 2 * len(entry.text)

    def without(self, gone: Collection[MemoryId]) -> PersonIndex:
        """Return an index of all entries but those: of what is gone it holds nothing, no word."""
        kept = [entry for entry in self._entries if entry.id not in gone]
        vectors = {
            entry.id: vector
            for entry in kept
            if (vector := self._vectors.get(self._numbers[entry.id])) is not None
        }
        return PersonIndex.of(kept, vectors, self._dimensions)

    def unknown_vectors(self) -> list[Entry]:
        """Return the entries whose vectors are not known yet."""
        return [self._entries[number] for number in self._vectors.unknown()]

    def set_vector(self, key: MemoryId, vector: Vector) -> None:
        """Say what the vector of an entry is; nothing happens if the entry is gone."""
        if key in self._numbers:
            self._vectors.set(self._numbers[key], vector)

    def search(
        self, question: Question, vector: Vector | None, most: int, allowed: Allowed
    ) -> list[Found]:
        """Return the entries that answer best, best first, `most` of them; the same for the same.

        Args:
            question: read with the speakers of this index.
            vector: the unit vector of `question.to_encode`, None where no model is at hand.
            allowed: whether an entry may be used where this is asked; the others are not found.
        """
        if not self._entries or most < 1:
            return []
        columns = self._table()
        scores = self._scores(question, vector, columns)
        order = np.argsort(-scores, kind="stable")
        if question.recalls:
            numbers = self._first(order, most, allowed)
        else:
            liked = self._first(order[columns.liking[order]], most, allowed)
            others = self._first(order[~columns.liking[order]], most, allowed)
            numbers = _with_others_between(liked, others, scores, most)
        return [Found(self._entries[i], float(scores[i])) for i in numbers]

    def _first(self, order: NDArray[np.intp], most: int, allowed: Allowed) -> list[int]:
        numbers = order.tolist()
        return list(islice((i for i in numbers if allowed(self._entries[i].id)), most))

    def _scores(
        self, question: Question, vector: Vector | None, columns: _Columns
    ) -> NDArray[np.float32]:
        scores = self._words.scores(question.words)
        if vector is None:
            scores *= WORDS_ALONE
        else:
            scores *= WORDS_RECALLING if question.recalls else WORDS_OTHERWISE
            scores += self._vectors.scores(vector)
        if question.recalls:
            scores = _with_neighbours(scores, columns.follows)
        else:
            scores = scores + LIKING * columns.liking
        for name in question.speakers:
            scores += BY_SPEAKER / len(question.speakers) * (columns.speaker == name)
        if question.days is not None:
            days = (question.days.first.toordinal(), question.days.last.toordinal())
            scores += IN_TIME * ((columns.day >= days[0]) & (columns.day <= days[1]))
        return scores

    def _table(self) -> _Columns:
        if self._columns is None:
            self._columns = _Columns.of(self._entries)
        return self._columns

    def _follows_the_last(self, entry: Entry) -> bool:
        return bool(self._entries) and _follows(entry, self._entries[-1])


_ENTRY_BYTES = 500
"""Of an entry with an empty text, and its places in the tables."""


@dataclass(frozen=True, slots=True)
class _Columns:
    """What is asked of every entry, each of shape (N,)."""

    follows: NDArray[np.bool_]
    liking: NDArray[np.bool_]
    day: NDArray[np.int64]
    speaker: NDArray[np.object_]

    @classmethod
    def of(cls, entries: Sequence[Entry]) -> _Columns:
        pairs = zip(entries[1:], entries, strict=False)
        return cls(
            follows=np.array([False, *(_follows(entry, before) for entry, before in pairs)]),
            liking=np.array([entry.kind is not Kind.FACT for entry in entries]),
            day=np.array([entry.at.toordinal() if entry.at else 0 for entry in entries]),
            speaker=np.array([entry.speaker for entry in entries], dtype=object),
        )


def _follows(entry: Entry, before: Entry) -> bool:
    return entry.session != "" and entry.session == before.session


def _with_neighbours(
    scores: NDArray[np.float32], follows: NDArray[np.bool_]
) -> NDArray[np.float32]:
    """Return the scores with a share of the turn before and the turn after."""
    spread = scores.copy()
    spread[1:] += NEIGHBOURS / 2 * follows[1:] * scores[:-1]
    spread[:-1] += NEIGHBOURS / 2 * follows[1:] * scores[1:]
    return spread


def _with_others_between(
    liked: Sequence[int], others: Sequence[int], scores: NDArray[np.float32], most: int
) -> list[int]:
    """Return the best of both, with of any `OTHERS_EVERY` in a row at least one of `others`."""
    preferences, rest = deque(liked), deque(others)
    chosen: list[int] = []
    in_a_row = 0
    while len(chosen) < most and (preferences or rest):
        due = in_a_row == OTHERS_EVERY - 1
        if rest and (due or not preferences or scores[rest[0]] > scores[preferences[0]]):
            chosen.append(rest.popleft())
            in_a_row = 0
        else:
            chosen.append(preferences.popleft())
            in_a_row += 1
    return chosen
