"""One completion: asked, previewed while it grows, and moderated on both sides."""

from collections.abc import AsyncGenerator, Callable
from contextlib import aclosing
from dataclasses import dataclass, replace

from chatune_core.errors import QueueFull
from chatune_core.generation.requests import (
    Delta,
    Finished,
    GenerationEvent,
    GenerationRequest,
    LoraId,
    Priority,
    Queued,
    RequestId,
    Sampling,
)
from chatune_core.messages import ConversationId, Inbound
from chatune_core.moderation.answers import WITHHELD, refusal
from chatune_core.moderation.screen import Screen, Withheld
from chatune_core.moderation.verdicts import Level, Role, Verdict
from chatune_core.ports import Generator, Moderation, Sender
from chatune_core.prompt import Prompt
from chatune_core.settings import CoreSettings
from chatune_core.stop import Stop

ChooseLora = Callable[[Generator, ConversationId], LoraId | None]
"""Which LoRA of a generator answers in a conversation now; None for the bare model."""
NOTHING_SAID = "I have no answer to that. Please try again, or say it in other words."
_ENDINGS = {
    "stop": "",
    "length": " …",
    "deadline": "\n\n(Cut short: this took too long.)",
    "stopped": "\n\n(Stopped.)",
}


@dataclass(frozen=True, slots=True)
class Completion:
    """What the model said, and how it came about; `finished` is None if it was stopped.

    `lora` is the one that it was asked of.

    `refused` is the verdict on a question that was not answered, `withheld` that on an answer
    that is not shown; `noticed` are milder ones, by what they are about.
    """

    text: str = ""
    finished: Finished | None = None
    refused: Verdict | None = None
    withheld: Verdict | None = None
    noticed: tuple[tuple[str, Verdict], ...] = ()
    lora: LoraId | None = None

    @property
    def said(self) -> str:
        """Return what may be shown and remembered of the text."""
        return "" if self.refused or self.withheld else self.text.strip()

    @property
    def finish(self) -> str:
        """Return the `FinishReason`, or "stopped"."""
        return self.finished.reason if self.finished else "stopped"

    @property
    def shown(self) -> str:
        """Return what the person reads."""
        if self.refused is not None:
            return refusal(self.refused)
        if self.withheld is not None:
            return WITHHELD
        nothing = "" if self.finish != "stop" else NOTHING_SAID
        return ((self.said or nothing) + _ENDINGS[self.finish]).strip()

    @property
    def decisions(self) -> tuple[tuple[str, Verdict], ...]:
        """Return every verdict that is to be on record, by the action that followed."""
        done = (("question refused", self.refused), ("answer withheld", self.withheld))
        return (*((what, verdict) for what, verdict in done if verdict), *self.noticed)


def bare_model(generator: Generator, conversation: ConversationId) -> LoraId | None:
    """Fulfil `ChooseLora` where there are no LoRAs."""
    return None


class Completer:
    """Asks models; shows what may be shown."""

    def __init__(
        self,
        sender_of: Callable[[Inbound], Sender],
        moderation: Moderation | None,
        settings: CoreSettings,
        choose: ChooseLora = bare_model,
    ) -> None:
        self._sender_of, self._moderation, self._settings = sender_of, moderation, settings
        self._choose = choose

    async def complete(
        self,
        generator: Generator,
        prompt: Prompt,
        asked: str,
        event: Inbound,
        sampling: Sampling,
        stop: Stop,
        *,
        quiet: bool = False,
    ) -> Completion:
        """Return the answer to `asked`, previewed as the answer to `event` unless `quiet`.

        Raises:
            RetryLater, GenerationFailed: see Generator.stream.
        """
        sender = self._sender_of(event)
        sender.waiting(event, 0)
        question = await self._judged(asked, Role.USER, event)
        if question is not None and question.acts:
            return Completion(refused=question)
        screen = self._screen(event, shadow=question is not None and question.shadow)
        growing = _Growing(sender, event, screen, quiet=quiet)
        # Only now, and with no wait before the request is made: it is loaded at this moment.
        lora = self._choose(generator, event.conversation)
        request = self._request(prompt, event, sampling, lora)
        try:
            await growing.follow(generator.stream(request), stop)
        except Withheld as withheld:
            verdict = withheld.verdict
            return Completion(growing.text, growing.finished, withheld=verdict, lora=lora)
        answer = screen.noticed if screen is not None else None
        noticed = (("question", question), ("answer", answer))
        kept = tuple(
            (what, verdict)
            for what, verdict in noticed
            if verdict is not None and verdict.level is not Level.ALLOW
        )
        return Completion(growing.text, growing.finished, noticed=kept, lora=lora)

    def _screen(self, event: Inbound, *, shadow: bool) -> Screen | None:
        moderation = self._moderation
        if moderation is None:
            return None
        line = (Role.ASSISTANT, event.conversation, event.user)
        return Screen(lambda passage: moderation.check(passage, *line), shadow=shadow)

    async def _judged(self, text: str, role: Role, event: Inbound) -> Verdict | None:
        if self._moderation is None:
            return None
        return await self._moderation.check(text, role, event.conversation, event.user)

    def _request(
        self, prompt: Prompt, event: Inbound, sampling: Sampling, lora: LoraId | None
    ) -> GenerationRequest:
        return GenerationRequest(
            RequestId(event.key),
            prompt.messages,
            replace(sampling, max_tokens=prompt.completion_tokens),
            event.user,
            event.conversation,
            Priority.INTERACTIVE,
            self._settings.deadline,
            lora,
        )


class _Growing:
    """The text so far, and as much of it as may be seen."""

    def __init__(
        self, sender: Sender, event: Inbound, screen: Screen | None, *, quiet: bool
    ) -> None:
        self._sender, self._event, self._screen, self._quiet = sender, event, screen, quiet
        self._seen = 0
        self.text = ""
        self.finished: Finished | None = None

    async def follow(self, events: AsyncGenerator[GenerationEvent, None], stop: Stop) -> None:
        """Take in what the model says until it ends or is stopped; then check the whole.

        Raises:
            Withheld: it must not be shown.
            QueueFull: the model has no room; the person was told.
        """
        try:
            with stop.watched():
                async with aclosing(events):
                    async for item in events:
                        await self._take(item)
        except QueueFull as full:
            self._sender.waiting(self._event, full.waiting + 1)
            raise
        if self._screen is not None:
            await self._screen.whole(self.text)

    async def _take(self, item: GenerationEvent) -> None:
        match item:
            case Delta():
                self.text += item.text
                await self._show()
            case Queued():
                self._sender.waiting(self._event, item.position)
            case Finished():
                self.finished = item

    async def _show(self) -> None:
        shown = self.text if self._screen is None else await self._screen.shown(self.text)
        if len(shown) > self._seen and not self._quiet:
            self._seen = len(shown)
            self._sender.preview(self._event, shown)
