"""Who does what there must be one of, over all processes that share a store."""

from dataclasses import dataclass
from datetime import timedelta
from typing import Protocol


@dataclass(frozen=True, slots=True)
class Fence:
    """Under which lease, and in which term of it, something is written.

    A store refuses what is written in a term that is over. So whoever held the lease and slept, while
    another took it, changes nothing any more, whatever its own clock says.
    """

    lease: str
    term: int


class Leases(Protocol):
    """Leases by name. Times are those of the machine that asks: clocks should agree to seconds."""

    async def hold(self, name: str, holder: str, lasting: timedelta) -> int | None:
        """Take or renew the lease `name`; return its term, or None if somebody else holds it.

        A term grows by one whenever the lease changes hands, so what was begun in an older one is
        known. Who renews keeps the term, also after the lease has run out, if nobody took it.
        """
        ...

    async def let_go(self, name: str, holder: str) -> None:
        """Free the lease if `holder` holds it; whoever takes it next begins a new term."""
        ...

    async def holder(self, name: str) -> str | None:
        """Return who holds the lease at present."""
        ...

    async def stands(self, fence: Fence) -> bool:
        """Return whether nobody has begun a later term."""
        ...
