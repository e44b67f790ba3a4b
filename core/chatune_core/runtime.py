"""The running core: hand it events, it answers through senders."""

import logging
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from datetime import datetime

import anyio
from anyio.abc import TaskStatus

from chatune_core.bots import Bot
from chatune_core.builtin import Builtins
from chatune_core.commands import CommandTable
from chatune_core.completing import ChooseLora, bare_model
from chatune_core.corrections import Corrections
from chatune_core.delivery import Delivery
from chatune_core.dispatch import Dispatch
from chatune_core.errors import RetryLater
from chatune_core.fitting import STOP
from chatune_core.forms import Form
from chatune_core.judged import JudgedAnswers
from chatune_core.learning.ports import LoraChoice
from chatune_core.memory.ports import Remembering
from chatune_core.messages import (
    ActionTaken,
    Attachment,
    CommandInvoked,
    ConversationId,
    EventKey,
    FormSubmitted,
    Inbound,
    MessageEdited,
    MessageKey,
    MessagePosted,
    MessageReceived,
    ReactionChanged,
    Reply,
    StopRequested,
)
from chatune_core.outcomes import Outcome
from chatune_core.parts import Part, Watcher
from chatune_core.pipeline import Pipeline
from chatune_core.ports import (
    Consents,
    Files,
    Generator,
    History,
    Inbox,
    Ledger,
    Moderation,
    Outbox,
    Sender,
)
from chatune_core.preferring import Preferences
from chatune_core.ratings import Ratings
from chatune_core.settings import CoreSettings
from chatune_core.side_by_side import SideBySide
from chatune_core.signal import Signal
from chatune_core.text import clean
from chatune_core.worker import Worker

logger = logging.getLogger(__name__)
_OPENS_S = 1.0  # Discord and Slack give three seconds to open a form in


