"""Messages that wait for a model to read them for memories."""

from datetime import timedelta

import pytest

from chatune_core.memory.notes import Note
from chatune_core.messages import ConversationId, EventKey, UserId, WorkspaceId
from chatune_core.outcomes import (
    MemoriesUnlearned,
    MemoryLearned,
    MemoryNoted,
    MessageErased,
    WorkspaceErased,
)
from chatune_storage.stores import Stores
from fakes.clock import FakeClock
from fakes.events import ANN, AT, BEN, ROOM, elsewhere, handle
from fakes.remembered import memory

pytestmark = pytest.mark.anyio
PLACE = ConversationId("test:office:room")


def note(key: str, user: UserId = ANN) -> Note:
    return Note(EventKey(f"test:{key}"), user, PLACE, AT, True, f"I am {key}. 😀")


async def noted(stores: Stores, *notes: Note) -> None:
    for one in notes:
        await handle(stores, elsewhere(one.event.removeprefix("test:"), one.user), MemoryNoted(one))


async def test_notes_come_back_as_they_were_oldest_first(stores: Stores) -> None:
    await noted(stores, note("1"), note("2", BEN), note("3"))

    assert list(await stores.notes.oldest(2)) == [note("1"), note("2", BEN)]
    assert len(await stores.notes.oldest(9)) == 3


async def test_a_settled_note_leaves_what_was_learned_and_settles_once(
    rivals: tuple[Stores, Stores],
) -> None:
    one, other = rivals
    await noted(one, note("1"))

    assert await one.notes.settle(note("1"), [MemoryLearned(memory("tea"))])
    assert not await other.notes.settle(note("1"), [MemoryLearned(memory("coffee"))])

    assert [each.id for each in await one.memories.of(ANN)] == ["tea"]
    assert list(await other.notes.oldest(9)) == []


async def test_nobody_settles_the_note_of_another(stores: Stores) -> None:
    await noted(stores, note("1"))

    assert not await stores.notes.settle(note("1", BEN), [MemoryLearned(memory("tea", user=BEN))])

    assert list(await stores.notes.oldest(9)) == [note("1")]
    assert list(await stores.memories.of(BEN)) == []


async def test_a_deleted_or_edited_message_is_not_read_any_more(stores: Stores) -> None:
    await noted(stores, note("1"), note("2"), note("3", BEN))

    await handle(stores, elsewhere("4"), MessageErased(ROOM, EventKey("test:1")))
    await handle(
        stores,
        elsewhere("5"),
        MemoriesUnlearned(ANN, EventKey("test:2")),
        MemoriesUnlearned(ANN, EventKey("test:3")),
    )

    assert list(await stores.notes.oldest(9)) == [note("3", BEN)]


async def test_notes_go_with_memories_and_with_their_person(stores: Stores) -> None:
    await noted(stores, note("1"), note("2", BEN))

    exported = await stores.personal_data.export(ANN)
    assert [r.record["text"] for r in exported if r.store == "memory_notes"] == ["I am 1. 😀"]
    assert (await stores.memories.forget(ANN)).removed["memory_notes"] == 1
    assert (await stores.personal_data.erase(BEN)).removed["memory_notes"] == 1
    assert list(await stores.notes.oldest(9)) == []


async def test_notes_go_with_a_workspace(stores: Stores) -> None:
    await noted(stores, note("1"))

    await handle(stores, elsewhere("9"), WorkspaceErased(WorkspaceId("test:office")))

    assert list(await stores.notes.oldest(9)) == []


async def test_notes_go_by_age(stores: Stores, clock: FakeClock) -> None:
    await noted(stores, note("1"))
    clock.advance(timedelta(days=31))

    assert (await stores.retention.purge(timedelta(days=30)))["memory_notes"] == 1
    assert list(await stores.notes.oldest(9)) == []
