"""Consents in a database: every decision is kept, the last one counts."""

from collections.abc import Callable, Sequence
from datetime import datetime

from sqlalchemy import select

from chatune_core.messages import UserId
from chatune_core.privacy import Purpose
from chatune_storage.consent_rows import record_decisions
from chatune_storage.database import Database
from chatune_storage.personal import Decision
from chatune_storage.tables import consents, people
from chatune_storage.writer import Transaction, Writer


class SqlConsents:
    """See Consents."""

    def __init__(self, database: Database, writer: Writer, now: Callable[[], datetime]) -> None:
        self._database, self._writer, self._now = database, writer, now

    async def allows(self, user: UserId, purpose: Purpose) -> bool:
        """See Consents.allows."""
        last = (
            select(consents.c.granted)
            .join(people, people.c.id == consents.c.person_id)
            .where(people.c.user_id == user, consents.c.purpose == purpose.value)
            .order_by(consents.c.id.desc())
            .limit(1)
        )
        return bool(await self._database.read(lambda c: c.execute(last).scalar()))

    async def record(self, user: UserId, purpose: Purpose, granted: bool, source: str) -> None:
        """See Consents.record."""
        decision = Decision(user, purpose, granted, source, self._now())
        await self._writer.change(_record_all, decision, (user,))


def _record_all(transaction: Transaction, decisions: Sequence[Decision]) -> Sequence[None]:
    transaction.entries += record_decisions(
        transaction.connection, decisions, transaction.keys, transaction.now
    )
    return [None] * len(decisions)
