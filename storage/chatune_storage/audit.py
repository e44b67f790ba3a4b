"""The audit log in a database."""

from collections.abc import Callable, Mapping, Sequence
from datetime import datetime

from sqlalchemy import Connection, LargeBinary, RowMapping, cast, func, select

from chatune_core.outcomes import AuditEntry
from chatune_core.ports import Broken
from chatune_storage.audit_chain import START, AuditChain, Columns, Head, entry_from
from chatune_storage.audit_check import Surroundings, end_of, first_misfit, misfit
from chatune_storage.audit_rows import COLUMNS, SAID, stored_end
from chatune_storage.database import Database
from chatune_storage.tables import audit
from chatune_storage.writer import Transaction, Writer

_CHUNK = 1000
_BEFORE_ALL = -(1 << 63)
"""No row has a lower number, whoever wrote it."""


class SqlAuditLog:
    """See AuditLog."""

    def __init__(
        self, database: Database, writer: Writer, chain: AuditChain, now: Callable[[], datetime]
    ) -> None:
        self._database, self._writer, self._chain, self._now = database, writer, chain, now

    async def append(
        self, actor: str, action: str, subject: str, details: Mapping[str, str | int | float | bool]
    ) -> None:
        """See AuditLog.append."""
        entry = AuditEntry(self._now(), actor, action, subject, dict(details))
        await self._writer.change(_append_all, entry)

    async def entries(self, limit: int) -> Sequence[AuditEntry]:
        """See AuditLog.entries."""
        newest = select(*SAID).order_by(audit.c.id.desc()).limit(max(0, limit))
        rows = await self._database.read(lambda c: c.execute(newest).mappings().all())
        return [entry_from(row) for row in rows]

    async def verify(self) -> Broken | None:
        """See AuditLog.verify. A thousand entries at a time; others go on appending meanwhile."""
        reached, place = Head(0, START), _BEFORE_ALL
        while True:
            rows = await self._rows_after(place)
            reached, row = first_misfit(self._chain, rows, reached)
            if row is not None:
                return await self._misfit(row, reached)
            if not rows:
                stored, newest = await self._database.read(stored_end)
                if newest <= reached.number:
                    return end_of(reached, self._chain.opened(stored))
            place = reached.number

    async def _rows_after(self, place: int) -> Sequence[RowMapping]:
        rows = select(*COLUMNS).where(audit.c.id > place).order_by(audit.c.id).limit(_CHUNK)
        return await self._database.read(lambda c: c.execute(rows).mappings().all())

    async def _misfit(self, row: Columns, reached: Head) -> Broken:
        around = await self._database.read(lambda c: _around(c, self._chain, row))
        return misfit(self._chain, row, reached, around)


def _append_all(transaction: Transaction, entries: Sequence[AuditEntry]) -> Sequence[None]:
    transaction.entries += entries
    return [None] * len(entries)


def _around(connection: Connection, chain: AuditChain, row: Columns) -> Surroundings:
    stored, _ = stored_end(connection)
    later = (
        select(cast(audit.c.previous, LargeBinary))
        .where(audit.c.id > row["id"])
        .order_by(audit.c.id)
        .limit(1)
    )
    alike = select(func.count()).where(audit.c.hash == row["hash"])
    before = select(func.count()).where(audit.c.hash == row["previous"])
    return Surroundings(
        chain.opened(stored),
        connection.execute(later).scalar(),
        connection.execute(alike).scalar_one(),
        connection.execute(before).scalar_one(),
    )
