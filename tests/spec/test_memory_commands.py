"""A person reads, changes, exports and forgets what is remembered of them."""

import json

import pytest

from chatune_core.messages import (
    CommandInvoked,
    ConversationId,
    EventKey,
    FormSubmitted,
    MessageKey,
    UserId,
)
from fakes.platform import AT
from fakes.world import World, make_world

pytestmark = pytest.mark.anyio
PRIVATE, ELSEWHERE = "test:private:1", "test:private:2"
ANN = UserId("test:ann")


@pytest.fixture
async def knowing(world: World) -> World:
    """A bot that knows two things about Ann, who lived elsewhere before."""
    await world.say("/memory on", PRIVATE)
    await world.say("I live in Rome.", PRIVATE)
    await world.say("I moved to Oslo.", PRIVATE)
    await world.say("Remember that I love green tea.", PRIVATE)
    return world


async def texts(world: World) -> list[str]:
    return [one.text for one in await world.stores.memories.of(ANN) if one.current]


async def test_show_lists_what_is_so_with_what_was_before(knowing: World) -> None:
    shown = (await knowing.say("/memory show", PRIVATE)).splitlines()

    assert shown[0] == "I remember this about you:"
    assert shown[1:3] == [
        "2. I moved to Oslo. (01 Jan 2026, in private) Before: I live in Rome.",
        "3. I love green tea. (01 Jan 2026, in private)",
    ]
    assert knowing.last.private


async def test_show_has_pages_that_turn_in_place(world: World) -> None:
    await world.say("/memory on", PRIVATE)
    for number in range(20):
        await world.say(f"Remember that my locker number {number} holds {number} hats.", PRIVATE)

    first = await world.say("/memory show", PRIVATE)
    assert first.startswith("I remember this about you, page 1 of 3:")
    assert [button.label for button in world.last.buttons] == ["Next", "Change one", "Forget one"]

    second = await world.press("memory-page", "2")
    assert "page 2 of 3" in second
    assert world.last.replaces == MessageKey(f"shown:test:{world.said - 1}")
    assert [button.label for button in world.last.buttons][:2] == ["Previous", "Next"]
    for beyond in ("0", "-7", "99", "x", ""):
        assert (await world.press("memory-page", beyond)).startswith("I remember this")


async def test_why_says_which_memories_the_last_answer_used(knowing: World) -> None:
    await knowing.say("Which tea should I drink?", ELSEWHERE)

    why = await knowing.say("/memory why", ELSEWHERE)

    assert "3. I love green tea." in why.splitlines()
    assert knowing.last.private
    assert await knowing.say("/why", ELSEWHERE) == why


async def test_why_in_the_menu_of_an_answer_means_that_answer(knowing: World) -> None:
    await knowing.say("Which tea should I drink?", ELSEWHERE)
    asked = knowing.last.answers
    await knowing.say("/memory pause", ELSEWHERE)
    await knowing.say("And now?", ELSEWHERE)
    assert await knowing.say("/why", ELSEWHERE) == (
        "That answer used nothing that I remember about you."
    )

    menu = CommandInvoked(
        EventKey("test:menu"), ConversationId(ELSEWHERE), ANN, AT, "why", "an answer",
        MessageKey(f"shown:{asked}"),
    )  # fmt: skip
    await knowing.happen(menu)

    assert "3. I love green tea." in knowing.platform.posts[EventKey("test:menu")]


async def test_why_tells_nobody_what_is_remembered_of_another(knowing: World) -> None:
    await knowing.say("Which tea should I drink?", ELSEWHERE)

    assert "tea" not in await knowing.say("/why", ELSEWHERE, user="test:ben")


async def test_there_is_nothing_to_explain_before_an_answer(world: World) -> None:
    assert await world.say("/why") == "There is no answer of mine to explain."


async def test_a_memory_is_changed_by_its_number(knowing: World) -> None:
    assert await knowing.say("/memory edit 3 I love black coffee", PRIVATE) == (
        "Changed to: I love black coffee"
    )

    assert await texts(knowing) == ["I moved to Oslo.", "I love black coffee"]
    await knowing.say("What should I drink?", ELSEWHERE)
    told = knowing.model.requests[-1].messages[0].content
    assert "black coffee" in told
    assert "green tea" not in told


async def test_a_memory_is_changed_in_a_form(knowing: World) -> None:
    await knowing.say("/memory show", PRIVATE)
    filled = FormSubmitted(
        EventKey("test:form"), ConversationId(PRIVATE), ANN, AT,
        MessageKey(f"shown:{knowing.last.answers}"), "memory-edit", "",
        (("number", "3"), ("text", "I love black coffee")),
    )  # fmt: skip

    await knowing.happen(filled)

    assert "I love black coffee" in await texts(knowing)
    assert knowing.last.private


