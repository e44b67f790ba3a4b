"""The thread that owns the device: take orders, run a step, hand out what it gave, repeat."""

from __future__ import annotations

import queue
from collections import deque
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from chatune_core.errors import ChatuneError, GenerationFailed, RetryLater
from chatune_core.generation.device_step import StepResult, refusal, run_step
from chatune_core.generation.engine_settings import EngineSettings
from chatune_core.generation.job import Job
from chatune_core.generation.mailbox import Doorbell, Mailbox
from chatune_core.generation.requests import FinishReason, LoraId, Queued
from chatune_core.generation.residents import Reply, Residents
from chatune_core.generation.runner import Runner
from chatune_core.generation.sampling import TokenChoice, choose
from chatune_core.generation.scheduler import Scheduler
from chatune_core.generation.ticket import Letter, Ticket


@dataclass(frozen=True, slots=True)
class EngineStats:
    """The engine at one moment; token and step counts are totals since the start.

    `failing_steps` counts the last steps in a row in which the device served nobody: 0 is
    healthy. `stopped` says that nothing will be generated any more.
    """

    running: int
    waiting: int
    free_slots: int
    prompt_tokens: int
    cached_prompt_tokens: int
    completion_tokens: int
    steps: int
    failing_steps: int
    stopped: bool


