"""What is remembered of a person, and how it is forgotten."""

from collections.abc import Mapping
from dataclasses import replace
from datetime import timedelta

import pytest

from chatune_core.memory.places import MemoryPreferences
from chatune_core.memory.values import Kind, Memory, MemoryId
from chatune_core.messages import ConversationId, EventKey, UserId, WorkspaceId
from chatune_core.outcomes import (
    AnswerCorrected,
    AnswerRated,
    ConsentChanged,
    MemoriesUnlearned,
    MemoryEdited,
    MemoryLearned,
    MemoryPreferencesChanged,
    MessageErased,
    WorkspaceErased,
)
from chatune_core.privacy import Purpose
from chatune_storage.personal import FORGOTTEN
from chatune_storage.stores import Stores
from fakes.events import (
    ANN,
    AT,
    BEN,
    OTHER_ROOM,
    ROOM,
    elsewhere,
    generated,
    handle,
    reply,
    said,
    turn,
)
from fakes.remembered import memory

pytestmark = pytest.mark.anyio
LATER = AT + timedelta(hours=1)
TEA = memory("tea", "Likes tea.")
NOTHING = dict.fromkeys(FORGOTTEN, 0)


async def learn(stores: Stores, *learned: Memory | MemoryLearned) -> None:
    effects = [MemoryLearned(each) if isinstance(each, Memory) else each for each in learned]
    await handle(stores, elsewhere(f"learns {learned!r}"), *effects)


async def known(stores: Stores, user: UserId = ANN) -> Mapping[str, Memory]:
    return {memory.id: memory for memory in await stores.memories.of(user)}


async def test_what_is_learned_comes_back_as_it_was_oldest_first(stores: Stores) -> None:
    style = memory("style", "Wants answers in German. 😀 שלום", at=LATER, kind=Kind.STYLE,
                   slot="style.language", private=True, pinned=True)  # fmt: skip

    await learn(stores, TEA, style)

    assert await stores.memories.of(ANN) == [TEA, style]


async def test_nobody_has_the_memories_of_another(stores: Stores) -> None:
    of_ben = memory("coffee", "Likes coffee.", BEN)
    await learn(stores, TEA, of_ben)

    assert await stores.memories.of(BEN) == [of_ben]
    assert await stores.memories.of(UserId("test:nobody")) == []


async def test_a_newer_memory_takes_the_place_of_the_older(stores: Stores) -> None:
    rome = memory("rome", "Lives in Rome.", slot="home.city")
    oslo = memory("oslo", "Lives in Oslo.", slot="home.city", at=LATER, source="2")
    await learn(stores, rome)

    await learn(stores, MemoryLearned(oslo, (rome.id,)))

    found = await known(stores)
    assert found["rome"] == replace(rome, superseded_by=oslo.id, valid_to=LATER)
    assert found["oslo"].current


async def test_a_memory_never_takes_the_place_of_another_persons(stores: Stores) -> None:
    await learn(stores, TEA)

    await learn(stores, MemoryLearned(memory("coffee", user=BEN), (TEA.id,)))

    assert await stores.memories.of(ANN) == [TEA]


async def test_an_edited_memory_keeps_when_and_from_what_it_was_learned(stores: Stores) -> None:
    await learn(stores, TEA)
    edited = memory("tea", "Likes green tea.", source="9", place=OTHER_ROOM, at=LATER)

    await handle(stores, elsewhere("edits"), MemoryEdited(edited))

    [found] = await stores.memories.of(ANN)
    assert found == replace(TEA, text="Likes green tea.", valid_from=LATER)


async def test_nobody_edits_the_memory_of_another(stores: Stores) -> None:
    await learn(stores, TEA)

    await handle(stores, elsewhere("edits"), MemoryEdited(memory("tea", "Is a thief.", BEN)))

    assert await stores.memories.of(ANN) == [TEA]
    assert await stores.memories.of(BEN) == []