@pytest.mark.parametrize(
    "line", ["edit", "edit 3", "edit 9 I like x", "edit tea I like x", "edit 1 I like Rome"]
)
async def test_a_change_that_cannot_be_made_says_how(knowing: World, line: str) -> None:
    before = await texts(knowing)

    assert "/memory show has the numbers" in await knowing.say(f"/memory {line}", PRIVATE)
    assert await texts(knowing) == before


async def test_a_memory_is_forgotten_by_number_with_a_receipt(knowing: World) -> None:
    receipt = await knowing.say("/memory forget 3", PRIVATE)

    assert receipt.startswith("Forgotten: I love green tea.\nRemoved:\n  1 memories\n")
    assert await texts(knowing) == ["I moved to Oslo."]
    assert "1. " not in await knowing.say("/memory show", PRIVATE)


async def test_a_memory_is_forgotten_by_words(knowing: World) -> None:
    assert (await knowing.say("/memory forget the tea", PRIVATE)).startswith("Forgotten: I love g")

    assert await texts(knowing) == ["I moved to Oslo."]


async def test_words_that_several_share_are_asked_back(knowing: World) -> None:
    await knowing.say("Remember that I love green jackets.", PRIVATE)

    asked = await knowing.say("/memory forget green", PRIVATE)
    assert asked.splitlines() == [
        "Which of these shall I forget?",
        "3. I love green tea.",
        "4. I love green jackets.",
    ]
    [tea, _] = knowing.last.buttons
    assert (await knowing.press(tea.action, tea.value)).startswith("Forgotten: I love green tea.")

    assert await texts(knowing) == ["I moved to Oslo.", "I love green jackets."]


async def test_a_number_stays_with_its_memory(knowing: World) -> None:
    await knowing.say("/memory forget 2", PRIVATE)

    assert "\n3. I love green tea." in await knowing.say("/memory show", PRIVATE)


async def test_a_button_forgets_only_ones_own(knowing: World) -> None:
    [tea] = [one for one in await knowing.stores.memories.of(ANN) if "tea" in one.text]

    answer = await knowing.press("memory-forget", tea.id, user="test:ben")

    assert answer == "I do not remember that any more."
    assert len(await texts(knowing)) == 2


async def test_forgetting_all_asks_first_and_gives_a_receipt(knowing: World) -> None:
    await knowing.say("Which tea should I drink?", PRIVATE)

    asked = await knowing.say("/memory forget-all", PRIVATE)
    assert "cannot be undone" in asked
    assert len(await texts(knowing)) == 2

    [sure] = knowing.last.buttons
    receipt = await knowing.press(sure.action, sure.value)

    lines = receipt.splitlines()
    assert lines[0] == "Everything is forgotten."
    assert "  3 memories" in lines
    assert await texts(knowing) == []
    assert await knowing.say("/memory show", PRIVATE) == "I remember nothing about you."
    await knowing.say("Which tea should I drink?", PRIVATE)
    assert [m.role for m in knowing.model.requests[-1].messages] == ["system", "user"]
    assert "green tea" not in knowing.model.requests[-1].messages[0].content


async def test_an_export_is_a_file_with_everything(knowing: World) -> None:
    await knowing.say("/memory export", PRIVATE)

    [file] = knowing.last.files
    assert (file.name, file.media_type) == ("memory.json", "application/json")
    content = json.loads(file.content)
    assert [memory["text"] for memory in content["memories"]] == [
        "I live in Rome.", "I moved to Oslo.", "I love green tea.",
    ]  # fmt: skip
    assert content["consents"][0]["purpose"] == "memory"
    assert knowing.last.private


async def test_where_there_are_no_buttons_everything_can_be_typed() -> None:
    world = make_world(plain=True)
    await world.say("/memory on", PRIVATE)
    kept = await world.say("Remember that I love green tea.", PRIVATE)
    assert kept.splitlines()[0] == "I will remember: I love green tea."

    shown = await world.say("/memory show", PRIVATE)
    assert "Change one: /press memory-edit" in shown.splitlines()
    asked = await world.say("/memory forget-all", PRIVATE)
    press = asked.splitlines()[-1].partition(": ")[2]
    assert (await world.say(press, PRIVATE)).startswith("Everything is forgotten.")


async def test_memory_alone_says_how_it_stands(world: World) -> None:
    assert (await world.say("/memory")).startswith("Memory is off")
    await world.say("/memory on")
    assert await world.say("/memory") == "Memory is on. I remember 0 things; /memory show."


@pytest.mark.parametrize("what", ["pause", "resume", "here", "everywhere", "usual"])
async def test_who_has_not_turned_it_on_is_told_so(world: World, what: str) -> None:
    assert (await world.say(f"/memory {what}")).startswith("Memory is off")
    assert not (await world.stores.memories.standing(ANN)).preferences.paused
