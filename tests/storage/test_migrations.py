"""The schema is made, kept and refused as it should be."""

import sqlite3
from collections.abc import Callable
from contextlib import AbstractAsyncContextManager
from datetime import timedelta
from pathlib import Path

import anyio
import pytest
from alembic.autogenerate import compare_metadata
from alembic.config import Config
from alembic.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import create_engine

import chatune_storage
from chatune_core.errors import ConfigurationError
from chatune_storage.migrate import NEWEST
from chatune_storage.sql_stores import open_stores
from chatune_storage.stores import Stores
from chatune_storage.tables import metadata
from fakes.clock import FakeClock
from fakes.events import ROOM, handle, said, turn

pytestmark = pytest.mark.anyio
Open = Callable[[], AbstractAsyncContextManager[Stores]]
MIGRATIONS = Path(chatune_storage.__file__).with_name("migrations")


def test_the_newest_revision_is_the_one_the_code_expects() -> None:
    config = Config()
    config.set_main_option("script_location", str(MIGRATIONS))

    assert ScriptDirectory.from_config(config).get_current_head() == NEWEST


async def test_the_migrations_make_exactly_the_tables_of_the_code(
    open_file: Open, file: Path
) -> None:
    async with open_file():
        pass

    engine = create_engine(f"sqlite:///{file}")
    with engine.connect() as connection:
        differences = compare_metadata(MigrationContext.configure(connection), metadata)
    engine.dispose()
    assert differences == []


async def test_what_was_stored_is_there_after_a_restart(open_file: Open) -> None:
    async with open_file() as stores:
        await handle(stores, said("1"), turn("1", "hello"))
        await stores.inbox.put(said("2"))

    async with open_file() as stores:
        assert [spoken.text for spoken in await stores.history.recent(ROOM, 5)] == ["hello"]
        assert [lease.event for lease in await stores.inbox.lease(5)] == [said("2")]


async def test_a_database_of_no_revision_is_brought_up_to_date(open_file: Open, file: Path) -> None:
    database = sqlite3.connect(file)
    database.execute("CREATE TABLE alembic_version (version_num VARCHAR(32) NOT NULL)")
    database.execute("CREATE TABLE of_somebody_else (number INTEGER)")
    database.commit()
    database.close()

    async with open_file() as stores:
        assert await stores.inbox.put(said("1"))


async def test_a_newer_schema_is_refused_and_left_alone(open_file: Open, file: Path) -> None:
    async with open_file():
        pass
    database = sqlite3.connect(file)
    database.execute("UPDATE alembic_version SET version_num = '9999'")
    database.commit()

    with pytest.raises(ConfigurationError, match="'9999'") as refusal:
        async with open_file():
            pass

    assert "newer" in refusal.value.remedy
    assert database.execute("SELECT version_num FROM alembic_version").fetchall() == [("9999",)]
    database.close()


@pytest.fixture(params=["sqlite", "postgres"])
def url(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    if request.param == "sqlite":
        return f"sqlite:///{tmp_path}/chatune.db"
    return str(request.getfixturevalue("postgres_url"))


async def test_processes_that_start_at_once_do_not_disturb_each_other(
    url: str, clock: FakeClock
) -> None:
    stored = []

    async def start(number: int) -> None:
        async with open_stores(url, b"k" * 32, clock, timedelta(seconds=60)) as stores:
            stored.append(await stores.inbox.put(said(str(number))))

    async with anyio.create_task_group() as tasks:
        for number in range(6):
            tasks.start_soon(start, number)

    assert stored == [True] * 6
