"""Buttons, forms and files of a bot's own, on platforms that show them and on those that do not."""

from collections.abc import Mapping

import pytest

from chatune_core.bots import Answer, Bot, Button, Context, Field, File
from chatune_core.errors import ConfigurationError
from chatune_core.forms import Form
from chatune_core.messages import (
    ActionTaken,
    ConversationId,
    EventKey,
    FormSubmitted,
    MessageKey,
    StopRequested,
    UserId,
)
from fakes.platform import AT
from fakes.world import make_world

pytestmark = pytest.mark.anyio
ROOM, ANN = ConversationId("test:c1"), UserId("test:ann")


def shop() -> Bot:
    bot = Bot()

    @bot.command("pizza", help="Order a pizza.")
    async def pizza(context: Context, kind: str = "margherita") -> Answer:
        order, note = Button("order", "Order", kind), Button("note", "With a note", kind)
        return Answer(f"A {kind}?", buttons=(order, note), files=(File("menu.txt", b"A menu"),))

    @bot.action("order")
    async def order(context: Context, value: str) -> str:
        return f"One {value} for {context.user}."

    @bot.form("note", title="A note", fields=[Field("text", "What should we know?")])
    async def note(context: Context, value: str, fields: Mapping[str, str]) -> str:
        return f"One {value}: {fields['text']}"

    return bot


async def test_a_reply_brings_its_buttons_and_files_where_the_platform_shows_them() -> None:
    world = make_world(bot=shop())

    await world.say("/pizza funghi")

    [reply] = world.platform.replies.values()
    assert [(b.action, b.value) for b in reply.buttons] == [("order", "funghi"), ("note", "funghi")]
    assert reply.files == (File("menu.txt", b"A menu"),)


async def test_a_press_and_a_form_reach_the_handlers_of_their_names() -> None:
    world = make_world(bot=shop())
    under = MessageKey("shown:1")
    pressed = ActionTaken(EventKey("test:p"), ROOM, ANN, AT, under, "order", "funghi")
    filled = FormSubmitted(
        EventKey("test:f"), ROOM, ANN, AT, under, "note", "funghi", (("text", "no\rolives\x07"),)
    )

    await world.happen(pressed)
    await world.happen(filled)

    assert world.platform.texts == ["One funghi for test:ann.", "One funghi: no\nolives"]


async def test_where_there_are_no_buttons_a_line_says_what_to_type_and_typing_it_works() -> None:
    world = make_world(bot=shop(), plain=True)

    shown = await world.say("/pizza funghi")

    assert shown.splitlines() == [
        "A funghi?",
        "",
        "Order: /press order=funghi",
        "With a note: /press note=funghi",
        "",
        "(menu.txt, 6 bytes: files cannot be sent here.)",
    ]
    assert await world.say("/press order=funghi") == "One funghi for test:ann."
    assert await world.say("/press note=funghi no olives") == "One funghi: no olives"


async def test_a_form_of_several_fields_is_typed_in_lines_and_asks_for_what_is_missing() -> None:
    bot = Bot()

    @bot.form("trip", title="A trip", fields=[Field("to", "Where to?"), Field("why", "Why?")])
    async def trip(context: Context, value: str, fields: Mapping[str, str]) -> str:
        return f"{fields['to']}, since {fields['why']}"

    world = make_world(bot=bot, plain=True)

    assert "why is missing" in await world.say("/press trip to: Rome")
    assert await world.say("/press trip\nto: Rome\nwhy: the food\nand art") == (
        "Rome, since the food\nand art"
    )


async def test_a_value_of_several_words_is_typed_in_quotation_marks() -> None:
    world = make_world(bot=shop(), plain=True)

    shown = await world.say("/pizza quattro stagioni")

    assert '/press "order=quattro stagioni"' in shown
    typed = '/press "order=quattro stagioni"'
    assert await world.say(typed) == "One quattro stagioni for test:ann."


async def test_where_there_are_buttons_nobody_types_values_of_their_own() -> None:
    world = make_world(bot=shop())

    assert await world.say("/press order=free") == "Press the button itself."


@pytest.mark.parametrize("text", ["/press", "/press nothing"])
async def test_a_wrong_press_is_a_clear_line(text: str) -> None:
    world = make_world(bot=shop(), plain=True)

    answer = await world.say(text)

    assert answer
    assert world.platform.replies[EventKey("test:1")].failed is False


async def test_a_button_of_an_older_version_of_the_bot_says_so_privately() -> None:
    world = make_world()
    press = ActionTaken(EventKey("test:p"), ROOM, ANN, AT, MessageKey("m"), "gone")

    await world.happen(press)

    assert world.platform.texts == ["That button does nothing any more."]
    assert world.platform.private == {"test:p"}


def test_names_that_no_platform_can_show_are_refused_when_the_file_is_read() -> None:
    bot = shop()

    with pytest.raises(ConfigurationError, match="registered twice"):
        bot.action("order")(bot.actions["order"])
    with pytest.raises(ConfigurationError, match="cannot be shown"):
        bot.form("big", title="x" * 30, fields=[Field("a", "A")])(bot.forms["note"][1])
    with pytest.raises(ConfigurationError, match="name of an action"):
        bot.action("Not a name")(bot.actions["order"])
    with pytest.raises(ConfigurationError, match="Chatune's own"):
        bot.action("good")(bot.actions["order"])
    with pytest.raises(ConfigurationError, match="cannot be handled"):
        bot.on(StopRequested)
    twice = (Button("order", "One"), Button("order", "Two"))
    with pytest.raises(ValueError, match="same action"):
        Answer("?", buttons=twice)
    with pytest.raises(ValueError, match="same name"):
        Form("trip", "A trip", (Field("to", "To"), Field("to", "Too")))
    for wrong in (("Upper", "x", ""), ("ok", "", ""), ("ok", "x", "v" * 65)):
        with pytest.raises(ValueError, match=r"must|may"):
            Button(*wrong)
