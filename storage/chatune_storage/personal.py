"""What is about a person, and how it reads to them: shared by the database and memory."""

from __future__ import annotations

import dataclasses
import enum
from base64 import b64encode
from collections.abc import Callable
from datetime import datetime
from typing import TYPE_CHECKING

from chatune_core.messages import EventKey, UserId
from chatune_core.moderation.cases import Case
from chatune_core.outcomes import AuditEntry
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
    "heard",
    "missed_answers",
    "ratings",
    "corrections",
    "preferred_answers",
    "cases",
    "memories",
    "memory_notes",
    "memory_preferences",
    "links",
    "models",
    "consents",
    "audit",
    "quotes",
    "keys",
)
"""What an erasure counts. `heard`: where the person's words were in the prompt of an
answer to somebody else. `quotes`: prompts of others that may repeat the person's words. `cases`
are about the person, or a moderator's name is taken out of them. `models` learned from them, and
are to be trained anew."""

FORGOTTEN = (
    "memories",
    "memory_notes",
    "turns",
    "generations",
    "ratings",
    "corrections",
    "quotes",
    "models",
)
"""What forgetting memories counts; of ratings and generations those that lost a text, of models
those that learned from one."""

MODERATORS = ("claimed_by", "decided_by", "first_decided_by")
"""The fields of a case that name a moderator."""


@dataclasses.dataclass(frozen=True, slots=True)
class Decision:
    """One consent given or withdrawn."""

    user: UserId
    purpose: Purpose
    granted: bool
    source: str
    at: datetime


@dataclasses.dataclass(frozen=True, slots=True)
class HeardIn:
    """Words of `user` were in the prompt of the answer to `event`, which was to somebody else."""

    event: EventKey
    user: UserId


def readable(value: DataclassInstance) -> dict[str, object]:
    """Return the fields of a dataclass as JSON values; times in ISO 8601, bytes in base64."""
    return {field.name: _plain(getattr(value, field.name)) for field in dataclasses.fields(value)}


def _plain(value: object) -> object:
    if dataclasses.is_dataclass(value) and not isinstance(value, type):
        return readable(value)
    if isinstance(value, tuple):
        return [_plain(part) for part in value]
    if isinstance(value, datetime):
        return value.isoformat()
    if isinstance(value, bytes):
        return b64encode(value).decode()
    if isinstance(value, enum.Enum):
        return value.value
    return value


def case_record(case: Case, user: UserId) -> dict[str, object]:
    """Return the case as `user` may read it.

    Moderators other than themselves have no name in it; a case about somebody else is its id and
    how it stands.
    """
    record = readable(case)
    names = {name: record[name] if record[name] == user else None for name in MODERATORS}
    return (record if case.user == user else {"id": case.id, "state": case.state.value}) | names


def without_moderators(case: Case, named: Callable[[str], bool]) -> Case:
    """Return the case without the names of moderators who are `named`."""

    def left(moderator: UserId | None) -> UserId | None:
        return None if moderator is None or named(moderator) else moderator

    return dataclasses.replace(
        case,
        claimed_by=left(case.claimed_by),
        decided_by=left(case.decided_by),
        first_decided_by=left(case.first_decided_by),
    )


def mentions(entry: AuditEntry, named: Callable[[str], bool]) -> bool:
    """Return whether the entry has a name that is `named`."""
    values = (entry.actor, entry.subject, *entry.details.values())
    return any(isinstance(value, str) and named(value) for value in values)


def without_name(entry: AuditEntry, named: Callable[[str], bool]) -> AuditEntry:
    """Return the entry with `ERASED` in place of every name that is `named`."""
    return dataclasses.replace(
        entry,
        actor=ERASED if named(entry.actor) else entry.actor,
        subject=ERASED if named(entry.subject) else entry.subject,
        details={
            key: ERASED if isinstance(value, str) and named(value) else value
            for key, value in entry.details.items()
        },
    )
