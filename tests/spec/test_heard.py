"""Whose words were in the prompt of an answer, as conversations make it."""

import pytest

from chatune_core.messages import (
    ActionTaken,
    ConversationId,
    EventKey,
    MessageKey,
    MessageReceived,
    UserId,
)
from fakes.platform import AT
from fakes.world import World

pytestmark = pytest.mark.anyio
ROOM, ANN, BEN = ConversationId("test:c1"), UserId("test:ann"), UserId("test:ben")


async def say(world: World, key: str, user: UserId, text: str = "hello") -> None:
    await world.happen(MessageReceived(EventKey(f"test:{key}"), ROOM, user, AT, text))


async def heard_in(world: World, user: UserId) -> list[object]:
    """Return the answers to others in whose prompts words of `user` were."""
    exported = await world.stores.personal_data.export(user)
    return [item.record["event"] for item in exported if item.store == "heard"]


async def test_everyone_of_the_history_is_heard_and_who_asks_is_not_counted_twice(
    world: World,
) -> None:
    await say(world, "1", ANN)
    await say(world, "2", BEN)
    await say(world, "3", ANN)

    assert await heard_in(world, ANN) == ["test:2"]
    assert await heard_in(world, BEN) == ["test:3"]


async def test_who_is_no_longer_in_the_history_is_not_heard(world: World) -> None:
    await say(world, "1", ANN)
    await say(world, "2", ANN, "/reset")
    await say(world, "3", BEN)

    assert await heard_in(world, ANN) == []


async def test_whose_question_is_answered_again_for_another_is_heard(world: World) -> None:
    await say(world, "1", ANN)

    again = ActionTaken(EventKey("test:p"), ROOM, BEN, AT, MessageKey("shown:test:1"), "again")
    await world.happen(again)

    assert await heard_in(world, ANN) == ["test:p"]
    exported = await world.stores.personal_data.export(BEN)
    made = [item.record for item in exported if item.store == "generations"]
    assert [item["heard"] for item in made] == [[BEN]]
