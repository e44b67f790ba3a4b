"""Every example of docs/bots.md works as the guide says."""

import re
import runpy
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import get_args

import pytest

from chatune_core import messages
from chatune_core.bots import Bot, Context
from chatune_core.errors import ConfigurationError
from chatune_core.messages import (
    Attachment,
    CommandInvoked,
    ConversationId,
    EventKey,
    Inbound,
    MessageKey,
    UserId,
)
from fakes.platform import AT, message
from fakes.world import make_world

pytestmark = pytest.mark.anyio
GUIDE = Path(__file__).parents[2] / "docs" / "bots.md"
TEXT = GUIDE.read_text()
BLOCKS = re.findall(r"```python\n(.*?)```", TEXT, flags=re.DOTALL)


@pytest.fixture
def bot_of(tmp_path: Path) -> Callable[[int], Bot]:
    def load(block: int) -> Bot:
        file = tmp_path / "my_bot.py"
        file.write_text(BLOCKS[block])
        bot = runpy.run_path(str(file))["bot"]
        assert isinstance(bot, Bot)
        return bot

    return load


async def test_a_command_with_a_default(bot_of: Callable[[int], Bot]) -> None:
    world = make_world(bot=bot_of(0))

    assert await world.say("/roll 1") == "You rolled 1."
    assert "/roll [sides]" in await world.say("/help")
    assert await world.say("hello") == "hello"


async def test_typed_arguments_and_private_answers(bot_of: Callable[[int], Bot]) -> None:
    world = make_world(bot=bot_of(1))

    assert await world.say("/tip 3 cash") == "3.00 by cash, thank you."
    assert "amount must be a number" in await world.say("/tip lots")
    assert await world.say("/secret") == "The cake is real."
    assert await world.say("/balance") == "You owe us 3.50."
    assert world.platform.private == {"test:3", "test:4"}


async def test_completions_and_the_menu_of_a_message(bot_of: Callable[[int], Bot]) -> None:
    world = make_world(bot=bot_of(2))
    chosen = CommandInvoked(
        EventKey("test:menu"),
        ConversationId("test:c1"),
        UserId("test:ann"),
        AT,
        "shout",
        "over here",
        MessageKey("test:m1"),
    )

    await world.happen(chosen)

    assert world.runtime.commands.find("oncall").completions("team", "k") == ["kitchen"]
    assert world.runtime.commands.find("shout").on_message == "Shout"
    assert world.platform.posts[chosen.key] == "OVER HERE"
    assert await world.say("/oncall attic") == "There is no team attic."


async def test_the_lunch_bot_is_shown_as_it_is() -> None:
    lunch = GUIDE.parent / "examples" / "lunch.py"

    assert lunch.read_text() == BLOCKS[3]  # tests/docs/test_lunch.py runs it


async def test_a_press_is_typed_where_there_are_no_buttons(bot_of: Callable[[int], Bot]) -> None:
    world = make_world(bot=bot_of(3), plain=True)
    [session] = re.findall(r"```text\n> (.*?)```", TEXT, flags=re.DOTALL)

    for exchange in session.split("\n> "):
        line, _, shown = exchange.partition("\n")
        assert await world.say(line) == shown.strip()


async def test_a_file_comes_in_and_another_goes_out(bot_of: Callable[[int], Bot]) -> None:
    world = make_world(bot=bot_of(4))
    world.files.contents["test:file"] = b"one\ntwo"
    sent = message("test:with-file", "number these")
    sent = replace(sent, attachments=(Attachment("list.txt", "text/plain", 7, "test:file"),))

    await world.happen(sent)

    reply = world.platform.replies[sent.key]
    assert reply.text == "2 lines."
    assert [(file.name, file.content) for file in reply.files] == [
        ("numbered.txt", b"1 one\n2 two")
    ]
    assert await world.say("number these") == "number these"


async def test_a_handler_answers_before_the_model(bot_of: Callable[[int], Bot]) -> None:
    world = make_world(bot=bot_of(5))

    assert await world.say("When do you open?") == "We are open from nine to five."
    assert await world.say("hello") == "hello"


async def test_a_command_asks_the_model(bot_of: Callable[[int], Bot]) -> None:
    world = make_world(bot=bot_of(6))

    assert await world.say("/poem the sea") == "Write a poem of four lines about the sea."


def test_the_names_that_the_guide_calls_taken_are_refused() -> None:
    [line] = re.findall(r"^The names (.*) are taken", TEXT, flags=re.MULTILINE)
    names = re.findall(r"`(\w+)`", line)

    assert len(names) == 5
    for name in names:
        with pytest.raises(ConfigurationError, match="Chatune's own"):
            Bot().action(name)(answered)


async def answered(context: Context, value: str) -> str:
    return value


def test_every_kind_of_event_that_the_guide_names_can_be_handled() -> None:
    named = re.findall(r"^\| (`[^|]*`) \|", TEXT[TEXT.index("The kinds are in") :], re.MULTILINE)
    kinds = [name for row in named for name in re.findall(r"`(\w+)`", row)]

    # A stop is let past every queue.
    assert {kind.__name__ for kind in get_args(Inbound)} - set(kinds) == {"StopRequested"}
    for name in kinds:
        Bot().on(getattr(messages, name))


def test_no_example_is_left_out() -> None:
    assert len(BLOCKS) == 7
