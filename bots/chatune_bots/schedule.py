"""Does work when it is due, in the one process that leads.

APScheduler reckons, waits, and keeps a job from running twice at once. What must outlive the process is
in our own store, as plain values (docs/decisions/0010-schedule.md). Its scheduler lives on asyncio's
loop; whatever it begins is a task of ours, with a parent.
"""

import logging
from collections.abc import Awaitable, Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from functools import partial

import anyio
from apscheduler.executors.base import BaseExecutor, MaxInstancesReachedError  # type: ignore[import-untyped]
from apscheduler.job import Job as TimedJob  # type: ignore[import-untyped]
from apscheduler.schedulers.asyncio import AsyncIOScheduler  # type: ignore[import-untyped]

from chatune_bots.leader import Sleep, Term
from chatune_bots.triggers import Due
from chatune_core.errors import RetryLater
from chatune_core.logs import without_text
from chatune_core.scheduling import Jobs, ScheduledJob

logger = logging.getLogger(__name__)
LOOKS = timedelta(seconds=10)
"""How often is looked for what people paused or asked for."""
_AGAIN_S = 5.0


@dataclass(frozen=True, slots=True)
class Job:
    """Work by name, and when it is due.

    work: is told for which time it is done. After a death it is done for the same time again, so it
        must not matter how often that is.
    """

    name: str
    due: Due
    work: Callable[[datetime], Awaitable[None]]


class Schedule:
    """The jobs; what is stored of them belongs to whoever leads."""

    def __init__(
        self,
        jobs: Sequence[Job],
        stored: Jobs,
        now: Callable[[], datetime],
        sleep: Sleep = anyio.sleep,
    ) -> None:
        self._jobs = {job.name: job for job in jobs}
        self._stored, self._now, self._sleep = stored, now, sleep

    async def run(self, term: Term) -> None:
        """Do the jobs when they are due, until cancelled or until the term is over."""
        async with anyio.create_task_group() as tasks:
            timer = AsyncIOScheduler(
                timezone=UTC,
                job_defaults={"coalesce": True, "max_instances": 1, "misfire_grace_time": None},
            )

            def begin(name: str, due: datetime) -> None:
                tasks.start_soon(self._do, name, due, looking)

            hands = _Hands(begin)
            looking = _Looking(timer, hands, term)
            timer.add_executor(hands, "default")
            timer.start()
            try:
                while True:
                    with _waiting_for_the_store():
                        await self._look(looking)
                    await self._sleep(LOOKS.total_seconds())
            finally:
                timer.shutdown(wait=False)

    async def _look(self, looking: "_Looking") -> None:
        """Bring timer and store in line with each other and with what people want."""
        rows = {row.name: row for row in await self._stored.all()}
        for name in rows.keys() - self._jobs.keys():
            await self._stored.drop(name, looking.term.fence)
        for job in self._jobs.values():
            row = rows.get(job.name, ScheduledJob(job.name, ""))
            timed = self._timed(looking, job, row)
            if row.asked_at is not None:
                looking.hands.begin(timed, row.asked_at)
            await self._keep(looking, job, row)
        # Its own alarm is late by as long as the machine slept.
        looking.timer.wakeup()

    def _timed(self, looking: "_Looking", job: Job, row: ScheduledJob) -> TimedJob:
        """Return the timer's job; it waits for its time unless it is paused or has none."""
        timer = looking.timer
        timed = timer.get_job(job.name)
        waits = not row.paused
        if timed is None:
            kept = row.next_due if row.trigger == str(job.due) else None
            due = (kept or job.due.after(self._now())) if waits else None
            return timer.add_job(_never_called, job.due, id=job.name, next_run_time=due)
        if waits and timed.next_run_time is None:
            timed.modify(next_run_time=job.due.after(self._now()))
        if not waits and timed.next_run_time is not None:
            timed.pause()
        return timed

    async def _keep(self, looking: "_Looking", job: Job, row: ScheduledJob) -> None:
        """Store when the job is due next, but not before it was done for the time that it has now."""
        due = looking.next_due(job.name)
        if looking.hands.are_at(job.name) or (row.next_due, row.trigger) == (due, str(job.due)):
            return
        await self._stored.keep(job.name, str(job.due), due, looking.term.fence)

    async def _do(self, name: str, due: datetime, looking: "_Looking") -> None:
        """Do the job for the time `due`; whatever comes of it, others and later ones go on."""
        term = looking.term
        try:
            if not await self._insist(term.stands):
                return
            try:
                await self._jobs[name].work(due)
            except RetryLater as error:
                logger.warning("the job %r waits for its next time: %s", name, error)
            except Exception as error:  # the last place before the other jobs
                logger.exception("the job %r failed", name, exc_info=without_text(error))
            await self._insist(partial(self._settle, name, due, looking))
        finally:
            looking.hands.leave(name)

    async def _settle(self, name: str, due: datetime, looking: "_Looking") -> bool:
        return await self._stored.done(name, due, looking.next_due(name), looking.term.fence)

    async def _insist(self, write: Callable[[], Awaitable[bool]]) -> bool:
        """Return what `write` says once the store is well; the term ends if that takes too long."""
        while True:
            with _waiting_for_the_store():
                return await write()
            await self._sleep(_AGAIN_S)


@dataclass(frozen=True, slots=True)
class _Looking:
    """What belongs to one term."""

    timer: AsyncIOScheduler
    hands: "_Hands"
    term: Term

    def next_due(self, name: str) -> datetime | None:
        """Return when the job is due next, None if it is paused or has no time."""
        timed = self.timer.get_job(name)
        due: datetime | None = None if timed is None else timed.next_run_time
        return due


class _Hands(BaseExecutor):  # type: ignore[misc] # APScheduler has no types
    """APScheduler's executor: `begin_job` begins one, and it is counted who is at work."""

    def __init__(self, begin_job: Callable[[str, datetime], None]) -> None:
        super().__init__()
        self._begin_job = begin_job

    def begin(self, job: TimedJob, due: datetime) -> None:
        """Begin the job, unless it is being done."""
        with suppress(MaxInstancesReachedError):
            self.submit_job(job, [due])

    def are_at(self, name: str) -> bool:
        """Return whether the job is being done."""
        return bool(self._instances.get(name))

    def leave(self, name: str) -> None:
        """Take note that the job is no longer being done."""
        self._run_job_success(name, [])

    def _do_submit_job(self, job: TimedJob, run_times: Sequence[datetime]) -> None:
        self._begin_job(job.id, run_times[-1].astimezone(UTC))


def _never_called() -> None: ...


@contextmanager
def _waiting_for_the_store() -> Iterator[None]:
    """Go on after the body when the store fails in passing; the caller comes again."""
    try:
        yield
    except RetryLater as error:
        logger.warning("the schedule waits: %s", error)
