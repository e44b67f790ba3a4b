"""Memory is a person's to turn on and off, to pause, and to keep to some places."""

from datetime import timedelta

import pytest

from chatune_core.privacy import Purpose
from fakes.world import World, make_world

pytestmark = pytest.mark.anyio
OFFICE, CLUB, PRIVATE = "test:office:room", "test:club:room", "test:private:1"


async def prompt(world: World, text: str = "What should I drink?", **where: str) -> str:
    """Ask; return all that the model was told before it."""
    await world.say(text, **where)
    return "\n".join(message.content for message in world.model.requests[-1].messages)


async def test_nothing_is_remembered_until_a_person_turns_it_on(world: World) -> None:
    await world.say("I love green tea.")

    assert "green tea" not in await prompt(world, conversation="test:c2")
    assert await world.stores.memories.of(world.last.user) == []


async def test_who_asks_for_it_while_it_is_off_is_told_how_to_turn_it_on(world: World) -> None:
    answer = await world.say("Remember that I love green tea.")

    assert answer.endswith("(Memory is off: I remember nothing about you. /memory on turns it on.)")
    assert len(world.model.requests) == 1


async def test_turned_on_it_says_what_it_does_and_how_to_end_it(world: World) -> None:
    answer = await world.say("/memory on")

    assert answer.startswith("Memory is on.")
    assert "/memory off stops it" in answer
    assert world.last.private


async def test_what_was_told_is_used_in_later_answers(world: World) -> None:
    await world.say("/memory on", PRIVATE)
    noted = await world.say("I love green tea.", PRIVATE)

    assert noted.endswith("(Noted: I love green tea.)")
    assert '"I love green tea."' in await prompt(world, conversation="test:private:2")


async def test_turned_off_nothing_is_learned_or_used_and_all_is_kept_until_it_is_forgotten(
    world: World,
) -> None:
    await world.say("/memory on", PRIVATE)
    await world.say("I love green tea.", PRIVATE)

    answer = await world.say("/memory off", PRIVATE)
    await world.say("I love black coffee.", PRIVATE)

    assert "The 1 memories stay" in answer
    assert "green tea" not in await prompt(world, conversation="test:private:2")
    [kept] = await world.stores.memories.of(world.last.user)
    assert kept.text == "I love green tea."


async def test_paused_nothing_is_learned_or_used_until_it_is_resumed(world: World) -> None:
    await world.say("/memory on", PRIVATE)
    await world.say("I love green tea.", PRIVATE)

    await world.say("/memory pause", PRIVATE)
    await world.say("I love black coffee.", PRIVATE)
    assert "green tea" not in await prompt(world, conversation="test:private:2")
    assert "paused" in await world.say("/memory", PRIVATE)

    await world.say("/memory resume", PRIVATE)
    told = await prompt(world, conversation="test:private:2")
    assert "green tea" in told
    assert "coffee" not in told


async def test_what_was_learned_in_private_is_not_used_in_public_unless_the_person_says_so(
    world: World,
) -> None:
    await world.say("/memory on", PRIVATE)
    await world.say("I love green tea.", PRIVATE)

    assert "green tea" not in await prompt(world, conversation=OFFICE)

    await world.say("/memory everywhere", PRIVATE)
    assert "green tea" in await prompt(world, conversation=OFFICE)

    await world.say("/memory usual", PRIVATE)
    assert "green tea" not in await prompt(world, conversation="test:office:another")


async def test_what_was_learned_in_one_workspace_is_used_there_and_in_private_alone(
    world: World,
) -> None:
    await world.say("/memory on", OFFICE)
    await world.say("I love green tea.", OFFICE)

    assert "green tea" in await prompt(world, conversation="test:office:another")
    assert "green tea" in await prompt(world, conversation=PRIVATE)
    assert "green tea" not in await prompt(world, conversation=CLUB)


async def test_limited_to_a_conversation_memory_works_there_and_in_its_threads(
    world: World,
) -> None:
    await world.say("/memory on", OFFICE)
    await world.say("/memory here", OFFICE)

    await world.say("I love green tea.", OFFICE)
    await world.say("I love black coffee.", "test:office:another")

    assert "green tea" in await prompt(world, conversation=f"{OFFICE}:thread")
    told = await prompt(world, conversation="test:private:1")
    assert "green tea" not in told
    assert "coffee" not in "".join(m.text for m in await world.stores.memories.of(world.last.user))


async def test_where_the_operator_or_the_place_does_not_allow_it_memory_has_no_part() -> None:
    world = make_world(allowed=lambda place: not place.startswith("test:club"))
    await world.say("/memory on", OFFICE)
    await world.say("/memory everywhere", OFFICE)
    await world.say("I love green tea.", OFFICE)

    assert "does not let me" in await world.say("/memory on", CLUB)
    assert "does not let me" in await world.say("/memory", CLUB)
    await world.say("I love black coffee.", CLUB)
    told = await prompt(world, "What do I drink?", conversation=CLUB)

    assert "green tea" not in told
    assert len(await world.stores.memories.of(world.last.user)) == 1


async def test_the_three_consents_are_three(world: World) -> None:
    user = (await world.say("hello"), world.last.user)[1]
    commands = {
        Purpose.MEMORY: "memory",
        Purpose.FEEDBACK: "feedback",
        Purpose.TRAINING: "training",
    }
    for purpose, command in commands.items():
        await world.say(f"/{command} on")

        agreed = [each for each in Purpose if await world.stores.consents.allows(user, each)]
        assert agreed == [purpose]

        await world.say(f"/{command} off")
        assert not await world.stores.consents.allows(user, purpose)


async def test_each_consent_says_how_it_stands(world: World) -> None:
    for command in ("feedback", "training"):
        before = await world.say(f"/{command}")
        await world.say(f"/{command} on")

        assert await world.say(f"/{command}") != before
        assert world.last.private


async def test_every_decision_is_on_record_with_what_it_was_said_with(world: World) -> None:
    await world.say("/memory on")
    world.clock.advance(timedelta(days=1))
    await world.say("/memory off")

    exported = await world.stores.personal_data.export(world.last.user)
    decisions = [item.record for item in exported if item.store == "consents"]
    assert [(d["purpose"], d["granted"], d["source"]) for d in decisions] == [
        ("memory", True, "test:1"),
        ("memory", False, "test:2"),
    ]
