"""Whose words were in the prompt of an answer: kept, told to them alone, and gone with them."""

from dataclasses import replace

import pytest

from chatune_core.messages import UserId
from chatune_core.outcomes import ConversationReset
from chatune_storage.stores import Stores
from fakes.events import ANN, BEN, ROOM, generated, handle, said, turn

pytestmark = pytest.mark.anyio


async def records(stores: Stores, store: str, user: UserId) -> list[object]:
    exported = await stores.personal_data.export(user)
    return [item.record for item in exported if item.store == store]


async def prompts(stores: Stores, user: UserId) -> list[bool]:
    exported = await stores.personal_data.export(user)
    return [bool(item.record["prompt"]) for item in exported if item.store == "generations"]


async def test_each_person_reads_only_that_they_were_heard(stores: Stores) -> None:
    await handle(stores, said("1"), generated("1", heard=(BEN,)))

    assert await records(stores, "heard", BEN) == [{"event": "test:1", "user": BEN}]
    assert await records(stores, "heard", ANN) == []
    exported = await stores.personal_data.export(ANN)
    [made] = [item.record for item in exported if item.store == "generations"]
    assert made["heard"] == [ANN]


async def test_an_answer_of_which_it_is_not_known_says_nobody(stores: Stores) -> None:
    await handle(stores, said("1"), replace(generated("1"), heard=()))

    exported = await stores.personal_data.export(ANN)
    assert [item.record["heard"] for item in exported if item.store == "generations"] == [[]]


async def test_a_prompt_in_which_somebody_was_heard_goes_with_them(stores: Stores) -> None:
    await handle(stores, said("1", user=BEN), turn("1", "my secret", user=BEN))
    await handle(stores, said("2"), generated("2", "... my secret ...", heard=(BEN,)))
    await handle(stores, said("3"), ConversationReset(ROOM))
    await handle(stores, said("4"), generated("4"))

    receipt = await stores.personal_data.erase(BEN)

    assert (receipt.removed["heard"], receipt.removed["quotes"]) == (1, 1)
    assert await prompts(stores, ANN) == [False, True]
    assert await stores.personal_data.export(BEN) == []


async def test_what_is_forgotten_is_gone_from_the_prompts_of_others(stores: Stores) -> None:
    await handle(stores, said("1", user=BEN), turn("1", "my secret", user=BEN))
    await handle(stores, said("2"), generated("2", "... my secret ...", heard=(BEN,)))
    await handle(stores, said("3"), ConversationReset(ROOM))
    await handle(stores, said("4"), generated("4"))

    receipt = await stores.memories.forget(BEN)

    assert receipt.removed["quotes"] == 1
    assert await prompts(stores, ANN) == [False, True]


async def test_an_answer_is_erased_with_all_who_were_heard_in_it(stores: Stores) -> None:
    await handle(stores, said("1"), generated("1", heard=(BEN,)))

    await stores.personal_data.erase(ANN)

    assert await stores.personal_data.export(BEN) == []
