"""The scheduler as a state machine: whatever comes and goes, the cache holds what it should."""

from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule

from chatune_core.errors import QueueFull
from chatune_core.generation.engine_settings import EngineSettings
from chatune_core.generation.job import Job
from chatune_core.generation.requests import LoraId, Priority
from chatune_core.generation.scheduler import Scheduler, Work
from chatune_core.messages import ConversationId, UserId
from fakes.runner import ScriptedRunner

SLOTS, CONTEXT, QUEUE, BUDGET = 3, 400, 12, 32
LORAS = [None, LoraId("a"), LoraId("b")]
SYSTEM = list(range(2, 110))


class Batching(RuleBasedStateMachine):
    def __init__(self) -> None:
        super().__init__()
        limits = EngineSettings(queue_limit=QUEUE, prefill_tokens_per_step=BUDGET)
        self.scheduler = Scheduler(SLOTS, CONTEXT, limits)
        self.runner = ScriptedRunner(SLOTS, CONTEXT)
        self.runner.placed = {lora: "folder" for lora in LORAS if lora}
        self.now = 0.0
        self.live: list[Job] = []
        self.ended: list[Job] = []

    @rule(
        user=st.sampled_from("abc"),
        conversation=st.sampled_from("xy"),
        priority=st.sampled_from(Priority),
        lora=st.sampled_from(LORAS),
        shared=st.sampled_from([0, 20, 108]),
        own=st.lists(st.integers(2, 255), min_size=1, max_size=60),
        tokens=st.integers(1, 12),
        patience=st.none() | st.integers(1, 30),
    )
    def submit(
        self,
        user: str,
        conversation: str,
        priority: Priority,
        lora: LoraId | None,
        shared: int,
        own: list[int],
        tokens: int,
        patience: int | None,
    ) -> None:
        deadline_at = None if patience is None else self.now + patience
        job = Job(
            [*SYSTEM[:shared], *own],
            tokens,
            UserId(user),
            ConversationId(conversation),
            priority,
            lora,
            deadline_at,
        )
        try:
            self.scheduler.submit(job)
        except QueueFull:
            theirs = [one for one in self.live if one.slot is None and one.user == user]
            free = self.scheduler.free_slots
            assert self.scheduler.waiting >= QUEUE + free or len(theirs) >= QUEUE // 2 + free
        else:
            self.live.append(job)

    @precondition(lambda self: self.live)
    @rule(which=st.integers(0, 100))
    def cancel(self, which: int) -> None:
        self._end(self.live[which % len(self.live)])

    @precondition(lambda self: any(job.cached for job in self.live))
    @rule(which=st.integers(0, 100))
    def continue_conversation(self, which: int) -> None:
        cached = [job for job in self.live if job.cached]
        before = cached[which % len(cached)]
        job = Job([*before.tokens, 9, 9], 3, before.user, before.conversation, lora=before.lora)
        if len(job.prompt) < CONTEXT and self.scheduler.waiting < QUEUE // 2:
            self.scheduler.submit(job)
            self.live.append(job)

    @rule()
    def step(self) -> None:
        self.now += 1
        for job in self.scheduler.expire(self.now):
            self._end(job)
        works = self.scheduler.plan(self.now)
        self._check(works)
        for work in works:
            if work.copy is not None:
                self.runner.copy_prefix(work.copy.source, work.chunk.slot, work.copy.tokens)
        if works:
            self.runner.forward([work.chunk for work in works])
        self.scheduler.record(works, {work.job: 7 for work in works if work.chunk.logits})
        for work in works:
            if work.job.exhausted:
                self._end(work.job)

    @invariant()
    def everyone_is_either_running_or_in_the_line(self) -> None:
        line = self.scheduler.line()
        running = [job for job in self.live if job.slot is not None]
        assert len({job.slot for job in running}) == len(running) == self.scheduler.running
        assert self.scheduler.free_slots == SLOTS - len(running)
        assert set(line) | set(running) == set(self.live)
        assert len(line) == self.scheduler.waiting <= QUEUE + SLOTS

    @invariant()
    def the_cache_holds_the_tokens_of_each_running_request(self) -> None:
        for job in self.live:
            if job.slot is not None and job.cached:
                held = self.runner.cache[job.slot][: job.cached]
                assert held == [(token, job.lora) for token in job.tokens[: job.cached]]

    def teardown(self) -> None:
        """Nobody is forgotten: with nothing new, everything ends."""
        for _ in range(1000):
            if not self.live:
                return
            self.step()
        raise AssertionError(f"{len(self.live)} requests never end")

    def _check(self, works: list[Work]) -> None:
        answers = [work for work in works if work.chunk.start >= len(work.job.prompt)]
        read = sum(len(work.chunk.tokens) for work in works) - len(answers)
        assert read <= BUDGET
        assert all(work.job in self.live for work in works)
        expected = {job for job in self.live if job.slot is not None and job.completion_tokens}
        assert {work.job for work in answers} == expected, "every running answer grows"
        assert works or not self.live

    def _end(self, job: Job) -> None:
        self.scheduler.end(job)
        self.live.remove(job)


TestBatching = Batching.TestCase
TestBatching.settings = settings(max_examples=40, stateful_step_count=40, deadline=None)
