"""A text with, for every character, where it stands in the text that it was made from."""

from array import array
from collections.abc import Iterable
from dataclasses import dataclass

Edit = tuple[int, int, str]
"""Characters `start` to `end` become the text; edits are in order and do not overlap."""


@dataclass(frozen=True, slots=True)
class Reading:
    """A text and its way back: character `i` was made of the original's `starts[i]:ends[i]`."""

    text: str
    starts: "array[int]"
    ends: "array[int]"

    def place(self, start: int, end: int) -> tuple[int, int]:
        """Return where in the original the characters `start` to `end` of this text stand."""
        return self.starts[start], self.ends[end - 1]


def as_written(text: str) -> Reading:
    """Return the reading that changes nothing."""
    return Reading(text, array("I", range(len(text))), array("I", range(1, len(text) + 1)))


def edited(reading: Reading, edits: Iterable[Edit]) -> Reading:
    """Return `reading` with the edits made; the same object where there are none.

    What an edit removes belongs to the character before it, so that a redacted letter takes its
    accents and invisible companions along.
    """
    pieces: list[str] = []
    starts, ends = array("I"), array("I")
    at = 0
    for start, end, new in edits:
        pieces += reading.text[at:start], new
        starts += reading.starts[at:start]
        ends += reading.ends[at:start]
        if new:
            starts.extend([reading.starts[start]] * len(new))
            ends.extend([reading.ends[end - 1]] * len(new))
        elif ends:
            ends[-1] = reading.ends[end - 1]
        at = end
    if not pieces:
        return reading
    pieces.append(reading.text[at:])
    starts += reading.starts[at:]
    ends += reading.ends[at:]
    return Reading("".join(pieces), starts, ends)
