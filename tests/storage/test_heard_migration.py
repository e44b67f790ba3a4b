"""Answers from before it was kept whose words are in them are not learned from, whoever agreed."""

from datetime import timedelta
from pathlib import Path

import pytest
from alembic import command
from alembic.config import Config
from sqlalchemy import Connection, MetaData, insert

import chatune_storage
from chatune_core.learning.rows import LeftOut
from chatune_core.messages import UserId
from chatune_storage.audit_chain import AuditChain
from chatune_storage.codec import prompt_text, sampling_text
from chatune_storage.database import open_database
from chatune_storage.effects import COMPLETION, PROMPT
from chatune_storage.keys import MasterKey
from chatune_storage.sql_stores import open_stores
from fakes.clock import FakeClock
from fakes.events import generated

pytestmark = pytest.mark.anyio
MIGRATIONS = Path(chatune_storage.__file__).with_name("migrations")
MASTER_KEY = b"k" * 32
ANN = UserId("terminal:ann")


@pytest.fixture(params=["sqlite", "postgres"])
def url(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    if request.param == "sqlite":
        return f"sqlite:///{tmp_path}/chatune.db"
    return str(request.getfixturevalue("postgres_url"))


def sixth_schema(connection: Connection) -> None:
    """Make the tables of the sixth schema; Ann has agreed to training, asked, and liked the answer."""
    config, tables, master = Config(), MetaData(), MasterKey(MASTER_KEY)
    config.set_main_option("script_location", str(MIGRATIONS))
    config.attributes["connection"] = connection
    config.attributes["audit_chain"] = AuditChain(master.audit_key)
    command.upgrade(config, "0006")
    tables.reflect(connection, only=["people", "consents", "generations", "ratings"])
    wrapped = master.new_wrapped_key(ANN)
    key, made = master.person_key(7, ANN, wrapped), generated("1")
    rows = {
        "people": {"id": 7, "user_id": ANN, "wrapped_key": wrapped},
        "consents": {
            "person_id": 7, "purpose": "training", "granted": True, "source": "test:0", "at": 1,
        },
        "generations": {
            "event": made.event, "conversation": "terminal:room", "person_id": 7, "at": 1,
            "model": made.model, "sampling": sampling_text(made.sampling), "seed": "1",
            "prompt": key.seal(PROMPT, made.event, prompt_text(made.prompt)),
            "completion": key.seal(COMPLETION, made.event, made.completion), "finish": "stop",
            "prompt_tokens": 3, "completion_tokens": 2, "queued_s": 0.5, "first_token_s": 0.75,
            "total_s": 1.5, "since_reset": True,
        },
        "ratings": {"answers": made.event, "person_id": 7, "score": 1, "at": 1},
    }  # fmt: skip
    for table, row in rows.items():
        connection.execute(insert(tables.tables[table]), row)


async def test_an_earlier_answer_is_kept_and_not_learned_from(url: str, clock: FakeClock) -> None:
    async with open_database(url, timedelta(seconds=5)) as database:
        await database.write(sixth_schema)

    async with open_stores(url, MASTER_KEY, clock, timedelta(seconds=60)) as stores:
        gathered = await stores.evidence.gathered(platforms_permitted=True)
        exported = await stores.personal_data.export(ANN)

    assert (list(gathered.answers), dict(gathered.withheld)) == ([], {LeftOut.UNATTRIBUTED: 1})
    [made] = [item.record for item in exported if item.store == "generations"]
    assert (made["completion"], made["heard"]) == ("a completion", [])
