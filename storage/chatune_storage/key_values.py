"""Small values by name, in a database."""

from collections.abc import Sequence

from sqlalchemy import delete, select
from sqlalchemy.dialects import postgresql, sqlite

from chatune_storage.database import Database
from chatune_storage.keys import MasterKey
from chatune_storage.prefixes import begins_with
from chatune_storage.tables import key_values
from chatune_storage.writer import Transaction, Writer

_Change = tuple[str, bytes | None]
"""A name and its sealed value, None to remove it."""


class SqlKeyValues:
    """See KeyValues. Names are stored as they are, values sealed."""

    def __init__(self, database: Database, writer: Writer, master: MasterKey) -> None:
        self._database, self._writer, self._master = database, writer, master
        put = (sqlite if database.dialect == "sqlite" else postgresql).insert(key_values)
        self._put = put.on_conflict_do_update(
            index_elements=["name"], set_={"value": put.excluded.value}
        )

    async def get(self, name: str) -> str | None:
        """See KeyValues.get."""
        value = select(key_values.c.value).where(key_values.c.name == name)
        sealed = await self._database.read(lambda c: c.execute(value).scalar())
        return None if sealed is None else self._master.open(name, sealed)

    async def put(self, name: str, value: str) -> None:
        """See KeyValues.put."""
        change: _Change = (name, self._master.seal(name, value))
        await self._writer.change(self._change_all, change)

    async def delete(self, name: str) -> None:
        """See KeyValues.delete."""
        change: _Change = (name, None)
        await self._writer.change(self._change_all, change)

    async def names(self, prefix: str) -> Sequence[str]:
        """See KeyValues.names."""
        matching = begins_with(self._database.dialect, key_values.c.name, prefix)
        found = select(key_values.c.name).where(matching)
        # Sorted here: a server may sort by the rules of some language.
        return sorted(await self._database.read(lambda c: c.execute(found).scalars().all()))

    def _change_all(self, transaction: Transaction, changes: Sequence[_Change]) -> Sequence[None]:
        # In one order everywhere, or two processes that write the same names deadlock.
        for name, sealed in sorted(dict(changes).items()):
            if sealed is None:
                transaction.connection.execute(delete(key_values).where(key_values.c.name == name))
            else:
                transaction.connection.execute(self._put, {"name": name, "value": sealed})
        return [None] * len(changes)
