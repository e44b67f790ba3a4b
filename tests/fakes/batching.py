"""Driving the scheduler in a test, step by step, without a device and without a clock."""

from collections.abc import Callable

from chatune_core.generation.engine_settings import EngineSettings
from chatune_core.generation.job import Job
from chatune_core.generation.requests import LoraId, Priority
from chatune_core.generation.scheduler import Scheduler, Work
from chatune_core.messages import ConversationId, UserId


def job(
    prompt: int | list[int] = 10,
    *,
    user: str = "ann",
    tokens: int = 5,
    lora: str | None = None,
    priority: Priority = Priority.NORMAL,
    deadline_at: float | None = None,
) -> Job:
    """A request; a number stands for a prompt of so many tokens that nobody else has."""
    if isinstance(prompt, int):
        prompt = [next(fresh) for _ in range(prompt)]
    return Job(
        prompt,
        tokens,
        UserId(user),
        ConversationId(user),
        priority,
        None if lora is None else LoraId(lora),
        deadline_at,
    )


fresh = iter(range(1000, 1_000_000))


def scheduler(slots: int = 4, context: int = 1000, queue: int = 64, budget: int = 64) -> Scheduler:
    settings = EngineSettings(queue_limit=queue, prefill_tokens_per_step=budget)
    return Scheduler(slots, context, settings)


def step(batch: Scheduler, now: float = 0.0) -> list[Work]:
    """Run a step whose every next token is 7, and end what is exhausted."""
    works = batch.plan(now)
    batch.record(works, {work.job: 7 for work in works if work.chunk.logits})
    for work in works:
        if work.job.exhausted:
            batch.end(work.job)
    return works


def steps_until(batch: Scheduler, done: Callable[[], bool], limit: int = 200) -> int:
    for count in range(limit):
        if done():
            return count
        step(batch)
    raise AssertionError(f"not done after {limit} steps")
