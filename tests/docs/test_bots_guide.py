"""Every example of docs/bots.md works as the guide says."""

import re
import runpy
from collections.abc import Callable
from pathlib import Path

import pytest

from chatune_core.bots import Bot
from fakes.world import make_world

pytestmark = pytest.mark.anyio
GUIDE = Path(__file__).parents[2] / "docs" / "bots.md"
BLOCKS = re.findall(r"```python\n(.*?)```", GUIDE.read_text(), flags=re.DOTALL)


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
    assert "test:3" in world.platform.private


async def test_a_handler_answers_before_the_model(bot_of: Callable[[int], Bot]) -> None:
    world = make_world(bot=bot_of(2))

    assert await world.say("When do you open?") == "We are open from nine to five."
    assert await world.say("hello") == "hello"


async def test_a_command_asks_the_model(bot_of: Callable[[int], Bot]) -> None:
    world = make_world(bot=bot_of(3))

    assert await world.say("/poem the sea") == "Write a poem of four lines about the sea."


def test_no_example_is_left_out() -> None:
    assert len(BLOCKS) == 4
