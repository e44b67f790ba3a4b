"""A text as its readers take it, whatever it was dressed up as, with the way back.

Rules and classifiers look at what this returns and report places in the text that was written.
"""

import re
from array import array
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from itertools import pairwise

from chatune_core.moderation.normalising_edits import Edit, Reading, as_written, edited
from chatune_core.moderation.normalising_joins import undotted, unspaced, unstretched
from chatune_core.moderation.normalising_leet import unleeted
from chatune_core.moderation.normalising_letters import folded

_ROUNDS = 8
_ODD = re.compile(r"[^\n\x20-\x7e]")
# %41, and %2541 however often the percent sign itself is encoded.
_PERCENT = re.compile(r"%(?:25)*+([0-9a-fA-F]{2})|%25(?:25)*+")

Stage = Callable[[str], Iterable[Edit]]


@dataclass(frozen=True, slots=True)
class Normalised:
    """A text in two readings.

    `plain` shows each character as it looks, case and numbers kept: for personal data, secrets
    and links. `matching` is also in small letters, with spelled-out, drawn-out and leet words put
    right: for words and classifiers.
    """

    original: str
    plain: Reading
    matching: Reading

    @property
    def text(self) -> str:
        """The text to match and to classify."""
        return self.matching.text

    @property
    def origins(self) -> "array[int]":
        """Where in the original each character of `text` begins; never decreasing."""
        return self.matching.starts


def normalised(text: str) -> Normalised:
    """Return how `text` reads; total on any text, in time linear in its length.

    Normalising `text` of the result again changes nothing, except in texts that nest their
    disguises deeper than eight times.
    """
    plain = _settled(as_written(text), (_seen, _decoded))
    matching = _settled(
        _in_small_letters(plain), (_seen, _decoded, unspaced, undotted, unleeted, unstretched)
    )
    return Normalised(text, plain, matching)


def _settled(reading: Reading, stages: tuple[Stage, ...]) -> Reading:
    """Apply the stages in turn until none changes anything, at most eight times."""
    for _ in range(_ROUNDS):
        before = reading
        for stage in stages:
            reading = edited(reading, stage(reading.text))
        if reading is before:
            break
    return reading


def _in_small_letters(reading: Reading) -> Reading:
    # No character that folding leaves grows when it is made small; the length guards the map.
    small = "".join(
        letter if len(letter) == 1 else character
        for character, letter in zip(reading.text, map(str.lower, reading.text), strict=True)
    )
    return Reading(small, reading.starts, reading.ends)


def _seen(text: str) -> Iterator[Edit]:
    """Show each character as it looks."""
    if text.isascii() and text.isprintable():
        return
    for odd in _ODD.finditer(text):
        shown = folded(odd[0])
        if shown != odd[0]:
            yield odd.start(), odd.end(), shown


def _decoded(text: str) -> Iterator[Edit]:
    """Undo percent-encoding where it is valid UTF-8."""
    if "%" not in text:
        return
    octets = list(_PERCENT.finditer(text))
    at = 0
    while at < len(octets):
        length = _sequence_length(octets[at])
        group = octets[at : at + length]
        character = _character(group)
        if character is None:
            at += 1
            continue
        yield group[0].start(), group[-1].end(), folded(character)
        at += length


def _sequence_length(octet: re.Match[str]) -> int:
    """Return how many bytes the UTF-8 sequence that begins with `octet` has."""
    lead = int(octet[1] or "25", 16)
    return 1 + (lead >= 0xC2) + (lead >= 0xE0) + (lead >= 0xF0)


def _character(octets: list[re.Match[str]]) -> str | None:
    """Return the one character that adjacent octets encode, or none."""
    if any(left.end() != right.start() for left, right in pairwise(octets)):
        return None
    try:
        character = bytes(int(octet[1] or "25", 16) for octet in octets).decode()
    except UnicodeDecodeError:
        return None
    return character if len(character) == 1 else None
