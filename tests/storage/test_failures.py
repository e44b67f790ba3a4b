"""When the database fails: one clear line, nothing half done, and on it goes afterwards."""

import os
import re
import sqlite3
import sys
from collections.abc import Callable, Iterator
from contextlib import AbstractAsyncContextManager, contextmanager
from datetime import timedelta
from pathlib import Path
from tempfile import TemporaryDirectory

import anyio
import pytest
from sqlalchemy import make_url, text
from sqlalchemy.ext.asyncio import create_async_engine

from chatune_core.errors import ConfigurationError, RetryLater
from chatune_core.outcomes import Outcome
from chatune_storage.sql_stores import open_stores
from chatune_storage.stores import Stores
from fakes.clock import FakeClock
from fakes.events import ANN, ROOM, handle, reply, said, turn

pytestmark = pytest.mark.anyio
Open = Callable[[], AbstractAsyncContextManager[Stores]]


async def test_a_locked_database_is_a_passing_condition(open_file: Open, file: Path) -> None:
    async with open_file() as stores:
        await stores.inbox.put(said("0"))
        other = sqlite3.connect(file, isolation_level=None)
        other.execute("BEGIN EXCLUSIVE")

        with pytest.raises(RetryLater, match="database is locked by another") as put:
            await stores.inbox.put(said("1"))
        with pytest.raises(RetryLater):
            await stores.inbox.lease(1)
        with pytest.raises(RetryLater):
            await stores.personal_data.erase(ANN)

        assert put.value.after > timedelta()
        assert isinstance(put.value.__cause__, Exception)
        other.execute("COMMIT")
        other.close()
        assert await stores.inbox.put(said("1"))
        assert [lease.event for lease in await stores.inbox.lease(1)] == [said("0")]


async def test_a_commit_that_finds_the_database_locked_can_be_repeated(
    open_file: Open, file: Path
) -> None:
    async with open_file() as stores:
        await stores.inbox.put(said("1"))
        [lease] = await stores.inbox.lease(1)
        other = sqlite3.connect(file, isolation_level=None)
        other.execute("BEGIN EXCLUSIVE")
        outcome = Outcome(reply("1"), (turn("1", "hello"),))

        with pytest.raises(RetryLater):
            await stores.ledger.commit(lease, outcome)
        other.execute("ROLLBACK")
        other.close()

        assert await stores.history.recent(ROOM, 5) == []
        assert await stores.ledger.commit(lease, outcome)
        assert len(await stores.history.recent(ROOM, 5)) == 1


FILL = """
import sys, anyio, resource, signal
from datetime import timedelta
from chatune_core.errors import RetryLater
from chatune_storage.sql_stores import open_stores
from fakes.clock import FakeClock
from fakes.events import said

async def main():
    async with open_stores(sys.argv[1], b"k" * 32, FakeClock(), timedelta(seconds=60)) as stores:
        signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
        resource.setrlimit(resource.RLIMIT_FSIZE, (600_000, resource.RLIM_INFINITY))
        stored = 0
        try:
            for number in range(1000):
                await stores.inbox.put(said(str(number), "x" * 10_000))
                stored += 1
        except RetryLater as error:
            print(stored, error)
        resource.setrlimit(resource.RLIMIT_FSIZE, (resource.RLIM_INFINITY,) * 2)
        assert await stores.inbox.put(said("when there is room again"))

anyio.run(main)
"""


async def test_a_disk_without_room_is_a_passing_condition(file: Path, open_file: Open) -> None:
    paths = os.pathsep.join([str(Path(__file__).parents[1]), *sys.path])
    done = await anyio.run_process(
        [sys.executable, "-c", FILL, f"sqlite:///{file}"],
        check=False, env={**os.environ, "PYTHONPATH": paths},
    )  # fmt: skip

    assert done.returncode == 0, done.stderr.decode()
    stored, reason = done.stdout.decode().strip().split(" ", 1)
    assert "disk" in reason
    assert int(stored) > 0
    async with open_file() as stores:
        [first] = await stores.inbox.lease(5)
        assert first.event.key == "test:0"


