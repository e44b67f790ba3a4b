"""Where the latency benchmark measures: one protocol server for each bot, and its record."""

from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from typing import Protocol
from urllib.parse import urlsplit

import anyio
from latency_wire import delayed

from chatune_adapters.testing.discord import Channel as DiscordChannel
from chatune_adapters.testing.discord import DiscordServer
from chatune_adapters.testing.discord import User as DiscordUser
from chatune_adapters.testing.slack import Channel as SlackChannel
from chatune_adapters.testing.slack import SlackServer, Team
from chatune_adapters.testing.slack import User as SlackUser

CHANNELS = 20
_LOOK_EVERY_S = 0.002


class Place(Protocol):
    """A server with channels and a person who mentions the bot there."""

    addresses: dict[str, str]
    """What the bot is told."""

    async def connected(self) -> None:
        """Wait until a bot listens."""
        ...

    async def answered(self, channel: int, text: str) -> float:
        """Mention the bot with `text`; return the seconds until the record holds its answer."""
        ...

    def calls(self) -> int:
        """Return how many requests the bot made so far."""
        ...


class DiscordPlace:
    """Fulfils `Place`."""

    def __init__(self, server: DiscordServer) -> None:
        guild = server.add_guild("benchmark")
        self._server = server
        self._channels: list[DiscordChannel] = [
            server.add_channel(guild, f"channel-{number}") for number in range(CHANNELS)
        ]
        self._person: DiscordUser = server.add_user("ada")
        self.addresses = {
            "api": server.api_base,
            "gateway": server.gateway_url,
            "token": server.settings.token,
        }

    async def connected(self) -> None:
        """See Place.connected."""
        await self._server.until(lambda: self._server.ready_sessions > 0)

    async def answered(self, channel: int, text: str) -> float:
        """See Place.answered."""
        server, place = self._server, self._channels[channel]
        asked = await server.say(self._person, place, f"<@{server.bot.id}> {text}")
        while True:
            for message in reversed(place.messages.values()):
                if message is asked:
                    break
                if message.author is server.bot and text in message.content:
                    return (message.at - asked.at).total_seconds()
            await anyio.sleep(_LOOK_EVERY_S)

    def calls(self) -> int:
        """See Place.calls."""
        return len(self._server.log)


class SlackPlace:
    """Fulfils `Place`."""

    def __init__(self, server: SlackServer) -> None:
        self._server = server
        self._team: Team = server.add_team("Benchmark")
        self._channels: list[SlackChannel] = [
            server.add_channel(self._team, f"channel-{number}") for number in range(CHANNELS)
        ]
        self._person: SlackUser = server.add_user(self._team, "ada")
        self.addresses = {
            "api": server.api_base,
            "token": self._team.bot_token,
            "app_token": server.app.app_token,
        }

    async def connected(self) -> None:
        """See Place.connected."""
        await self._server.sockets.wait_for(1)

    async def answered(self, channel: int, text: str) -> float:
        """See Place.answered."""
        bot, place = self._team.bot_user_id, self._channels[channel]
        asked = await self._server.say(self._person, place, f"<@{bot}> {text}")
        while True:
            for message in reversed(place.messages.values()):
                if message is asked:
                    break
                if message.user == bot and text in message.text:
                    return float(message.ts) - float(asked.ts)
            await anyio.sleep(_LOOK_EVERY_S)

    def calls(self) -> int:
        """See Place.calls."""
        return len(self._server.log.calls())


@asynccontextmanager
async def discord_place(one_way_s: float, *, bare: bool) -> AsyncIterator[Place]:
    """Open a Discord that is `one_way_s` away."""
    async with AsyncExitStack() as stack:
        server = await stack.enter_async_context(DiscordServer.open())
        if one_way_s:
            port = urlsplit(server.api_base).port or 0
            far = await stack.enter_async_context(delayed(port, one_way_s))
            server.api_base = server.api_base.replace(f":{port}", f":{far}")
            server.gateway_url = server.gateway_url.replace(f":{port}", f":{far}")
        yield DiscordPlace(server)


@asynccontextmanager
async def slack_place(one_way_s: float, *, bare: bool) -> AsyncIterator[Place]:
    """Open a Slack that is `one_way_s` away.

    A bare app subscribes to mentions alone; ours also to the messages of channels, as its manifest
    says, so each mention reaches it twice.
    """
    async with AsyncExitStack() as stack:
        server = await stack.enter_async_context(SlackServer.open())
        if bare:
            server.app.subscriptions = {"app_mention"}
        if one_way_s:
            port = urlsplit(server.site.origin).port or 0
            far = await stack.enter_async_context(delayed(port, one_way_s))
            server.site.origin = f"http://127.0.0.1:{far}"
        yield SlackPlace(server)
