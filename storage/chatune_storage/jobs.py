"""Scheduled jobs in a database."""

from collections.abc import Callable, Mapping, Sequence
from datetime import datetime
from typing import Any

from sqlalchemy import Connection, RowMapping, delete, select, update
from sqlalchemy.dialects import postgresql, sqlite

from chatune_core.leases import Fence
from chatune_core.scheduling import ScheduledJob
from chatune_storage.database import Database
from chatune_storage.leases import within
from chatune_storage.tables import microseconds, moment, scheduled_jobs

_NEW = {"trigger": "", "next_due": None, "last_due": None, "paused": False, "asked_at": None}


class SqlJobs:
    """See Jobs."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self._insert = (sqlite if database.dialect == "sqlite" else postgresql).insert

    async def all(self) -> Sequence[ScheduledJob]:
        """See Jobs.all."""
        rows = await self._database.read(
            lambda c: c.execute(select(scheduled_jobs)).mappings().all()
        )
        return sorted(map(_job_from, rows), key=lambda job: job.name)

    async def keep(self, name: str, trigger: str, next_due: datetime | None, fence: Fence) -> bool:
        """See Jobs.keep."""
        due = None if next_due is None else microseconds(next_due)
        return await self._fenced(
            fence, lambda c: self._put(c, name, {"trigger": trigger, "next_due": due})
        )

    async def done(self, name: str, due: datetime, next_due: datetime | None, fence: Fence) -> bool:
        """See Jobs.done."""
        at = microseconds(due)
        then = None if next_due is None else microseconds(next_due)
        asked = scheduled_jobs.c.asked_at <= at

        def settle(connection: Connection) -> None:
            self._put(connection, name, {"last_due": at, "next_due": then})
            this = update(scheduled_jobs).where(scheduled_jobs.c.name == name, asked)
            connection.execute(this.values(asked_at=None))

        return await self._fenced(fence, settle)

    async def drop(self, name: str, fence: Fence) -> bool:
        """See Jobs.drop."""
        this = delete(scheduled_jobs).where(scheduled_jobs.c.name == name)
        return await self._fenced(fence, lambda c: c.execute(this))

    async def pause(self, name: str, *, paused: bool) -> None:
        """See Jobs.pause."""
        await self._database.write(lambda c: self._put(c, name, {"paused": paused}))

    async def ask(self, name: str, at: datetime) -> None:
        """See Jobs.ask."""
        asked = microseconds(at)
        await self._database.write(lambda c: self._put(c, name, {"asked_at": asked}))

    async def _fenced(self, fence: Fence, work: Callable[[Connection], object]) -> bool:
        def write(connection: Connection) -> bool:
            if not within(connection, fence):
                return False
            work(connection)
            return True

        return await self._database.write(write)

    def _put(self, connection: Connection, name: str, changed: Mapping[str, Any]) -> None:
        new = self._insert(scheduled_jobs).values(name=name, **{**_NEW, **changed})
        connection.execute(new.on_conflict_do_update(index_elements=["name"], set_=changed))


def _job_from(row: RowMapping) -> ScheduledJob:
    times = {
        name: None if row[name] is None else moment(row[name])
        for name in ("next_due", "last_due", "asked_at")
    }
    return ScheduledJob(row["name"], row["trigger"], paused=row["paused"], **times)
