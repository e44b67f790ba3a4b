"""A bot on the loopback Discord: the real adapter, a recording core."""

import json
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from typing import Any

import anyio

from chatune_adapters.discord.platform import DiscordPlatform
from chatune_adapters.discord.settings import DiscordSettings
from chatune_adapters.testing.discord import Channel, DiscordServer, Guild, Message, User, faults
from chatune_core.commands import CommandTable
from chatune_core.errors import RetryLater
from chatune_core.forms import Form
from chatune_core.messages import (
    Button,
    ConversationId,
    EventKey,
    File,
    Inbound,
    MessageKey,
    MessageReceived,
    Reply,
)
from chatune_core.ports import KeyValues


class MemoryKeyValues:
    def __init__(self) -> None:
        self.values: dict[str, str] = {}
        self._changed = anyio.Event()

    async def bookmarked(self, said: Message) -> None:
        """Wait until the bookmark is behind `said`."""
        while self.values.get("discord:bookmark", "") <= said.at.isoformat():
            await self._changed.wait()

    async def holds(self, *names: str) -> None:
        """Wait until there are values of these names."""
        while not self.values.keys() >= set(names):
            await self._changed.wait()

    async def lacks(self, name: str) -> None:
        """Wait until there is no such value."""
        while name in self.values:
            await self._changed.wait()

    async def get(self, name: str) -> str | None:
        return self.values.get(name)

    async def put(self, name: str, value: str) -> None:
        self.values[name] = value
        self._note_change()

    async def delete(self, name: str) -> None:
        self.values.pop(name, None)
        self._note_change()

    def _note_change(self) -> None:
        self._changed.set()
        self._changed = anyio.Event()

    async def names(self, prefix: str) -> Sequence[str]:
        return sorted(name for name in self.values if name.startswith(prefix))


_: KeyValues = MemoryKeyValues()


class RecordingIntake:
    """Stores what happens; `outage` counts how often it cannot."""

    def __init__(self) -> None:
        self.commands = CommandTable()
        self.forms: dict[str, Form] = {}
        self.begins: dict[MessageKey, str] = {}
        """What forms begin with, by the message that they open under."""
        self.events: list[Inbound] = []
        self.outage = 0
        self.watched: set[str] = set()
        self._keys: set[EventKey] = set()
        self._changed = anyio.Event()

    async def opened(self, form: Form, message: MessageKey) -> Form:
        if not (begins := self.begins.get(message)):
            return form
        return replace(form, fields=tuple(replace(each, value=begins) for each in form.fields))

    def watches(self, conversation: ConversationId) -> bool:
        return conversation in self.watched

    async def receive(self, event: Inbound) -> bool:
        await anyio.lowlevel.checkpoint()
        if self.outage:
            self.outage -= 1
            raise RetryLater("the disk is full", timedelta(0))
        if event.key in self._keys:
            return False
        self._keys.add(event.key)
        self.events.append(event)
        self._changed.set()
        self._changed = anyio.Event()
        return True

    async def until(self, count: int) -> list[Inbound]:
        """Wait for `count` events and return them."""
        while len(self.events) < count:
            await self._changed.wait()
        return self.events

    async def next(self) -> Inbound:
        """Wait for the first event."""
        return (await self.until(1))[0]


@dataclass
class Place:
    """A server with one guild, one channel and Ann."""

    server: DiscordServer
    guild: Guild
    channel: Channel
    ann: User
    store: MemoryKeyValues = field(default_factory=MemoryKeyValues)

    @property
    def mention(self) -> str:
        return f"<@{self.server.bot.id}>"

    def shown(self, channel: Channel | None = None) -> list[Message]:
        """Return what the bot shows in the channel."""
        there = self.server.messages(channel or self.channel)
        return [message for message in there if message.author is self.server.bot]

    def settings(self, **changes: Any) -> DiscordSettings:  # noqa: ANN401
        options: dict[str, Any] = {
            "token": self.server.settings.token,
            "api_url": self.server.api_base,
            "gateway_url": self.server.gateway_url,
            "preview_every": timedelta(seconds=0.02),
            "bookmark_every": timedelta(seconds=0.02),
            "identify_every": timedelta(0),
        }
        return DiscordSettings(**{**options, **changes})


def utc_now() -> datetime:
    return datetime.now(UTC)


@asynccontextmanager
async def place(**settings: Any) -> AsyncIterator[Place]:  # noqa: ANN401
    from chatune_adapters.testing.discord import Settings

    async with DiscordServer.open(Settings(**settings)) as server:
        guild = server.add_guild("Garden")
        channel = server.add_channel(guild, "roses")
        yield Place(server, guild, channel, server.add_user("ann"))


@asynccontextmanager
async def running(
    at: Place,
    intake: RecordingIntake,
    *,
    now: Callable[[], datetime] = utc_now,
    **changes: Any,  # noqa: ANN401
) -> AsyncIterator[DiscordPlatform]:
    """Run the platform for the block, as a process would."""
    platform = DiscordPlatform(at.settings(**changes), at.store, now)
    async with anyio.create_task_group() as tasks:
        await tasks.start(platform.run, intake)
        yield platform
        tasks.cancel_scope.cancel()


async def dispatched(at: Place, name: str, data: object) -> None:
    """Let the gateway send any payload, as it is."""
    text = json.dumps({"op": 0, "t": name, "s": None, "d": data})
    at.server.faults.add(faults.Malform(text), on="DISPATCH MESSAGE_CREATE")
    await at.server.say(at.ann, at.channel, "said to nobody")


def reply_to(
    event: Inbound,
    text: str,
    *,
    private: bool = False,
    buttons: tuple[Button, ...] = (),
    files: tuple[File, ...] = (),
) -> Reply:
    return Reply(
        event.key, event.conversation, event.user, text, private, event.via, buttons, files
    )


def as_message(event: Inbound) -> MessageReceived:
    assert isinstance(event, MessageReceived)
    return event
