"""Moderation cases, from a database."""

from collections.abc import Mapping, Sequence
from typing import Any

from sqlalchemy import Connection, RowMapping, Select, select

from chatune_core.messages import ConversationId, EventKey, MessageKey, UserId, WorkspaceId
from chatune_core.moderation.cases import Case, CaseId, CaseState
from chatune_core.moderation.verdicts import Level
from chatune_storage.case_rows import APPEAL, CASE_TEXT
from chatune_storage.codec import findings_from, measures_from
from chatune_storage.database import Database
from chatune_storage.keyring import Keyring
from chatune_storage.keys import PersonKey
from chatune_storage.personal import MODERATORS
from chatune_storage.prefixes import begins_with
from chatune_storage.tables import moderation_cases, moment, people

_ALL = select(moderation_cases)
_PERSONS = ("person_id", *MODERATORS)


class SqlCases:
    """See Cases."""

    def __init__(self, database: Database, keyring: Keyring) -> None:
        self._database, self._keyring = database, keyring

    async def find(self, case: CaseId) -> Case | None:
        """See Cases.find."""
        found = await self._cases(_ALL.where(moderation_cases.c.case_id == case))
        return found[0] if found else None

    async def of_person(self, user: UserId, workspace: WorkspaceId, limit: int) -> Sequence[Case]:
        """See Cases.of_person."""
        place = moderation_cases.c.conversation
        here = begins_with(self._database.dialect, place, f"{workspace}:")
        theirs = select(people.c.id).where(people.c.user_id == user).scalar_subquery()
        return await self._newest(_ALL.where(moderation_cases.c.person_id == theirs, here), limit)

    async def recent(self, limit: int, state: CaseState | None = None) -> Sequence[Case]:
        """See Cases.recent."""
        if state is None:
            return await self._newest(_ALL, limit)
        return await self._newest(_ALL.where(moderation_cases.c.state == state.value), limit)

    async def _newest(self, wanted: Select[Any], limit: int) -> Sequence[Case]:
        newest = wanted.order_by(moderation_cases.c.id.desc()).limit(max(0, limit))
        return await self._cases(newest)

    async def _cases(self, wanted: Select[Any]) -> Sequence[Case]:
        return await self._database.read(lambda connection: self._read(connection, wanted))

    def _read(self, connection: Connection, wanted: Select[Any]) -> Sequence[Case]:
        rows = connection.execute(wanted).mappings().all()
        ids = {row[name] for row in rows for name in _PERSONS} - {None}
        keys = self._keyring.of_rows(connection, ids)
        # A person may have been erased since the rows were read.
        return [case_from(row, keys) for row in rows if row["person_id"] in keys]


def case_from(row: RowMapping, keys: Mapping[int, PersonKey]) -> Case:
    """Return the case of one row; moderators without a key among `keys` are left out."""
    key, case_id = keys[row["person_id"]], CaseId(row["case_id"])
    text, appeal, decided_at = row["text"], row["appeal"], row["decided_at"]
    claimed_by, decided_by, first_decided_by = (
        keys[row[name]].user if row[name] in keys else None for name in MODERATORS
    )
    return Case(
        id=case_id,
        event=EventKey(row["event"]),
        conversation=ConversationId(row["conversation"]),
        user=key.user,
        message=MessageKey(row["message"]),
        at=moment(row["at"]),
        text="" if text is None else key.open(CASE_TEXT, case_id, text),
        level=Level(row["level"]),
        findings=findings_from(row["findings"]),
        policy=row["policy"],
        model=row["model"],
        measures=measures_from(row["measures"]),
        shadow=row["shadow"],
        state=CaseState(row["state"]),
        claimed_by=claimed_by,
        decided_by=decided_by,
        first_decided_by=first_decided_by,
        decided_at=None if decided_at is None else moment(decided_at),
        appeal="" if appeal is None else key.open(APPEAL, case_id, appeal),
    )
