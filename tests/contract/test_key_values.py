"""Small values by name."""

import anyio
import pytest

from chatune_storage.stores import Stores

pytestmark = pytest.mark.anyio


async def test_a_value_comes_back_as_it_was_put(stores: Stores) -> None:
    await stores.key_values.put("discord:resume", "hé\0\ud800\U0001f600")
    await stores.key_values.put("empty", "")

    assert await stores.key_values.get("discord:resume") == "hé\0\ud800\U0001f600"
    assert await stores.key_values.get("empty") == ""
    assert await stores.key_values.get("discord") is None


async def test_a_later_value_replaces_an_earlier_one(rivals: tuple[Stores, Stores]) -> None:
    one, other = rivals
    await one.key_values.put("a", "first")
    await other.key_values.put("a", "second")

    assert await one.key_values.get("a") == "second"


async def test_a_deleted_value_is_gone_and_may_be_deleted_again(stores: Stores) -> None:
    await stores.key_values.put("a", "1")

    await stores.key_values.delete("a")
    await stores.key_values.delete("a")

    assert await stores.key_values.get("a") is None
    assert await stores.key_values.names("") == []


async def test_names_are_found_by_their_beginning_letter_for_letter(stores: Stores) -> None:
    for name in ("b:2", "b:10", "B:1", "b_:1", "b%:1", "bb", "a", "b:é"):
        await stores.key_values.put(name, "x")

    assert await stores.key_values.names("b:") == ["b:10", "b:2", "b:é"]
    assert await stores.key_values.names("b_") == ["b_:1"]
    assert await stores.key_values.names("b%") == ["b%:1"]
    assert await stores.key_values.names("") == sorted(
        ["b:2", "b:10", "B:1", "b_:1", "b%:1", "bb", "a", "b:é"]
    )


async def test_many_writers_at_once_all_count(rivals: tuple[Stores, Stores]) -> None:
    async with anyio.create_task_group() as tasks:
        for number in range(20):
            tasks.start_soon(rivals[number % 2].key_values.put, f"n:{number % 10}", "x")

    assert len(await rivals[0].key_values.names("n:")) == 10
