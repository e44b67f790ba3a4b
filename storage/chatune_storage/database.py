"""One database: its connections, and how long it waits for others."""

import sqlite3
from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager, suppress
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol, TypeVar

from anyio import CancelScope, CapacityLimiter, to_thread
from sqlalchemy import URL, Connection, Engine, create_engine, event, make_url
from sqlalchemy.exc import ArgumentError, DBAPIError, NoSuchModuleError

from chatune_core.errors import ConfigurationError
from chatune_storage.failures import Conflict, translated
from chatune_storage.statements import driver_of

if TYPE_CHECKING:
    from sqlalchemy.ext.asyncio import AsyncEngine

Answer = TypeVar("Answer")
_DRIVERS = {
    "sqlite": "sqlite+pysqlite",
    "sqlite+aiosqlite": "sqlite+pysqlite",
    "postgresql": "postgresql+asyncpg",
    "postgresql+asyncpg": "postgresql+asyncpg",
}
"""Also by the names that a URL of SQLAlchemy's asynchronous drivers has."""
_READERS = 4
_TRIES = 3
_SERVER_TIME_LIMIT_S = 30


class Side(Protocol):
    """The connections for writing, or those for reading."""

    async def open(self) -> None:
        """Open all connections that are to be kept open."""
        ...

    async def run(self, work: Callable[[Connection], Answer]) -> Answer:
        """Run `work` with a connection: whole or, if it raises, not at all."""
        ...

    def held(self) -> AbstractAsyncContextManager[None]:
        """Keep one connection from everyone else for the body."""
        ...

    async def close(self) -> None:
        """Close all connections."""
        ...


@dataclass(frozen=True, slots=True)
class Database:
    """Where the tables are.

    `writer` has few connections and opens each transaction with the right to write; `reader`
    never opens one: each statement sees what is committed when it starts.
    """

    writer: Side
    reader: Side
    dialect: str
    """"sqlite" or "postgresql"."""
    name: str
    """The URL without its password."""
    file: Path | None
    """The database file of SQLite, None for a server."""

    async def write(self, work: Callable[[Connection], Answer]) -> Answer:
        """Run `work` in one transaction, whole or not at all; repeated if others are in its way.

        It may run in a thread of its own.

        Raises:
            RetryLater: the database fails in passing; nothing has happened.
        """
        for _ in range(_TRIES - 1):
            with suppress(Conflict):
                return await self._run(self.writer, work)
        return await self._run(self.writer, work)

    async def read(self, work: Callable[[Connection], Answer]) -> Answer:
        """Run `work`, which only reads. It may run in a thread of its own.

        Raises:
            RetryLater: the database fails in passing.
        """
        return await self._run(self.reader, work)

    async def open_readers(self) -> None:
        """Open what reads and is kept open, so that a process holds no more later than now.

        A file must be as `writer` has it by then: each opens its log too.
        """
        with translated(), CancelScope(shield=True):
            await self.reader.open()

    async def _run(self, side: Side, work: Callable[[Connection], Answer]) -> Answer:
        with translated(), CancelScope(shield=True):
            answer = await side.run(work)
        return answer


class _Served:
    """Connections to a server, waited for in the event loop."""

    def __init__(self, engine: "AsyncEngine") -> None:
        self._engine = engine

    async def open(self) -> None:
        """Each is opened when it is needed, and may be closed by the server at any time."""

    async def run(self, work: Callable[[Connection], Answer]) -> Answer:
        async with self._engine.begin() as connection:
            return await connection.run_sync(work)

    @asynccontextmanager
    async def held(self) -> AsyncIterator[None]:
        async with self._engine.connect():
            yield

    async def close(self) -> None:
        await self._engine.dispose()


class _Filed:
    """Connections to a file, kept open. All of `work` is one visit to a thread: each costs more
    than most statements do.
    """

    def __init__(self, engine: Engine, connections: int, *, writes: bool) -> None:
        self._engine, self._writes = engine, writes
        self._threads = CapacityLimiter(connections)
        self._idle: list[Connection] = []

    async def open(self) -> None:
        await to_thread.run_sync(self._open)

    def _open(self) -> None:
        while len(self._idle) < self._threads.total_tokens:
            self._idle.append(connection := self._engine.connect())
            connection.exec_driver_sql("SELECT 1 FROM sqlite_master LIMIT 1")  # which opens the log

    async def run(self, work: Callable[[Connection], Answer]) -> Answer:
        return await to_thread.run_sync(self._work, work, limiter=self._threads)

    def _work(self, work: Callable[[Connection], Answer]) -> Answer:
        try:
            connection = self._idle.pop()
        except IndexError:  # not asked before: another thread may take the last one in between
            connection = self._engine.connect()
        try:
            if not self._writes:
                return work(connection)
            with connection.begin():
                return work(connection)
        except sqlite3.Error as error:  # of a `Statement`, which is the driver's own
            raise DBAPIError.instance(None, None, error, sqlite3.Error) from error
        finally:
            self._idle.append(connection)

    @asynccontextmanager
    async def held(self) -> AsyncIterator[None]:
        async with self._threads:
            yield

    async def close(self) -> None:
        await to_thread.run_sync(self._close)

    def _close(self) -> None:
        for connection in self._idle:
            connection.close()
        self._engine.dispose()