async def test_what_a_message_taught_goes_with_it_and_what_was_before_is_so_again(
    stores: Stores,
) -> None:
    rome = memory("rome", "Lives in Rome.", source="1")
    oslo = memory("oslo", "Lives in Oslo.", source="2", at=LATER)
    await learn(stores, rome, MemoryLearned(oslo, (rome.id,)))

    await handle(stores, elsewhere("3"), MemoriesUnlearned(ANN, EventKey("test:2")))

    assert await stores.memories.of(ANN) == [rome]


async def test_what_went_from_the_middle_of_a_chain_leaves_the_newest_in_force(
    stores: Stores,
) -> None:
    rome = memory("rome", source="1")
    oslo = memory("oslo", source="2", at=AT + timedelta(minutes=1))
    kyiv = memory("kyiv", source="3", at=LATER)
    await learn(stores, rome, MemoryLearned(oslo, (rome.id,)), MemoryLearned(kyiv, (oslo.id,)))

    await handle(stores, elsewhere("4"), MemoriesUnlearned(ANN, EventKey("test:2")))

    found = await known(stores)
    assert found == {"rome": replace(rome, superseded_by=kyiv.id, valid_to=LATER), "kyiv": kyiv}


async def test_a_message_unlearns_only_what_its_author_taught_with_it(stores: Stores) -> None:
    await learn(stores, TEA)

    await handle(stores, elsewhere("3", BEN), MemoriesUnlearned(BEN, TEA.source))

    assert await stores.memories.of(ANN) == [TEA]


async def test_a_deleted_message_takes_what_was_learned_from_it(stores: Stores) -> None:
    other = memory("other", source="2")
    await handle(stores, said("1"), turn("1", "I like tea"), MemoryLearned(TEA))
    await learn(stores, other)

    await handle(stores, elsewhere("9"), MessageErased(ROOM, EventKey("test:1")))

    assert await stores.memories.of(ANN) == [other]


async def test_a_workspace_takes_what_was_learned_in_it(stores: Stores) -> None:
    workspace = WorkspaceId("test:office")
    here = memory("here", place=ConversationId("test:office:room"))
    near = memory("near", place=ConversationId("test:office2:room"))
    await learn(stores, here, near)

    await handle(stores, elsewhere("9"), WorkspaceErased(workspace))

    assert await stores.memories.of(ANN) == [near]


async def test_memory_stands_at_nothing_until_a_person_speaks_of_it(stores: Stores) -> None:
    standing = await stores.memories.standing(ANN)

    assert (standing.agreed, standing.preferences) == (False, MemoryPreferences())


async def test_consent_and_preferences_are_what_was_said_last(stores: Stores) -> None:
    limited = MemoryPreferences(paused=True, everywhere=True, only_in=(ROOM, OTHER_ROOM))
    yes = ConsentChanged(ANN, Purpose.MEMORY, True, "test:1", AT)

    await handle(stores, elsewhere("1"), yes, MemoryPreferencesChanged(ANN, limited))

    standing = await stores.memories.standing(ANN)
    assert (standing.agreed, standing.preferences) == (True, limited)
    assert not (await stores.memories.standing(BEN)).agreed

    no = ConsentChanged(ANN, Purpose.MEMORY, False, "test:2", LATER)
    await handle(stores, elsewhere("2"), no, MemoryPreferencesChanged(ANN, MemoryPreferences()))

    standing = await stores.memories.standing(ANN)
    assert (standing.agreed, standing.preferences) == (False, MemoryPreferences())


async def test_every_change_gives_another_revision_in_every_process(
    rivals: tuple[Stores, Stores],
) -> None:
    one, other = rivals
    seen = [(await other.memories.standing(ANN)).revision]

    async def changed() -> None:
        seen.append((await other.memories.standing(ANN)).revision)

    await learn(one, TEA, memory("more", source="2"))
    await changed()
    await handle(one, elsewhere("2"), MemoryEdited(replace(TEA, text="Likes rooibos.")))
    await changed()
    await handle(one, elsewhere("3"), MemoriesUnlearned(ANN, EventKey("test:2")))
    await changed()
    await one.memories.forget(ANN, [TEA.id])
    await changed()
    await learn(one, memory("again"))
    await changed()
    await one.memories.forget(ANN)
    await changed()

    assert len(set(seen)) == len(seen)


