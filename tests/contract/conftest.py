"""Every implementation of the storage ports, each over data of the test's own."""

import os
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from tempfile import TemporaryDirectory

import anyio
import pytest

from chatune_storage.memory import memory_stores
from chatune_storage.sql_stores import open_stores
from chatune_storage.stores import Stores
from fakes.clock import FakeClock

MASTER_KEY = b"k" * 32
LEASE_FOR = timedelta(seconds=60)


@dataclass(frozen=True)
class Backend:
    """One kind of storage; everything that is opened sees the same data."""

    clock: FakeClock
    open: Callable[[], AbstractAsyncContextManager[Stores]]


@pytest.fixture
def clock() -> FakeClock:
    return FakeClock()


@pytest.fixture
def quick_folder() -> Iterator[Path]:
    """A folder in memory where the system has one: most of a test's time would go to fsync."""
    memory = Path("/dev/shm")
    with TemporaryDirectory(dir=memory if memory.is_dir() else None) as folder:
        yield Path(folder)


def open_at(url: str, clock: FakeClock) -> AbstractAsyncContextManager[Stores]:
    return open_stores(url, MASTER_KEY, clock, LEASE_FOR)


def make_tables(url: str) -> None:
    async def make() -> None:
        async with open_at(url, FakeClock()):
            pass

    anyio.run(make)


@pytest.fixture(scope="session")
def new_file(tmp_path_factory: pytest.TempPathFactory) -> bytes:
    """A database file with nothing in it: to make the tables takes longer than most tests."""
    file = tmp_path_factory.mktemp("new") / "chatune.db"
    make_tables(f"sqlite:///{file}")
    return file.read_bytes()


@pytest.fixture(scope="session")
def new_schema() -> Iterator[str]:
    """A place on the server whose tables are there already, for one test after another."""
    server = os.environ.get("CHATUNE_TEST_POSTGRES")
    if not server:
        pytest.skip("CHATUNE_TEST_POSTGRES names no server")
    from fakes.postgres import empty_schema

    with empty_schema(server) as url:
        make_tables(url)
        yield url


@pytest.fixture(params=["memory", "sqlite", "postgres"])
def backend(request: pytest.FixtureRequest, clock: FakeClock) -> Backend:
    if request.param == "memory":
        stores = memory_stores(clock, LEASE_FOR)

        @asynccontextmanager
        async def same() -> AsyncIterator[Stores]:
            yield stores

        return Backend(clock, same)
    if request.param == "sqlite":
        file = request.getfixturevalue("quick_folder") / "chatune.db"
        file.write_bytes(request.getfixturevalue("new_file"))
        return Backend(clock, lambda: open_at(f"sqlite:///{file}", clock))
    url = str(request.getfixturevalue("new_schema"))
    from fakes.postgres import renew

    renew(url)
    return Backend(clock, lambda: open_at(url, clock))


@pytest.fixture
async def stores(backend: Backend) -> AsyncIterator[Stores]:
    async with backend.open() as opened:
        yield opened


@pytest.fixture
async def rivals(backend: Backend) -> AsyncIterator[tuple[Stores, Stores]]:
    """Two workers on the same data, as in two processes."""
    async with backend.open() as one, backend.open() as other:
        yield one, other
