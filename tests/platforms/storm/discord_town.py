"""A Discord full of people: channels where the bot is mentioned, threads, direct messages."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import timedelta
from random import Random

from chatune_adapters.testing.discord import Channel, DiscordServer, Message, Settings, User, faults
from platforms.storm.judge import Said, Shown


class DiscordTown:
    """Fulfils `Town`."""

    platform = "discord"

    def __init__(self, server: DiscordServer, conversations: int) -> None:
        self.server = server
        self._guild = server.add_guild("Town")
        self._places = [self._place(number) for number in range(conversations)]
        self._silences = 0
        self._said: list[tuple[str, int, str, Message]] = []

    def _place(self, number: int) -> tuple[User, Channel]:
        person = self.server.add_user(f"person-{number}")
        if number % 5 in (2, 3):
            return person, self.server.dm_with(person)
        channel = self.server.add_channel(self._guild, f"channel-{number}")
        if number % 5 == 4:
            return person, self.server.add_thread(channel, f"thread-{number}", person)
        return person, channel

    def channel(self, conversation: int) -> Channel:
        """Return where a conversation is held."""
        return self._places[conversation][1]

    @property
    def environment(self) -> dict[str, str]:
        """See Town.environment."""
        return {
            "CHATUNE_SERVE__PLATFORMS": '["discord"]',
            "CHATUNE_DISCORD__TOKEN": self.server.settings.token,
            "CHATUNE_DISCORD__API_BASE": self.server.api_base,
            "CHATUNE_DISCORD__GATEWAY_URL": self.server.gateway_url,
        }

    @property
    def options(self) -> dict[str, str]:
        """What tells `day_bot` where the platform is."""
        settings = self.server.settings
        return {
            "platform": self.platform,
            "token": settings.token,
            "api_base": self.server.api_base,
            "gateway_url": self.server.gateway_url,
        }

    async def say(self, conversation: int, name: str, question: str) -> None:
        """See Town.say."""
        person, channel = self._places[conversation]
        text = question if channel.guild is None else f"<@{self.server.bot.id}> {question}"
        message = await self.server.say(person, channel, text)
        self._said.append((name, conversation, question, message))

    async def heard(self) -> None:
        """See Town.heard."""
        await self.server.until(lambda: self.server.ready_sessions > 0)

    def said(self) -> list[Said]:
        """See Town.said. Discord brings what is said in order, and a gap can be read again."""
        return [
            Said(name, str(number), question, at := message.at.timestamp(), at)
            for name, number, question, message in self._said
        ]

    def shown(self) -> list[Shown]:
        """See Town.shown."""
        return [
            Shown(str(number), message.id, message.content, _finished(message))
            for number, (_, channel) in enumerate(self._places)
            for message in self.server.messages(channel)
            if message.author is self.server.bot
        ]

    async def renew(self) -> None:
        """Ask the bot to connect anew, and wait until it has."""
        known = self.connections()
        self.server.faults.now(faults.AskReconnect())
        await self.server.until(lambda: self.connections() > known)

    async def quiet(self) -> None:
        """Return when one connection is left."""
        await self.server.until(lambda: self.server.ready_sessions == 1)

    def connections(self) -> int:
        """Return how many connections there were."""
        return sum(connection.session_id is not None for connection in self.server.connections)

    def beats(self) -> int:
        """Return how many heartbeats came."""
        return sum(connection.heartbeats for connection in self.server.connections)

    def begin_storm(self, seed: int, vigour: float) -> None:
        """See Town.begin_storm. Half of the faults of dispatches cost the connection."""
        dice = Random(seed)
        self.server.faults.storm(dice, vigour, dispatches=())
        self.server.faults.storm(dice, vigour / 2, requests=())

    def calm(self) -> None:
        """See Town.calm."""
        self.server.faults.clear()

    def hang_up(self) -> None:
        """See Town.hang_up."""
        silences = self.server.faults.struck["FallSilent"]
        if silences > self._silences:
            self._silences = silences
            self.server.faults.now(faults.DropSocket())

    def struck(self) -> dict[str, int]:
        """See Town.struck."""
        return dict(self.server.faults.struck)

    def kinds(self) -> set[str]:
        """See Town.kinds."""
        every = (*faults.EVERY_REQUEST_FAULT, *faults.EVERY_DISPATCH_FAULT)
        return {type(fault).__name__ for fault in every}


def _finished(message: Message) -> bool:
    return "stop" not in message.custom_ids and not message.loading


@asynccontextmanager
async def discord_town(
    conversations: int, seed: int, beat_s: float = 2.0
) -> AsyncIterator[DiscordTown]:
    settings = Settings(heartbeat_every=timedelta(seconds=beat_s), sent_per_minute=100_000)
    async with DiscordServer.open(settings) as server:
        yield DiscordTown(server, conversations)
