"""The connections of a process to one database."""

import os
import sys
import threading
from collections import Counter
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path
from typing import Any

import anyio
import pytest
from sqlalchemy import Connection

from chatune_storage.database import Database, open_database
from chatune_storage.sql_stores import open_stores
from fakes.clock import FakeClock

pytestmark = pytest.mark.anyio
READERS = 4


async def at_once(database: Database, times: int, work: Callable[[Connection], Any]) -> list[Any]:
    """Have `work` done by so many readers that wait for each other, and return what they got."""
    everyone = threading.Barrier(times)
    answers: list[Any] = []

    def one(connection: Connection) -> None:
        everyone.wait(10)
        answers.append(work(connection))
        everyone.wait(10)

    async with anyio.create_task_group() as tasks:
        for _ in range(times):
            tasks.start_soon(database.read, one)
    return answers


@pytest.mark.parametrize("opened", [True, False], ids=["opened before", "opened when needed"])
async def test_readers_at_the_same_time_have_a_connection_each(
    tmp_path: Path, opened: bool
) -> None:
    async with open_database(f"sqlite:///{tmp_path}/a.db", timedelta()) as database:
        if opened:
            await database.open_readers()
        for _ in range(2):  # with new connections, then with those that lie idle
            used = await at_once(database, READERS, id)

            assert len(set(used)) == READERS


async def test_whatever_reads_and_writes_is_open_from_the_start(tmp_path: Path) -> None:
    url = f"sqlite:///{tmp_path}/a.db"

    async with open_stores(url, b"k" * 32, FakeClock(), timedelta(seconds=60)):
        opened = open_files(tmp_path)

    assert opened["a.db"] == opened["a.db-wal"] == READERS + 1


def open_files(folder: Path) -> Counter[str]:
    every = [os.readlink(f"/proc/self/fd/{number}") for number in descriptors()]
    return Counter(Path(file).name for file in every if file.startswith(str(folder)))


def descriptors() -> list[str]:
    """Return those of this process, without the one that the look itself takes."""
    return [
        number
        for number in os.listdir("/proc/self/fd")
        if os.path.exists(f"/proc/self/fd/{number}")
    ]


USE = """
import sys
from datetime import UTC, datetime, timedelta
import anyio
from chatune_storage.sql_stores import open_stores

async def use():
    now = lambda: datetime.now(UTC)
    async with open_stores(sys.argv[1], b"k" * 32, now, timedelta(seconds=60)) as stores:
        await stores.key_values.names("")

anyio.run(use)
print([name for name in ("sqlalchemy.orm", "sqlalchemy.ext.asyncio", "alembic") if name in sys.modules])
"""


async def test_a_file_that_is_up_to_date_is_used_without_what_takes_long_to_import(
    tmp_path: Path,
) -> None:
    url = f"sqlite:///{tmp_path}/a.db"
    async with open_stores(url, b"k" * 32, FakeClock(), timedelta(seconds=60)):
        pass

    used = await anyio.run_process([sys.executable, "-c", USE, url])

    assert used.stdout.decode().strip() == "[]"
