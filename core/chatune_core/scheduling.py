"""Work that is done at set times: what is to be known of it after a restart."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Protocol

from chatune_core.leases import Fence

SCHEDULE = "schedule"
"""The lease of the one process that looks after the times."""


@dataclass(frozen=True, slots=True)
class ScheduledJob:
    """One kind of work.

    trigger: when it is due, in words that are the same as long as the times are: with others
        `next_due` is reckoned anew. last_due: for which time it was done last.
    asked_at: when a person asked for it out of turn; None once that was done.
    """

    name: str
    trigger: str
    next_due: datetime | None = None
    last_due: datetime | None = None
    paused: bool = False
    asked_at: datetime | None = None


class Jobs(Protocol):
    """The scheduled jobs, plain values all of them.

    The leader writes when they are due, in the term of its lease; anybody may pause and ask.
    """

    async def all(self) -> Sequence[ScheduledJob]:
        """Return the jobs by name."""
        ...

    async def keep(self, name: str, trigger: str, next_due: datetime | None, fence: Fence) -> bool:
        """Store when the job is due next; return False if the term is over.

        Whether it is paused, was asked for, and ran, stays as it is.
        """
        ...

    async def done(self, name: str, due: datetime, next_due: datetime | None, fence: Fence) -> bool:
        """Store that the job was done for `due`, and what was asked for until then; and what is next.

        Return False if the term is over. A job that a dead process had begun is not done: the next
        leader does it for the same time.
        """
        ...

    async def drop(self, name: str, fence: Fence) -> bool:
        """Forget the job; return False if the term is over."""
        ...

    async def pause(self, name: str, *, paused: bool) -> None:
        """Hold the job back, or no longer. It may be one that the leader has not stored yet."""
        ...

    async def ask(self, name: str, at: datetime) -> None:
        """Ask for the job out of turn; it is done once for all who ask before it is begun."""
        ...
