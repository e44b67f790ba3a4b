"""Identities of one person on several platforms."""

from datetime import timedelta

import pytest

from chatune_core.memory.places import MemoryPreferences
from chatune_core.messages import UserId
from chatune_core.outcomes import ConsentChanged, MemoryLearned, MemoryPreferencesChanged
from chatune_core.privacy import Purpose
from chatune_storage.stores import Stores
from fakes.clock import FakeClock
from fakes.events import ANN, AT, BEN, elsewhere, handle
from fakes.remembered import memory

pytestmark = pytest.mark.anyio
HERE, THERE, THIRD = ANN, UserId("other:ann"), UserId("third:ann")
SHORT = timedelta(minutes=10)


async def link(stores: Stores, one: UserId, other: UserId) -> None:
    await stores.links.offer(one, f"of {one}", SHORT)
    assert await stores.links.accept(other, f"of {one}") == one


async def test_a_code_shown_elsewhere_links_the_two(stores: Stores) -> None:
    await link(stores, HERE, THERE)

    assert list(await stores.links.linked(HERE)) == [THERE]
    assert list(await stores.links.linked(THERE)) == [HERE]
    assert list(await stores.links.linked(BEN)) == []


async def test_a_code_works_once(stores: Stores) -> None:
    await link(stores, HERE, THERE)

    assert await stores.links.accept(BEN, f"of {HERE}") is None


async def test_a_code_does_not_outlive_its_time(stores: Stores, clock: FakeClock) -> None:
    await stores.links.offer(HERE, "code", SHORT)

    clock.advance(SHORT)

    assert await stores.links.accept(THERE, "code") is None


async def test_only_the_newest_code_of_a_person_works(stores: Stores) -> None:
    await stores.links.offer(HERE, "first", SHORT)
    await stores.links.offer(HERE, "second", SHORT)

    assert await stores.links.accept(THERE, "first") is None
    assert await stores.links.accept(THERE, "second") == HERE


async def test_nobody_links_themselves(stores: Stores) -> None:
    await stores.links.offer(HERE, "code", SHORT)

    assert await stores.links.accept(HERE, "code") is None
    assert await stores.links.accept(THERE, "code") == HERE


async def test_a_third_identity_joins_the_other_two(stores: Stores) -> None:
    await link(stores, HERE, THERE)
    await link(stores, THIRD, HERE)

    for one in (HERE, THERE, THIRD):
        assert {one, *await stores.links.linked(one)} == {HERE, THERE, THIRD}


async def test_linked_identities_share_memories_until_they_part(stores: Stores) -> None:
    tea, coffee = memory("tea"), memory("coffee", user=THERE)
    await handle(stores, elsewhere("1"), MemoryLearned(tea), MemoryLearned(coffee))
    await link(stores, HERE, THERE)

    assert list(await stores.memories.of(HERE)) == [tea, coffee]
    assert list(await stores.memories.of(THERE)) == [tea, coffee]

    await stores.links.part(THERE)

    assert list(await stores.memories.of(HERE)) == [tea]
    assert list(await stores.memories.of(THERE)) == [coffee]


async def test_a_newer_memory_takes_the_place_of_one_from_a_linked_identity(
    stores: Stores,
) -> None:
    rome, oslo = memory("rome"), memory("oslo", user=THERE)
    await link(stores, HERE, THERE)

    await handle(stores, elsewhere("1"), MemoryLearned(rome), MemoryLearned(oslo, (rome.id,)))

    first, second = await stores.memories.of(HERE)
    assert (first.superseded_by, second.current) == (oslo.id, True)


async def test_what_one_identity_decides_holds_for_the_others(stores: Stores) -> None:
    await link(stores, HERE, THERE)
    yes = ConsentChanged(HERE, Purpose.MEMORY, True, "test:1", AT)
    paused = MemoryPreferencesChanged(THERE, MemoryPreferences(paused=True))

    await handle(stores, elsewhere("1"), yes, paused)

    for one in (HERE, THERE):
        standing = await stores.memories.standing(one)
        assert (standing.agreed, standing.preferences.paused) == (True, True)
    await stores.consents.record(THERE, Purpose.MEMORY, granted=False, source="test:2")
    assert not (await stores.memories.standing(HERE)).agreed


async def test_a_change_through_one_identity_gives_the_other_another_revision(
    stores: Stores,
) -> None:
    await link(stores, HERE, THERE)
    before = (await stores.memories.standing(HERE)).revision

    await handle(stores, elsewhere("1"), MemoryLearned(memory("coffee", user=THERE)))

    after = (await stores.memories.standing(HERE)).revision
    assert after == (await stores.memories.standing(THERE)).revision
    assert after != before


async def test_forgetting_reaches_what_was_learned_through_linked_identities(
    stores: Stores,
) -> None:
    tea, coffee, water = (memory(name, user=THERE) for name in ("tea", "coffee", "water"))
    await handle(stores, elsewhere("1"), *map(MemoryLearned, (tea, coffee, water)))
    await link(stores, HERE, THERE)

    one = await stores.memories.forget(HERE, [tea.id])
    assert one.removed["memories"] == 1

    everything = await stores.memories.forget(HERE)
    assert everything.removed["memories"] == 2
    assert list(await stores.memories.of(THERE)) == []
    assert list(await stores.links.linked(HERE)) == [THERE]


async def test_an_erased_identity_is_linked_to_nobody(stores: Stores) -> None:
    await link(stores, HERE, THERE)
    await stores.links.offer(THERE, "code", SHORT)

    exported = await stores.personal_data.export(HERE)
    assert [item.record for item in exported if item.store == "links"] == [{"linked": THERE}]
    receipt = await stores.personal_data.erase(THERE)

    assert receipt.removed["links"] == 2
    assert list(await stores.links.linked(HERE)) == []
    assert await stores.links.accept(BEN, "code") is None
