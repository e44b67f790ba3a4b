"""Which texts share words with a question: BM25 over one person's texts, in memory."""

import math
from array import array
from collections.abc import Mapping, Sequence

import numpy as np
from numpy.typing import NDArray

K1, B = 1.2, 0.75
"""How soon a repeated word stops counting more, and how much a long text is held against itself."""


class WordIndex:
    """Texts as counted words. Adding costs the words of the text added, nothing else.

    Source: Robertson and Zaragoza 2009, "The probabilistic relevance framework: BM25 and beyond".
    """

    def __init__(self) -> None:
        self._places: dict[str, array[int]] = {}
        self._counts: dict[str, array[float]] = {}
        self._lengths = array("f")
        self.nbytes = 0
        """About how much memory it takes."""

    def __len__(self) -> int:
        return len(self._lengths)

    def add(self, counts: Mapping[str, float]) -> None:
        """Add a text, by how often each word counts in it; it gets the next number."""
        number = len(self._lengths)
        for word, count in counts.items():
            if word not in self._places:
                self._places[word], self._counts[word] = array("I"), array("f")
                self.nbytes += 400 + 2 * len(word)
            self._places[word].append(number)
            self._counts[word].append(count)
        self.nbytes += 8 * len(counts) + 4
        self._lengths.append(sum(counts.values()))

    def scores(self, words: Sequence[str]) -> NDArray[np.float32]:
        """Return, for each text, what share it has of the most that any could: 0 to 1, shape (N,)."""
        total = len(self._lengths)
        scores = np.zeros(total, np.float32)
        if not total or not words:
            return scores
        lengths = np.frombuffer(self._lengths, np.float32)
        slowed = K1 * (1 - B + B * lengths / max(float(lengths.mean()), 1e-9))
        most = 0.0
        for word in dict.fromkeys(words):
            found = len(self._places.get(word, ()))
            weight = math.log(1 + (total - found + 0.5) / (found + 0.5))
            most += weight * (K1 + 1)
            if found:
                places = np.frombuffer(self._places[word], np.uint32)
                counts = np.frombuffer(self._counts[word], np.float32)
                scores[places] += weight * (K1 + 1) * counts / (counts + slowed[places])
        scores /= most
        return scores
