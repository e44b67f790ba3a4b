"""One event to one outcome: a match on its kind."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace

from chatune_core.bots import ActionHandler, Bot, Context, FormHandler
from chatune_core.commands import Answer, Answered, Command, CommandTable, bind, command_from
from chatune_core.errors import ConfigurationError, GenerationFailed, InvalidInput
from chatune_core.forms import Form, read_form
from chatune_core.memory.ports import Remembering
from chatune_core.messages import (
    ActionTaken,
    Attachment,
    BotRemoved,
    CommandInvoked,
    ConversationId,
    EventKey,
    FormSubmitted,
    Inbound,
    MessageDeleted,
    MessageEdited,
    MessageKey,
    MessagePosted,
    MessageReceived,
    ReactionChanged,
    Reply,
    Turn,
)
from chatune_core.outcomes import (
    Effect,
    MemoriesUnlearned,
    MessageErased,
    Outcome,
    TurnReplaced,
    WorkspaceErased,
)
from chatune_core.parts import Part, Watcher
from chatune_core.pipeline import AnswerFailed, Pipeline
from chatune_core.ports import Files, History, Sender
from chatune_core.ratings import Ratings
from chatune_core.settings import CoreSettings
from chatune_core.stop import Stop

EMPTY = "That message was empty. Write something, or /help."
DONE = Answer("Done.", private=True)
_NOTHING = Outcome()


class Dispatch:
    """Knows which part answers which kind of event."""

    def __init__(
        self,
        commands: CommandTable,
        bot: Bot,
        pipeline: Pipeline,
        ratings: Ratings,
        parts: Sequence[Part],
        watcher: Watcher | None,
        history: History,
        sender_of: Callable[[Inbound], Sender],
        files_of: Callable[[Inbound], Files | None],
        settings: CoreSettings,
        memory: Remembering | None = None,
    ) -> None:
        self._commands, self._bot, self._pipeline = commands, bot, pipeline
        self._ratings, self._history = ratings, history
        self._watcher, self._memory = watcher, memory
        self._sender_of, self._files_of, self._settings = sender_of, files_of, settings
        self._actions: dict[str, ActionHandler] = dict(bot.actions)
        self._forms: dict[str, tuple[Form, FormHandler]] = dict(bot.forms)
        for part in parts:
            _check_free({*part.actions, *part.forms} & {*self._actions, *self._forms})
            self._actions |= part.actions
            self._forms |= part.forms
        self.forms: Mapping[str, Form] = {name: form for name, (form, _) in self._forms.items()}

    def press_command(self) -> Command:
        """Return `/press`, which does what a button does where a platform shows none."""
        return command_from("press", "Press a button by its name.", self._press, hidden=True)

    async def outcome_of(self, event: Inbound, stop: Stop) -> Outcome:
        """Return what `event` comes to. What a person did wrong is an answer, not an error.

        Raises:
            RetryLater: the same event may succeed later.
        """
        try:
            match event:
                case MessageReceived():
                    return await self._message(event, stop)
                case CommandInvoked():
                    return await self._handle(event, stop) or await self._command(
                        event, event.name, event.arguments, stop
                    )
                case MessagePosted():
                    # No handler keeps a post from being judged, or sees one that did not pass.
                    seen = await self._seen(event)
                    return seen or await self._handle(event, stop) or _NOTHING
                case MessageEdited() | MessageDeleted() | BotRemoved():
                    # What must be forgotten is forgotten, whatever a handler does besides.
                    handled = await self._handle(event, stop) or _NOTHING
                    upkeep = await self.upkeep_of(event)
                    return replace(handled, effects=upkeep + handled.effects)
                case _:
                    return await self._handle(event, stop) or await self._other(event, stop)
        except (InvalidInput, GenerationFailed) as error:
            # In answer to a message everyone sees what went wrong, as everyone saw the message.
            private = not isinstance(event, MessageReceived)
            reply = _reply(event, Answer(str(error), private)) if waits(event) else None
            missed = (error.missed,) if isinstance(error, AnswerFailed) else ()
            return Outcome(reply, (*await self.upkeep_of(event), *missed))

    async def upkeep_of(self, event: Inbound) -> tuple[Effect, ...]:
        """Return what follows from `event` by itself, without handlers and commands.

        It holds even where everything else about the event fails.
        """
        match event:
            case MessageEdited():
                said = EventKey(event.message)
                turn = Turn(said, event.conversation, event.user, "user", event.text, event.at)
                unlearned = MemoriesUnlearned(event.user, said)
                relearned = await self._memory.relearned(event) if self._memory is not None else ()
                return (TurnReplaced(turn), unlearned, *relearned)
            case MessageDeleted():
                return (MessageErased(event.conversation, await self._said_by(event.message)),)
            case BotRemoved():
                return (WorkspaceErased(event.workspace),)
            case _:
                return ()

    async def _said_by(self, message: MessageKey) -> EventKey:
        """Return the event behind a message: a person's own, or the one that the bot answered."""
        answered = await self._history.answer_shown_as(message)
        if answered is None:
            return EventKey(message)
        return await self._history.question_of(answered) or answered

    async def _message(self, message: MessageReceived, stop: Stop) -> Outcome:
        if len(message.text) > self._settings.longest_message:
            raise InvalidInput(
                f"That message has {len(message.text):,} characters; I read up to "
                f"{self._settings.longest_message:,}. Please send a shorter one or split it."
            )
        parsed = self._commands.parse(message.text)
        if parsed is not None:
            return await self._command(message, *parsed, stop)
        handled = await self._handle(message, stop)
        if handled is not None:
            return handled
        if not message.text.strip() and not message.attachments:
            raise InvalidInput(EMPTY)
        return _outcome(message, await self._pipeline.reply_to(message, stop))

    async def _seen(self, posted: MessagePosted) -> Outcome | None:
        """Return what was found in a post; None if nothing was."""
        if self._watcher is None:
            return None
        outcome = await self._watcher.seen(posted)
        return None if outcome == _NOTHING else outcome

    async def _command(self, event: Inbound, name: str, arguments: str, stop: Stop) -> Outcome:
        command = self._commands.find(name)
        values = bind(command, arguments, self._commands.prefix)
        context = Context(event, stop, self, command.private)
        answered = await command.handler(context, *values)
        if answered is None and isinstance(event, CommandInvoked):
            answered = DONE  # the platform shows that something is under way until it hears more
        if command.private and answered is not None:
            answered = replace(_answer(answered), private=True)
        return _outcome(event, answered)

    async def _other(self, event: Inbound, stop: Stop) -> Outcome:
        match event:
            case ActionTaken():
                return await self._action(event, event.action, event.value, stop)
            case FormSubmitted():
                return await self._form(event, event.form, event.value, event.fields, stop)
            case ReactionChanged():
                return Outcome(effects=await self._ratings.reacted(event))
            case _:
                return _NOTHING

    async def _action(self, event: Inbound, action: str, value: str, stop: Stop) -> Outcome:
        handler = self._actions.get(action)
        if handler is None:
            raise InvalidInput("That button does nothing any more.")
        return _outcome(event, await handler(Context(event, stop, self), value))

    async def _form(
        self,
        event: Inbound,
        name: str,
        value: str,
        fields: tuple[tuple[str, str], ...],
        stop: Stop,
    ) -> Outcome:
        if name not in self._forms:
            raise InvalidInput("That form does nothing any more.")
        answered = await self._forms[name][1](Context(event, stop, self), value, dict(fields))
        return _outcome(event, answered)

    async def _press(self, context: Context, button: str, text: str = "") -> Answered:
        """See `chatune_core.fitting`, which says what to type here."""
        if self._sender_of(context.event).capabilities.buttons:
            # Typed, a value could be any; pressed, it is what the bot put there.
            raise InvalidInput("Press the button itself.")
        action, _, value = button.partition("=")
        if action in self._forms:
            form, submitted = self._forms[action]
            return await submitted(context, value, dict(read_form(form, text)))
        if action not in self._actions:
            raise InvalidInput(f"There is no button called {action[:40]!r}.")
        return await self._actions[action](context, value)

    async def _handle(self, event: Inbound, stop: Stop) -> Outcome | None:
        for handler in self._bot.handlers.get(type(event), ()):
            answered = await handler(Context(event, stop, self), event)
            if answered is not None:
                return _outcome(event, answered)
        return None

    async def ask(self, event: Inbound, prompt: str, stop: Stop, *, private: bool) -> str:
        """See `Services.ask`."""
        return await self._pipeline.ask(event, prompt, stop, private=private)

    async def history(self, conversation: ConversationId, limit: int) -> Sequence[Turn]:
        """See `Services.history`."""
        return await self._history.recent(conversation, limit)

    async def read(self, event: Inbound, attachment: Attachment) -> bytes:
        """See `Services.read`."""
        files = self._files_of(event)
        if files is None:
            raise InvalidInput("Files cannot be read here.")
        return await files.read(attachment, self._settings.largest_file)


def _check_free(taken: set[str]) -> None:
    if taken:
        raise ConfigurationError(
            f"The action {min(taken)!r} is one of Chatune's own.", "Choose another name."
        )


def _outcome(event: Inbound, answered: Answered) -> Outcome:
    if answered is None:
        return _NOTHING
    if isinstance(answered, str):
        if not answered.strip():
            return _NOTHING
        line = (event.key, event.conversation, event.user)
        return Outcome(Reply(*line, answered, via=event.via))
    says = answered.text.strip() or answered.files
    return Outcome(_reply(event, answered) if says else None, answered.effects)


def waits(event: Inbound) -> bool:
    """Return whether a person waits for an answer to `event`."""
    return isinstance(event, MessageReceived | CommandInvoked | ActionTaken | FormSubmitted)


def _answer(answered: str | Answer) -> Answer:
    return Answer(answered) if isinstance(answered, str) else answered


def _reply(event: Inbound, answer: Answer) -> Reply:
    return Reply(
        event.key,
        event.conversation,
        event.user,
        answer.text,
        answer.private,
        event.via,
        answer.buttons,
        answer.files,
        answer.rateable,
        replaces=answer.replaces,
    )
