"""The audit log in a database."""

import json
from collections.abc import Callable, Mapping, Sequence
from datetime import datetime

from sqlalchemy import RowMapping, insert, select

from chatune_core.outcomes import AuditEntry
from chatune_storage.database import Database
from chatune_storage.tables import audit, microseconds, moment


class SqlAuditLog:
    """See AuditLog."""

    def __init__(self, database: Database, now: Callable[[], datetime]) -> None:
        self._database, self._now = database, now

    async def append(
        self, actor: str, action: str, subject: str, details: Mapping[str, str | int | float | bool]
    ) -> None:
        """See AuditLog.append."""
        row = entry_row(AuditEntry(self._now(), actor, action, subject, details))
        await self._database.write(lambda c: c.execute(insert(audit), row))

    async def entries(self, limit: int) -> Sequence[AuditEntry]:
        """See AuditLog.entries."""
        newest = select(audit).order_by(audit.c.id.desc()).limit(max(0, limit))
        rows = await self._database.read(lambda c: c.execute(newest).mappings().all())
        return [entry_from(row) for row in rows]


def entry_row(entry: AuditEntry) -> dict[str, object]:
    """Return the entry as a row."""
    return {
        "at": microseconds(entry.at),
        "actor": entry.actor,
        "action": entry.action,
        "subject": entry.subject,
        "details": json.dumps(dict(entry.details)),
    }


def entry_from(row: RowMapping) -> AuditEntry:
    """Return the entry of one row."""
    details = json.loads(row["details"])
    return AuditEntry(moment(row["at"]), row["actor"], row["action"], row["subject"], details)
