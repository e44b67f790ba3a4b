"""Where the chain of the audit log breaks first, and how."""

from collections.abc import Iterable
from dataclasses import dataclass

from chatune_core.ports import Broken, Damage
from chatune_storage.audit_chain import START, AuditChain, Columns, Head


@dataclass(frozen=True, slots=True)
class Surroundings:
    """What else tells how a row came to be where it does not fit."""

    head: Head | None
    following: bytes | None
    """What the next row says of the hash before it."""
    same: int
    """How many rows have its hash."""
    before: int
    """How many rows have the hash that it follows."""


def first_misfit(
    chain: AuditChain, rows: Iterable[Columns], after: Head
) -> tuple[Head, Columns | None]:
    """Follow `rows`, in order, from `after`; return how far they fit, and the row that does not."""
    for row in rows:
        follows = row["id"] == after.number + 1 and row["previous"] == after.hash
        if not (follows and chain.is_genuine(row) and chain.says_what_was_written(row)):
            return after, row
        after = Head(row["id"], row["hash"])
    return after, None


def misfit(chain: AuditChain, row: Columns, after: Head, around: Surroundings) -> Broken:
    """Say what happened to `row`, which does not fit behind `after`."""
    number, place = row["id"], after.number + 1
    if around.head is not None and place > around.head.number:
        return Broken(place, Damage.INSERTED)
    if number != place:
        return Broken(place, Damage.MISSING if number > place else Damage.INSERTED)
    if not chain.is_genuine(row):
        # Where a row was pushed in, the next one still follows the one before.
        skipped = around.following == after.hash
        return Broken(place, Damage.INSERTED if skipped else Damage.CHANGED)
    if not chain.says_what_was_written(row):
        return Broken(place, Damage.CHANGED)
    if around.same > 1:
        return Broken(place, Damage.INSERTED)
    known = around.before or row["previous"] == START
    return Broken(place, Damage.REORDERED if known else Damage.MISSING)


def end_of(reached: Head, head: Head | None) -> Broken | None:
    """Say whether the log, which fits up to `reached`, ends where its head says."""
    if head is None:
        return Broken(reached.number + 1, Damage.UNSEALED)
    if head.number > reached.number:
        return Broken(reached.number + 1, Damage.TRUNCATED)
    if head != reached:
        return Broken(head.number + 1, Damage.UNSEALED)
    return None
