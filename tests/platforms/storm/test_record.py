"""What a town reports is the record of its server: what is broken there by hand is found."""

from collections.abc import AsyncIterator

import aiohttp
import pytest

from chatune_adapters.testing.discord import Message as DiscordMessage
from chatune_adapters.testing.slack import Message as SlackMessage
from platforms.storm.discord_town import DiscordTown, discord_town
from platforms.storm.judge import Cause, judge
from platforms.storm.script import answer_to
from platforms.storm.slack_town import SlackTown, slack_town

pytestmark = pytest.mark.anyio
ASKED = "m0: 4 sentences, 40 ms apart"
WHOLE = answer_to(ASKED)
HALF = WHOLE[: len(WHOLE) // 2]
STOP_ON_DISCORD = {"type": 1, "components": [{"type": 2, "custom_id": "stop"}]}
STOP_ON_SLACK = {"type": "actions", "elements": [{"type": "button", "action_id": "stop"}]}


def causes(town: DiscordTown | SlackTown) -> list[Cause]:
    return [deviation.cause for deviation in judge(town.said(), town.shown())]


@pytest.fixture
async def discord() -> AsyncIterator[DiscordTown]:
    async with discord_town(1, seed=0) as town:
        await town.say(0, "m0", ASKED)
        yield town


@pytest.fixture
async def slack() -> AsyncIterator[SlackTown]:
    async with slack_town(1, seed=0) as town:
        await town.say(0, "m0", ASKED)
        yield town


async def on_discord(town: DiscordTown) -> DiscordMessage:
    """Let the bot answer with the whole text."""
    channel = town.server.messages(town.channel(0))[0].channel
    async with (
        aiohttp.ClientSession() as session,
        session.post(
            f"{town.server.api_base}/channels/{channel.id}/messages",
            json={"content": WHOLE},
            headers={"Authorization": f"Bot {town.server.settings.token}"},
        ) as response,
    ):
        assert response.status == 200
    return town.server.messages(channel)[-1]


async def on_slack(town: SlackTown) -> SlackMessage:
    """Let the bot answer with the whole text."""
    channel = town.channel(0)
    [asked] = town.server.messages(channel)
    token = town.options["bot_token"]
    async with (
        aiohttp.ClientSession() as session,
        session.post(
            f"{town.server.api_base}chat.postMessage",
            json={"channel": channel.id, "thread_ts": asked.ts, "text": WHOLE},
            headers={"Authorization": f"Bearer {token}"},
        ) as response,
    ):
        assert (await response.json())["ok"]
    return town.server.messages(channel)[-1]


async def test_no_reply_on_discord(discord: DiscordTown) -> None:
    assert causes(discord) == [Cause.MISSING]


async def test_a_whole_reply_on_discord(discord: DiscordTown) -> None:
    await on_discord(discord)

    assert causes(discord) == []


async def test_two_replies_on_discord(discord: DiscordTown) -> None:
    await on_discord(discord)
    await on_discord(discord)

    assert causes(discord) == [Cause.TWICE]


async def test_half_a_reply_on_discord(discord: DiscordTown) -> None:
    (await on_discord(discord)).content = HALF

    assert causes(discord) == [Cause.CUT_SHORT]


async def test_a_button_to_stop_that_stayed_on_discord(discord: DiscordTown) -> None:
    (await on_discord(discord)).components.append(STOP_ON_DISCORD)

    assert causes(discord) == [Cause.UNFINISHED]


async def test_a_reply_that_was_deleted_on_discord(discord: DiscordTown) -> None:
    await discord.server.delete(await on_discord(discord))

    assert causes(discord) == [Cause.MISSING]


async def test_no_reply_on_slack(slack: SlackTown) -> None:
    assert causes(slack) == [Cause.MISSING]


async def test_a_whole_reply_on_slack(slack: SlackTown) -> None:
    await on_slack(slack)

    assert causes(slack) == []


async def test_half_a_reply_on_slack(slack: SlackTown) -> None:
    (await on_slack(slack)).text = HALF

    assert causes(slack) == [Cause.CUT_SHORT]


async def test_a_button_to_stop_that_stayed_on_slack(slack: SlackTown) -> None:
    (await on_slack(slack)).blocks.append(STOP_ON_SLACK)

    assert causes(slack) == [Cause.UNFINISHED]


async def test_a_stream_that_nobody_ended_on_slack(slack: SlackTown) -> None:
    (await on_slack(slack)).stream = "open"

    assert causes(slack) == [Cause.UNFINISHED]


async def test_a_reply_in_another_thread_on_slack(slack: SlackTown) -> None:
    (await on_slack(slack)).thread_ts = "1.000000"

    assert causes(slack) == [Cause.MISPLACED]


async def test_a_reply_that_was_deleted_on_slack(slack: SlackTown) -> None:
    await slack.server.delete(await on_slack(slack))

    assert causes(slack) == [Cause.MISSING]
