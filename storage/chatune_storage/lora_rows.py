"""Versions of LoRAs as rows, and how they become stale."""

from datetime import datetime
from typing import Any

from sqlalchemy import ColumnElement, Connection, Select, delete, or_, select, text, update
from sqlalchemy.sql.selectable import CompoundSelect

from chatune_core.learning.versions import LoraState
from chatune_core.outcomes import AuditEntry
from chatune_storage.tables import (
    generations,
    lora_answers,
    lora_people,
    lora_versions,
    moment,
)

Versions = Select[Any] | CompoundSelect[Any]
"""Chooses rows of `lora_versions` by their `id`."""
_ONE_AT_A_TIME = text("SELECT pg_advisory_xact_lock(:lock)").bindparams(lock=0x6368_6174_6C6F_7261)


def lock_sources(connection: Connection) -> None:
    """Let nobody else add a version or look for what was learned from, until the commit.

    Or a version might be added while the consent is taken back that it was checked for. Whoever
    locks rows of `people` does so before.
    """
    if connection.dialect.name == "postgresql":
        connection.execute(_ONE_AT_A_TIME)


def taught_by(persons: ColumnElement[bool]) -> Versions:
    """Return the versions that learned from the people whom `persons` chooses in `lora_people`."""
    return select(lora_people.c.version_id).where(persons)


def taught_with(answers: ColumnElement[bool]) -> Versions:
    """Return the versions that learned from the answers that `answers` chooses in `generations`."""
    events = select(generations.c.event).where(answers)
    return select(lora_answers.c.version_id).where(lora_answers.c.answer.in_(events))


def without_text() -> ColumnElement[bool]:
    """Return whether an answer has lost text that it may have taught."""
    return or_(generations.c.prompt.is_(None), generations.c.completion.is_(None))


def mark_stale(
    connection: Connection, taught: Versions, because: str, now: int
) -> list[AuditEntry]:
    """Mark versions as stale, and forget what they learned from.

    Returns:
        An entry for the audit log for each; as many as there are versions.
    """
    lock_sources(connection)
    versions = lora_versions.c
    fresh = select(versions.id, versions.lora, versions.model, versions.state)
    # Of a stale one nothing is known that could choose it again.
    found = connection.execute(fresh.where(versions.id.in_(taught)).order_by(versions.id)).all()
    ids = [row.id for row in found]
    if ids:
        connection.execute(update(lora_versions).where(versions.id.in_(ids)).values(stale=True))
        for table in (lora_people, lora_answers):
            connection.execute(delete(table).where(table.c.version_id.in_(ids)))
    at = moment(now)
    return [stale_entry(row.lora, row.model, LoraState(row.state), because, at) for row in found]


def stale_entry(lora: str, model: str, state: LoraState, because: str, at: datetime) -> AuditEntry:
    """Return what the audit log says of a version that became stale: nobody's name."""
    details = {"model": model, "state": state.value, "because": because}
    return AuditEntry(at, "system", "models.stale", lora, details)
