"""Every implementation of the storage ports, each over data of the test's own."""

from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from tempfile import TemporaryDirectory

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


@pytest.fixture(params=["memory", "sqlite", "postgres"])
def backend(request: pytest.FixtureRequest, clock: FakeClock) -> Backend:
    if request.param == "memory":
        stores = memory_stores(clock, LEASE_FOR)

        @asynccontextmanager
        async def same() -> AsyncIterator[Stores]:
            yield stores

        return Backend(clock, same)
    if request.param == "sqlite":
        url = f"sqlite:///{request.getfixturevalue('quick_folder')}/chatune.db"
    else:
        url = str(request.getfixturevalue("postgres_url"))
    return Backend(clock, lambda: open_stores(url, MASTER_KEY, clock, LEASE_FOR))


@pytest.fixture
async def stores(backend: Backend) -> AsyncIterator[Stores]:
    async with backend.open() as opened:
        yield opened


@pytest.fixture
async def rivals(backend: Backend) -> AsyncIterator[tuple[Stores, Stores]]:
    """Two workers on the same data, as in two processes."""
    async with backend.open() as one, backend.open() as other:
        yield one, other