class Runtime:
    """Intake, worker and delivery over the given ports.

    Adapters call `receive`; `run` works in the background. A script, a pipe or a test that wants
    one event answered before it goes on calls `handle`, with or without `run`.
    """

    def __init__(
        self,
        *,
        inbox: Inbox,
        ledger: Ledger,
        outbox: Outbox,
        history: History,
        generators: Mapping[str, Generator],
        default_model: str,
        senders: Mapping[str, Sender],
        files: Mapping[str, Files],
        bot: Bot,
        settings: CoreSettings,
        now: Callable[[], datetime],
        moderation: Moderation | None = None,
        parts: Sequence[Part] = (),
        watcher: Watcher | None = None,
        memory: Remembering | None = None,
        consents: Consents | None = None,
        loras: LoraChoice | None = None,
        prefix: str = "/",
    ) -> None:
        """Use `senders` and `files` by platform: a `ConversationId` before its first colon."""
        self._inbox, self._settings = inbox, settings
        self._senders, self._files = senders, files
        self.commands = CommandTable(prefix)
        self._stop_line = f"{prefix}stop"
        builtins = Builtins(self.commands, history, generators, default_model, now)
        choose = _choosing(generators, loras)
        side_by_side = None
        if consents is not None and settings.choice_share > 0:
            side_by_side = SideBySide(consents, moderation, settings, choose)
        pipeline = Pipeline(
            history,
            generators,
            default_model,
            self._sender_of,
            self._files_of,
            moderation,
            settings,
            now,
            memory,
            side_by_side,
            choose,
        )
        judged = JudgedAnswers(history, settings.history_turns)
        ratings = Ratings(history, judged, now)
        self._corrections = Corrections(history, judged, now)
        preferences = Preferences(history, judged, pipeline, now)
        of_answers: list[Part] = [ratings, self._corrections, preferences]
        self._watcher = watcher
        dispatch = Dispatch(
            self.commands,
            bot,
            pipeline,
            ratings,
            [*of_answers, *parts],
            watcher,
            history,
            self._sender_of,
            self._files_of,
            settings,
            memory,
        )
        self.forms: Mapping[str, Form] = dispatch.forms
        own = [*builtins.commands(), dispatch.press_command()]
        of_parts = [command for part in (*of_answers, *parts) for command in part.commands()]
        for command in [*own, *of_parts, *bot.commands]:
            self.commands.add(command)
        self._delivery = Delivery(
            outbox, self._sender_of, settings, self._event_ended, press=f"{prefix}press"
        )
        self._worker = Worker(
            inbox, ledger, dispatch, settings, self._delivery.wake, self._turn_ended
        )
        self._awaited: set[EventKey] = set()
        self._progress = Signal()

    async def opened(self, form: Form, message: MessageKey) -> Form:
        """See Intake.opened. What cannot be read at once is left out."""
        with anyio.move_on_after(_OPENS_S):
            try:
                return await self._corrections.opened(form, message)
            except RetryLater as error:
                logger.warning("a form opens empty: %s", error)
        return form

    def watches(self, conversation: ConversationId) -> bool:
        """Return whether what people post there is wanted as `MessagePosted`."""
        return self._watcher is not None and self._watcher.watches(conversation)

    async def receive(self, event: Inbound) -> bool:
        """Store `event`, then wake the worker; return False if it was stored before.

        On return the event is durable, so a platform may be told that it arrived.

        Raises:
            RetryLater: it could not be stored; tell the platform to deliver it again.
        """
        event = self._admitted(event)
        self._worker.wake()  # A store may take what is put and who looks for it as one.
        if not await self._inbox.put(event):
            return False
        self._worker.wake()
        return True

    async def handle(self, event: Inbound) -> None:
        """Store `event` and return when it has been answered and the reply delivered or parked.

        The caller's task does the work, in turn with everyone else's. A duplicate returns at once.

        Raises:
            RetryLater: the store failed; the event is safe if it had been stored.
        """
        event = self._admitted(event)
        self._awaited.add(event.key)
        try:
            if not await self._inbox.put(event):
                return
            while event.key in self._awaited:
                worked = await self._worker.step()
                sent = await self._delivery.step()
                if not worked and not sent and event.key in self._awaited:
                    await self._progress.wait(self._settings.poll)
        finally:
            self._awaited.discard(event.key)

    async def run(self, *, task_status: TaskStatus[None] = anyio.TASK_STATUS_IGNORED) -> None:
        """Work until cancelled, or until `close` was called and what was begun has ended."""
        async with anyio.create_task_group() as tasks:
            await tasks.start(self._delivery.run)
            await self._worker.run(task_status=task_status)
            self._delivery.close()

    def close(self) -> None:
        """Begin to end: no new turn starts, running ones are finished and delivered."""
        self._worker.close()

    def _admitted(self, event: Inbound) -> Inbound:
        """Return `event` with clean text, and a request to stop as `StopRequested`."""
        event = _cleaned(event)
        match event:
            case MessageReceived():
                begins = event.text[: len(self._stop_line)].lower() == self._stop_line
                stops = begins and self._is_stop(event.text)
            case CommandInvoked():
                stops = event.name == "stop"
            case ActionTaken():
                stops = event.action == STOP.action
            case _:
                stops = False
        if stops:
            return StopRequested(event.key, event.conversation, event.user, event.at, event.via)
        return event

    def _is_stop(self, text: str) -> bool:
        parsed = self.commands.parse(text)
        return parsed is not None and parsed[0] == "stop"

    def _sender_of(self, item: Inbound | Reply) -> Sender:
        return self._senders[item.conversation.partition(":")[0]]

    def _files_of(self, event: Inbound) -> Files | None:
        return self._files.get(event.conversation.partition(":")[0])

    def _turn_ended(self, event: Inbound, outcome: Outcome) -> None:
        if outcome.replies:
            self._delivery.wake()
            self._progress.set()
        if outcome.reply is None:
            self._event_ended(event.key)

    def _event_ended(self, key: EventKey) -> None:
        self._worker.wake()  # the next event of the conversation may have waited for this
        self._awaited.discard(key)
        self._progress.set()


def _choosing(generators: Mapping[str, Generator], loras: LoraChoice | None) -> ChooseLora:
    if loras is None:
        return bare_model
    names = {generator: name for name, generator in generators.items()}
    return lambda generator, conversation: loras.lora_for(names[generator], conversation)


def _cleaned(event: Inbound) -> Inbound:
    """Return `event` with every text that a person or a client could choose made safe."""
    match event:
        case MessageReceived():
            return _cleaned_message(event)
        case MessagePosted():
            return replace(
                event,
                text=clean(event.text),
                name=clean(event.name),
                attachments=_named(event.attachments),
                previews=tuple(map(clean, event.previews)),
            )
        case MessageEdited():
            return replace(event, text=clean(event.text))
        case CommandInvoked():
            return replace(event, name=clean(event.name), arguments=clean(event.arguments))
        case ActionTaken():
            return replace(event, action=clean(event.action), value=clean(event.value))
        case FormSubmitted():
            fields = tuple((name, clean(text)) for name, text in event.fields)
            return replace(event, value=clean(event.value), fields=fields)
        case ReactionChanged():
            return replace(event, emoji=clean(event.emoji))
        case _:
            return event


def _cleaned_message(message: MessageReceived) -> MessageReceived:
    text = clean(message.text)
    if text is message.text and not message.attachments:
        return message
    return replace(message, text=text, attachments=_named(message.attachments))


def _named(attachments: tuple[Attachment, ...]) -> tuple[Attachment, ...]:
    return tuple(
        replace(one, name=clean(one.name), media_type=clean(one.media_type)) for one in attachments
    )
