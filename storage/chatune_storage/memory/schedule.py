"""Leases, scheduled jobs and training runs, in memory."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta

from chatune_core.learning.runs import RunState, TrainingRun, entry_of
from chatune_core.leases import Fence
from chatune_core.scheduling import ScheduledJob
from chatune_storage.memory.logs import MemoryAuditLog


@dataclass(frozen=True, slots=True)
class _Lease:
    holder: str
    term: int
    until: datetime


class MemoryLeases:
    """See Leases. Nothing outlives the process."""

    def __init__(self, now: Callable[[], datetime]) -> None:
        self._now = now
        self._leases: dict[str, _Lease] = {}

    async def hold(self, name: str, holder: str, lasting: timedelta) -> int | None:
        """See Leases.hold."""
        now = self._now()
        lease = self._leases.get(name, _Lease("", 0, now))
        if lease.holder != holder and lease.until > now:
            return None
        term = lease.term + (lease.holder != holder)
        self._leases[name] = _Lease(holder, term, now + lasting)
        return term

    async def let_go(self, name: str, holder: str) -> None:
        """See Leases.let_go."""
        lease = self._leases.get(name)
        if lease is not None and lease.holder == holder:
            self._leases[name] = _Lease("", lease.term, self._now())

    async def holder(self, name: str) -> str | None:
        """See Leases.holder."""
        lease = self._leases.get(name)
        return lease.holder if lease is not None and lease.until > self._now() else None

    async def stands(self, fence: Fence) -> bool:
        """See Leases.stands."""
        return self.within(fence)

    def within(self, fence: Fence) -> bool:
        """Return whether the term stands."""
        lease = self._leases.get(fence.lease)
        return lease is not None and lease.term == fence.term


class MemoryJobs:
    """See Jobs. Nothing outlives the process."""

    def __init__(self, leases: MemoryLeases) -> None:
        self._leases = leases
        self._jobs: dict[str, ScheduledJob] = {}

    async def all(self) -> Sequence[ScheduledJob]:
        """See Jobs.all."""
        return [self._jobs[name] for name in sorted(self._jobs)]

    async def keep(self, name: str, trigger: str, next_due: datetime | None, fence: Fence) -> bool:
        """See Jobs.keep."""
        if not self._leases.within(fence):
            return False
        self._jobs[name] = replace(self._job(name), trigger=trigger, next_due=next_due)
        return True

    async def done(self, name: str, due: datetime, next_due: datetime | None, fence: Fence) -> bool:
        """See Jobs.done."""
        if not self._leases.within(fence):
            return False
        job = self._job(name)
        answered = job.asked_at is not None and job.asked_at <= due
        asked_at = None if answered else job.asked_at
        self._jobs[name] = replace(job, last_due=due, next_due=next_due, asked_at=asked_at)
        return True

    async def drop(self, name: str, fence: Fence) -> bool:
        """See Jobs.drop."""
        if not self._leases.within(fence):
            return False
        self._jobs.pop(name, None)
        return True

    async def pause(self, name: str, *, paused: bool) -> None:
        """See Jobs.pause."""
        self._jobs[name] = replace(self._job(name), paused=paused)

    async def ask(self, name: str, at: datetime) -> None:
        """See Jobs.ask."""
        self._jobs[name] = replace(self._job(name), asked_at=at)

    def _job(self, name: str) -> ScheduledJob:
        return self._jobs.get(name, ScheduledJob(name, ""))


class MemoryTrainingRuns:
    """See TrainingRuns. Nothing outlives the process."""

    def __init__(self, leases: MemoryLeases, audit: MemoryAuditLog) -> None:
        self._leases, self._audit = leases, audit
        self._runs: list[TrainingRun] = []

    async def begin(self, run: TrainingRun, fence: Fence) -> TrainingRun | None:
        """See TrainingRuns.begin."""
        if not self._leases.within(fence):
            return None
        for place, stored in enumerate(self._runs):
            if (stored.model, stored.due) == (run.model, run.due):
                if stored.state is RunState.UNDER_WAY:
                    attempt, changed_at = stored.attempt + 1, run.changed_at
                    stored = replace(stored, term=run.term, attempt=attempt, changed_at=changed_at)
                    self._runs[place] = stored
                    self._audit.add(entry_of(stored, again=True))
                return stored
        self._runs.append(run)
        self._audit.add(entry_of(run))
        return run

    async def record(self, run: TrainingRun, fence: Fence) -> bool:
        """See TrainingRuns.record."""
        if not self._leases.within(fence):
            return False
        for place, stored in enumerate(self._runs):
            if stored.id == run.id and stored.state is RunState.UNDER_WAY:
                self._runs[place] = run
                if run.state is not RunState.UNDER_WAY:
                    self._audit.add(entry_of(run))
                return True
        return False

    async def unfinished(self) -> Sequence[TrainingRun]:
        """See TrainingRuns.unfinished."""
        return [run for run in self._runs if run.state is RunState.UNDER_WAY]

    async def recent(self, limit: int, model: str | None = None) -> Sequence[TrainingRun]:
        """See TrainingRuns.recent."""
        newest = [run for run in reversed(self._runs) if model in (None, run.model)]
        return newest[: max(0, limit)]
