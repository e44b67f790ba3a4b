"""Which texts mean what a question means: vectors of one person's texts, compared exactly."""

import numpy as np
from numpy.typing import NDArray

Vector = NDArray[np.float32]

COMMON = 0.5
"""How much of what all texts of the person share is taken out of each, and out of the question.

What they share makes some texts near to every question. Source: Mu and Viswanath 2018,
arXiv:1702.01417, their first step; half of it, since a person with few texts has little in common.
"""


def packed(vector: Vector) -> bytes:
    """Return a vector as bytes to keep: half precision, two bytes a number, little-endian."""
    return vector.astype("<f2").tobytes()


def unpacked(numbers: bytes) -> Vector:
    """Return the unit vector that `packed` wrote, up to the rounding."""
    vector = np.frombuffer(numbers, "<f2").astype(np.float32)
    return vector / np.float32(max(float(np.linalg.norm(vector)), 1e-6))


class VectorIndex:
    """Unit vectors in the order they were added, some still unknown."""

    def __init__(self, dimensions: int) -> None:
        self._rows = np.zeros((16, dimensions), np.float32)
        self._known = np.zeros(16, np.bool_)
        self._size = 0
        self._shared: tuple[Vector, Vector] | None = None

    def __len__(self) -> int:
        return self._size

    @property
    def nbytes(self) -> int:
        """How much memory the vectors take."""
        return self._rows.nbytes

    def add(self, vector: Vector | None) -> None:
        """Add the vector of the next text, None if it is not known yet."""
        if self._size == len(self._rows):
            self._rows = np.concatenate((self._rows, np.zeros_like(self._rows)))
            self._known = np.concatenate((self._known, np.zeros_like(self._known)))
        self._size += 1
        if vector is not None:
            self.set(self._size - 1, vector)

    def set(self, number: int, vector: Vector) -> None:
        """Say what the vector of text `number` is."""
        self._rows[number], self._known[number] = vector, True
        self._shared = None

    def get(self, number: int) -> Vector | None:
        """Return the vector of text `number`, None if it is not known yet."""
        return self._rows[number].copy() if self._known[number] else None

    def unknown(self) -> list[int]:
        """Return the numbers of the texts whose vectors are not known yet."""
        return [int(i) for i in np.flatnonzero(~self._known[: self._size])]

    def scores(self, query: Vector) -> NDArray[np.float32]:
        """Return how near each text is to the unit vector `query`, -1 to 1; 0 where it is unknown."""
        if not self._known.any():
            return np.zeros(self._size, np.float32)
        shared, lengths = self._without_shared()
        own = query - shared
        own = own / max(float(np.linalg.norm(own)), 1e-6)
        rows = self._rows[: self._size]
        scores = ((rows @ own - shared @ own) / lengths).astype(np.float32, copy=False)
        scores[~self._known[: self._size]] = 0
        return scores

    def _without_shared(self) -> tuple[Vector, Vector]:
        """Return what is taken out of each vector, and how long each is without it."""
        if self._shared is None:
            rows, known = self._rows[: self._size], self._known[: self._size]
            shared: Vector = rows.sum(0) * np.float32(COMMON / known.sum())
            squared = 1 - 2 * (rows @ shared) + shared @ shared
            self._shared = (shared, np.sqrt(np.maximum(squared, 1e-6)))
        return self._shared
