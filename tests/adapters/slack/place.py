"""The Slack platform against the protocol server, with an intake that records."""

import time
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from typing import TypeVar

import anyio

from chatune_adapters.slack.platform import SlackPlatform
from chatune_adapters.slack.settings import SlackSettings
from chatune_adapters.testing.slack import Channel, Message, SlackServer, Team, Timing, User
from chatune_core.commands import Answer, CommandTable, command_from
from chatune_core.errors import RetryLater
from chatune_core.forms import Field, Form
from chatune_core.messages import ConversationId, EventKey, Inbound, MessageKey, Reply

E = TypeVar("E")
CORRECT = Form("correct", "Correct this answer", (Field("text", "What instead?", multiline=True),))


async def _handler(context: object, text: str = "") -> Answer:
    return Answer(text)


class MemoryKeyValues:
    """Fulfils `KeyValues`."""

    def __init__(self) -> None:
        self.values: dict[str, str] = {}

    async def get(self, name: str) -> str | None:
        return self.values.get(name)

    async def put(self, name: str, value: str) -> None:
        self.values[name] = value

    async def delete(self, name: str) -> None:
        self.values.pop(name, None)

    async def names(self, prefix: str) -> Sequence[str]:
        return sorted(name for name in self.values if name.startswith(prefix))


class RecordingIntake:
    """Fulfils `Intake`: keeps what it is given, once per key. `refuse` raises first."""

    def __init__(self) -> None:
        self.commands = CommandTable()
        for name, title in (("help", ""), ("roll", ""), ("summarize", "Summarize")):
            self.commands.add(command_from(name, f"{name}.", _handler, on_message=title))
        self.forms: Mapping[str, Form] = {CORRECT.name: CORRECT}
        self.begins: dict[MessageKey, str] = {}
        """What forms begin with, by the message that they open under."""
        self.events: list[Inbound] = []
        self.refuse: list[RetryLater] = []
        self.watched: set[str] = set()
        self._keys: set[EventKey] = set()
        self._changed = anyio.Event()

    async def opened(self, form: Form, message: MessageKey) -> Form:
        if not (begins := self.begins.get(message)):
            return form
        return replace(form, fields=tuple(replace(each, value=begins) for each in form.fields))

    def watches(self, conversation: ConversationId) -> bool:
        return any(f"{conversation}:".startswith(f"{place}:") for place in self.watched)

    async def receive(self, event: Inbound) -> bool:
        if self.refuse:
            raise self.refuse.pop(0)
        if event.key in self._keys:
            return False
        self._keys.add(event.key)
        self.events.append(event)
        self._changed.set()
        self._changed = anyio.Event()
        return True

    async def next(self, kind: type[E]) -> E:
        """Return the oldest event of a kind, and take it out."""
        while True:
            for event in self.events:
                if isinstance(event, kind):
                    self.events.remove(event)
                    return event
            await self._changed.wait()


class Clock:
    """Real time, moved on by hand."""

    def __init__(self) -> None:
        self.ahead = 0.0

    def __call__(self) -> float:
        return time.time() + self.ahead


@dataclass(slots=True)
class Place:
    """A workspace with a channel and a person, and the settings to connect to it."""

    server: SlackServer
    team: Team
    channel: Channel
    ada: User
    settings: SlackSettings
    clock: Clock
    store: MemoryKeyValues = field(default_factory=MemoryKeyValues)
    intake: RecordingIntake = field(default_factory=RecordingIntake)

    @asynccontextmanager
    async def connected(self, **changed: object) -> AsyncIterator[SlackPlatform]:
        """Yield a running platform; it is cut off at the end as a kill would."""
        settings = replace(self.settings, **changed)  # type: ignore[arg-type]
        platform = SlackPlatform(
            settings, self.store, lambda: datetime.fromtimestamp(self.clock(), UTC)
        )
        async with anyio.create_task_group() as tasks:
            await tasks.start(platform.run, self.intake)
            if settings.listen and not settings.socket_mode:
                self.server.events_url = f"http://127.0.0.1:{platform.port}{settings.path}"
            yield platform
            tasks.cancel_scope.cancel()

    async def mention(self, text: str, thread: Message | None = None) -> Message:
        """Let Ada mention the bot."""
        said = f"<@{self.team.bot_user_id}> {text}"
        return await self.server.say(self.ada, self.channel, said, thread=thread)

    def watch(self, channel: Channel | None = None) -> str:
        """Let the core watch the channel; return its conversation."""
        watched = f"slack:{self.team.id}:{(channel or self.channel).id}"
        self.intake.watched.add(watched)
        return watched

    async def say(self, text: str, thread: Message | None = None) -> Message:
        """Let Ada say something to nobody in particular."""
        return await self.server.say(self.ada, self.channel, text, thread=thread)

    def answers(self, message: Message) -> list[Message]:
        """Return what the bot wrote below a message."""
        return self.server.replies(message)


def reply_to(event: Inbound, text: str = "Hello.", **more: object) -> Reply:
    """Return a reply as the core would make it."""
    reply = Reply(event.key, event.conversation, event.user, text, via=event.via)
    return replace(reply, **more)  # type: ignore[arg-type]


@asynccontextmanager
async def opened_place() -> AsyncIterator[Place]:
    clock = Clock()
    async with SlackServer.open(clock=clock, timing=Timing(scale=0.02)) as server:
        team = server.add_team("Acme")
        ada = server.add_user(team, "ada")
        channel = server.add_channel(team, "general")
        settings = SlackSettings(
            app_token=team.app_token,
            bot_token=team.bot_token,
            signing_secret=team.signing_secret,
            api_base=server.api_base,
            preview_every_s=0.0,
        )
        yield Place(server, team, channel, ada, settings, clock)
