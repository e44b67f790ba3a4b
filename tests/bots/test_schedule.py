"""Work that is done when it is due, whoever leads."""

import logging
from collections.abc import Awaitable, Callable
from datetime import UTC, datetime, timedelta

import anyio
import pytest

from chatune_bots.leader import Term
from chatune_bots.schedule import Job, Schedule
from chatune_bots.triggers import Due, every, on_request
from chatune_core.errors import RetryLater
from chatune_core.leases import Fence
from chatune_core.scheduling import SCHEDULE, ScheduledJob
from chatune_storage.memory.schedule import MemoryJobs, MemoryLeases

pytestmark = pytest.mark.anyio
HOUR = timedelta(hours=1)
FENCE = Fence(SCHEDULE, 1)
LONG_AGO = datetime(2026, 1, 1, tzinfo=UTC)
"""APScheduler looks at the real clock, so what is due at once was due long ago."""


def now() -> datetime:
    return datetime.now(UTC)


class FlakyJobs(MemoryJobs):
    """Jobs in a store that is locked at times."""

    locked = False

    async def done(self, name: str, due: datetime, next_due: datetime | None, fence: Fence) -> bool:
        self._fail()
        return await super().done(name, due, next_due, fence)

    async def all(self) -> list[ScheduledJob]:
        self._fail()
        return list(await super().all())

    def _fail(self) -> None:
        if self.locked:
            raise RetryLater("the database is locked by another process", timedelta(seconds=1))


class Place:
    """A store, and a leader whose schedule looks when the test says so."""

    def __init__(self) -> None:
        self.leases = MemoryLeases(now)
        self.jobs = FlakyJobs(self.leases)
        self.done: list[tuple[str, datetime]] = []
        self.at_work, self.most_at_work = 0, 0
        self.goes_on = anyio.Event()
        self.goes_on.set()
        self.raises: Exception | None = None
        self._wakes = anyio.Event()

    def job(self, name: str = "training", due: Due | None = None) -> Job:
        async def work(at: datetime) -> None:
            self.at_work += 1
            self.most_at_work = max(self.at_work, self.most_at_work)
            await self.goes_on.wait()
            self.at_work -= 1
            self.done.append((name, at))
            if self.raises is not None:
                raise self.raises

        return Job(name, due or every(HOUR), work)

    async def term(self, scope: anyio.CancelScope | None = None) -> Term:
        number = await self.leases.hold(SCHEDULE, "one", HOUR)
        assert number is not None

        async def held() -> int | None:
            return await self.leases.hold(SCHEDULE, "one", HOUR)

        return Term(Fence(SCHEDULE, number), held, scope or anyio.CancelScope())

    async def row(self, name: str = "training") -> ScheduledJob:
        return next(row for row in await self.jobs.all() if row.name == name)

    async def look(self) -> None:
        """Let the schedule look once more, and let everything happen that follows."""
        self._wakes.set()
        self._wakes = anyio.Event()
        await self.settle()

    async def settle(self) -> None:
        for _ in range(5):  # APScheduler's alarm is no task
            await anyio.wait_all_tasks_blocked()
            await anyio.lowlevel.checkpoint()

    async def _nap(self, seconds: float) -> None:
        await self._wakes.wait()

    async def leading(self, body: Callable[[], Awaitable[None]], *jobs: Job) -> None:
        """Run `body` while the process leads over `jobs`."""
        async with anyio.create_task_group() as tasks:
            term = await self.term(tasks.cancel_scope)
            tasks.start_soon(Schedule(jobs, self.jobs, now, self._nap).run, term)
            await self.settle()
            await body()
            tasks.cancel_scope.cancel()


async def nothing() -> None: ...


@pytest.fixture
async def place() -> Place:
    return Place()


async def test_when_a_job_is_due_next_is_kept_and_kept_over_a_restart(place: Place) -> None:
    await place.leading(nothing, place.job())
    first = await place.row()
    assert first.trigger == "every 1:00:00"
    assert first.next_due is not None
    assert timedelta(minutes=59) < first.next_due - now() < HOUR

    await place.leading(nothing, place.job())

    assert await place.row() == first
    assert place.done == []


async def test_what_was_missed_while_nobody_ran_is_made_up_for_once(place: Place) -> None:
    await place.term()
    await place.jobs.keep("training", "every 0:01:00", LONG_AGO, FENCE)

    await place.leading(nothing, place.job(due=every(timedelta(minutes=1))))

    assert place.done == [("training", LONG_AGO)]
    row = await place.row()
    assert row.last_due == LONG_AGO
    assert row.next_due is not None
    assert row.next_due > now()


async def test_with_other_times_the_old_time_does_not_count(place: Place) -> None:
    await place.term()
    await place.jobs.keep("training", "every 0:01:00", LONG_AGO, FENCE)

    await place.leading(nothing, place.job())

    assert place.done == []
    assert (await place.row()).trigger == "every 1:00:00"


