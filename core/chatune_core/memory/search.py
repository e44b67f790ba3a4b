"""Finding what bears on a question among one person's memories, with a bounded cache of indexes."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Iterable, Mapping, Sequence
from datetime import date
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from chatune_core.memory.dense import Vector
from chatune_core.memory.entries import Entry
from chatune_core.memory.index import Allowed, Found, PersonIndex
from chatune_core.memory.questions import read_question
from chatune_core.memory.values import MemoryId
from chatune_core.messages import UserId

DIMENSIONS = 384
MOST_PEOPLE = 1_000
MOST_BYTES = 256 * 1024 * 1024


class Encoder(Protocol):
    """Turns texts into unit vectors whose product says how alike they are; blocking."""

    @property
    def name(self) -> str:
        """Model and version; vectors of another name cannot be compared with these."""
        ...

    def vectors(self, texts: Sequence[str]) -> NDArray[np.float32]:
        """Return shape (B, D), a row of length one for each of B texts, in order."""
        ...


class MemorySearch:
    """Searches a person's entries, of which it holds those of the people seen last.

    Blocking, and for one thread at a time. Nothing is shared between people: a search sees the
    entries that were loaded for that person and no others, and costs what that person has.
    """

    def __init__(
        self,
        encoder: Encoder | None,
        *,
        most_people: int = MOST_PEOPLE,
        most_bytes: int = MOST_BYTES,
        dimensions: int = DIMENSIONS,
    ) -> None:
        """Take the encoder, None to find by words alone, and what the cache may hold.

        The person looked at last stays whatever their entries take.
        """
        self._encoder = encoder
        self._most_people, self._most_bytes = most_people, most_bytes
        self._dimensions = dimensions
        self._indexes: OrderedDict[UserId, PersonIndex] = OrderedDict()
        self._sizes: dict[UserId, int] = {}
        self.nbytes = 0
        """About how much memory the cache takes."""

    def holds(self, user: UserId) -> bool:
        """Return whether the person's entries are loaded."""
        return user in self._indexes

    @property
    def people(self) -> int:
        """How many people's entries are loaded."""
        return len(self._indexes)

    def load(
        self,
        user: UserId,
        entries: Iterable[Entry],
        vectors: Mapping[MemoryId, Vector] | None = None,
    ) -> None:
        """Take all that is known of a person, oldest first, in place of what is loaded.

        Args:
            vectors: those that were kept; the others come with `encode_new`.
        """
        self._keep(user, PersonIndex.of(entries, vectors or {}, self._dimensions))

    def add(self, user: UserId, entry: Entry, vector: Vector | None = None) -> None:
        """Add to a person's entries, if they are loaded; found by its words until it is encoded."""
        index = self._indexes.get(user)
        if index is not None:
            index.add(entry, vector)
            self._keep(user, index)

    def forget(self, user: UserId, key: MemoryId) -> bool:
        """Let go of an entry and every word of it; return whether it was there."""
        index = self._indexes.get(user)
        if index is None or key not in index:
            return False
        self._keep(user, index.without({key}))
        return True

    def forget_user(self, user: UserId) -> bool:
        """Let go of all of a person; return whether anything was loaded."""
        self.nbytes -= self._sizes.pop(user, 0)
        return self._indexes.pop(user, None) is not None

    def encode_new(self, user: UserId, most: int = 64) -> dict[MemoryId, Vector]:
        """Encode entries that have no vector yet, `most` at once, and return their vectors to keep.

        Empty when all have theirs. Takes some 5 ms an entry, so it runs behind the answers.
        """
        index = self._indexes.get(user)
        new = index.unknown_vectors()[:most] if index is not None else []
        if self._encoder is None or index is None or not new:
            return {}
        rows = self._encoder.vectors([entry.text for entry in new])
        vectors = {entry.id: row for entry, row in zip(new, rows, strict=True)}
        for key, vector in vectors.items():
            index.set_vector(key, vector)
        return vectors

    def search(
        self, user: UserId, text: str, most: int, *, today: date | None, allowed: Allowed
    ) -> list[Found]:
        """Return what bears most on `text` among the entries loaded for `user`, best first.

        Args:
            today: the day it is asked, for "last week"; without it no time is read.
            allowed: whether an entry may be used where this is asked, asked of the best until
                there are enough; the others are not found.
        """
        index = self._indexes.get(user)
        if index is None or not len(index):
            return []
        self._indexes.move_to_end(user)
        question = read_question(text, index.speakers, today)
        vector = None if self._encoder is None else self._encoder.vectors([question.to_encode])[0]
        return index.search(question, vector, most, allowed)

    def _keep(self, user: UserId, index: PersonIndex) -> None:
        self._indexes[user] = index
        self._indexes.move_to_end(user)
        self.nbytes += index.nbytes - self._sizes.get(user, 0)
        self._sizes[user] = index.nbytes
        while self.people > 1 and (
            self.people > self._most_people or self.nbytes > self._most_bytes
        ):
            self.forget_user(next(iter(self._indexes)))
