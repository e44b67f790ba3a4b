"""A database of the test's own."""

from collections.abc import Collection
from contextlib import AbstractAsyncContextManager
from datetime import timedelta
from pathlib import Path
from typing import Protocol

import pytest

from chatune_storage.sql_stores import open_stores
from chatune_storage.stores import Stores
from fakes.clock import FakeClock

MASTER_KEY = b"k" * 32
LEASE_FOR = timedelta(seconds=60)


class Open(Protocol):
    """Opens the stores of one database; only what is of `platforms` is claimed."""

    def __call__(
        self, platforms: Collection[str] | None = None
    ) -> AbstractAsyncContextManager[Stores]: ...


@pytest.fixture
def clock() -> FakeClock:
    return FakeClock()


@pytest.fixture
def file(tmp_path: Path) -> Path:
    return tmp_path / "data" / "chatune.db"


@pytest.fixture
def open_file(file: Path, clock: FakeClock) -> Open:
    """Opens the SQLite database; waits for nobody who holds it."""
    file.parent.mkdir()
    url = f"sqlite:///{file}"
    return lambda platforms=None: open_stores(
        url, MASTER_KEY, clock, LEASE_FOR, lock_wait=timedelta(), platforms=platforms
    )
