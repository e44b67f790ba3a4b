"""A person links who they are on one platform with who they are on another."""

from datetime import timedelta

import pytest

from chatune_core.messages import UserId
from fakes.world import World

pytestmark = pytest.mark.anyio
HERE, THERE = "test:private:here", "test:private:there"
ANN, ALSO_ANN, EVE = "test:ann", "test:T1:ann", "test:eve"


async def code_of(world: World, user: str, place: str) -> str:
    answer = await world.say("/link", place, user=user)
    assert world.last.private
    return answer.splitlines()[-1].removeprefix("/link ")


async def link(world: World) -> str:
    code = await code_of(world, ANN, HERE)
    asked = await world.say(f"/link {code}", THERE, user=ALSO_ANN)
    assert "only if you got it from me yourself" in asked
    [sure] = world.last.buttons
    return await world.press(sure.action, sure.value, user=ALSO_ANN)


async def test_linked_identities_share_what_is_remembered(world: World) -> None:
    await world.say("/memory on", HERE, user=ANN)
    await world.say("Remember that I love green tea.", HERE, user=ANN)

    assert (await link(world)).startswith("You are linked with test:ann")

    assert "green tea" in await world.say("/memory show", THERE, user=ALSO_ANN)
    await world.say("/memory on", THERE, user=ALSO_ANN)
    await world.say("What should I drink?", THERE, user=ALSO_ANN)
    assert "green tea" in world.model.requests[-1].messages[0].content


async def test_after_parting_each_keeps_what_was_learned_under_its_name(world: World) -> None:
    await world.say("/memory on", HERE, user=ANN)
    await world.say("Remember that I love green tea.", HERE, user=ANN)
    await link(world)

    await world.say("/link off", THERE, user=ALSO_ANN)

    assert await world.say("/memory show", THERE, user=ALSO_ANN) == "I remember nothing about you."
    assert "green tea" in await world.say("/memory show", HERE, user=ANN)
    assert await world.say("/link off", THERE, user=ALSO_ANN) == "You are linked with nobody."


async def test_a_code_links_once_and_not_after_ten_minutes(world: World) -> None:
    code = await code_of(world, ANN, HERE)
    await world.say(f"/link {code}", THERE, user=ALSO_ANN)
    await world.press("link", code, user=ALSO_ANN)

    assert "not valid" in await world.press("link", code, user=EVE)
    late = await code_of(world, ANN, HERE)
    world.clock.advance(timedelta(minutes=10))
    assert "not valid" in await world.press("link", late, user=EVE)
    assert list(await world.stores.links.linked(UserId(EVE))) == []


async def test_who_guesses_codes_is_stopped_after_five(world: World) -> None:
    await world.say("hello", THERE, user=EVE)
    code = await code_of(world, ANN, HERE)
    for guess in range(5):
        assert "not valid" in await world.press("link", f"GUESS-{guess}", user=EVE)

    assert "Too many wrong codes" in await world.press("link", code, user=EVE)

    world.clock.advance(timedelta(minutes=10, seconds=1))
    fresh = await code_of(world, ANN, HERE)
    assert "You are linked" in await world.press("link", fresh, user=EVE)


async def test_withdrawing_consent_under_one_name_withdraws_it_under_both(world: World) -> None:
    await world.say("/memory on", HERE, user=ANN)
    await link(world)
    await world.say("/memory on", THERE, user=ALSO_ANN)

    await world.say("/memory off", THERE, user=ALSO_ANN)

    assert (await world.say("/memory", HERE, user=ANN)).startswith("Memory is off")


async def test_that_identities_were_linked_is_on_record(world: World) -> None:
    await link(world)

    [entry] = await world.stores.audit.entries(1)
    assert (entry.action, entry.actor) == ("linked", ALSO_ANN)
