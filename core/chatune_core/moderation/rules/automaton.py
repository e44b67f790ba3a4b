"""Thousands of strings looked for in one pass."""

from collections import deque
from collections.abc import Iterable, Iterator
from typing import Generic, TypeVar

T = TypeVar("T")


class Automaton(Generic[T]):
    """Finds every occurrence of every string, with what was given for it.

    Time is linear in the text and in the number of occurrences, whatever the number of strings.

    Source: Aho and Corasick 1975, "Efficient string matching", algorithms 1 to 3.
    """

    def __init__(self, strings: Iterable[tuple[str, T]]) -> None:
        self._next: list[dict[str, int]] = [{}]
        self._values: list[list[tuple[int, T]]] = [[]]
        for text, value in strings:
            self._add(text, value)
        self._fallback = [0] * len(self._next)
        # The nearest shorter suffix at which a string ends, so that no step is spent on others.
        self._shorter = [0] * len(self._next)
        self._link()

    def _add(self, text: str, value: T) -> None:
        state = 0
        for character in text:
            following = self._next[state].get(character)
            if following is None:
                following = len(self._next)
                self._next[state][character] = following
                self._next.append({})
                self._values.append([])
            state = following
        self._values[state].append((len(text), value))

    def _link(self) -> None:
        states = deque(self._next[0].values())
        while states:
            state = states.popleft()
            for character, following in self._next[state].items():
                fallback = self._fallback[state]
                while fallback and character not in self._next[fallback]:
                    fallback = self._fallback[fallback]
                fallback = self._next[fallback].get(character, 0)
                self._fallback[following] = fallback
                ends_here = bool(self._values[fallback])
                self._shorter[following] = fallback if ends_here else self._shorter[fallback]
                states.append(following)

    def matches(self, text: str) -> Iterator[tuple[int, int, T]]:
        """Return the end and length of each occurrence in `text`, in order of the end."""
        state = 0
        for at, character in enumerate(text, 1):
            while state and character not in self._next[state]:
                state = self._fallback[state]
            state = self._next[state].get(character, 0)
            ending = state
            while ending:
                for length, value in self._values[ending]:
                    yield at, length, value
                ending = self._shorter[ending]