class StepLoop:
    """Runs requests in steps. `run` belongs to one thread; orders come from any thread.

    An order is obeyed between two steps, in the order of calls.
    """

    def __init__(
        self,
        runner: Runner,
        model: str,
        settings: EngineSettings,
        monotonic: Callable[[], float],
        bell: Doorbell,
    ) -> None:
        self._runner = runner
        self._model = model
        self._settings = settings
        self._monotonic = monotonic
        self._bell = bell
        self._scheduler = Scheduler(runner.slots, runner.context_tokens, settings)
        self._orders: queue.SimpleQueue[Callable[[], None]] = queue.SimpleQueue()
        self._tickets: dict[Job, Ticket] = {}
        self._residents = Residents(runner, self._scheduler, settings.retry_after, self._reply)
        self._told: Sequence[Job] = ()
        self._touched: deque[Mailbox[Letter] | Reply] = deque()
        self._prompt_tokens = self._cached_tokens = self._completion_tokens = 0
        self._steps = self._failing_steps = 0
        self.stopped = False

    def submit(self, ticket: Ticket) -> None:
        """Queue a request; its mailbox gets an error if it cannot be taken."""
        self._orders.put(lambda: self._take_in(ticket))

    def cancel(self, ticket: Ticket) -> None:
        """End a request without another word; one that has ended already is ignored."""
        self._orders.put(lambda: self._forget(ticket))

    def place_lora(self, lora: LoraId, path: str, reply: Reply) -> None:
        """Load a LoRA; one that is resident already stays as it is."""
        self._orders.put(lambda: self._residents.place(lora, path, reply))

    def drop_lora(self, lora: LoraId, reply: Reply) -> None:
        """Refuse the LoRA from now on and free it when the last request with it has ended."""
        self._orders.put(lambda: self._residents.drop(lora, reply))

    def stop(self) -> None:
        """Make `run` return after the step that runs now."""
        self._orders.put(self._stop)

    def stats(self) -> EngineStats:
        """Return the state of this moment; safe from any thread."""
        return EngineStats(
            running=self._scheduler.running,
            waiting=self._scheduler.waiting,
            free_slots=self._scheduler.free_slots,
            prompt_tokens=self._prompt_tokens,
            cached_prompt_tokens=self._cached_tokens,
            completion_tokens=self._completion_tokens,
            steps=self._steps,
            failing_steps=self._failing_steps,
            stopped=self.stopped,
        )

    def wake_touched(self) -> None:
        """Wake everyone who was given something; called on the event loop after each ring."""
        while self._touched:
            self._touched.popleft().wake()

    def run(self) -> None:
        """Obey and step until stopped. An error here is a defect of the loop itself."""
        try:
            while not self.stopped:
                self._obey()
                if self._tickets:
                    self._step()
                if self._touched:
                    self._bell.ring()
        finally:
            self.stopped = True

    def _obey(self) -> None:
        """Carry out all orders; wait for one if there is nothing else to do."""
        if not self._tickets:
            self._orders.get()()
        while not self._orders.empty():
            self._orders.get()()

    def _step(self) -> None:
        now = self._monotonic()
        for job in self._scheduler.expire(now):
            self._finish(self._tickets[job], "deadline", now)
        works = self._scheduler.plan(now)
        self._tell_positions()
        if not works:
            return
        if self._touched:
            # A step may take long; places in the queue and refusals are not kept back for it.
            self._bell.ring()
        result = run_step(self._runner, works)
        self._steps += 1
        self._hand_out(result)
        self._refuse_failed(result)
        self._residents.drop_unused()

    def _hand_out(self, result: StepResult) -> None:
        tokens, unusable = self._tokens(result)
        self._scheduler.record(result.done, tokens)
        now = self._monotonic()
        for job, token in tokens.items():
            self._continue(self._tickets[job], token, now)
        for job in unusable:
            self._fail(job, GenerationFailed("the model's output is not a number"))

    def _tokens(self, result: StepResult) -> tuple[dict[Job, int], list[Job]]:
        """Return the next token of each job that wants one, and the jobs that cannot have one."""
        jobs = [work.job for work in result.done if work.chunk.logits]
        if result.logits is None or not jobs:
            return {}, []
        chosen = choose(result.logits, [self._choice(job) for job in jobs])
        tokens = {job: token for job, token in zip(jobs, chosen, strict=True) if token is not None}
        return tokens, [job for job in jobs if job not in tokens]

    def _choice(self, job: Job) -> TokenChoice:
        ticket = self._tickets[job]
        if ticket.choice is None:
            room = len(job.prompt) + job.max_tokens
            ticket.choice = TokenChoice(ticket.sampling, ticket.seed, job.prompt, room)
            self._prompt_tokens += len(job.prompt)
            self._cached_tokens += job.reused
        return ticket.choice

    def _continue(self, ticket: Ticket, token: int, now: float) -> None:
        self._completion_tokens += 1
        if ticket.first_token_at is None:
            ticket.first_token_at = now
        text = ticket.completion.push(token)
        if text:
            self._put(ticket, text)
        if ticket.completion.stopped:
            self._finish(ticket, "stop", now)
        elif ticket.job.exhausted:
            self._finish(ticket, "length", now)

    def _finish(self, ticket: Ticket, reason: FinishReason, now: float) -> None:
        text = ticket.completion.end()
        if text:
            self._put(ticket, text)
        self._put(ticket, ticket.finished(reason, self._model, now))
        self._forget(ticket)

    def _refuse_failed(self, result: StepResult) -> None:
        alone = not result.done
        self._failing_steps = self._failing_steps + 1 if alone else 0
        for work, error in result.failed:
            self._fail(work.job, refusal(error, alone, self._settings.retry_after))

    def _fail(self, job: Job, error: ChatuneError) -> None:
        self._put(self._tickets.pop(job), error)
        self._scheduler.end(job, forget=True)

    def _take_in(self, ticket: Ticket) -> None:
        lora = ticket.job.lora
        try:
            if not self._residents.admits(lora):
                raise GenerationFailed(f"the LoRA {lora!r} is not loaded")
            self._scheduler.submit(ticket.job)
        except ChatuneError as error:
            self._put(ticket, error)
        else:
            self._tickets[ticket.job] = ticket

    def _forget(self, ticket: Ticket) -> None:
        if self._tickets.pop(ticket.job, None) is not None:
            self._scheduler.end(ticket.job)
            self._residents.drop_unused()

    def _tell_positions(self) -> None:
        line = self._scheduler.line()
        if line is self._told:
            return
        self._told = line
        for position, job in enumerate(line, start=1):
            ticket = self._tickets[job]
            if ticket.position != position:
                ticket.position = position
                self._put(ticket, Queued(position))

    def _put(self, ticket: Ticket, letter: Letter) -> None:
        ticket.mailbox.put(letter)
        self._touched.append(ticket.mailbox)

    def _stop(self) -> None:
        self.stopped = True
        # Whoever waits must not do so for ever.
        gone = RetryLater("the engine is stopping", self._settings.retry_after)
        for ticket in self._tickets.values():
            self._put(ticket, gone)
        self._residents.close(gone)
        self._tickets.clear()

    def _reply(self, reply: Reply, outcome: ChatuneError | None) -> None:
        reply.put(outcome)
        self._touched.append(reply)
