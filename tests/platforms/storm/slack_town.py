"""A Slack full of people: threads that the bot takes part in, mentions, direct messages."""

import math
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import replace

from chatune_adapters.slack.streaming import STILL_WRITING
from chatune_adapters.testing.slack import Channel, Message, SlackServer, Timing, User, whole_storm
from fakes.wire import until
from platforms.storm.judge import Said, Shown

_TIMING = Timing(
    retries=(0.0, 1.0, 3.0, 6.0, 10.0, 20.0, 40.0, 60.0), warning_lasts=1.0, refresh_lasts=1.0
)
"""Slack's three retries are spread over six minutes; these come sooner, and over two."""
_AT_ONCE = 8
"""About so many kinds of fault may meet one call or delivery, each by a throw of its own."""


class SlackTown:
    """Fulfils `Town`."""

    platform = "slack"

    def __init__(self, server: SlackServer, conversations: int) -> None:
        self.server = server
        self._team = server.add_team("Town")
        self._places = [self._place(number) for number in range(conversations)]
        self._roots: dict[int, Message] = {}
        self._said: list[tuple[str, int, str, Message]] = []

    def _place(self, number: int) -> tuple[User, Channel]:
        person = self.server.add_user(self._team, f"person-{number}")
        if number % 5 in (2, 3):
            return person, self.server.dm_with(person)
        return person, self.server.add_channel(self._team, f"channel-{number}")

    def channel(self, conversation: int) -> Channel:
        """Return where a conversation is held."""
        return self._places[conversation][1]

    @property
    def environment(self) -> dict[str, str]:
        """See Town.environment."""
        return {
            "CHATUNE_SERVE__PLATFORMS": '["slack"]',
            "CHATUNE_SLACK__APP_TOKEN": self._team.app_token,
            "CHATUNE_SLACK__BOT_TOKEN": self._team.bot_token,
            "CHATUNE_SLACK__API_BASE": self.server.api_base,
        }

    @property
    def options(self) -> dict[str, str]:
        """What tells `day_bot` where the platform is."""
        team = self._team
        return {
            "platform": self.platform,
            "app_token": team.app_token,
            "bot_token": team.bot_token,
            "api_base": self.server.api_base,
        }

    async def say(self, conversation: int, name: str, question: str) -> None:
        """See Town.say. What follows in a thread mentions nobody; mentions begin threads."""
        person, channel = self._places[conversation]
        root = self._roots.get(conversation)
        mentions = channel.kind == "channel" and root is None
        text = f"<@{self._team.bot_user_id}> {question}" if mentions else question
        message = await self.server.say(person, channel, text, thread=root)
        if conversation % 5 in (0, 1):
            self._roots.setdefault(conversation, message)
        self._said.append((name, conversation, question, message))

    async def heard(self) -> None:
        """See Town.heard."""
        await self.server.sockets.wait_for(1)

    def said(self) -> list[Said]:
        """See Town.said. Slack brings again what was not acknowledged, behind later messages."""
        acked: dict[str, float] = {}
        for one in self.server.log.deliveries():
            ts = one.payload.get("event", {}).get("ts")
            if ts and one.outcome == "acked":
                acked.setdefault(ts, one.at)
        lost = {one.payload.get("event", {}).get("ts") for one in self.server.log.given_up()}
        return [
            Said(
                name,
                self._conversation(number, message),
                question,
                float(message.ts),
                acked.get(message.ts, math.inf),
                given_up=message.ts in lost and message.ts not in acked,
            )
            for name, number, question, message in self._said
        ]

    def shown(self) -> list[Shown]:
        """See Town.shown. A button that is offered beside a long stream is no reply."""
        return [
            Shown(
                self._conversation(number, message),
                float(message.ts),
                message.text,
                _finished(message),
            )
            for number, (_, channel) in enumerate(self._places)
            for message in self.server.messages(channel)
            if message.user == self._team.bot_user_id and message.text != STILL_WRITING
        ]

    def _conversation(self, number: int, message: Message) -> str:
        return (
            str(number) if number % 5 in (2, 3) else f"{number}:{message.thread_ts or message.ts}"
        )

    async def renew(self) -> None:
        """Ask the bot to connect anew, and wait until it has."""
        known = self.connections()
        await self.server.sockets.disconnect("refresh_requested")
        while self.connections() == known:
            await self.server.sockets.wait_for_next()

    async def quiet(self) -> None:
        """Return when one connection is left."""
        await until(lambda: len(self.server.sockets.open) == 1)

    def connections(self) -> int:
        """Return how many connections there were."""
        return sum(one.change == "opened" for one in self.server.log.sockets())

    def begin_storm(self, seed: int, vigour: float) -> None:
        """See Town.begin_storm. The dice are those that the server was opened with."""
        self.server.faults.storm(vigour / _AT_ONCE)

    def calm(self) -> None:
        """See Town.calm."""
        self.server.faults.calm()

    def hang_up(self) -> None:
        """See Town.hang_up."""
        for socket in self.server.sockets.open:
            if socket.silent:
                self.server.sockets.drop(socket)

    def struck(self) -> dict[str, int]:
        """See Town.struck."""
        return dict(self.server.faults.injected)

    def kinds(self) -> set[str]:
        """See Town.kinds."""
        return {type(fault).__name__ for fault, _ in whole_storm()}


def _finished(message: Message) -> bool:
    offered = str(message.blocks)
    return "'stop'" not in offered and message.stream in ("", "done", "expired")


@asynccontextmanager
async def slack_town(
    conversations: int, seed: int, beat_s: float = 30.0
) -> AsyncIterator[SlackTown]:
    timing = replace(_TIMING, ping_every=beat_s)
    async with SlackServer.open(seed=seed, timing=timing) as server:
        yield SlackTown(server, conversations)
