"""What is about a person, and how it reads to them: shared by the database and memory."""

from __future__ import annotations

import dataclasses
import enum
from datetime import datetime
from typing import TYPE_CHECKING

from chatune_core.messages import UserId
from chatune_core.ports import AuditEntry
from chatune_core.privacy import Purpose

if TYPE_CHECKING:
    from _typeshed import DataclassInstance

ERASED = "erased person"
"""What the audit log says in place of someone who was erased."""

STORES = (
    "inbox",
    "outbox",
    "turns",
    "generations",
    "ratings",
    "consents",
    "audit",
    "quotes",
    "keys",
)
"""What an erasure counts. `quotes`: prompts of others that may repeat the person's words."""


@dataclasses.dataclass(frozen=True, slots=True)
class Decision:
    """One consent given or withdrawn."""

    user: UserId
    purpose: Purpose
    granted: bool
    source: str
    at: datetime


def readable(value: DataclassInstance) -> dict[str, object]:
    """Return the fields of a dataclass as JSON values; times in ISO 8601."""
    return {field.name: _plain(getattr(value, field.name)) for field in dataclasses.fields(value)}


def _plain(value: object) -> object:
    if dataclasses.is_dataclass(value) and not isinstance(value, type):
        return readable(value)
    if isinstance(value, tuple):
        return [_plain(part) for part in value]
    if isinstance(value, datetime):
        return value.isoformat()
    if isinstance(value, enum.Enum):
        return value.value
    return value


def mentions(entry: AuditEntry, user: UserId) -> bool:
    """Return whether the entry names the person."""
    return user in (entry.actor, entry.subject) or user in entry.details.values()


def without_name(entry: AuditEntry, user: UserId) -> AuditEntry:
    """Return the entry with `ERASED` wherever it named the person."""
    return dataclasses.replace(
        entry,
        actor=ERASED if entry.actor == user else entry.actor,
        subject=ERASED if entry.subject == user else entry.subject,
        details={k: ERASED if v == user else v for k, v in entry.details.items()},
    )
