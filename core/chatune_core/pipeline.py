"""One message to one reply, read top to bottom; there is no other path to the model."""

from collections.abc import Callable, Mapping, Sequence
from contextlib import aclosing
from dataclasses import dataclass, replace
from datetime import datetime

from chatune_core.errors import QueueFull
from chatune_core.generation.requests import (
    ChatMessage,
    Delta,
    Finished,
    GenerationRequest,
    Priority,
    Queued,
    RequestId,
)
from chatune_core.messages import Inbound, MessageReceived, Reply, Turn
from chatune_core.outcomes import GenerationMade, Outcome, TurnSaid
from chatune_core.ports import Generator, History, Sender
from chatune_core.prompt import Prompt, build_prompt
from chatune_core.settings import CoreSettings
from chatune_core.stop import Stop

NOTHING_SAID = "I have no answer to that. Please try again, or say it in other words."
_ENDINGS = {
    "stop": "",
    "length": " …",
    "deadline": "\n\n(Cut short: this took too long.)",
    "stopped": "\n\n(Stopped.)",
}


@dataclass(frozen=True, slots=True)
class Completion:
    """What the model said, and how it came about; `finished` is None if it was stopped."""

    text: str
    finished: Finished | None

    @property
    def finish(self) -> str:
        """Return the `FinishReason`, or "stopped"."""
        return self.finished.reason if self.finished else "stopped"


class Pipeline:
    """The collaborators of a turn."""

    def __init__(
        self,
        history: History,
        generators: Mapping[str, Generator],
        default_model: str,
        sender_of: Callable[[Inbound], Sender],
        settings: CoreSettings,
        now: Callable[[], datetime],
    ) -> None:
        """Use `generators` by configured name; `default_model` is one of them."""
        self._history, self._generators, self._default = history, generators, default_model
        self._sender_of, self._settings, self._now = sender_of, settings, now

    async def reply_to(self, message: MessageReceived, stop: Stop) -> Outcome:
        """Return the reply to `message` with what is to be recorded, previewing it on the way.

        Raises:
            InvalidInput: the message cannot be answered as it is.
            RetryLater: the model cannot be reached at present.
            GenerationFailed: the model cannot answer this.
        """
        generator = await self._generator_for(message)
        turns = await self._history.recent(message.conversation, self._settings.history_turns)
        prompt = build_prompt(
            self._settings.persona,
            turns,
            message.text,
            count=generator.count_tokens,
            context_tokens=generator.context_tokens,
            completion_tokens=self._settings.sampling.max_tokens,
        )
        completion = await self._complete(generator, prompt, message, stop)
        return self._outcome(message, generator, prompt.messages, completion)

    async def ask(self, event: Inbound, text: str, stop: Stop) -> str:
        """Return the model's answer to `text` alone, previewed as the answer to `event`."""
        generator = await self._generator_for(event)
        prompt = build_prompt(
            self._settings.persona,
            (),
            text,
            count=generator.count_tokens,
            context_tokens=generator.context_tokens,
            completion_tokens=self._settings.sampling.max_tokens,
        )
        return (await self._complete(generator, prompt, event, stop)).text

    async def _generator_for(self, event: Inbound) -> Generator:
        chosen = await self._history.chosen_model(event.conversation)
        return self._generators.get(chosen or "", self._generators[self._default])

    async def _complete(
        self, generator: Generator, prompt: Prompt, event: Inbound, stop: Stop
    ) -> Completion:
        sender = self._sender_of(event)
        text, finished = "", None
        request = self._request(prompt, event)
        try:
            with stop.watched():
                async with aclosing(generator.stream(request)) as events:
                    async for item in events:
                        match item:
                            case Delta():
                                text += item.text
                                sender.preview(event.key, event.conversation, text)
                            case Queued():
                                sender.waiting(event.key, event.conversation, item.position)
                            case Finished():
                                finished = item
        except QueueFull as full:
            sender.waiting(event.key, event.conversation, full.waiting + 1)
            raise
        return Completion(text, finished)

    def _request(self, prompt: Prompt, event: Inbound) -> GenerationRequest:
        return GenerationRequest(
            RequestId(event.key),
            prompt.messages,
            replace(self._settings.sampling, max_tokens=prompt.completion_tokens),
            event.user,
            event.conversation,
            Priority.INTERACTIVE,
            self._settings.deadline,
        )

    def _outcome(
        self,
        message: MessageReceived,
        generator: Generator,
        prompt: Sequence[ChatMessage],
        completion: Completion,
    ) -> Outcome:
        said, finish, at = completion.text.strip(), completion.finish, self._now()
        shown = (said or ("" if finish != "stop" else NOTHING_SAID)) + _ENDINGS[finish]
        reply = Reply(message.key, message.conversation, message.user, shown.strip())
        if not said:
            return Outcome(reply)
        line = (message.key, message.conversation, message.user)
        return Outcome(
            reply,
            (
                TurnSaid(Turn(*line, "user", message.text, message.at)),
                TurnSaid(Turn(*line, "assistant", said, at)),
                _provenance(message, generator, self._settings, prompt, completion, at),
            ),
        )


def _provenance(
    message: MessageReceived,
    generator: Generator,
    settings: CoreSettings,
    prompt: Sequence[ChatMessage],
    completion: Completion,
    at: datetime,
) -> GenerationMade:
    finished = completion.finished
    return GenerationMade(
        event=message.key,
        conversation=message.conversation,
        user=message.user,
        at=at,
        model=finished.model if finished else generator.model,
        lora=finished.lora if finished else None,
        sampling=settings.sampling,
        seed=finished.seed if finished else (settings.sampling.seed or 0),
        prompt=tuple(prompt),
        completion=completion.text,
        finish=completion.finish,
        prompt_tokens=finished.prompt_tokens if finished else 0,
        completion_tokens=finished.completion_tokens if finished else 0,
        queued_s=finished.queued_s if finished else 0.0,
        first_token_s=finished.first_token_s if finished else 0.0,
        total_s=finished.total_s if finished else 0.0,
    )