@contextmanager
def as_nobody() -> Iterator[None]:
    """Drop root's right to write everywhere, where the tests run as root."""
    root = os.geteuid() == 0
    if root:
        os.seteuid(65534)
    try:
        yield
    finally:
        if root:
            os.seteuid(0)


@pytest.fixture
def shared_folder() -> Iterator[Path]:
    """A folder that everybody can reach and only its owner can write to."""
    with TemporaryDirectory() as name:
        Path(name).chmod(0o755)
        yield Path(name)


async def test_a_folder_without_permission_is_named_at_start(shared_folder: Path) -> None:
    os.chmod(shared_folder, 0o555)

    with as_nobody(), pytest.raises(ConfigurationError, match="cannot be opened"):
        async with open_stores(
            f"sqlite:///{shared_folder}/a.db", b"k" * 32, FakeClock(), timedelta(seconds=60)
        ):
            pass


async def test_a_file_that_can_only_be_read_is_named_at_start(shared_folder: Path) -> None:
    url = f"sqlite:///{shared_folder}/a.db"
    async with open_stores(url, b"k" * 32, FakeClock(), timedelta(seconds=60)):
        pass
    os.chmod(shared_folder / "a.db", 0o444)
    os.chmod(shared_folder, 0o555)

    with as_nobody(), pytest.raises(ConfigurationError, match="cannot be opened"):
        async with open_stores(url, b"k" * 32, FakeClock(), timedelta(seconds=60)):
            pass


@pytest.mark.parametrize(
    ("url", "problem"),
    [
        ("", "cannot be read"),
        ("chatune.db", "cannot be read"),
        ("mysql://host/name", "'mysql' is unknown"),
        ("sqlite+pysqlite:///a.db", "'sqlite+pysqlite' is unknown"),
        ("postgresql://host:port/name", "cannot be read"),
        ("sqlite://", "names no file"),
        ("sqlite:///:memory:", "names no file"),
        ("sqlite:///file:a.db?mode=memory&uri=true", "names no file"),
        ("sqlite:////no/such/folder/chatune.db", "cannot be opened"),
        ("sqlite:////dev/null", "cannot be opened"),
        ("postgresql://somebody:hunter2@127.0.0.1:1/name", "cannot be opened"),
    ],
)
async def test_a_database_that_cannot_be_used_is_named_at_start(url: str, problem: str) -> None:
    with pytest.raises(ConfigurationError, match=re.escape(problem)) as refusal:
        async with open_stores(url, b"k" * 32, FakeClock(), timedelta(seconds=60)):
            pass

    assert refusal.value.remedy
    assert "\n" not in str(refusal.value)
    assert "hunter2" not in str(refusal.value)


async def test_a_file_that_is_no_database_is_named_at_start(open_file: Open, file: Path) -> None:
    diary = b"Dear diary, " * 500
    file.write_bytes(diary)  # noqa: ASYNC240 - nobody else waits

    with pytest.raises(ConfigurationError, match="not a database"):
        async with open_file():
            pass

    assert file.read_bytes() == diary  # noqa: ASYNC240


async def test_a_server_that_hangs_up_is_a_passing_condition(
    postgres_url: str, clock: FakeClock
) -> None:
    role = make_url(postgres_url).username
    server = create_async_engine(os.environ["CHATUNE_TEST_POSTGRES"])
    hang_up = text("SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE usename = :role")
    async with open_stores(postgres_url, b"k" * 32, clock, timedelta(seconds=60)) as stores:
        await handle(stores, said("1"), turn("1", "hello"))
        await stores.history.recent(ROOM, 5)
        async with server.begin() as connection:
            await connection.execute(hang_up, {"role": role})

        with pytest.raises(RetryLater):
            await stores.inbox.put(said("2"))
        with pytest.raises(RetryLater):
            await stores.history.recent(ROOM, 5)

        assert await stores.inbox.put(said("2"))
        assert len(await stores.history.recent(ROOM, 5)) == 1
    await server.dispose()
