"""Leases in a database, and the fence before what is written under one."""

from collections.abc import Callable
from datetime import datetime, timedelta

from sqlalchemy import Connection, select, text, update

from chatune_core.leases import Fence
from chatune_storage.database import Database
from chatune_storage.tables import leases, microseconds

# One statement: of two who ask at once, the second sees what the first has done.
_HOLD = text(
    """
    INSERT INTO leases (name, holder, term, until) VALUES (:name, :holder, 1, :until)
    ON CONFLICT (name) DO UPDATE SET
        term = leases.term + CASE WHEN leases.holder = excluded.holder THEN 0 ELSE 1 END,
        holder = excluded.holder,
        until = excluded.until
    WHERE leases.holder = excluded.holder OR leases.until <= :now
    RETURNING term
    """
)
_NOBODY = ""


class SqlLeases:
    """See Leases."""

    def __init__(self, database: Database, now: Callable[[], datetime]) -> None:
        self._database, self._now = database, now

    async def hold(self, name: str, holder: str, lasting: timedelta) -> int | None:
        """See Leases.hold."""
        now = self._now()
        asked = {"name": name, "holder": holder, "now": microseconds(now)}
        asked["until"] = microseconds(now + lasting)
        term: int | None = await self._database.write(lambda c: c.execute(_HOLD, asked).scalar())
        return term

    async def let_go(self, name: str, holder: str) -> None:
        """See Leases.let_go."""
        mine = update(leases).where(leases.c.name == name, leases.c.holder == holder)
        await self._database.write(lambda c: c.execute(mine.values(holder=_NOBODY, until=0)))

    async def holder(self, name: str) -> str | None:
        """See Leases.holder."""
        held = (leases.c.name == name, leases.c.until > microseconds(self._now()))
        query = select(leases.c.holder).where(*held)
        holder: str | None = await self._database.read(lambda c: c.execute(query).scalar())
        return holder

    async def stands(self, fence: Fence) -> bool:
        """See Leases.stands."""
        newest = select(leases.c.term).where(leases.c.name == fence.lease)
        return await self._database.read(lambda c: c.execute(newest).scalar()) == fence.term


def within(connection: Connection, fence: Fence) -> bool:
    """Return whether the term stands, and keep it from ending before the transaction does.

    Transactions under one lease come one after the other. SQLite has one writer anyway.
    """
    newest = select(leases.c.term).where(leases.c.name == fence.lease)
    return connection.execute(newest.with_for_update()).scalar() == fence.term
