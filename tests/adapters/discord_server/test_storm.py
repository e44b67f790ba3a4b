"""The record as a judge: many messages, every fault, a bot that starts anew, nothing lost."""

from random import Random

import aiohttp
import anyio
import discord
import pytest

from adapters.discord_server.harness import Bot, running
from chatune_adapters.testing.discord import Channel, DiscordServer, faults

pytestmark = pytest.mark.anyio
POSTS = "POST *"
REQUESTS = (
    faults.Refuse(503),
    faults.LimitRate(0.01),
    faults.LoseAnswer(),
    faults.LoseAnswer(503),
    faults.DropRequest(),
    faults.Slow(0.01),
)
DISPATCHES = (
    faults.Duplicate(),
    faults.Repeat(0.01),
    faults.Unknown(),
    faults.DropSocket(),
    faults.CloseWith(4000),
    faults.AskReconnect(),
    faults.Invalidate(resumable=True),
    faults.AskHeartbeat(),
)


class Echo(Bot):
    """Answers every message once: the nonce is the message's id, and failures are repeated."""

    async def on_message(self, message: discord.Message) -> None:
        if message.author == self.user:
            return
        while True:
            try:
                await message.channel.send(message.content, nonce=str(message.id))
                return
            except (discord.HTTPException, aiohttp.ClientError):
                continue


async def test_every_message_is_answered_once_through_a_storm(server: DiscordServer) -> None:
    guild, ada = server.add_guild("Guild"), server.add_user("ada")
    channels = [server.add_channel(guild, f"channel-{n}") for n in range(10)]
    server.faults.storm(Random(7), 0.1, requests=REQUESTS, dispatches=DISPATCHES, on=POSTS)

    async with running(Echo(), server):
        for number in range(200):
            await server.say(ada, channels[number % 10], str(number))
        with anyio.fail_after(40):
            await server.until(lambda: all(_answered(server, c) == 20 for c in channels))

    for channel in channels:
        answers = [m.content for m in server.messages(channel) if m.author is server.bot]
        assert len(answers) == len(set(answers)) == 20
    names = {type(fault).__name__ for fault in (*REQUESTS, *DISPATCHES)}
    assert names <= server.faults.struck.keys()


def _answered(server: DiscordServer, channel: Channel) -> int:
    return sum(m.author is server.bot for m in server.messages(channel))


async def test_a_bot_that_starts_anew_gets_a_session_of_its_own(server: DiscordServer) -> None:
    channel = server.add_channel(server.add_guild("Guild"), "general")
    ada = server.add_user("ada")
    texts = []
    for life in range(3):
        async with running(Bot(), server) as bot:
            await server.say(ada, channel, f"life {life}")
            await bot.until(lambda: bot.heard)
            texts.append(bot.texts)

    assert texts == [["life 0"], ["life 1"], ["life 2"]]
    assert len({connection.session_id for connection in server.connections}) == 3
