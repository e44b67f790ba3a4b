"""The in-process engine: many requests in flight on one device, behind the `Generator` port."""

from __future__ import annotations

import secrets
import time
from collections.abc import AsyncGenerator, Callable, Iterator, Sequence
from contextlib import asynccontextmanager
from datetime import timedelta

import anyio

from chatune_core.errors import ChatuneError, RetryLater
from chatune_core.generation.completion import ChatTokenizer, Completion
from chatune_core.generation.engine_settings import EngineSettings
from chatune_core.generation.job import Job
from chatune_core.generation.mailbox import Doorbell, Mailbox
from chatune_core.generation.requests import (
    ChatMessage,
    Delta,
    Finished,
    GenerationEvent,
    GenerationRequest,
    LoraId,
    Queued,
)
from chatune_core.generation.residents import Reply
from chatune_core.generation.runner import Runner
from chatune_core.generation.step_loop import EngineStats, StepLoop
from chatune_core.generation.ticket import Letter, Ticket


class Engine:
    """A `Generator` over a `Runner`; made by `open_engine`. Used from one event loop."""

    def __init__(
        self,
        steps: StepLoop,
        tokenizer: ChatTokenizer,
        model: str,
        context_tokens: int,
        retry_after: timedelta,
        monotonic: Callable[[], float],
        new_seed: Callable[[], int],
    ) -> None:
        self._steps = steps
        self._tokenizer = tokenizer
        self._model = model
        self._context_tokens = context_tokens
        self._retry_after = retry_after
        self._monotonic = monotonic
        self._new_seed = new_seed
        self._open: set[Mailbox[Letter] | Reply] = set()

    @property
    def model(self) -> str:
        """See Generator.model."""
        return self._model

    @property
    def context_tokens(self) -> int:
        """See Generator.context_tokens."""
        return self._context_tokens

    def count_tokens(self, message: ChatMessage) -> int:
        """See Generator.count_tokens."""
        return self._tokenizer.count_tokens(message)

    def stats(self) -> EngineStats:
        """Return the state of this moment, for health checks and metrics."""
        return self._steps.stats()

    async def stream(self, request: GenerationRequest) -> AsyncGenerator[GenerationEvent, None]:
        """See Generator.stream. Text that came between two reads is one `Delta`."""
        ticket = self._ticket(request)
        self._enter(ticket.mailbox)
        self._steps.submit(ticket)
        try:
            while True:
                for event in _events(await ticket.mailbox.take()):
                    if isinstance(event, ChatuneError):
                        raise event
                    yield event
                    if isinstance(event, Finished):
                        return
        finally:
            self._open.discard(ticket.mailbox)
            self._steps.cancel(ticket)

    async def place_lora(self, lora: LoraId, path: str) -> None:
        """Load PEFT LoRA weights from the folder `path`; requests may name it on return.

        Answers in flight go on; placing a resident LoRA changes nothing.

        Raises:
            GenerationFailed: if the folder is no LoRA for this model.
            RetryLater: if it does not fit now, or is being dropped.
        """
        await self._order(lambda reply: self._steps.place_lora(lora, path, reply))

    async def drop_lora(self, lora: LoraId) -> None:
        """Refuse new requests for `lora` at once; return when its last request has ended."""
        await self._order(lambda reply: self._steps.drop_lora(lora, reply))

    def close(self) -> None:
        """End every stream and order that is open with `RetryLater`."""
        for mailbox in self._open:
            mailbox.put(self._gone())
            mailbox.wake()

    async def _order(self, give: Callable[[Reply], None]) -> None:
        reply: Reply = Mailbox()
        self._enter(reply)
        try:
            give(reply)
            outcome = (await reply.take())[0]
        finally:
            self._open.discard(reply)
        if outcome is not None:
            raise outcome

    def _enter(self, mailbox: Mailbox[Letter] | Reply) -> None:
        if self._steps.stopped:
            raise self._gone()
        self._open.add(mailbox)

    def _gone(self) -> RetryLater:
        return RetryLater("the engine has stopped", self._retry_after)

    def _ticket(self, request: GenerationRequest) -> Ticket:
        made_at = self._monotonic()
        sampling, deadline = request.sampling, request.deadline
        job = Job(
            prompt=self._tokenizer.encode_chat(request.messages),
            max_tokens=sampling.max_tokens,
            user=request.user,
            conversation=request.conversation,
            priority=request.priority,
            lora=request.lora,
            deadline_at=None if deadline is None else made_at + deadline.total_seconds(),
        )
        seed = self._new_seed() if sampling.seed is None else sampling.seed
        completion = Completion(self._tokenizer, sampling.stop)
        return Ticket(job, sampling, seed, completion, made_at, Mailbox())


@asynccontextmanager
async def open_engine(
    runner: Runner,
    tokenizer: ChatTokenizer,
    model: str,
    settings: EngineSettings,
    *,
    monotonic: Callable[[], float] = time.monotonic,
    new_seed: Callable[[], int] = lambda: secrets.randbits(32),
) -> AsyncGenerator[Engine, None]:
    """Run an engine on a thread of its own, which alone calls `runner` from here on.

    On leaving, nothing is accepted any more, what is in flight ends with `RetryLater`, and the
    thread is joined; one that hangs in a step for longer than `settings.stop_within` is abandoned.
    """
    with Doorbell() as bell:
        steps = StepLoop(runner, model, settings, monotonic, bell)
        engine = Engine(
            steps,
            tokenizer,
            model,
            runner.context_tokens,
            settings.retry_after,
            monotonic,
            new_seed,
        )
        returned = anyio.Event()
        async with anyio.create_task_group() as tasks:
            tasks.start_soon(_run, steps, returned)
            tasks.start_soon(_wake, steps, bell)
            try:
                yield engine
            finally:
                steps.stop()
                with anyio.move_on_after(settings.stop_within.total_seconds(), shield=True):
                    await returned.wait()
                engine.close()
                tasks.cancel_scope.cancel()


async def _run(steps: StepLoop, returned: anyio.Event) -> None:
    """Give the loop a thread and wait for its return."""
    try:
        await anyio.to_thread.run_sync(
            steps.run, abandon_on_cancel=True, limiter=anyio.CapacityLimiter(1)
        )
    finally:
        returned.set()


async def _wake(steps: StepLoop, bell: Doorbell) -> None:
    while True:
        await bell.heard()
        steps.wake_touched()


def _events(letters: Sequence[Letter]) -> Iterator[GenerationEvent | ChatuneError]:
    """Join neighbouring text, and leave out positions that newer news has overtaken."""
    text = ""
    for place, letter in enumerate(letters, start=1):
        if isinstance(letter, str):
            text += letter
        elif not isinstance(letter, Queued) or place == len(letters):
            if text:
                yield Delta(text)
                text = ""
            yield letter
    if text:
        yield Delta(text)