async def test_the_revision_stands_still_while_nothing_of_the_person_changes(
    stores: Stores,
) -> None:
    await learn(stores, TEA)
    before = await stores.memories.standing(ANN)

    await learn(stores, memory("coffee", user=BEN))
    await handle(stores, elsewhere("9"), turn("9", "hello"))

    assert await stores.memories.standing(ANN) == before


async def test_an_answer_knows_which_memories_it_used(stores: Stores) -> None:
    more = memory("more")
    await learn(stores, TEA, more)
    await handle(stores, said("1"), replace(generated("1"), memories=(more.id, TEA.id)))
    await handle(stores, said("2"), generated("2"))

    assert list(await stores.memories.used_in(EventKey("test:1"))) == [more.id, TEA.id]
    assert list(await stores.memories.used_in(EventKey("test:2"))) == []
    assert list(await stores.memories.used_in(EventKey("test:3"))) == []


async def a_story(stores: Stores) -> None:
    """Ann said in 1 that she likes tea; the answer to 2 used it, 3 repeats that; 4 is elsewhere."""
    await handle(
        stores, said("1"), turn("1", "I like tea"), turn("1", "Noted", "assistant"),
        generated("1"), MemoryLearned(TEA), MemoryLearned(memory("other", source="4")),
    )  # fmt: skip
    await handle(
        stores, said("2"), turn("2", "A drink?"), turn("2", "Tea", "assistant"),
        replace(generated("2"), memories=(TEA.id, MemoryId("other"))),
        AnswerRated(EventKey("test:2"), ANN, 1, AT, "tea indeed"),
        AnswerCorrected(EventKey("test:2"), ANN, "Green tea", AT),
    )  # fmt: skip
    await handle(stores, said("3"), turn("3", "Another?"), generated("3", at=LATER))
    await handle(
        stores, elsewhere("4"), turn("4", "Hello", room=OTHER_ROOM),
        generated("4", room=OTHER_ROOM),
    )  # fmt: skip


async def texts(stores: Stores) -> dict[str, tuple[bool, bool]]:
    """Return for each answer whether its prompt and its completion are kept."""
    exported = [*await stores.personal_data.export(ANN), *await stores.personal_data.export(BEN)]
    made = [item.record for item in exported if item.store == "generations"]
    return {str(m["event"]): (bool(m["prompt"]), bool(m["completion"])) for m in made}


async def test_forgetting_one_memory_reaches_whatever_may_repeat_it_and_nothing_else(
    stores: Stores,
) -> None:
    await a_story(stores)

    receipt = await stores.memories.forget(ANN, [TEA.id])

    assert dict(receipt.removed) == {
        "memories": 1, "memory_notes": 0, "turns": 3, "generations": 2, "ratings": 1, "corrections": 1, "quotes": 1, "models": 0,
    }  # fmt: skip
    assert list(await known(stores)) == ["other"]
    assert [turn.text for turn in await stores.history.recent(ROOM, 9)] == ["A drink?", "Another?"]
    assert await texts(stores) == {
        "test:1": (False, False), "test:2": (False, False), "test:3": (False, True),
        "test:4": (True, True),
    }  # fmt: skip
    assert list(await stores.memories.used_in(EventKey("test:2"))) == ["other"]


async def test_with_a_memory_goes_what_it_took_the_place_of(stores: Stores) -> None:
    rome, oslo, kyiv = memory("rome"), memory("oslo", source="2"), memory("kyiv", source="3")
    await learn(stores, rome, MemoryLearned(oslo, (rome.id,)), MemoryLearned(kyiv, (oslo.id,)), TEA)

    receipt = await stores.memories.forget(ANN, [kyiv.id])

    assert receipt.removed["memories"] == 3
    assert await stores.memories.of(ANN) == [TEA]


