"""After forget-all nothing a person said is in the raw files of the database, nor in any log."""

import logging
import os
import re
from collections.abc import Awaitable, Callable
from datetime import timedelta
from pathlib import Path
from typing import Any

import anyio
import pytest
from sqlalchemy import text
from sqlalchemy.ext.asyncio import create_async_engine

from chatune_core.generation.requests import GenerationRequest
from chatune_core.messages import ConversationId, EventKey, FormSubmitted, MessageKey, UserId
from chatune_storage.sql_stores import open_stores
from fakes.clock import FakeClock
from fakes.generator import ScriptedGenerator
from fakes.platform import AT
from fakes.world import World, make_world

pytestmark = [pytest.mark.anyio, pytest.mark.timeout(180)]
ANN, HERS = UserId("test:ann"), ConversationId("test:private:hers")
MARKERS = [f"marker{number:02}zq" for number in range(50)]
Read = Callable[[], Awaitable[bytes]]


def repeating(request: GenerationRequest) -> list[str]:
    """Say again all that the model was told."""
    return [message.content for message in request.messages]


async def a_life(world: World) -> None:
    """Have the bot hear, remember, use, repeat, rate and correct every marker."""
    await world.say("/memory on", HERS)
    await world.say("/feedback on", HERS)
    await world.say("/training on", HERS)
    for marker in MARKERS[:30]:
        await world.say(f"Remember that I love {marker} hats.", HERS)
    for marker in MARKERS[30:40]:
        await world.say(f"I love {marker} a lot. Which hat of mine is it?", HERS)
        await world.say(f"/bad because of {marker}", HERS)
    for marker in MARKERS[40:]:
        await world.say(f"Tell me about {marker}.", HERS)
        await world.say(f"/correct It is all about {marker}.", HERS)
    under = MessageKey(f"shown:{world.last.answers}")
    fields = (("number", "1"), ("text", f"I love {MARKERS[0]} coats."))
    key = EventKey("test:form")
    await world.happen(FormSubmitted(key, HERS, ANN, AT, under, "memory-edit", "", fields))


def files_of(folder: Path) -> Read:
    def whole() -> bytes:
        return b"".join([path.read_bytes() for path in sorted(folder.iterdir())])

    async def read() -> bytes:
        return whole()

    return read


def files_of_server(server: str) -> Read:
    """Read as the server's superuser: every file of the database, and all that is written from now
    on to the write-ahead log, under whatever name it lies there.
    """
    files = (
        "SELECT pg_read_binary_file(path, 0, 1 << 28, true) FROM (SELECT DISTINCT "
        "pg_relation_filepath(oid) AS path FROM pg_class) AS files WHERE path IS NOT NULL"
    )
    # What others left there would be many times as much.
    log = (
        "SELECT pg_read_binary_file('pg_wal/' || name, 0, 1 << 28, true) FROM pg_ls_waldir() "
        "WHERE modification >= timestamptz '{since}'"
    )

    async def answers(*queries: str) -> list[Any]:
        engine = create_async_engine(server)
        async with engine.connect() as connection:
            given = [await connection.execute(text(query)) for query in queries]
            values = [value for rows in given if rows.returns_rows for value in rows.scalars()]
        await engine.dispose()
        return values

    [since] = anyio.run(answers, "SELECT date_trunc('second', now())::text")  # as files have it

    async def read() -> bytes:
        parts = await answers("CHECKPOINT", files, log.format(since=since))
        return b"".join(part for part in parts if part is not None)

    return read


@pytest.fixture(params=["sqlite", "postgres"])
def disk(request: pytest.FixtureRequest, tmp_path: Path) -> tuple[str, Read]:
    """The URL of a database, and what reads its raw files."""
    if request.param == "sqlite":
        return f"sqlite:///{tmp_path}/chatune.db", files_of(tmp_path)
    url = str(request.getfixturevalue("postgres_url"))
    return url, files_of_server(os.environ["CHATUNE_TEST_POSTGRES"])


async def test_nothing_is_left_in_files_or_logs(
    disk: tuple[str, Read], clock: FakeClock, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)
    url, read = disk
    async with open_stores(url, b"k" * 32, clock, timedelta(seconds=60)) as stores:
        world = make_world(ScriptedGenerator(repeating), stores=stores)
        await a_life(world)
        assert len(await stores.memories.of(ANN)) == 40
        keys = [EventKey(f"test:{number}") for number in range(1, world.said + 1)]
        there = await read()
        assert set(re.findall(rb"test:\d+", there)) >= {key.encode() for key in keys[40:60]}, (
            "the files are those that are read"
        )

        await world.say("/memory forget-all", HERS)
        receipt = await world.press("memory-forget-all")

        assert "  40 memories" in receipt.splitlines()
        left = await read()
        logged = "\n".join(record.getMessage() for record in caplog.records)
        assert re.findall(rb"marker\d\dzq", left) == []
        assert [marker for marker in MARKERS if marker in logged] == []
        exported = str(await stores.personal_data.export(ANN))
        assert [marker for marker in MARKERS if marker in exported] == []
        await world.say("What do I love?", HERS)
        told = str(world.model.requests[-1].messages)
        assert [marker for marker in MARKERS if marker in told] == []
