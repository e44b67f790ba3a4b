"""The bot of docs/examples/lunch.py: one file, three platforms."""

import runpy
from pathlib import Path

import pytest

from chatune_adapters.testing.discord import DiscordServer
from chatune_adapters.testing.slack import SlackServer
from chatune_bots.testing import on_discord, on_slack
from chatune_core.bots import Bot
from fakes.wire import until
from fakes.world import make_world

pytestmark = pytest.mark.anyio
FILE = Path(__file__).parents[2] / "docs" / "examples" / "lunch.py"


@pytest.fixture
def lunch() -> Bot:
    bot = runpy.run_path(str(FILE))["bot"]
    assert isinstance(bot, Bot)
    return bot


def test_it_has_thirty_lines() -> None:
    lines = FILE.read_text().splitlines()

    assert len([line for line in lines if line.strip()]) <= 30


async def test_in_a_terminal_buttons_and_forms_are_typed(lunch: Bot) -> None:
    world = make_world(bot=lunch, plain=True)

    assert await world.say("/lunch pasta") == (
        "Pasta today?\n\nOrder: /press order=pasta\nOrder with a note: /press note=pasta"
    )
    assert await world.say("/press note=pasta no cheese") == "Ordered: pasta (no cheese)."
    assert await world.say("/orders") == (
        "1 so far.\n\n(orders.txt, 17 bytes: files cannot be sent here.)"
    )


async def test_on_discord_they_are_buttons_a_modal_and_a_file(lunch: Bot) -> None:
    async with DiscordServer.open() as server, on_discord(lunch, server):
        channel, ann = (
            server.add_channel(server.add_guild("Office"), "lunch"),
            server.add_user("ann"),
        )

        def shown(text: str) -> bool:
            return any(text in message.content for message in server.messages(channel))

        await server.until(lambda: any(c["name"] == "lunch" for c in server.commands()))
        await server.slash(ann, channel, "lunch", {"dish": "pasta"})
        await server.until(lambda: shown("Pasta today?"))
        pressed = await server.press(ann, server.messages(channel)[0], "note=pasta")
        await pressed.answered()
        await server.submit_modal(ann, pressed, {"text": "no cheese"})
        await server.until(lambda: shown("Ordered: pasta (no cheese)."))
        await server.slash(ann, channel, "orders")
        await server.until(lambda: shown("1 so far."))

        [file] = server.messages(channel)[-1].attachments
        assert (file.name, file.content) == ("orders.txt", b"pasta (no cheese)")


async def test_on_slack_they_are_buttons_a_modal_and_a_file(lunch: Bot) -> None:
    async with SlackServer.open() as server:
        team = server.add_team("Office")
        channel, ann = server.add_channel(team, "lunch"), server.add_user(team, "ann")
        async with on_slack(lunch, server, team):
            hello = f"<@{team.bot_user_id}>"
            asked = await server.say(ann, channel, f"{hello} /lunch pasta")
            await until(lambda: server.replies(asked))
            await server.press(ann, server.replies(asked)[0], "note", "pasta")
            await until(lambda: server.views)
            await server.submit_view(ann, server.views[0], {"text": "no cheese"})
            await until(lambda: len(server.replies(asked)) == 2)
            await server.say(ann, channel, f"{hello} /orders", thread=asked)
            await until(lambda: any(reply.files for reply in server.replies(asked)))

            texts = [reply.text for reply in server.replies(asked)]
            assert texts[:3] == ["Pasta today?", "Ordered: pasta (no cheese).", "1 so far."]
            [file] = [file for reply in server.replies(asked) for file in reply.files]
            assert (file.name, file.content) == ("orders.txt", b"pasta (no cheese)")
