"""No one person's say is more than theirs: what repeats itself goes, and what is over a share. Pure."""

from collections import Counter, defaultdict
from collections.abc import Sequence

from chatune_core.learning.evidence_rows import PersonOf
from chatune_core.learning.rows import LeftOut, Row, Thumb
from chatune_core.learning.sameness import Print, PromptKey, prints_of, prompt_key
from chatune_core.messages import UserId

_COMPARED = 32
"""Kept rows of one prompt and person that another is compared with, so that the time is bounded."""
_Kept = list[tuple[object, tuple[Print, ...]]]


def newest(rows: Sequence[Row], most: int, person_of: PersonOf) -> tuple[list[Row], int]:
    """Return the newest `most` rows of each person, and how many that leaves out."""
    counts: Counter[UserId] = Counter()
    kept = []
    for row in _newest_first(rows):
        person = person_of(row.judge)
        counts[person] += 1
        if counts[person] <= most:
            kept.append(row)
    return kept, len(rows) - len(kept)


def capped(
    rows: Sequence[Row], most: int, person_of: PersonOf
) -> tuple[list[Row], Counter[LeftOut]]:
    """Return at most `most` rows a person, their newest, none of which says the same again.

    Several people who say the same each have their say.
    """
    left_out: Counter[LeftOut] = Counter()
    kept: list[Row] = []
    counts: Counter[UserId] = Counter()
    known: dict[tuple[UserId, PromptKey], _Kept] = defaultdict(list)
    for row in _newest_first(rows):
        person = person_of(row.judge)
        if counts[person] == most:
            left_out[LeftOut.CAPPED] += 1
            continue
        before, mine = known[person, prompt_key(row.prompt)], (_way(row), prints_of(row))
        if any(_same(each, mine) for each in before[-_COMPARED:]):
            left_out[LeftOut.DUPLICATE] += 1
            continue
        before.append(mine)
        counts[person] += 1
        kept.append(row)
    return kept, left_out


def _newest_first(rows: Sequence[Row]) -> list[Row]:
    return sorted(rows, key=lambda row: (row.at, row.id), reverse=True)


def _way(row: Row) -> object:
    return row.good if isinstance(row, Thumb) else "pair"


def _same(one: tuple[object, tuple[Print, ...]], other: tuple[object, tuple[Print, ...]]) -> bool:
    return one[0] == other[0] and all(a.like(b) for a, b in zip(one[1], other[1], strict=True))
