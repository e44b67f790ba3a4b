"""What new memories do to those that are there: add, take the place of, or nothing. Pure."""

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from chatune_core.memory.extraction import Candidate
from chatune_core.memory.values import Memory, MemoryId

ALIKE = 0.85
"""From which share of common words on two sentences without a slot say the same."""
_WORD = re.compile(r"\w+")


@dataclass(frozen=True, slots=True)
class Settled:
    """One candidate that is to be stored, and the current memories whose place it takes."""

    candidate: Candidate
    supersedes: tuple[MemoryId, ...] = ()


def settled(current: Iterable[Memory], candidates: Sequence[Candidate]) -> tuple[Settled, ...]:
    """Return what is new of `candidates`, each with what it takes the place of.

    What is known already is not stored again, however often it is said. In a slot the newest
    counts, whichever way it points. Of two candidates for one slot the later counts.

    Args:
        current: the person's memories; those that are no longer current are left alone.
        candidates: in the order in which they were said.
    """
    known = [memory for memory in current if memory.current]
    newest = {_place(candidate): candidate for candidate in candidates}
    found = list[Settled]()
    for candidate in newest.values():
        if candidate.slot:
            rivals = [memory for memory in known if memory.slot == candidate.slot]
            if any(_same(memory, candidate) for memory in rivals):
                continue
            found.append(Settled(candidate, tuple(memory.id for memory in rivals)))
        elif not any(_says(memory.text, candidate.text) for memory in known):
            found.append(Settled(candidate))
    return tuple(found)


def _place(candidate: Candidate) -> str:
    return candidate.slot or " ".join(_words(candidate.text))


def _same(memory: Memory, candidate: Candidate) -> bool:
    return memory.polarity == candidate.polarity and _says(memory.text, candidate.text)


def _says(one: str, other: str) -> bool:
    first, second = set(_words(one)), set(_words(other))
    if not first or not second:
        return one == other
    return len(first & second) >= ALIKE * len(first | second)


def _words(text: str) -> Sequence[str]:
    return _WORD.findall(text.lower())
