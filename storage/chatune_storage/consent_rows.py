"""Decisions on consent as rows."""

from collections.abc import Mapping, Sequence

from sqlalchemy import ColumnElement, Connection, func, insert, select

from chatune_core.messages import UserId
from chatune_core.outcomes import AuditEntry
from chatune_core.privacy import Purpose
from chatune_storage.keys import PersonKey
from chatune_storage.links import circle_of
from chatune_storage.lora_rows import mark_stale, taught_by
from chatune_storage.personal import Decision
from chatune_storage.tables import consents, lora_people, microseconds


def record_decisions(
    connection: Connection,
    decisions: Sequence[Decision],
    keys: Mapping[UserId, PersonKey],
    now: int,
) -> list[AuditEntry]:
    """Write each decision, in order, under every identity of the person.

    Returns:
        What the audit log says of the versions that learned from who withdrew.
    """
    rows = [
        {
            "person_id": person,
            "purpose": decision.purpose.value,
            "granted": decision.granted,
            "source": decision.source,
            "at": microseconds(decision.at),
        }
        for decision in decisions
        for person in connection.execute(circle_of(keys[decision.user].id)).scalars()
    ]
    if rows:
        connection.execute(insert(consents), rows)
    withdrawn = {
        row["person_id"]
        for row in rows
        if row["purpose"] == Purpose.TRAINING.value and not row["granted"]
    }
    if not withdrawn:
        return []
    taught = taught_by(lora_people.c.person_id.in_(withdrawn))
    return mark_stale(connection, taught, "a consent was withdrawn", now)


def agreed(person: ColumnElement[int], purpose: Purpose) -> ColumnElement[bool]:
    """Return whether the last decision of the person on `purpose` is a yes."""
    last = (
        select(consents.c.granted)
        .where(consents.c.person_id == person, consents.c.purpose == purpose.value)
        .order_by(consents.c.id.desc())
        .limit(1)
        .scalar_subquery()
    )
    return func.coalesce(last, False)
