"""An audit log from before the chain is tied together as it is."""

from datetime import timedelta
from pathlib import Path

import pytest
from alembic import command
from alembic.config import Config
from sqlalchemy import Connection, MetaData, insert, text

import chatune_storage
from chatune_core.ports import Broken, Damage
from chatune_storage.database import open_database
from chatune_storage.sql_stores import open_stores
from fakes.clock import FakeClock
from fakes.events import ANN

pytestmark = pytest.mark.anyio
MIGRATIONS = Path(chatune_storage.__file__).with_name("migrations")
MASTER_KEY = b"k" * 32
LEASE_FOR = timedelta(seconds=60)
ENTRIES = 1300
"""More than are read at a time."""


@pytest.fixture(params=["sqlite", "postgres"])
def url(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    if request.param == "sqlite":
        return f"sqlite:///{tmp_path}/chatune.db"
    return str(request.getfixturevalue("postgres_url"))


def second_schema(connection: Connection) -> None:
    """Make the tables of the second schema, with a log whose numbers have gaps."""
    config, tables = Config(), MetaData()
    config.set_main_option("script_location", str(MIGRATIONS))
    config.attributes["connection"] = connection
    command.upgrade(config, "0002")
    tables.reflect(connection, only=["audit"])
    row = {"actor": "operator", "subject": ANN, "details": '{"rows": 1}'}
    rows = [{"id": 3 * n, "at": n, "action": f"act {n}", **row} for n in range(1, ENTRIES + 1)]
    connection.execute(insert(tables.tables["audit"]), rows)


async def test_every_entry_is_kept_in_its_order_and_tied_to_the_one_before(
    url: str, clock: FakeClock
) -> None:
    async with open_database(url, timedelta(seconds=5)) as database:
        await database.write(second_schema)

    async with open_stores(url, MASTER_KEY, clock, LEASE_FOR) as stores:
        entries = await stores.audit.entries(ENTRIES * 2)
        assert [entry.action for entry in entries] == [f"act {n}" for n in range(ENTRIES, 0, -1)]
        assert (entries[0].subject, entries[0].details) == (ANN, {"rows": 1})
        assert await stores.audit.verify() is None

    async with open_stores(url, MASTER_KEY, clock, LEASE_FOR) as stores:
        await stores.audit.append("operator", "later", "thing", {})
        await stores.personal_data.erase(ANN)
        assert await stores.audit.verify() is None


async def test_what_is_changed_after_it_shows(url: str, clock: FakeClock) -> None:
    async with open_database(url, timedelta(seconds=5)) as database:
        await database.write(second_schema)
        async with open_stores(url, MASTER_KEY, clock, LEASE_FOR) as stores:
            change = text("UPDATE audit SET actor = 'nobody' WHERE action = 'act 1007'")
            await database.write(lambda c: c.execute(change))

            assert await stores.audit.verify() == Broken(1007, Damage.CHANGED)
