"""Vectors of what is remembered, in the rows of the memories, encrypted like what these say."""

from base64 import b64decode, b64encode
from collections.abc import Mapping

from sqlalchemy import Connection, select, update

from chatune_core.memory.ports import TextVector
from chatune_core.memory.values import MemoryId
from chatune_core.messages import UserId
from chatune_storage.database import Database
from chatune_storage.keyring import Keyring
from chatune_storage.links import persons_of
from chatune_storage.memory_rows import VECTOR, text_from
from chatune_storage.tables import memories

_COLUMNS = (memories.c.id, memories.c.memory, memories.c.person_id)


class SqlVectors:
    """See Vectors."""

    def __init__(self, database: Database, keyring: Keyring) -> None:
        self._database, self._keyring = database, keyring

    async def kept(self, user: UserId, encoder: str) -> Mapping[MemoryId, bytes]:
        """See Vectors.kept."""
        query = select(*_COLUMNS, memories.c.vector).where(
            memories.c.person_id.in_(persons_of(user)),
            memories.c.vector_by == encoder,
            memories.c.vector.is_not(None),
        )

        def read(connection: Connection) -> dict[MemoryId, bytes]:
            rows = connection.execute(query).mappings().all()
            keys = self._keyring.of_rows(connection, {row["person_id"] for row in rows})
            # A person may have been erased since the rows were read.
            known = [(row, keys[row["person_id"]]) for row in rows if row["person_id"] in keys]
            return {
                MemoryId(row["memory"]): b64decode(key.open(VECTOR, row["memory"], row["vector"]))
                for row, key in known
            }

        return await self._database.read(read)

    async def keep(
        self, user: UserId, encoder: str, vectors: Mapping[MemoryId, TextVector]
    ) -> None:
        """See Vectors.keep."""
        theirs = select(*_COLUMNS, memories.c.said).where(
            memories.c.person_id.in_(persons_of(user)), memories.c.memory.in_(vectors)
        )
        # Nobody is waited for, so that no order of locks can end in a deadlock.
        query = theirs.with_for_update(skip_locked=True)

        def write(connection: Connection) -> None:
            rows = connection.execute(query).mappings().all()
            keys = self._keyring.of_rows(connection, {row["person_id"] for row in rows})
            for row in rows:
                id, key = MemoryId(row["memory"]), keys.get(row["person_id"])
                if key is not None and text_from(row, key) == vectors[id].text:
                    sealed = key.seal(VECTOR, id, b64encode(vectors[id].numbers).decode())
                    now = {"vector": sealed, "vector_by": encoder}
                    connection.execute(
                        update(memories).where(memories.c.id == row["id"]).values(now)
                    )

        await self._database.write(write)
