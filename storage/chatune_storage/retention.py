"""Forgetting by age, in a database."""

from collections.abc import Callable, Mapping
from datetime import datetime, timedelta

from sqlalchemy import Connection, and_, delete, or_, update
from sqlalchemy.sql.dml import Delete, Update

from chatune_core.privacy import Purpose
from chatune_storage.consent_rows import agreed
from chatune_storage.database import Database
from chatune_storage.evidence_conditions import all_agree, is_attributed
from chatune_storage.tables import (
    ENDED,
    corrections,
    generations,
    inbox,
    memory_notes,
    microseconds,
    missed_answers,
    moderation_cases,
    outbox,
    ratings,
    turns,
)

_KEYS_KEPT = timedelta(days=30)


class SqlRetention:
    """See Retention.

    The text of an ended event and of a delivered reply is gone as soon as it ends. What remains
    by age: turns, parked replies, texts of generations unless everyone allows training whose words
    are in them, of decided cases unless their person does, reasons of ratings and corrections unless theirs allows feedback, where old
    answers are shown, and, thirty days later than the rest, the hashed keys of ended events.
    """

    def __init__(self, database: Database, now: Callable[[], datetime]) -> None:
        self._database, self._now = database, now

    async def purge(self, older_than: timedelta) -> Mapping[str, int]:
        """See Retention.purge."""
        before = self._now() - older_than
        return await self._database.write(lambda c: _purge(c, before))


def _purge(connection: Connection, before: datetime) -> dict[str, int]:
    age, forgotten = microseconds(before), microseconds(before - _KEYS_KEPT)
    statements: dict[str, Delete | Update] = {
        "inbox": delete(inbox).where(inbox.c.state == ENDED, inbox.c.ended_at < forgotten),
        "outbox": delete(outbox).where(outbox.c.state == ENDED, outbox.c.ended_at < age),
        "turns": delete(turns).where(turns.c.at < age),
        "generations": update(generations)
        .where(generations.c.at < age, generations.c.completion.is_not(None))
        .where(~and_(is_attributed(generations), all_agree(generations)))
        .values(prompt=None, completion=None),
        "ratings": update(ratings)
        .where(ratings.c.at < age, ratings.c.reason.is_not(None))
        .where(~agreed(ratings.c.person_id, Purpose.FEEDBACK))
        .values(reason=None),
        "corrections": delete(corrections)
        .where(corrections.c.at < age)
        .where(~agreed(corrections.c.person_id, Purpose.FEEDBACK)),
        "missed_answers": delete(missed_answers).where(missed_answers.c.at < age),
        "memory_notes": delete(memory_notes).where(memory_notes.c.at < age),
        "cases": update(moderation_cases)
        .where(moderation_cases.c.decided_at < age)
        .where(or_(moderation_cases.c.text.is_not(None), moderation_cases.c.appeal.is_not(None)))
        .where(~agreed(moderation_cases.c.person_id, Purpose.TRAINING))
        .values(text=None, appeal=None),
    }
    return {
        store: connection.execute(statement).rowcount for store, statement in statements.items()
    }
