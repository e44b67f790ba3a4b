"""Messages that wait to be read for memories, in a database."""

from collections.abc import Sequence

from sqlalchemy import Connection, delete, select

from chatune_core.memory.notes import Note
from chatune_core.outcomes import MemoryLearned
from chatune_storage.database import Database
from chatune_storage.keyring import Keyring
from chatune_storage.memory_rows import MemorySql, note_from
from chatune_storage.tables import memory_notes
from chatune_storage.writer import Transaction, Writer

_Settling = tuple[Note, Sequence[MemoryLearned]]


class SqlNotes:
    """See Notes."""

    def __init__(self, database: Database, writer: Writer, keyring: Keyring) -> None:
        self._database, self._writer, self._keyring = database, writer, keyring
        self._sql = MemorySql(database.dialect)

    async def oldest(self, limit: int) -> Sequence[Note]:
        """See Notes.oldest."""
        query = select(memory_notes).order_by(memory_notes.c.id).limit(limit)

        def read(connection: Connection) -> list[Note]:
            rows = connection.execute(query).mappings().all()
            keys = self._keyring.of_rows(connection, {row["person_id"] for row in rows})
            # A person may have been erased since the rows were read.
            known = (row for row in rows if row["person_id"] in keys)
            return [note_from(row, keys[row["person_id"]]) for row in known]

        return await self._database.read(read)

    async def settle(self, note: Note, learned: Sequence[MemoryLearned]) -> bool:
        """See Notes.settle."""
        return await self._writer.change(self._settle_all, (note, learned), (note.user,))

    def _settle_all(
        self, transaction: Transaction, settlings: Sequence[_Settling]
    ) -> Sequence[bool]:
        return [self._settle(transaction, *settling) for settling in settlings]

    def _settle(
        self, transaction: Transaction, note: Note, learned: Sequence[MemoryLearned]
    ) -> bool:
        connection, key = transaction.connection, transaction.keys[note.user]
        mine = (memory_notes.c.event == note.event, memory_notes.c.person_id == key.id)
        if connection.execute(delete(memory_notes).where(*mine)).rowcount == 0:
            return False
        self._sql.write(connection, learned, transaction.keys)
        return True
