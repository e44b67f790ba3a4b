"""Forgetting by age is a job like others."""

from datetime import timedelta

import pytest

from chatune_bots.retention import retention_job
from chatune_storage.memory import memory_stores
from fakes.clock import FakeClock
from fakes.events import ROOM, handle, said, turn

pytestmark = pytest.mark.anyio


async def test_what_is_too_old_goes_every_hour() -> None:
    clock = FakeClock()
    stores = memory_stores(clock, timedelta(seconds=60))
    await handle(stores, said("1"), turn("1", "hello"))
    job = retention_job(stores.retention, timedelta(days=30))

    assert job.due.after(clock.at) == clock.at + timedelta(hours=1)
    await job.work(clock.at)
    assert len(await stores.history.recent(ROOM, 5)) == 1
    clock.advance(timedelta(days=31))
    await job.work(clock.at)

    assert len(await stores.history.recent(ROOM, 5)) == 0
