"""What is remembered of people, from a database."""

from collections import defaultdict
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from datetime import datetime
from typing import Any

from sqlalchemy import Connection, select

from chatune_core.memory.ports import MemoryStanding
from chatune_core.memory.values import Memory, MemoryId
from chatune_core.messages import EventKey, UserId
from chatune_core.privacy import ErasureReceipt, Purpose
from chatune_storage.audit_chain import AuditChain
from chatune_storage.audit_rows import append
from chatune_storage.database import Database
from chatune_storage.erasure import scrub
from chatune_storage.forgetting import Forgetting, Forgotten
from chatune_storage.keyring import Keyring
from chatune_storage.links import persons_of
from chatune_storage.memory_rows import memory_from, preferences_from
from chatune_storage.reader import Reader
from chatune_storage.rekeying import Rekeying
from chatune_storage.statements import Among
from chatune_storage.tables import memories, memory_uses, microseconds

_COLUMNS = (
    "user_id",
    "person_id",
    "revision",
    "paused",
    "everywhere",
    "only_in",
    "circle",
    "agreed",
)
# An answer waits for this one: a walk of three keys for each person.
_STANDING = f"""
SELECT p.user_id, p.id AS person_id, m.revision, m.paused, m.everywhere, m.only_in, l.circle, (
  SELECT granted FROM consents AS c
  WHERE c.person_id = p.id AND c.purpose = '{Purpose.MEMORY.value}' ORDER BY c.id DESC LIMIT 1
) AS agreed
FROM people AS p LEFT JOIN memory_people AS m ON m.person_id = p.id
LEFT JOIN links AS l ON l.person_id = p.id
WHERE {{among}}
"""
_TOLD = [column for column in memories.c if column not in (memories.c.vector, memories.c.vector_by)]
_REVISIONS = """
SELECT l.circle, l.person_id, m.revision
FROM links AS l LEFT JOIN memory_people AS m ON m.person_id = l.person_id
WHERE {among} ORDER BY l.person_id
"""


class SqlMemories:
    """See Memories."""

    def __init__(
        self,
        database: Database,
        reader: Reader,
        keyring: Keyring,
        chain: AuditChain,
        now: Callable[[], datetime],
    ) -> None:
        self._database, self._reader, self._keyring = database, reader, keyring
        self._chain, self._now = chain, now
        self._standing = Among(database.dialect, "p.user_id", _STANDING)
        self._revisions = Among(database.dialect, "l.circle", _REVISIONS)
        self._forgetting = Forgetting(database.dialect, Rekeying(keyring).run)

    async def standing(self, user: UserId) -> MemoryStanding:
        """See Memories.standing."""
        return await self._reader.ask(self._standings, user)

    def _standings(
        self, connection: Connection, users: Sequence[UserId]
    ) -> Sequence[MemoryStanding]:
        found = self._standing.of(connection, set(users))
        rows = [dict(zip(_COLUMNS, row, strict=True)) for row in found]
        circles = {row["circle"] for row in rows if row["circle"] is not None}
        revisions = self._revisions_of(connection, circles)
        standings = {row["user_id"]: _standing_from(row, revisions) for row in rows}
        return [standings.get(user, MemoryStanding()) for user in users]

    def _revisions_of(self, connection: Connection, circles: Iterable[str]) -> Mapping[str, str]:
        wanted, parts = list(circles), defaultdict[str, list[str]](list)
        if wanted:
            for circle, person, revision in self._revisions.of(connection, wanted):
                parts[circle].append(f"{person}.{revision or 0}")
        return {circle: " ".join(each) for circle, each in parts.items()}

    async def of(self, user: UserId) -> Sequence[Memory]:
        """See Memories.of."""
        theirs = memories.c.person_id.in_(persons_of(user))
        query = select(*_TOLD).where(theirs).order_by(memories.c.id)

        def read(connection: Connection) -> list[Memory]:
            rows = connection.execute(query).mappings().all()
            keys = self._keyring.of_rows(connection, {row["person_id"] for row in rows})
            # A person may have been erased since the rows were read.
            known = (row for row in rows if row["person_id"] in keys)
            return [memory_from(row, keys[row["person_id"]]) for row in known]

        return await self._database.read(read)

    async def used_in(self, answer: EventKey) -> Sequence[MemoryId]:
        """See Memories.used_in."""
        used = select(memory_uses.c.memory).where(memory_uses.c.event == answer)
        in_order = used.order_by(memory_uses.c.place)
        found = await self._database.read(lambda c: c.execute(in_order).scalars().all())
        return [MemoryId(memory) for memory in found]

    async def forget(
        self, user: UserId, memories: Collection[MemoryId] | None = None
    ) -> ErasureReceipt:
        """See Memories.forget."""
        now = self._now()
        forgotten = await self._database.write(
            lambda c: self._forget(c, user, memories, microseconds(now))
        )
        if memories is None:
            self._keyring.forget(forgotten.users)
        await scrub(self._database, forgotten.traces)
        return ErasureReceipt(user, now, forgotten.removed)

    def _forget(
        self,
        connection: Connection,
        user: UserId,
        memories: Collection[MemoryId] | None,
        now: int,
    ) -> Forgotten:
        forgotten = self._forgetting.run(connection, user, memories, now)
        if forgotten.entries:
            append(connection, self._chain, forgotten.entries)
        return forgotten


def _standing_from(row: Mapping[str, Any], revisions: Mapping[str, str]) -> MemoryStanding:
    alone = f"{row['person_id']}.{row['revision'] or 0}"
    revision = revisions.get(row["circle"], alone)
    if row["revision"] is None:
        return MemoryStanding(bool(row["agreed"]), revision=revision)
    return MemoryStanding(bool(row["agreed"]), preferences_from(row), revision)
