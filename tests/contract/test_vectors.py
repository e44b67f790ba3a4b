"""What the search model made of memories: kept with them, and gone with them."""

from collections.abc import Awaitable, Callable
from dataclasses import replace
from datetime import timedelta

import pytest

from chatune_core.memory.ports import TextVector
from chatune_core.memory.values import Memory, MemoryId
from chatune_core.messages import EventKey, UserId, WorkspaceId
from chatune_core.outcomes import (
    MemoriesUnlearned,
    MemoryEdited,
    MemoryLearned,
    MessageErased,
    WorkspaceErased,
)
from chatune_storage.stores import Stores
from fakes.events import ANN, BEN, ROOM, elsewhere, handle
from fakes.remembered import memory

pytestmark = pytest.mark.anyio
TEA, DOG = memory("tea", "Likes tea."), memory("dog", "Has a dog.", source="2")
NUMBERS = bytes(range(256)) * 3


async def learn(stores: Stores, *learned: Memory, by: str = "1") -> None:
    await handle(stores, elsewhere(f"learns by {by}"), *map(MemoryLearned, learned))


async def keep(
    stores: Stores,
    *encoded: Memory,
    user: UserId = ANN,
    encoder: str = "small",
    numbers: bytes = NUMBERS,
) -> None:
    made = {one.id: TextVector(one.text, numbers) for one in encoded}
    await stores.vectors.keep(user, encoder, made)


async def kept(stores: Stores, user: UserId = ANN, encoder: str = "small") -> dict[MemoryId, bytes]:
    return dict(await stores.vectors.kept(user, encoder))


async def test_vectors_come_back_as_they_were_in_every_process(
    rivals: tuple[Stores, Stores],
) -> None:
    one, other = rivals
    await learn(one, TEA, DOG)

    await keep(one, TEA)

    assert await kept(other) == {TEA.id: NUMBERS}


async def test_nobody_has_or_changes_the_vectors_of_another(stores: Stores) -> None:
    await learn(stores, TEA)
    await keep(stores, TEA)

    await keep(stores, TEA, user=BEN, numbers=b"of Ben")

    assert await kept(stores, BEN) == {}
    assert await kept(stores) == {TEA.id: NUMBERS}


async def test_what_was_learned_through_a_linked_identity_keeps_its_vector_too(
    stores: Stores,
) -> None:
    await learn(stores, TEA)
    await stores.links.offer(ANN, "code", timedelta(minutes=5))
    assert await stores.links.accept(BEN, "code") == ANN

    await keep(stores, TEA, user=BEN)

    assert await kept(stores, BEN) == await kept(stores) == {TEA.id: NUMBERS}


async def test_vectors_of_another_encoder_are_not_used_and_are_replaced(stores: Stores) -> None:
    await learn(stores, TEA)
    await keep(stores, TEA)

    assert await kept(stores, encoder="large") == {}
    await keep(stores, TEA, encoder="large", numbers=b"larger")

    assert await kept(stores, encoder="large") == {TEA.id: b"larger"}
    assert await kept(stores) == {}


async def test_an_edited_memory_has_no_vector_until_its_new_text_is_encoded(
    stores: Stores,
) -> None:
    await learn(stores, TEA)
    await keep(stores, TEA)
    edited = replace(TEA, text="Likes green tea.")

    await handle(stores, elsewhere("edits"), MemoryEdited(edited))
    await keep(stores, TEA)

    assert await kept(stores) == {}
    await keep(stores, edited, numbers=b"green")
    assert await kept(stores) == {TEA.id: b"green"}


async def test_no_vector_is_kept_of_what_is_not_remembered(stores: Stores) -> None:
    await learn(stores, DOG)

    await keep(stores, TEA)
    await learn(stores, TEA, by="9")

    assert await kept(stores) == {}


async def forget(stores: Stores) -> None:
    await stores.memories.forget(ANN, [TEA.id])


async def forget_all(stores: Stores) -> None:
    await stores.memories.forget(ANN)


async def erase(stores: Stores) -> None:
    await stores.personal_data.erase(ANN)


async def unlearn(stores: Stores) -> None:
    await handle(stores, elsewhere("3"), MemoriesUnlearned(ANN, TEA.source))


async def delete_the_message(stores: Stores) -> None:
    await handle(stores, elsewhere("3"), MessageErased(ROOM, EventKey(TEA.source)))


async def remove_the_bot(stores: Stores) -> None:
    await handle(stores, elsewhere("3"), WorkspaceErased(WorkspaceId("test")))


@pytest.mark.parametrize(
    "end", [forget, forget_all, erase, unlearn, delete_the_message, remove_the_bot]
)
async def test_a_vector_goes_with_its_memory(
    stores: Stores, end: Callable[[Stores], Awaitable[None]]
) -> None:
    await learn(stores, TEA)
    await keep(stores, TEA)

    await end(stores)
    await learn(stores, TEA, by="9")

    assert await kept(stores) == {}
