"""Votes with reasons, taken back and changed; corrections that begin with the answer; agains."""

import pytest

from chatune_core.corrections import CORRECT
from chatune_core.messages import (
    ActionTaken,
    ConversationId,
    EventKey,
    FormSubmitted,
    MessageDeleted,
    MessageKey,
    ReactionChanged,
    UserId,
)
from chatune_core.ratings import WHY
from fakes.generator import ScriptedGenerator
from fakes.platform import AT
from fakes.world import World, make_world

pytestmark = pytest.mark.anyio
ROOM, ANN, BEN = ConversationId("test:c1"), UserId("test:ann"), UserId("test:ben")


def counting(*, plain: bool = False) -> World:
    answers = iter(["first", "second", "third", "fourth"])
    return make_world(ScriptedGenerator(lambda request: [next(answers)]), plain=plain)


async def press(world: World, action: str, under: str = "test:1", user: UserId = ANN) -> str:
    world.said += 1
    key = EventKey(f"test:{world.said}")
    message = MessageKey(f"shown:{under}")
    await world.happen(ActionTaken(key, ROOM, user, AT, message, action))
    return world.platform.posts.get(key, "")


async def react(world: World, emoji: str, under: str, *, added: bool = True) -> None:
    world.said += 1
    key = EventKey(f"test:{world.said}")
    await world.happen(
        ReactionChanged(key, ROOM, ANN, AT, MessageKey(f"shown:{under}"), emoji, added)
    )


async def fill(world: World, form: str, text: str, under: str, value: str = "") -> str:
    world.said += 1
    key = EventKey(f"test:{world.said}")
    fields = (("text", text),)
    message = MessageKey(f"shown:{under}")
    await world.happen(FormSubmitted(key, ROOM, ANN, AT, message, form, value, fields))
    return world.platform.posts.get(key, "")


async def votes(world: World, user: UserId = ANN) -> list[tuple[object, object, object]]:
    records = await world.stores.personal_data.export(user)
    kept = [entry.record for entry in records if entry.store == "ratings"]
    return [(each["answers"], each["score"], each["reason"]) for each in kept]


async def preferences(world: World, user: UserId = ANN) -> list[tuple[object, ...]]:
    records = await world.stores.personal_data.export(user)
    kept = [entry.record for entry in records if entry.store == "preferred_answers"]
    return [(each["chosen"], each["rejected"], each["how"]) for each in kept]


async def stands(world: World) -> list[str]:
    return [turn.text for turn in await world.stores.history.recent(ROOM, 10)]


async def test_pressing_bad_counts_at_once_and_offers_to_say_why() -> None:
    world = counting()
    await world.say("hello")

    said = await press(world, "bad")
    [why] = world.last.buttons
    before = await votes(world)
    thanks = await fill(world, why.action, " too long ", "test:2", why.value)

    assert said == "Thank you. Rated as bad. Press the same button again to take that back."
    assert (why.action, why.label) == (WHY.name, "Say why")
    assert before == [("test:1", -1, "")]
    assert thanks == "Thank you. Noted why it is bad."
    assert await votes(world) == [("test:1", -1, "too long")]
    assert world.platform.private == {"test:2", "test:3"}


async def test_an_empty_reason_leaves_the_vote_as_it_is() -> None:
    world = counting()
    await world.say("hello")
    await press(world, "bad")

    said = await fill(world, WHY.name, "  ", "test:2", "test:1")

    assert said == "That was empty. The answer stays rated as bad."
    assert await votes(world) == [("test:1", -1, "")]


async def test_pressing_the_same_button_again_takes_the_vote_back_and_the_other_changes_it() -> (
    None
):
    world = counting()
    await world.say("hello")

    await press(world, "good")
    changed = await press(world, "bad")
    after_the_change = await votes(world)
    gone = await press(world, "bad")

    assert changed.startswith("Thank you. Changed to bad.")
    assert after_the_change == [("test:1", -1, "")]
    assert gone == "Taken back: your rating of this answer is gone."
    assert await votes(world) == []


async def test_a_press_takes_nobody_elses_vote_back() -> None:
    world = counting()
    await world.say("hello")
    await press(world, "good")

    await press(world, "good", user=BEN)

    assert await votes(world) == await votes(world, BEN) == [("test:1", 1, "")]


async def test_in_the_terminal_commands_do_the_same() -> None:
    world = counting(plain=True)
    await world.say("hello")

    assert await world.say("/unrate") == "You have not rated the last answer."
    said = await world.say("/bad")
    again = await world.say("/bad too long")
    kept = await votes(world)
    gone = await world.say("/unrate")

    hint = "/bad and a few words says why. /unrate takes it back."
    assert said == f"Thank you. Rated as bad. {hint}"
    assert again == "Thank you. Rated as bad. /unrate takes it back."
    assert kept == [("test:1", -1, "too long")]
    assert gone == "Taken back: your rating of this answer is gone."
    assert await votes(world) == []


async def test_the_form_for_a_correction_begins_with_what_the_answer_under_it_says() -> None:
    world = counting()
    await world.say("hello")
    await world.say("and then?")

    [field] = (await world.runtime.opened(CORRECT, MessageKey("shown:test:1"))).fields
    [unknown] = (await world.runtime.opened(CORRECT, MessageKey("shown:nothing"))).fields
    why = await world.runtime.opened(WHY, MessageKey("shown:test:1"))

    assert (field.value, unknown.value) == ("first", "")
    assert why == WHY


