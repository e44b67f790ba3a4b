"""What a bot author writes: commands and event handlers in a file of their own.

    from chatune_core.bots import Bot, Context

    bot = Bot()

    @bot.command("roll", help="Roll a die.")
    async def roll(context: Context, sides: int = 6) -> str:
        return f"You rolled {random.randint(1, sides)}."

`chatune chat --bot my_bot.py` runs it; docs/bots.md is the guide.
"""

from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from typing import Protocol, TypeVar

from chatune_core.commands import Answer, Answered, Command, Handler, command_from
from chatune_core.messages import ConversationId, Inbound, Turn, UserId
from chatune_core.stop import Stop

__all__ = ["Answer", "Answered", "Bot", "Context"]

EventT = TypeVar("EventT", bound=Inbound)
HandlerT = TypeVar("HandlerT", bound=Handler)


class Services(Protocol):
    """What a context draws on; the core provides it."""

    async def ask(self, event: Inbound, prompt: str, stop: Stop) -> str:
        """Return the model's answer to `prompt`, previewed as the answer to `event`."""
        ...

    async def history(self, conversation: ConversationId, limit: int) -> Sequence[Turn]:
        """Return the last `limit` turns, oldest first."""
        ...


@dataclass(frozen=True, slots=True)
class Context:
    """What a handler may use: the event, and the way to the model and the history."""

    event: Inbound
    _stop: Stop
    _services: Services

    @property
    def user(self) -> UserId:
        """Return who caused the event."""
        return self.event.user

    @property
    def conversation(self) -> ConversationId:
        """Return where it happened."""
        return self.event.conversation

    async def ask(self, prompt: str) -> str:
        """Return the model's answer to `prompt`, shown to the person while it grows.

        The history is not part of the prompt. A stop request ends it with the text so far.
        """
        return await self._services.ask(self.event, prompt, self._stop)

    async def history(self, limit: int = 20) -> Sequence[Turn]:
        """Return the last `limit` turns of this conversation, oldest first."""
        return await self._services.history(self.event.conversation, limit)


EventHandler = Callable[[Context, EventT], Awaitable[Answered]]


class Bot:
    """A set of commands and event handlers."""

    def __init__(self) -> None:
        self.commands: list[Command] = []
        self.handlers: dict[type, list[EventHandler[Inbound]]] = {}

    def command(self, name: str, *, help: str) -> Callable[[HandlerT], HandlerT]:
        """Register the decorated coroutine function as `/name`; `help` is one line.

        Raises:
            ConfigurationError: for a name or a signature that cannot be a command.
        """

        def register(handler: HandlerT) -> HandlerT:
            self.commands.append(command_from(name, help, handler))
            return handler

        return register

    def on(self, kind: type[EventT]) -> Callable[[EventHandler[EventT]], EventHandler[EventT]]:
        """Call the decorated coroutine function for every event of `kind`.

        Handlers run in the order in which they were registered. The first that answers ends the
        event: a message answered here does not go to the model. None passes it on.
        """

        def register(handler: EventHandler[EventT]) -> EventHandler[EventT]:
            # A handler of one kind is only ever called with that kind: the dictionary says so.
            self.handlers.setdefault(kind, []).append(handler)  # type: ignore[arg-type]
            return handler

        return register
