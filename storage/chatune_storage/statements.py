"""Statements that come with every turn: compiled once, then handed to the driver as they are.

SQLAlchemy takes several times longer over a small statement than SQLite does. Values must be what
the driver itself takes and gives.
"""

import json
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from sqlalchemy import Connection, Insert, text
from sqlalchemy.dialects import sqlite
from sqlalchemy.dialects.postgresql import asyncpg
from sqlalchemy.engine import Dialect

Values = Mapping[str, Any]
Rows = Sequence[Sequence[Any]]
_DIALECTS: Mapping[str, Dialect] = {
    "sqlite": sqlite.dialect(paramstyle="qmark"),
    "postgresql": asyncpg.dialect(),  # type: ignore[no-untyped-call]
}


class Statement:
    """One statement, in the SQL of `dialect`."""

    def __init__(self, dialect: str, clause: str | Insert, columns: Sequence[str] = ()) -> None:
        """Compile `clause`; an insert fills `columns`."""
        compiled = (text(clause) if isinstance(clause, str) else clause).compile(
            dialect=_DIALECTS[dialect], column_keys=columns or None
        )
        self._sql, self._names = str(compiled), tuple(compiled.positiontup or ())
        self._local = dialect == "sqlite"

    def rows(self, connection: Connection, values: Values) -> Rows:
        """Run it once; return the rows that it returns."""
        given = self._given(values)
        if self._local:
            found: Rows = driver_of(connection).execute(self._sql, given).fetchall()
            return found
        return connection.exec_driver_sql(self._sql, given).all()

    def run(self, connection: Connection, many: Iterable[Values]) -> None:
        """Run it with each of `many`, in order."""
        given = [self._given(values) for values in many]
        if self._local:
            driver_of(connection).executemany(self._sql, given)
        elif given:
            connection.exec_driver_sql(self._sql, given)

    def _given(self, values: Values) -> tuple[object, ...]:
        return tuple([values[name] for name in self._names])


class Among(Statement):
    """A statement in which `{among}` asks that the text `column` is one of a list.

    Its own text is the same however long the list is, so no database has to read it again.
    """

    def __init__(self, dialect: str, column: str, clause: str) -> None:
        listed = f"{column} IN (SELECT asked.value FROM json_each(:keys) AS asked)"
        among = listed if dialect == "sqlite" else f"{column} = ANY(:keys)"
        super().__init__(dialect, clause.format(among=among))

    def of(self, connection: Connection, keys: Iterable[str]) -> Rows:
        """Run it with `keys`; return the rows that it returns."""
        listed = list(keys)
        return self.rows(connection, {"keys": json.dumps(listed) if self._local else listed})


def driver_of(connection: Connection) -> Any:  # noqa: ANN401 - sqlite3's own connection
    """Return the connection of Python's sqlite3."""
    return connection.connection.driver_connection
