"""One event to one outcome: a match on its kind."""

from collections.abc import Callable, Sequence
from datetime import datetime

from chatune_core.bots import Bot, Context
from chatune_core.commands import Answer, Answered, CommandTable, bind
from chatune_core.errors import GenerationFailed, InvalidInput
from chatune_core.messages import (
    ActionTaken,
    CommandInvoked,
    ConversationId,
    Inbound,
    MessageKey,
    MessageReceived,
    ReactionChanged,
    Reply,
    Turn,
)
from chatune_core.outcomes import AnswerRated, Outcome
from chatune_core.pipeline import Pipeline
from chatune_core.ports import History
from chatune_core.settings import CoreSettings
from chatune_core.stop import Stop

EMPTY = "That message was empty. Write something, or /help."
_SCORES = {
    "👍": 1,
    "+1": 1,
    "thumbsup": 1,
    "good": 1,
    "👎": -1,
    "-1": -1,
    "thumbsdown": -1,
    "bad": -1,
}
_NOTHING = Outcome()


class Dispatch:
    """Knows which part answers which kind of event."""

    def __init__(
        self,
        commands: CommandTable,
        bot: Bot,
        pipeline: Pipeline,
        history: History,
        settings: CoreSettings,
        now: Callable[[], datetime],
    ) -> None:
        self._commands, self._pipeline, self._history = commands, pipeline, history
        self._bot, self._settings, self._now = bot, settings, now

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
                    return await self._command(event, event.name, event.arguments, stop)
                case _:
                    return await self._other(event, stop)
        except (InvalidInput, GenerationFailed) as error:
            return Outcome(_reply(event, Answer(str(error), private=True)))

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
        if not message.text.strip():
            raise InvalidInput(EMPTY)
        return await self._pipeline.reply_to(message, stop)

    async def _command(self, event: Inbound, name: str, arguments: str, stop: Stop) -> Outcome:
        command = self._commands.find(name)
        values = bind(command, arguments, self._commands.prefix)
        return _outcome(event, await command.handler(Context(event, stop, self), *values))

    async def _other(self, event: Inbound, stop: Stop) -> Outcome:
        handled = await self._handle(event, stop)
        if handled is not None:
            return handled
        match event:
            case ReactionChanged():
                score = _SCORES.get(event.emoji, 0) if event.added else 0
                known = event.emoji in _SCORES
                return await self._rate(event, event.message, score) if known else _NOTHING
            case ActionTaken() if event.action in _SCORES:
                return await self._rate(event, event.message, _SCORES[event.action])
            case _:
                return _NOTHING

    async def _handle(self, event: Inbound, stop: Stop) -> Outcome | None:
        for handler in self._bot.handlers.get(type(event), ()):
            answered = await handler(Context(event, stop, self), event)
            if answered is not None:
                return _outcome(event, answered)
        return None

    async def _rate(self, event: Inbound, message: MessageKey, score: int) -> Outcome:
        answer = await self._history.answer_shown_as(message)
        if answer is None:
            return _NOTHING
        return Outcome(effects=(AnswerRated(answer, event.user, score, self._now()),))

    async def ask(self, event: Inbound, prompt: str, stop: Stop) -> str:
        """See `Services.ask`."""
        return await self._pipeline.ask(event, prompt, stop)

    async def history(self, conversation: ConversationId, limit: int) -> Sequence[Turn]:
        """See `Services.history`."""
        return await self._history.recent(conversation, limit)


def _outcome(event: Inbound, answered: Answered) -> Outcome:
    if answered is None:
        return _NOTHING
    answer = Answer(answered) if isinstance(answered, str) else answered
    return Outcome(_reply(event, answer) if answer.text else None, answer.effects)


def _reply(event: Inbound, answer: Answer) -> Reply:
    return Reply(event.key, event.conversation, event.user, answer.text, answer.private)
