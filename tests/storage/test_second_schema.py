"""A database of the first schema comes up to date with everything that was in it."""

from datetime import timedelta
from pathlib import Path

import pytest
from alembic import command
from alembic.config import Config
from sqlalchemy import Connection, MetaData, insert, select

import chatune_storage
from chatune_core.generation.requests import ChatMessage, Sampling
from chatune_core.messages import EventKey, MessageKey
from chatune_core.outcomes import Outcome
from chatune_storage.codec import prompt_text, sampling_text
from chatune_storage.database import open_database
from chatune_storage.keys import MasterKey
from chatune_storage.sql_stores import open_stores
from chatune_storage.tables import CLAIMED, ENDED, READY, WAITING, microseconds
from fakes.clock import FakeClock
from fakes.events import ANN, AT, ROOM, reply, said, stop, turn

pytestmark = pytest.mark.anyio
MIGRATIONS = Path(chatune_storage.__file__).with_name("migrations")
MASTER_KEY = b"k" * 32
LEASE_FOR = timedelta(seconds=60)
HEAD = '"test:room", "test:ann", "2026-01-01T00:00:00+00:00"'
AT_US = microseconds(AT)


@pytest.fixture(params=["sqlite", "postgres"])
def url(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    if request.param == "sqlite":
        return f"sqlite:///{tmp_path}/chatune.db"
    return str(request.getfixturevalue("postgres_url"))


def first_schema(connection: Connection) -> None:
    config = Config()
    config.set_main_option("script_location", str(MIGRATIONS))
    config.attributes["connection"] = connection
    command.upgrade(config, "0001")
    _fill(connection)


def _fill(connection: Connection) -> None:
    """Write what the first version would have."""
    master, tables = MasterKey(MASTER_KEY), MetaData()
    tables.reflect(connection)
    wrapped = master.new_wrapped_key(ANN)
    ann = master.person_key(1, ANN, wrapped)

    def write(table: str, **row: object) -> None:
        connection.execute(insert(tables.tables[table]).values(**row))

    def event(key: str, payload: str | None, line: str | None, state: int) -> None:
        hashed = master.hashed(key)
        sealed = None if payload is None else ann.seal("inbox.payload", hashed.hex(), payload)
        person = None if payload is None else 1
        write("inbox", key_hash=hashed, line=line, person_id=person, payload=sealed, state=state,
              attempt=0, free_at=0, stopping=False)  # fmt: skip

    def answer(key: str, state: int, message: str | None, text: str | None) -> None:
        sealed = None if text is None else ann.seal("outbox.payload", key, text)
        line = ROOM if state != ENDED else None
        write("outbox", answers=key, line=line, person_id=1, payload=sealed, state=state,
              attempt=0, free_at=0, message=message,
              ended_at=AT_US if state == ENDED else None)  # fmt: skip

    write("people", user_id=ANN, wrapped_key=wrapped)
    event("test:1", None, None, ENDED)
    event("test:4", f'["message", "test:4", {HEAD}, "hello", []]', ROOM, READY)
    event("test:5", f'["message", "test:5", {HEAD}, "more", []]', ROOM, WAITING)
    event("test:6", f'["stop", "test:6", {HEAD}]', None, READY)
    answer("test:1", ENDED, "m1", None)
    answer("test:2", ENDED, "m1", None)
    answer("test:3", ENDED, None, '["test:room", "parked", false]')
    answer("test:0", CLAIMED, None, '["test:room", "hi", false]')
    for key in ("test:1", "test:2"):
        write("generations", event=key, conversation=ROOM, person_id=1, at=AT_US, model="small",
              sampling=sampling_text(Sampling()), seed="7", finish="stop",
              prompt=ann.seal("generations.prompt", key, prompt_text((ChatMessage("user", "q"),))),
              completion=ann.seal("generations.completion", key, "a"), prompt_tokens=1,
              completion_tokens=1, queued_s=0, first_token_s=0, total_s=0,
              since_reset=True)  # fmt: skip
    write("turns", event="test:1", conversation=ROOM, person_id=1, role="user",
          text=ann.seal("turns.text", "user|test:1", "hello"), at=AT_US)  # fmt: skip
    write("ratings", answers="test:1", person_id=1, score=1, at=AT_US,
          reason=ann.seal("ratings.reason", "test:1", "kind"))  # fmt: skip
    write("choices", conversation=ROOM, model="large")
    write("consents", person_id=1, purpose="memory", granted=True, source="test:1", at=AT_US)
    write("audit", at=AT_US, actor="operator", action="look", subject=ANN, details="{}")


async def fill(url: str) -> None:
    async with open_database(url, timedelta(seconds=5)) as database:
        await database.write(first_schema)


async def test_everything_is_still_there(url: str, clock: FakeClock) -> None:
    await fill(url)

    async with open_stores(url, MASTER_KEY, clock, LEASE_FOR, platforms=["test"]) as stores:
        assert await stores.history.recent(ROOM, 5) == [turn("1", "hello").turn]
        assert await stores.history.chosen_model(ROOM) == "large"
        assert await stores.history.answer_shown_as(MessageKey("m1")) == "test:2"
        assert await stores.history.question_of(EventKey("test:1")) == "test:1"
        assert len(await stores.audit.entries(5)) == 1
        assert not await stores.inbox.put(said("1"))
        exported = await stores.personal_data.export(ANN)
        shown = [item.record for item in exported if "shown_as" in item.record]
        assert {record["answers"]: record["shown_as"] for record in shown} == {
            "test:1": [],
            "test:2": ["m1"],
        }
        counts = [item.store for item in exported]
        assert {store: counts.count(store) for store in counts} == {
            "inbox": 3, "outbox": 4, "turns": 1, "generations": 2, "ratings": 1, "consents": 1,
            "audit": 1,
        }  # fmt: skip


async def test_what_waited_is_claimed_by_its_platform(url: str, clock: FakeClock) -> None:
    await fill(url)

    async with open_stores(url, MASTER_KEY, clock, LEASE_FOR, platforms=["other"]) as stores:
        assert await stores.inbox.lease(9) == []
        assert await stores.outbox.lease(9) == []
    async with open_stores(url, MASTER_KEY, clock, LEASE_FOR, platforms=["test"]) as stores:
        message, stopping = await stores.inbox.lease(9)
        assert (message.event, stopping.event) == (said("4"), stop("6"))
        [waiting] = await stores.outbox.lease(9)
        assert waiting.reply == reply("0")
        assert await stores.ledger.commit(message, Outcome())
        await stores.outbox.delivered(waiting, [MessageKey("m0")])
        assert [lease.event for lease in await stores.inbox.lease(9)] == [said("5", "more")]


async def test_a_delivered_reply_is_known_to_belong_to_its_conversation(
    url: str, clock: FakeClock
) -> None:
    await fill(url)

    async with open_stores(url, MASTER_KEY, clock, LEASE_FOR):
        pass

    async with open_database(url, timedelta(seconds=5)) as database:
        tables = MetaData()

        def lines(connection: Connection) -> dict[str, str | None]:
            tables.reflect(connection)
            outbox = tables.tables["outbox"]
            rows = connection.execute(select(outbox.c.answers, outbox.c.line))
            return {row[0]: row[1] for row in rows}

        assert await database.write(lines) == {
            "test:0": ROOM, "test:1": ROOM, "test:2": ROOM, "test:3": None,
        }  # fmt: skip
