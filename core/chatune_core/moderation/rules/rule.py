"""The seam between the engine and its rules."""

from collections.abc import Iterable
from typing import Protocol

from chatune_core.moderation.normalising import Normalised
from chatune_core.moderation.normalising_edits import Reading
from chatune_core.moderation.verdicts import Category, Finding, Span


class Rule(Protocol):
    """Something that looks at one text alone."""

    def find(self, text: Normalised) -> list[Finding]:
        """Return what is wrong with `text`; total, and in time linear in its length."""
        ...


def finding(
    category: Category,
    score: float,
    rule: str,
    reading: Reading,
    places: Iterable[tuple[int, int]],
) -> list[Finding]:
    """Return one finding with a span of the original for each of `places`; none without places."""
    spans = tuple(Span(*reading.place(start, end), rule) for start, end in places)
    return [Finding(category, score, rule, spans)] if spans else []
