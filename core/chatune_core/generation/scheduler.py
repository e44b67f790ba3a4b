"""Which tokens run in the next step: continuous batching, without a device and without a clock.

Every running request that has read its prompt gets one token a step. Prompts are read beside
them, at most `prefill_tokens_per_step`, so that a long prompt never stalls the running answers:
the oldest unfinished prompt may take half, then requests are admitted from the line, then the
shortest remainders go first. So a late short question passes a long prompt, which still goes on.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from chatune_core.errors import GenerationFailed, QueueFull
from chatune_core.generation.engine_settings import EngineSettings
from chatune_core.generation.fairness import FairShare
from chatune_core.generation.job import COMPLETION_WEIGHT, Job
from chatune_core.generation.requests import LoraId, Priority
from chatune_core.generation.runner import Chunk
from chatune_core.generation.slots import Copy, SlotTable, shared_prefix

SHARE_WORTH = 64
"""A request waits a step or more for a prompt being read if that saves it this many tokens."""


@dataclass(frozen=True, slots=True)
class Work:
    """What one job runs in a step; `copy` into its slot comes before the chunk."""

    job: Job
    chunk: Chunk
    copy: Copy | None = None


class Scheduler:
    """Requests from arrival to end, over a fixed number of slots. Not thread-safe.

    The caller repeats: `expire`, `plan`, run the work (all copies in order, then all chunks),
    `record`, and `end` for what is complete.
    """

    def __init__(self, slots: int, context_tokens: int, settings: EngineSettings) -> None:
        self._settings = settings
        self._context_tokens = context_tokens
        self._slots = SlotTable(slots)
        self._background_limit = max(1, slots - max(1, slots // 4))
        self._fair = FairShare(settings.priority_tokens)
        self._waiting: dict[Job, None] = {}
        self._running: dict[Job, None] = {}
        self._line: list[Job] | None = []
        self._sharing: dict[Job, tuple[Job | None, int]] = {}

    @property
    def waiting(self) -> int:
        """How many requests wait."""
        return len(self._waiting)

    @property
    def running(self) -> int:
        """How many requests hold a slot."""
        return len(self._running)

    @property
    def free_slots(self) -> int:
        """How many slots nobody uses."""
        return self._slots.free

    @property
    def jobs(self) -> list[Job]:
        """Every job that has not ended, the running first."""
        return [*self._running, *self._waiting]

    def submit(self, job: Job) -> None:
        """Put `job` in the line, its completion bounded by what the context leaves.

        Raises:
            QueueFull: if the line, or the user's share of it, is full.
            GenerationFailed: if the prompt is empty or leaves no room for a single token.
        """
        if not job.prompt:
            raise GenerationFailed("the prompt is empty, expected at least one token")
        room = self._context_tokens - len(job.prompt)
        if room < 1:
            raise GenerationFailed(
                f"the prompt takes {len(job.prompt)} tokens, the model has room for "
                f"{self._context_tokens} with the answer"
            )
        # Who finds a free slot at the next step does not take a place in the queue.
        free, limit = self._slots.free, self._settings.queue_limit
        full = len(self._waiting) >= limit + free
        if full or self._fair.waiting_of(job.user) >= max(1, limit // 2) + free:
            raise QueueFull(len(self._waiting), self._settings.retry_after)
        job.max_tokens = min(job.max_tokens, room)
        self._fair.join(job)
        self._waiting[job] = None
        self._line = None

    def line(self) -> list[Job]:
        """Return the waiting jobs in the order of admission as it stands; the first is next."""
        if self._line is None:
            self._line = self._fair.line(self._waiting)
        return self._line

    def expire(self, now: float) -> list[Job]:
        """Return the jobs whose deadline has come; the caller ends them."""
        return [job for job in self.jobs if job.deadline_at is not None and job.deadline_at <= now]

    def end(self, job: Job, *, forget: bool = False) -> None:
        """Take `job` out, waiting or running, and free its slot; ended ones are ignored.

        `forget` says that what its slot holds cannot be trusted.
        """
        self._sharing.pop(job, None)
        if job in self._waiting:
            del self._waiting[job]
            self._fair.abandon(job)
            self._line = None
        elif job in self._running and job.slot is not None:
            del self._running[job]
            self._fair.settle(job)
            self._slots.release(job.slot)
            self._line = None
            if forget:
                self._slots.forget(job.slot)

    def uses(self, lora: LoraId) -> bool:
        """Return whether a job that has not ended runs with `lora`."""
        return any(job.lora == lora for job in self.jobs)

    def forget_lora(self, lora: LoraId) -> None:
        """Reuse nothing that was computed with `lora`."""
        self._slots.forget_lora(lora)

    def plan(self, now: float) -> list[Work]:
        """Admit whom there is room for and return the work of one step, answers first."""
        answers = [_work(job, 1) for job in self._running if not job.unread]
        reading = [job for job in self._running if job.unread]
        left = self._settings.prefill_tokens_per_step
        granted = dict.fromkeys(reading, 0)
        if reading:
            granted[reading[0]] = min(reading[0].unread, max(1, left // 2))
            left -= granted[reading[0]]
        admitted = self._admit(left, now)
        left -= sum(len(work.chunk.tokens) for work in admitted)
        for job in sorted(reading, key=lambda job: job.unread):
            more = min(job.unread - granted[job], left)
            granted[job] += more
            left -= more
        read = [_work(job, tokens) for job, tokens in granted.items() if tokens]
        return answers + read + admitted

    def _admit(self, left: int, now: float) -> list[Work]:
        """Start jobs from the line with at most `left` prompt tokens in all."""
        works: list[Work] = []
        if not self._waiting:
            return works
        for job in self.line():
            if left < 1 or not self._slots.free:
                break
            if self._held_back(job) or self._awaits_shared_prompt(job):
                continue
            works.append(self._start(job, left, now))
            left -= len(works[-1].chunk.tokens)
        if works:
            self._line = None
        return works

    def _start(self, job: Job, left: int, now: float) -> Work:
        place = self._slots.take(job.tokens, job.lora)
        job.slot, job.cached, job.reused = place.slot, place.reused, place.reused
        job.admitted_at = now
        del self._waiting[job]
        self._sharing.pop(job, None)
        self._running[job] = None
        self._fair.admit(job)
        return _work(job, min(left, job.unread), place.copy)

    def _held_back(self, job: Job) -> bool:
        """Return whether `job` would take the last slots kept free of background work."""
        if job.priority is not Priority.BACKGROUND:
            return False
        background = sum(other.priority is Priority.BACKGROUND for other in self._running)
        return background >= self._background_limit

    def _awaits_shared_prompt(self, job: Job) -> bool:
        """Return whether a prompt being read will soon save `job` much of its own."""
        if job in self._sharing:
            reader, shared = self._sharing.pop(job)
        else:
            reader, shared = self._reader_shared_with(job)
        if reader is None or reader not in self._running or reader.cached >= shared:
            return False
        self._sharing[job] = reader, shared
        return True

    def _reader_shared_with(self, job: Job) -> tuple[Job | None, int]:
        worth = self._slots.cached(job.tokens, job.lora) + SHARE_WORTH
        for reader in self._running:
            if reader.unread and reader.lora == job.lora:
                shared = min(shared_prefix(reader.tokens, job.tokens), len(job.tokens) - 1)
                if shared >= worth:
                    return reader, shared
        return None, 0

    def record(self, works: Iterable[Work], tokens: Mapping[Job, int]) -> None:
        """Book work that was run: its chunks are cached, and each job in `tokens` grew by one."""
        cost = 0
        for work in works:
            job, chunk = work.job, work.chunk
            if job not in self._running:
                continue
            job.cached = chunk.start + len(chunk.tokens)
            self._slots.hold(chunk.slot, job.tokens, job.cached)
            token = tokens.get(job)
            if token is not None:
                job.tokens.append(token)
                cost += COMPLETION_WEIGHT
            if chunk.start < len(job.prompt):
                cost += len(chunk.tokens)
        self._fair.advance(cost)


def _work(job: Job, tokens: int, copy: Copy | None = None) -> Work:
    """Return the next `tokens` tokens of a running `job` as work."""
    assert job.slot is not None
    end = job.cached + tokens
    chunk = Chunk(
        job.slot, job.cached, job.tokens[job.cached : end], job.lora, end == len(job.tokens)
    )
    return Work(job, chunk, copy)