@asynccontextmanager
async def open_database(url: str, lock_wait: timedelta) -> AsyncIterator[Database]:
    """Connect lazily to the database at `url`, and close it at the end.

    `lock_wait` is how long a statement waits for another process before it gives up.

    Raises:
        ConfigurationError: `url` names no database that can be used.
    """
    parsed = _parsed(url)
    if parsed.get_backend_name() == "sqlite":
        try:
            await to_thread.run_sync(_touch, parsed.database or "")
        except sqlite3.Error as error:
            raise cannot_open(str(parsed), str(error)) from error
        database = _sqlite(parsed, lock_wait)
    else:
        database = _postgres(parsed, lock_wait)
    try:
        yield database
    finally:
        with CancelScope(shield=True):
            await database.writer.close()
            await database.reader.close()


def _parsed(url: str) -> URL:
    remedy = (
        "Write sqlite:///path/to/chatune.db (four slashes for an absolute path) "
        "or postgresql://user:password@host/database."
    )
    try:
        parsed = make_url(url)
        driver = _DRIVERS.get(parsed.drivername)
        if driver is None:
            raise ConfigurationError(f"The database kind {parsed.drivername!r} is unknown.", remedy)
        parsed = parsed.set(drivername=driver)
        parsed.get_dialect()
    except (ArgumentError, NoSuchModuleError, ValueError) as error:
        raise ConfigurationError("The database URL cannot be read.", remedy) from error
    if parsed.get_backend_name() == "sqlite" and not _names_a_file(parsed.database or ""):
        raise ConfigurationError("The database URL names no file.", remedy)
    return parsed


def _names_a_file(database: str) -> bool:
    return database not in ("", ":memory:") and not database.startswith("file:")


def cannot_open(name: str, reason: str) -> ConfigurationError:
    """Return the error that says why the database `name` cannot be opened."""
    return ConfigurationError(
        f"The database {name!r} cannot be opened: {reason}.",
        "Check that it is there, that this user may read and write it (and, for SQLite, the "
        "folder it is in), and that no other program holds it.",
    )


def _touch(file: str) -> None:
    # A file that cannot be opened shows here, with the driver's own words.
    sqlite3.connect(file).close()


def _sqlite(url: URL, lock_wait: timedelta) -> Database:
    options: dict[str, Any] = {"connect_args": {"timeout": lock_wait.total_seconds()}}
    writer = create_engine(url, pool_size=1, max_overflow=0, **options)
    reader = create_engine(
        url, pool_size=_READERS, isolation_level="AUTOCOMMIT", pool_reset_on_return=None, **options
    )

    @event.listens_for(writer, "connect")
    def prepare(connection: Any, _record: object) -> None:  # noqa: ANN401 - a driver's own object
        # The driver would open transactions late and without the right to write.
        connection.isolation_level = None
        cursor = connection.cursor()
        for setting in (
            "journal_mode = WAL",
            # With NORMAL a power cut may take back what was reported as stored.
            "synchronous = FULL",
            "foreign_keys = ON",
            "secure_delete = ON",
        ):
            cursor.execute(f"PRAGMA {setting}")
        cursor.close()

    @event.listens_for(writer, "begin")
    def begin(connection: Connection) -> None:
        driver_of(connection).execute("BEGIN IMMEDIATE")

    sides = _Filed(writer, 1, writes=True), _Filed(reader, _READERS, writes=False)
    return Database(*sides, "sqlite", url.render_as_string(), Path(url.database or ""))


def _postgres(url: URL, lock_wait: timedelta) -> Database:
    # It brings all of SQLAlchemy's ORM, a twelfth of what a small command takes to start.
    from sqlalchemy.ext.asyncio import create_async_engine

    waiting = {"lock_timeout": f"{int(lock_wait.total_seconds() * 1000)}ms"}
    options: dict[str, Any] = {
        "connect_args": {
            "timeout": lock_wait.total_seconds(),
            "command_timeout": _SERVER_TIME_LIMIT_S,
            "server_settings": waiting,
        },
        "pool_pre_ping": False,
    }
    writer = create_async_engine(url, pool_size=2, max_overflow=2, **options)
    reader = create_async_engine(
        url, pool_size=_READERS, isolation_level="AUTOCOMMIT", pool_reset_on_return=None, **options
    )
    return Database(_Served(writer), _Served(reader), "postgresql", url.render_as_string(), None)
