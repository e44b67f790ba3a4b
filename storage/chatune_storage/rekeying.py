"""A fresh key for a person, so that whatever the old one sealed is gone, backups included."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from sqlalchemy import Column, Connection, RowMapping, Table, delete, select, update

from chatune_storage.case_rows import APPEAL, CASE_TEXT
from chatune_storage.effects import REPLY
from chatune_storage.inbox import PAYLOAD
from chatune_storage.keyring import Keyring
from chatune_storage.keys import PersonKey
from chatune_storage.tables import inbox, metadata, moderation_cases, outbox, people


@dataclass(frozen=True, slots=True)
class _Sealed:
    """A column that outlives the old key: what it is called and what its rows are called."""

    table: Table
    column: str
    place: str
    row: Callable[[RowMapping], str]


_KEPT = (
    _Sealed(inbox, "payload", PAYLOAD, lambda row: row["key_hash"].hex()),
    _Sealed(outbox, "payload", REPLY, lambda row: str(row["answers"])),
    _Sealed(moderation_cases, "text", CASE_TEXT, lambda row: str(row["case_id"])),
    _Sealed(moderation_cases, "appeal", APPEAL, lambda row: str(row["case_id"])),
)
"""Work that is not done yet, and what moderators decide on. Nothing else may be sealed any more."""
RESEALED = frozenset(f"{each.table.name}.{each.column}" for each in _KEPT)


class Rekeying:
    """Gives persons fresh keys and new rows in `people`; all that points to the old rows moves.

    A process that still holds an old key cannot write with it: its row is gone.
    """

    def __init__(self, keyring: Keyring) -> None:
        self._keyring = keyring

    def run(self, connection: Connection, persons: Sequence[int]) -> Sequence[bytes]:
        """Change the keys, in the open transaction; return the old ones, wrapped."""
        return [self._run(connection, person) for person in persons]

    def _run(self, connection: Connection, person: int) -> bytes:
        wrapped, old, new = self._keyring.renewed(connection, person)
        for sealed in _KEPT:
            _reseal(connection, sealed, old, new)
        for column in _references():
            moved = update(column.table).where(column == old.id).values({column: new.id})
            connection.execute(moved)
        connection.execute(delete(people).where(people.c.id == old.id))
        return wrapped


def _references() -> Sequence["Column[int]"]:
    return [
        column
        for table in metadata.sorted_tables
        for column in table.columns
        if any(key.column is people.c.id for key in column.foreign_keys)
    ]


def _reseal(connection: Connection, sealed: _Sealed, old: PersonKey, new: PersonKey) -> None:
    table, column = sealed.table, sealed.table.c[sealed.column]
    number = next(iter(table.primary_key.columns))
    theirs = select(table).where(table.c.person_id == old.id, column.is_not(None))
    for row in connection.execute(theirs).mappings().all():
        name = sealed.row(row)
        text = old.open(sealed.place, name, row[sealed.column])
        again = update(table).where(number == row[number.name])
        connection.execute(again.values({column: new.seal(sealed.place, name, text)}))