async def test_a_job_that_is_gone_from_the_settings_is_forgotten(place: Place) -> None:
    await place.leading(nothing, place.job(), place.job("watch"))
    await place.leading(nothing, place.job("watch"))

    assert [row.name for row in await place.jobs.all()] == ["watch"]


async def test_what_is_asked_for_is_done_once_whatever_the_times_say(place: Place) -> None:
    async def body() -> None:
        await place.jobs.ask("training", LONG_AGO)
        await place.look()
        await place.look()

        assert place.done == [("training", LONG_AGO)]
        assert (await place.row()).asked_at is None
        assert (await place.row()).next_due is None

    await place.leading(body, place.job(due=on_request()))


async def test_a_paused_job_waits_until_it_is_resumed_and_makes_up_for_nothing(
    place: Place,
) -> None:
    await place.term()
    await place.jobs.keep("training", "every 1:00:00", LONG_AGO, FENCE)
    await place.jobs.pause("training", paused=True)

    async def body() -> None:
        await place.look()
        assert (await place.row()).next_due is None
        await place.jobs.pause("training", paused=False)
        await place.look()

        due = (await place.row()).next_due
        assert due is not None
        assert due > now()
        await place.jobs.pause("training", paused=True)
        await place.look()
        assert (await place.row()).next_due is None

    await place.leading(body, place.job())
    assert place.done == []


async def test_a_paused_job_can_be_asked_for(place: Place) -> None:
    await place.jobs.pause("training", paused=True)
    await place.jobs.ask("training", LONG_AGO)

    await place.leading(nothing, place.job())

    assert place.done == [("training", LONG_AGO)]
    assert (await place.row()).paused


async def test_a_job_never_overlaps_itself_and_does_not_hold_up_others(place: Place) -> None:
    place.goes_on = anyio.Event()

    async def watch(at: datetime) -> None:
        place.done.append(("watch", at))

    async def body() -> None:
        await place.jobs.ask("training", LONG_AGO)
        await place.look()
        assert place.at_work == 1
        await place.jobs.ask("training", LONG_AGO + HOUR)
        await place.jobs.ask("watch", LONG_AGO)
        await place.look()

        assert place.most_at_work == 1
        assert place.done == [("watch", LONG_AGO)]
        place.goes_on.set()
        await place.settle()
        await place.look()
        assert place.done[1:] == [("training", LONG_AGO), ("training", LONG_AGO + HOUR)]
        assert place.most_at_work == 1

    await place.leading(body, place.job(), Job("watch", every(HOUR), watch))


async def test_what_a_dead_leader_had_begun_is_done_for_the_same_time_by_the_next(
    place: Place,
) -> None:
    await place.term()
    await place.jobs.keep("training", "every 1:00:00", LONG_AGO, FENCE)
    place.goes_on = anyio.Event()

    async def dies() -> None:
        assert place.at_work == 1
        await place.look()  # its next time is not kept before this one is done

    await place.leading(dies, place.job())
    assert (await place.row()).next_due == LONG_AGO
    place.goes_on.set()
    await place.leading(nothing, place.job())

    assert place.done == [("training", LONG_AGO)]


async def test_who_was_asleep_does_nothing_that_was_due(place: Place) -> None:
    async def body() -> None:
        await place.leases.let_go(SCHEDULE, "one")
        await place.leases.hold(SCHEDULE, "other", HOUR)
        await place.jobs.ask("training", LONG_AGO)
        await place.look()

        assert place.done == []
        assert (await place.row()).asked_at == LONG_AGO

    await place.leading(body, place.job())


async def test_a_failure_ends_neither_the_job_nor_the_others_and_says_nothing_private(
    place: Place, caplog: pytest.LogCaptureFixture
) -> None:
    place.raises = ValueError("what somebody wrote")

    async def body() -> None:
        for number in range(2):
            await place.jobs.ask("training", LONG_AGO + number * HOUR)
            await place.look()
        assert len(place.done) == 2
        assert (await place.row()).last_due == LONG_AGO + HOUR
        place.raises = RetryLater("the disk is full", HOUR)
        await place.jobs.ask("training", LONG_AGO + 2 * HOUR)
        await place.look()
        assert len(place.done) == 3

    with caplog.at_level(logging.INFO):
        await place.leading(body, place.job())

    assert "the job 'training' failed" in caplog.text
    assert "what somebody wrote" not in caplog.text
    assert "waits for its next time: the disk is full" in caplog.text


async def test_a_locked_store_is_waited_for(place: Place) -> None:
    place.jobs.locked = True

    async def body() -> None:
        await place.look()
        place.jobs.locked = False
        await place.jobs.ask("training", LONG_AGO)
        place.goes_on = anyio.Event()
        await place.look()
        place.jobs.locked = True
        place.goes_on.set()
        await place.settle()
        assert place.at_work == 0
        place.jobs.locked = False
        assert (await place.row()).asked_at == LONG_AGO
        await place.look()

        assert (await place.row()).asked_at is None
        assert place.done == [("training", LONG_AGO)]

    await place.leading(body, place.job())
