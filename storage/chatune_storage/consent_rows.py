"""Decisions on consent as rows."""

from collections.abc import Mapping, Sequence

from sqlalchemy import Connection, insert

from chatune_core.messages import UserId
from chatune_storage.keys import PersonKey
from chatune_storage.links import circle_of
from chatune_storage.personal import Decision
from chatune_storage.tables import consents, microseconds


def record_decisions(
    connection: Connection, decisions: Sequence[Decision], keys: Mapping[UserId, PersonKey]
) -> None:
    """Write each decision, in order, under every identity of the person."""
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
