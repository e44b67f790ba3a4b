"""A database from before moderation cases keeps what it has and takes them."""

from datetime import timedelta
from pathlib import Path

import pytest
from alembic import command
from alembic.config import Config
from sqlalchemy import Connection, MetaData, insert

import chatune_storage
from chatune_core.privacy import Purpose
from chatune_storage.audit_chain import AuditChain
from chatune_storage.database import open_database
from chatune_storage.keys import MasterKey
from chatune_storage.sql_stores import open_stores
from fakes.clock import FakeClock
from fakes.events import BEN, handle, opened, said

pytestmark = pytest.mark.anyio
MIGRATIONS = Path(chatune_storage.__file__).with_name("migrations")
MASTER_KEY = b"k" * 32


@pytest.fixture(params=["sqlite", "postgres"])
def url(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    if request.param == "sqlite":
        return f"sqlite:///{tmp_path}/chatune.db"
    return str(request.getfixturevalue("postgres_url"))


def third_schema(connection: Connection) -> None:
    """Make the tables of the third schema; Ben has agreed to training."""
    config, tables, master = Config(), MetaData(), MasterKey(MASTER_KEY)
    config.set_main_option("script_location", str(MIGRATIONS))
    config.attributes["connection"] = connection
    config.attributes["audit_chain"] = AuditChain(master.audit_key)
    command.upgrade(config, "0003")
    tables.reflect(connection, only=["people", "consents"])
    ben = {"id": 7, "user_id": BEN, "wrapped_key": master.new_wrapped_key(BEN)}
    connection.execute(insert(tables.tables["people"]), ben)
    agreed = {"purpose": "training", "granted": True, "source": "test:1", "at": 1}
    connection.execute(insert(tables.tables["consents"]), {"person_id": 7, **agreed})


async def test_people_are_kept_and_cases_about_them_are_taken(url: str, clock: FakeClock) -> None:
    async with open_database(url, timedelta(seconds=5)) as database:
        await database.write(third_schema)

    async with open_stores(url, MASTER_KEY, clock, timedelta(seconds=60)) as stores:
        bens = opened("1", user=BEN)
        await handle(stores, said("1", user=BEN), bens)

        assert await stores.consents.allows(BEN, Purpose.TRAINING)
        assert await stores.cases.recent(5) == [bens.case]
        assert await stores.audit.verify() is None