async def test_sending_the_answer_back_as_it_is_corrects_nothing() -> None:
    world = counting()
    await world.say("hello")

    said = await fill(world, "correct", "first\n", "test:1")

    assert said == "That is what the answer says already; nothing was noted."
    records = await world.stores.personal_data.export(ANN)
    assert [each for each in records if each.store == "corrections"] == []


async def test_after_again_a_press_says_which_answer_is_kept() -> None:
    world = counting()
    await world.say("hello")
    await press(world, "again")
    assert [b.label for b in world.last.buttons][:2] == [
        "Keep this one",
        "The one before was better",
    ]

    kept = await press(world, "keep-this", "test:2")
    first_choice = await preferences(world)
    back = await press(world, "keep-earlier", "test:2")

    assert (kept, back) == (
        "Thank you. I keep this one.",
        "Thank you. I go on from the one before.",
    )
    assert first_choice == [("test:2", "test:1", "again")]
    assert await preferences(world) == [("test:1", "test:2", "again")]
    assert await stands(world) == ["hello", "first"]


async def test_keeping_the_later_answer_after_all_puts_it_back_into_the_history() -> None:
    world = counting()
    await world.say("hello")
    await press(world, "again")
    await press(world, "keep-earlier", "test:2")

    await press(world, "keep-this", "test:2")

    assert await stands(world) == ["hello", "second"]


async def test_what_somebody_else_prefers_leaves_the_askers_history_alone() -> None:
    world = counting()
    await world.say("hello")
    await press(world, "again")

    await press(world, "keep-earlier", "test:2", BEN)

    assert await preferences(world, BEN) == [("test:1", "test:2", "again")]
    assert await stands(world) == ["hello", "second"]


async def test_of_three_answers_each_is_compared_with_the_one_before_it() -> None:
    world = counting()
    await world.say("hello")
    await press(world, "again")
    await press(world, "again", "test:2")

    await press(world, "keep-earlier", "test:3")

    assert await preferences(world) == [("test:2", "test:3", "again")]
    assert await stands(world) == ["hello", "second"]


async def test_an_earlier_answer_is_not_put_back_under_a_later_question() -> None:
    world = counting()
    await world.say("hello")
    await press(world, "again")
    await world.say("and then?")

    await press(world, "keep-earlier", "test:2")

    assert await stands(world) == ["hello", "second", "and then?", "third"]
    assert await preferences(world) == [("test:1", "test:2", "again")]


@pytest.mark.parametrize(("rated", "other"), [("test:2", "test:1"), ("test:1", "test:2")])
async def test_a_good_vote_after_again_says_which_was_better_until_it_is_taken_back(
    rated: str, other: str
) -> None:
    world = counting()
    await world.say("hello")
    await press(world, "again")

    await press(world, "good", rated)
    given = await preferences(world)
    await press(world, "good", rated)

    assert given == [(rated, other, "again")]
    assert await preferences(world) == await votes(world) == []


async def test_whoever_finds_both_answers_good_prefers_neither() -> None:
    world = counting()
    await world.say("hello")
    await press(world, "good")
    await press(world, "again")

    await press(world, "good", "test:3")
    assert await preferences(world) == []

    await press(world, "good", "test:1")
    assert await votes(world) == [("test:3", 1, "")]
    await press(world, "good", "test:3")
    await press(world, "good", "test:3")
    assert await preferences(world) == [("test:3", "test:1", "again")]

    await press(world, "good", "test:1")
    assert await preferences(world) == []


async def test_a_thumb_by_reaction_says_it_too_and_a_bad_one_takes_it_back() -> None:
    world = counting()
    await world.say("hello")
    await press(world, "again")

    await react(world, "👍", "test:2")
    given = await preferences(world)
    await react(world, "👎", "test:2")

    assert given == [("test:2", "test:1", "again")]
    assert await preferences(world) == []

    await react(world, "👍", "test:2")
    await react(world, "👍", "test:2", added=False)
    assert await preferences(world) == []


async def test_a_bad_vote_on_one_answer_leaves_a_preference_for_the_other() -> None:
    world = counting()
    await world.say("hello")
    await press(world, "again")
    await press(world, "good", "test:1")

    await press(world, "bad", "test:2")

    assert await preferences(world) == [("test:1", "test:2", "again")]


async def test_where_there_are_no_buttons_again_says_what_to_type() -> None:
    world = counting(plain=True)
    await world.say("hello")

    shown = await world.say("/again")
    said = await world.say("/press keep-earlier")

    assert shown.splitlines() == [
        "second",
        "",
        "Keep this one: /press keep-this",
        "The one before was better: /press keep-earlier",
    ]
    assert said == "Thank you. I go on from the one before."
    assert await stands(world) == ["hello", "first"]


async def test_an_answer_that_is_forgotten_cannot_be_preferred() -> None:
    world = counting()
    await world.say("hello")
    await press(world, "again")
    await world.happen(MessageDeleted(EventKey("test:d"), ROOM, ANN, AT, MessageKey("test:1")))

    assert (
        await press(world, "keep-earlier", "test:2") == "I do not know the other answer any more."
    )
    assert await press(world, "keep-this", "test:1") == "I do not know the other answer any more."
    assert await preferences(world) == []
