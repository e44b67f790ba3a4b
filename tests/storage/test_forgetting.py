"""What is forgotten is gone from the files of the database, and its key with it."""

import sqlite3
from collections.abc import Callable
from contextlib import AbstractAsyncContextManager, closing
from dataclasses import replace
from pathlib import Path

import pytest
from sqlalchemy import LargeBinary

from chatune_core.memory.ports import TextVector
from chatune_core.messages import ConversationId, UserId
from chatune_core.outcomes import AnswerCorrected, AnswerRated, MemoryLearned
from chatune_storage.rekeying import RESEALED
from chatune_storage.stores import Stores
from chatune_storage.tables import metadata
from fakes.events import AT, elsewhere, generated, handle, said, turn
from fakes.remembered import memory

pytestmark = pytest.mark.anyio
Open = Callable[[], AbstractAsyncContextManager[Stores]]
USER, ROOM = UserId("test:somebody"), ConversationId("test:room-of-hers")
MARKERS = [f"marker {number} of hers" for number in range(50)]


async def live(stores: Stores) -> None:
    """Say, answer, rate, correct and remember every marker."""
    for number, marker in enumerate(MARKERS):
        key = f"k{number}"
        learned = memory(f"memory-{number}", marker, USER, key, ROOM, slot=f"slot.of_{number}")
        await handle(
            stores,
            said(key, marker, ROOM, USER),
            turn(key, marker, room=ROOM, user=USER),
            turn(key, marker, "assistant", ROOM, USER),
            replace(generated(key, marker, marker, ROOM, USER), memories=(learned.id,)),
            AnswerRated(generated(key).event, USER, 1, AT, marker),
            AnswerCorrected(generated(key).event, USER, marker, AT),
            MemoryLearned(learned),
        )
        made = {learned.id: TextVector(marker, vector_of(marker))}
        await stores.vectors.keep(USER, "encoder", made)


def vector_of(marker: str) -> bytes:
    return marker.encode() * 30


def on_disk(file: Path) -> bytes:
    return b"".join(path.read_bytes() for path in sorted(file.parent.iterdir()))


def sealed(file: Path, *columns: str) -> list[bytes]:
    """Return every value of these columns."""
    with closing(sqlite3.connect(file)) as database:
        tables = (column.split(".") for column in columns)
        rows = (database.execute(f"SELECT {name} FROM {table}") for table, name in tables)
        return [value for each in rows for (value,) in each if value is not None]


async def test_no_memory_can_be_read_in_the_files(open_file: Open, file: Path) -> None:
    async with open_file() as stores:
        await live(stores)

        left = on_disk(file)
        for text in (*MARKERS, "slot.of_1", "preference"):
            assert text.encode() not in left, text


async def test_one_forgotten_memory_leaves_no_byte(open_file: Open, file: Path) -> None:
    async with open_file() as stores:
        await live(stores)
        [mine] = [one for one in await stores.memories.of(USER) if one.text == MARKERS[7]]
        with closing(sqlite3.connect(file)) as database:
            [ciphers] = database.execute(
                "SELECT said, vector FROM memories WHERE memory = ?", (mine.id,)
            ).fetchall()

        await stores.memories.forget(USER, [mine.id])

        left = on_disk(file)
        assert [cipher for cipher in ciphers if cipher[12:] in left] == []
        assert mine.id.encode() + b"\x00" not in left
        assert len(await stores.memories.of(USER)) == len(MARKERS) - 1


async def test_forgetting_all_leaves_no_byte_of_texts_nor_of_the_key(
    open_file: Open, file: Path
) -> None:
    columns = ("memories.said", "memories.vector", "turns.text", "generations.prompt", "generations.completion",
               "ratings.reason", "corrections.text", "people.wrapped_key")  # fmt: skip
    async with open_file() as stores:
        await live(stores)
        hers = sealed(file, *columns)
        assert len(hers) == 8 * len(MARKERS) + 1

        await stores.memories.forget(USER)

        left = on_disk(file)
        assert [cipher for cipher in hers if cipher[12:] in left] == []
        assert [each for each in MARKERS if each.encode() in left] == []


async def test_work_that_waits_is_readable_with_the_new_key(open_file: Open) -> None:
    async with open_file() as stores:
        await live(stores)
        await stores.inbox.put(elsewhere("waits", USER))

        await stores.memories.forget(USER)

    async with open_file() as stores:
        [lease] = await stores.inbox.lease(1)
        assert lease.event == elsewhere("waits", USER)


def test_everything_encrypted_for_a_person_is_forgotten_or_sealed_again() -> None:
    forgotten = {"turns.text", "generations.prompt", "generations.completion", "ratings.reason",
                 "corrections.text", "memories.said", "memories.vector",
                 "memory_notes.said"}  # fmt: skip
    hashes = {"inbox.key_hash", "link_codes.code_hash"}

    encrypted = {
        f"{table.name}.{column.name}"
        for table in metadata.sorted_tables
        for column in table.columns
        if isinstance(column.type, LargeBinary) and "person_id" in table.columns
    }

    assert encrypted - hashes == forgotten | RESEALED
