"""A labelled text to train the classifier on or to hold it to."""

from collections.abc import Mapping
from dataclasses import dataclass

from chatune_core.moderation.verdicts import Category

UNKNOWN = (0.0, 0.0)
"""Label and weight of a category that nothing is known of: it counts for nothing."""


@dataclass(frozen=True, slots=True)
class Row:
    """One text, as the normaliser leaves it.

    known: label (0 or 1) and weight of each category that is known or presumed.
    source: rates are taken source by source, so a large one does not drown a small one.
    family: variants of one text share it, and are never on both sides of a split.
    benign: nothing in it should be flagged.
    share: how often an epoch of training sees it.
    """

    text: str
    known: Mapping[Category, tuple[float, float]]
    source: str
    family: str
    benign: bool = False
    share: float = 1.0
