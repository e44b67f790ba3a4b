"""What a bot author writes: commands and event handlers in a file of their own.

    from chatune_core.bots import Bot, Context

    bot = Bot()

    @bot.command("roll", help="Roll a die.")
    async def roll(context: Context, sides: int = 6) -> str:
        return f"You rolled {random.randint(1, sides)}."

`chatune chat --bot my_bot.py` runs it; docs/bots.md is the guide.
"""

from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Protocol, TypeVar

from chatune_core.commands import (
    Answer,
    Answered,
    Command,
    Completer,
    Handler,
    command_from,
)
from chatune_core.errors import ConfigurationError
from chatune_core.forms import Field, Form
from chatune_core.messages import (
    ACTION,
    Attachment,
    Button,
    ConversationId,
    File,
    Inbound,
    StopRequested,
    Turn,
    UserId,
)
from chatune_core.stop import Stop

__all__ = ["Answer", "Answered", "Bot", "Button", "Context", "Field", "File"]

EventT = TypeVar("EventT", bound=Inbound)
HandlerT = TypeVar("HandlerT", bound=Handler)


class Services(Protocol):
    """What a context draws on; the core provides it."""

    async def ask(self, event: Inbound, prompt: str, stop: Stop, *, private: bool) -> str:
        """Return the model's answer to `prompt`, previewed as the answer to `event`."""
        ...

    async def history(self, conversation: ConversationId, limit: int) -> Sequence[Turn]:
        """Return the last `limit` turns, oldest first."""
        ...

    async def read(self, event: Inbound, attachment: Attachment) -> bytes:
        """Return the whole file, which came with `event`."""
        ...


@dataclass(frozen=True, slots=True)
class Context:
    """What a handler may use: the event, and the way to the model and the history.

    `stop` tells whether the person has asked for the work to be stopped.
    """

    event: Inbound
    stop: Stop
    _services: Services
    _private: bool = False

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

        A private command shows nothing before its end, since others might see it.
        The history is not part of the prompt. A stop request ends it with the text so far.
        """
        return await self._services.ask(self.event, prompt, self.stop, private=self._private)

    async def history(self, limit: int = 20) -> Sequence[Turn]:
        """Return the last `limit` turns of this conversation, oldest first."""
        return await self._services.history(self.event.conversation, limit)

    async def read(self, attachment: Attachment) -> bytes:
        """Return the bytes of a file that came with the event.

        Raises:
            InvalidInput: it is too large or gone; the person is told.
        """
        return await self._services.read(self.event, attachment)


_OWN_ACTIONS = frozenset(
    {
        "good", "bad", "say-why", "again", "keep-this", "keep-earlier", "correct", "stop",
        "choose-first", "choose-second", "choose-none",
    }
)  # fmt: skip
EventHandler = Callable[[Context, EventT], Awaitable[Answered]]
ActionHandler = Callable[[Context, str], Awaitable[Answered]]
"""Called with the value of the button that was pressed."""
FormHandler = Callable[[Context, str, Mapping[str, str]], Awaitable[Answered]]
"""Called with the value of the button that opened the form, and what was entered, by field."""


class Bot:
    """A set of commands, buttons, forms and event handlers."""

    def __init__(self) -> None:
        self.commands: list[Command] = []
        self.actions: dict[str, ActionHandler] = {}
        self.forms: dict[str, tuple[Form, FormHandler]] = {}
        self.handlers: dict[type, list[EventHandler[Inbound]]] = {}

    def command(
        self,
        name: str,
        *,
        help: str,
        private: bool = False,
        on_message: str = "",
        completers: Mapping[str, Completer] | None = None,
    ) -> Callable[[HandlerT], HandlerT]:
        """Register the decorated coroutine function as `/name`; `help` is one line.

        Args:
            help: shown by /help and by the platform while people type.
            private: answers stay between the bot and the person.
            on_message: also offer it, by this title, in the menu of every message, whose text
                becomes the last argument.
            completers: values to offer for an argument while people type, by its name.

        Raises:
            ConfigurationError: for a name or a signature that cannot be a command.
        """

        def register(handler: HandlerT) -> HandlerT:
            command = command_from(
                name, help, handler, private=private, on_message=on_message, completers=completers
            )
            self.commands.append(command)
            return handler

        return register

    def action(self, name: str) -> Callable[[ActionHandler], ActionHandler]:
        """Call the decorated coroutine function when a button with the action `name` is pressed.

        Raises:
            ConfigurationError: if the name is taken, or no name for an action.
        """

        def register(handler: ActionHandler) -> ActionHandler:
            self._claim(name)
            self.actions[name] = handler
            return handler

        return register

    def form(
        self, name: str, *, title: str, fields: Sequence[Field]
    ) -> Callable[[FormHandler], FormHandler]:
        """Open a form when a button with the action `name` is pressed; call the function with it.

        Raises:
            ConfigurationError: if the name is taken, or the form cannot be shown everywhere.
        """

        def register(handler: FormHandler) -> FormHandler:
            self._claim(name)
            try:
                form = Form(name, title, tuple(fields))
            except ValueError as error:
                raise ConfigurationError(
                    f"The form {name!r} cannot be shown: {error}.", "Change it in the bot's file."
                ) from error
            self.forms[name] = (form, handler)
            return handler

        return register

    def _claim(self, name: str) -> None:
        if not ACTION.fullmatch(name):
            raise ConfigurationError(
                f"{name!r} cannot be the name of an action.",
                "Use a small letter, then up to 31 small letters, digits, '-' or '_'.",
            )
        if name in _OWN_ACTIONS:
            raise ConfigurationError(
                f"The action {name!r} is one of Chatune's own.", "Choose another name."
            )
        if name in self.actions or name in self.forms:
            raise ConfigurationError(
                f"The action {name!r} is registered twice.", "Rename one of the two."
            )

    def on(self, kind: type[EventT]) -> Callable[[EventHandler[EventT]], EventHandler[EventT]]:
        """Call the decorated coroutine function for every event of `kind`.

        Handlers run in the order in which they were registered. The first that answers ends the
        event: a message answered here does not go to the model. None passes it on.

        Raises:
            ConfigurationError: for `StopRequested`.
        """

        if issubclass(kind, StopRequested):
            raise ConfigurationError(
                "StopRequested cannot be handled.", "It is let past every queue; use another kind."
            )

        def register(handler: EventHandler[EventT]) -> EventHandler[EventT]:
            # A handler of one kind is only ever called with that kind: the dictionary says so.
            self.handlers.setdefault(kind, []).append(handler)  # type: ignore[arg-type]
            return handler

        return register
