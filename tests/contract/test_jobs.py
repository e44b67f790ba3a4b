"""Scheduled jobs: what is known of them after a restart."""

from datetime import timedelta

import pytest

from chatune_core.leases import Fence
from chatune_core.scheduling import SCHEDULE, ScheduledJob
from chatune_storage.stores import Stores
from fakes.clock import FakeClock
from fakes.events import AT

pytestmark = pytest.mark.anyio
MINUTE = timedelta(minutes=1)
FIRST = Fence(SCHEDULE, 1)


async def leading(stores: Stores, holder: str = "one") -> Fence:
    term = await stores.leases.hold(SCHEDULE, holder, MINUTE)
    assert term is not None
    return Fence(SCHEDULE, term)


async def test_jobs_come_back_as_they_were_kept_by_name(rivals: tuple[Stores, Stores]) -> None:
    one, other = rivals
    fence = await leading(one)
    soon = AT + timedelta(microseconds=1)

    assert await one.jobs.keep("watch", "every minute", None, fence)
    assert await one.jobs.keep("training", "daily", AT, fence)
    assert await one.jobs.keep("training", "nightly", soon, fence)

    assert list(await other.jobs.all()) == [
        ScheduledJob("training", "nightly", soon),
        ScheduledJob("watch", "every minute"),
    ]


async def test_whoever_pauses_or_asks_changes_nothing_else(rivals: tuple[Stores, Stores]) -> None:
    one, other = rivals
    await other.jobs.pause("training", paused=True)
    fence = await leading(one)
    await one.jobs.keep("training", "nightly", AT, fence)
    await other.jobs.ask("training", AT)

    assert list(await one.jobs.all()) == [
        ScheduledJob("training", "nightly", AT, None, paused=True, asked_at=AT)
    ]
    await other.jobs.pause("training", paused=False)
    await one.jobs.keep("training", "nightly", None, fence)
    assert list(await one.jobs.all()) == [
        ScheduledJob("training", "nightly", None, None, paused=False, asked_at=AT)
    ]


async def test_what_was_asked_for_is_settled_by_what_was_done_since(stores: Stores) -> None:
    fence = await leading(stores)
    await stores.jobs.ask("training", AT)

    assert await stores.jobs.done("training", AT - MINUTE, None, fence)
    assert [job.asked_at for job in await stores.jobs.all()] == [AT]
    assert await stores.jobs.done("training", AT, AT + MINUTE, fence)

    assert list(await stores.jobs.all()) == [ScheduledJob("training", "", AT + MINUTE, AT)]


async def test_nothing_is_written_in_a_term_that_is_over(
    rivals: tuple[Stores, Stores], clock: FakeClock
) -> None:
    one, other = rivals
    slept = await leading(one)
    await one.jobs.keep("training", "nightly", AT, slept)
    await one.jobs.ask("training", AT)
    before = list(await one.jobs.all())
    clock.advance(MINUTE)
    awake = await leading(other, "other")

    assert not await one.jobs.keep("training", "hourly", None, slept)
    assert not await one.jobs.done("training", AT, None, slept)
    assert not await one.jobs.drop("training", slept)

    assert list(await one.jobs.all()) == before
    assert await other.jobs.drop("training", awake)
    assert list(await one.jobs.all()) == []


async def test_nothing_is_written_where_nobody_leads(stores: Stores) -> None:
    assert not await stores.jobs.keep("training", "nightly", AT, FIRST)
    assert not await stores.jobs.drop("training", FIRST)
    assert list(await stores.jobs.all()) == []