async def test_forgetting_all_leaves_nothing_that_was_said_and_the_consent(stores: Stores) -> None:
    await a_story(stores)
    limited = MemoryPreferences(everywhere=True)
    yes = ConsentChanged(ANN, Purpose.MEMORY, True, "test:5", AT)
    await handle(stores, elsewhere("5"), yes, MemoryPreferencesChanged(ANN, limited))
    await handle(stores, elsewhere("6", BEN), turn("6", "I am Ben", user=BEN))
    await handle(stores, said("7", user=BEN), generated("7", user=BEN))

    receipt = await stores.memories.forget(ANN)

    assert dict(receipt.removed) == {
        "memories": 2, "memory_notes": 0, "turns": 6, "generations": 4, "ratings": 1, "corrections": 1, "quotes": 1, "models": 0,
    }  # fmt: skip
    assert await stores.memories.of(ANN) == []
    assert [turn.text for turn in await stores.history.recent(ROOM, 9)] == ["I am Ben"]
    assert [turn.text for turn in await stores.history.recent(OTHER_ROOM, 9)] == []
    left = await texts(stores)
    assert left.pop("test:7") == (False, True)
    assert set(left.values()) == {(False, False)}
    standing = await stores.memories.standing(ANN)
    assert (standing.agreed, standing.preferences) == (True, limited)


async def test_work_goes_on_after_forgetting_all(rivals: tuple[Stores, Stores]) -> None:
    one, other = rivals
    await handle(one, said("1"), turn("1", "hello"), answer=reply("1"))
    await handle(other, elsewhere("2"), turn("2", "hello"))
    await one.inbox.put(elsewhere("3"))

    await one.memories.forget(ANN)

    # The other process still remembers the key that is gone.
    [lease] = await other.inbox.lease(1)
    assert lease.event == elsewhere("3")
    await handle(other, elsewhere("4"), turn("4", "here again"), MemoryLearned(TEA))
    for stores in rivals:
        assert await stores.memories.of(ANN) == [TEA]
        assert [turn.text for turn in await stores.history.recent(ROOM, 9)] == ["here again"]
    [sent] = await one.outbox.lease(1)
    assert sent.reply == reply("1")


async def test_forgetting_is_for_ones_own_memories_alone(stores: Stores) -> None:
    await a_story(stores)

    receipt = await stores.memories.forget(BEN, [TEA.id])
    everything = await stores.memories.forget(BEN)

    assert dict(receipt.removed) == NOTHING
    assert dict(everything.removed) == NOTHING
    assert sorted(await known(stores)) == ["other", "tea"]
    assert len(await stores.history.recent(ROOM, 9)) == 5


async def test_forgetting_twice_forgets_nothing_more(stores: Stores) -> None:
    await a_story(stores)
    await stores.memories.forget(ANN, [TEA.id])

    assert dict((await stores.memories.forget(ANN, [TEA.id])).removed) == NOTHING


async def test_an_export_and_an_erasure_reach_everything_that_is_remembered(
    stores: Stores,
) -> None:
    await learn(stores, TEA)
    await handle(
        stores, elsewhere("2"), MemoryPreferencesChanged(ANN, MemoryPreferences(paused=True))
    )

    await handle(stores, said("1"), replace(generated("1"), memories=(TEA.id,)))
    exported = {item.store: item.record for item in await stores.personal_data.export(ANN)}
    assert exported["generations"]["memories"] == ["tea"]
    assert (exported["memories"]["text"], exported["memory_preferences"]["paused"]) == (
        "Likes tea.",
        True,
    )

    receipt = await stores.personal_data.erase(ANN)

    assert (receipt.removed["memories"], receipt.removed["memory_preferences"]) == (1, 1)
    assert await stores.memories.of(ANN) == []
    standing = await stores.memories.standing(ANN)
    assert (standing.agreed, standing.preferences) == (False, MemoryPreferences())
