"""One process leads, and knows when it no longer does."""

from collections.abc import Awaitable, Callable
from datetime import datetime, timedelta

import anyio
import pytest

from chatune_bots.leader import Leader, Term
from chatune_core.errors import RetryLater
from chatune_core.leases import Fence
from chatune_storage.memory.schedule import MemoryLeases
from fakes.clock import FakeClock

pytestmark = pytest.mark.anyio
LASTING = timedelta(seconds=30)


class FlakyLeases(MemoryLeases):
    """Leases of a store that is locked at times."""

    locked = False

    async def hold(self, name: str, holder: str, lasting: timedelta) -> int | None:
        if self.locked:
            raise RetryLater("the database is locked by another process", timedelta(seconds=1))
        return await super().hold(name, holder, lasting)


class Process:
    """A candidate whose naps the test ends."""

    def __init__(self, leases: MemoryLeases, holder: str, now: Callable[[], datetime]) -> None:
        self.terms: list[Term] = []
        self.leads = False
        self._wakes = anyio.Event()
        self._naps = 0
        self.leader = Leader(leases, "schedule", holder, now, self._nap, LASTING)

    async def run(self) -> None:
        await self.leader.run(self._lead)

    async def _lead(self, term: Term) -> None:
        self.terms.append(term)
        self.leads = True
        try:
            await anyio.sleep_forever()
        finally:
            self.leads = False

    async def _nap(self, seconds: float) -> None:
        assert seconds == 10
        self._naps += 1
        await self._wakes.wait()

    async def wake(self) -> None:
        """End the nap and let everything happen that follows."""
        self._wakes.set()
        self._wakes = anyio.Event()
        await anyio.wait_all_tasks_blocked()


@pytest.fixture
def clock() -> FakeClock:
    return FakeClock()


@pytest.fixture
def leases(clock: FakeClock) -> FlakyLeases:
    return FlakyLeases(clock)


async def running(body: Callable[[], Awaitable[None]], *processes: Process) -> None:
    async with anyio.create_task_group() as tasks:
        for process in processes:
            tasks.start_soon(process.run)
            await anyio.wait_all_tasks_blocked()
        await body()
        tasks.cancel_scope.cancel()


async def test_the_first_leads_and_the_second_waits(leases: FlakyLeases, clock: FakeClock) -> None:
    one, other = Process(leases, "one", clock), Process(leases, "other", clock)

    async def body() -> None:
        for _ in range(9):
            clock.advance(LASTING / 3)
            await one.wake()
            await other.wake()

        assert (one.leads, other.leads) == (True, False)
        assert [term.fence for term in one.terms] == [Fence("schedule", 1)]

    await running(body, one, other)


async def test_when_the_leader_dies_another_takes_over_after_the_lease_time(
    leases: FlakyLeases, clock: FakeClock
) -> None:
    one, other = Process(leases, "one", clock), Process(leases, "other", clock)

    async def body() -> None:
        clock.advance(LASTING * 0.9)  # nobody wakes the first any more
        await other.wake()
        assert not other.leads
        clock.advance(LASTING * 0.1)
        await other.wake()

        assert other.leads
        assert other.terms[0].fence == Fence("schedule", 2)

    await running(body, one, other)


async def test_who_slept_notices_before_it_acts_that_its_term_is_over(
    leases: FlakyLeases, clock: FakeClock
) -> None:
    one, other = Process(leases, "one", clock), Process(leases, "other", clock)

    async def body() -> None:
        clock.advance(LASTING)
        await other.wake()
        assert (one.leads, other.leads) == (True, True)  # the first has not looked yet

        assert not await one.terms[0].stands()
        await anyio.wait_all_tasks_blocked()

        assert (one.leads, other.leads) == (False, True)
        assert await other.terms[0].stands()

    await running(body, one, other)


async def test_who_slept_and_renews_as_usual_notices_too_and_stands_by(
    leases: FlakyLeases, clock: FakeClock
) -> None:
    one, other = Process(leases, "one", clock), Process(leases, "other", clock)

    async def body() -> None:
        clock.advance(LASTING)
        await other.wake()
        await one.wake()
        assert (one.leads, other.leads) == (False, True)

        clock.advance(LASTING)
        await one.wake()
        assert one.terms[-1].fence == Fence("schedule", 3)

    await running(body, one, other)


async def test_who_slept_while_nobody_else_was_there_leads_on(
    leases: FlakyLeases, clock: FakeClock
) -> None:
    one = Process(leases, "one", clock)

    async def body() -> None:
        clock.advance(LASTING * 100)

        assert await one.terms[0].stands()
        assert one.leads
        assert len(one.terms) == 1

    await running(body, one)


async def test_a_leader_that_ends_lets_go_at_once(leases: FlakyLeases, clock: FakeClock) -> None:
    one, other = Process(leases, "one", clock), Process(leases, "other", clock)

    async def nothing() -> None: ...

    await running(nothing, one)

    async def body() -> None:
        assert other.leads

    await running(body, other)


async def test_a_store_that_is_locked_for_less_than_the_lease_ends_nothing(
    leases: FlakyLeases, clock: FakeClock
) -> None:
    one = Process(leases, "one", clock)

    async def body() -> None:
        leases.locked = True
        for _ in range(2):
            clock.advance(LASTING / 3)
            await one.wake()
        assert one.leads
        leases.locked = False
        await one.wake()
        leases.locked = True
        clock.advance(LASTING * 0.9)
        await one.wake()
        assert one.leads

    await running(body, one)


async def test_who_cannot_renew_for_the_whole_lease_leads_no_more(
    leases: FlakyLeases, clock: FakeClock
) -> None:
    one = Process(leases, "one", clock)

    async def body() -> None:
        leases.locked = True
        for _ in range(3):
            clock.advance(LASTING / 3)
            await one.wake()
        assert not one.leads

        leases.locked = False
        await one.wake()
        assert one.leads

    await running(body, one)
