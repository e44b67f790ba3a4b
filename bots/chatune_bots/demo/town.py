"""The bot that the community talks to: the real stores, engine and runtime, in a home of their own."""

import itertools
from collections.abc import AsyncGenerator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field

import anyio

from chatune_bots.compose import Parts, utc_now
from chatune_bots.home import Home
from chatune_bots.loras import served_loras
from chatune_bots.settings import Settings
from chatune_core.bots import Bot
from chatune_core.corrections import CORRECT
from chatune_core.generation.engine import Engine
from chatune_core.learning.serving import ServedLoras
from chatune_core.messages import (
    ActionTaken,
    ConversationId,
    EventKey,
    FormSubmitted,
    Inbound,
    MessageKey,
    MessageReceived,
    Reply,
    UserId,
)
from chatune_core.ports import Capabilities, Moderation
from chatune_core.runtime import Runtime
from chatune_storage.stores import Stores

AGREES = "/training on"


class Board:
    """Where replies are read; fulfils `Sender`."""

    capabilities = Capabilities(buttons=True, files=False)

    def __init__(self) -> None:
        self._replies: dict[EventKey, Reply] = {}
        self._there: dict[EventKey, anyio.Event] = {}

    def preview(self, event: Inbound, text: str) -> None:
        """See Sender.preview."""

    def waiting(self, event: Inbound, position: int) -> None:
        """See Sender.waiting."""

    async def deliver(self, reply: Reply) -> Sequence[MessageKey]:
        """See Sender.deliver."""
        self._replies[reply.answers] = reply
        self._there.setdefault(reply.answers, anyio.Event()).set()
        return [shown_as(reply.answers)]

    async def reply_to(self, key: EventKey) -> Reply:
        """Return the reply to the event, once it is there."""
        await self._there.setdefault(key, anyio.Event()).wait()
        del self._there[key]
        return self._replies.pop(key)


def shown_as(answers: EventKey) -> MessageKey:
    """Return the message that shows the reply to an event."""
    return MessageKey(f"shown:{answers}")


@dataclass(frozen=True, slots=True)
class Answered:
    """An answer that a person got: `key` is the event that it belongs to."""

    key: EventKey
    conversation: ConversationId
    user: UserId
    question: str
    text: str


@dataclass
class Town:
    """What people do there, each thing a real event of the runtime."""

    runtime: Runtime
    stores: Stores
    engine: Engine
    loras: ServedLoras
    board: Board
    _numbers: "itertools.count[int]" = field(default_factory=itertools.count)

    async def agree(self, user: UserId) -> None:
        """Let `user` agree to training."""
        place = ConversationId(f"terminal:consent of {user}")
        await self._say(user, place, AGREES)

    async def ask(self, user: UserId, question: str) -> Answered:
        """Let `user` ask, in a conversation that begins with it."""
        place = ConversationId(f"terminal:talk {next(self._numbers)}")
        reply = await self._say(user, place, question)
        return Answered(reply.answers, place, user, question, reply.text)

    async def ask_again(self, answered: Answered) -> Answered:
        """Let the same person press "Again" under an answer."""
        reply = await self._press(answered, "again")
        return Answered(
            reply.answers, answered.conversation, answered.user, answered.question, reply.text
        )

    async def rate(self, answered: Answered, *, good: bool) -> None:
        """Let the person press a thumb under the answer."""
        await self._press(answered, "good" if good else "bad")

    async def correct(self, answered: Answered, text: str) -> None:
        """Let the person open the form under the answer and send it back as `text`."""
        event = FormSubmitted(
            self._key(),
            answered.conversation,
            answered.user,
            utc_now(),
            shown_as(answered.key),
            CORRECT.name,
            "",
            ((CORRECT.fields[0].name, text),),
        )
        await self.runtime.receive(event)
        await self.board.reply_to(event.key)

    async def _say(self, user: UserId, place: ConversationId, text: str) -> Reply:
        event = MessageReceived(self._key(), place, user, utc_now(), text)
        await self.runtime.receive(event)
        return await self.board.reply_to(event.key)

    async def _press(self, answered: Answered, action: str) -> Reply:
        event = ActionTaken(
            self._key(),
            answered.conversation,
            answered.user,
            utc_now(),
            shown_as(answered.key),
            action,
        )
        await self.runtime.receive(event)
        return await self.board.reply_to(event.key)

    def _key(self) -> EventKey:
        return EventKey(f"terminal:event {next(self._numbers)}")


@asynccontextmanager
async def open_town(
    settings: Settings, home: Home, stores: Stores, engine: Engine, moderation: Moderation
) -> AsyncGenerator[Town, None]:
    """Let the bot run for the body."""
    board = Board()
    generators = {settings.default_model: engine}
    loras = served_loras(settings, home, stores, generators)
    parts = Parts(settings, stores, generators, Bot(), moderation, loras=loras)
    runtime = parts.runtime(settings.default_model, {"terminal": board})
    async with anyio.create_task_group() as tasks:
        await tasks.start(runtime.run)
        yield Town(runtime, stores, engine, loras, board)
        runtime.close()
