"""Weeks of talk by a fake clock: what ends is forgotten, memory stays flat, no task is left over."""

import gc
import tracemalloc
from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from datetime import timedelta
from functools import partial
from pathlib import Path

import anyio
import pytest

from chatune_core.messages import ConversationId, EventKey, MessageReceived, UserId
from chatune_core.runtime import Runtime
from chatune_storage.memory import memory_stores
from chatune_storage.sql_stores import open_stores
from chatune_storage.stores import Stores
from fakes.clock import FakeClock
from faults.bot_under_test import PLATFORM, Parrot, Recorder, is_empty, make_runtime

CONVERSATIONS = 7
TURNS = CONVERSATIONS + 1
"""Of a round: one in each conversation, and a second in the first."""
LEASE = timedelta(minutes=1)
KEEP_FOR = timedelta(days=1)
BETWEEN_ROUNDS = timedelta(hours=8)
SETTLED = 10
"""Rounds until what is kept for a day goes as fast as it comes."""
TURN_IN_MEMORY = 1_000
"""Bytes that a turn may leave in the stores in memory for good: its key and its provenance. They
never forget these; the texts of one turn and its prompt would be eight times more."""
TURN_ELSEWHERE = 400
"""Bytes that a turn may leave in the process where a database holds the rest: a twentieth of its
texts, and room for what other tests of this process left to be collected."""

pytestmark = pytest.mark.anyio
Open = Callable[[FakeClock], AbstractAsyncContextManager[Stores]]


async def test_two_months_in_memory() -> None:
    await soak(in_memory, TURN_IN_MEMORY, rounds=180)


async def test_ten_days_in_a_database(tmp_path: Path) -> None:
    await soak(partial(on_disk, tmp_path), TURN_ELSEWHERE, rounds=30)


@pytest.mark.soak
async def test_five_years_in_memory() -> None:
    await soak(in_memory, TURN_IN_MEMORY, rounds=5 * 365 * 3)


@pytest.mark.soak
async def test_a_year_in_a_database(tmp_path: Path) -> None:
    await soak(partial(on_disk, tmp_path), TURN_ELSEWHERE, rounds=365 * 3)


@asynccontextmanager
async def in_memory(clock: FakeClock) -> AsyncIterator[Stores]:
    yield memory_stores(clock, LEASE)


@asynccontextmanager
async def on_disk(folder: Path, clock: FakeClock) -> AsyncIterator[Stores]:
    url = f"sqlite:///{folder}/chatune.db"
    async with open_stores(url, b"k" * 32, clock, LEASE) as stores:
        yield stores


async def soak(opened: Open, turn_may_leave: int, rounds: int) -> None:
    """Talk for `rounds`; in each, one who has claimed an event dies."""
    clock, platform = FakeClock(), Recorder()
    async with opened(clock) as stores:
        runtime = make_runtime(stores, platform, Parrot(), clock, poll_s=3600)
        async with anyio.create_task_group() as bot:
            await bot.start(runtime.run)
            tasks = len(anyio.get_running_tasks())
            tracemalloc.start()
            try:
                for number in range(SETTLED):
                    await one_round(runtime, stores, platform, clock, number)
                settled = await heap_bytes(stores)
                for number in range(SETTLED, rounds):
                    await one_round(runtime, stores, platform, clock, number)
                grown = await heap_bytes(stores) - settled
            finally:
                tracemalloc.stop()

            assert grown < turn_may_leave * (rounds - SETTLED) * TURNS
            assert len(anyio.get_running_tasks()) == tasks
            assert await is_empty(stores)
            bot.cancel_scope.cancel()


async def one_round(
    runtime: Runtime, stores: Stores, platform: Recorder, clock: FakeClock, number: int
) -> None:
    await stores.retention.purge(KEEP_FOR)
    events = [said(number, turn, clock) for turn in range(TURNS)]
    # Another process claims the first event and dies; nobody else may have it until the lease ends.
    assert await stores.inbox.put(events[0])
    [_] = await stores.inbox.lease(1)
    async with anyio.create_task_group() as people:
        for event in events[1:-1]:
            people.start_soon(runtime.handle, event)
    assert events[0].key not in platform.posted
    clock.advance(LEASE + timedelta(seconds=1))
    await runtime.handle(events[-1])
    assert platform.posted == {event.key: 1 for event in events}
    platform.posted.clear()

    turns = await stores.history.recent(events[0].conversation, 1_000)
    clock.advance(BETWEEN_ROUNDS)
    assert [turn.event for turn in turns[-4::2]] == [events[0].key, events[-1].key]
    assert all(clock() - turn.at <= KEEP_FOR + 2 * BETWEEN_ROUNDS for turn in turns)


def said(number: int, turn: int, clock: FakeClock) -> MessageReceived:
    line = turn % CONVERSATIONS
    return MessageReceived(
        EventKey(f"{PLATFORM}:{number}:{turn}"),
        ConversationId(f"{PLATFORM}:{line}"),
        UserId(f"{PLATFORM}:u{line}"),
        clock(),
        f"round {number} " + "and so on " * 20,
    )


async def heap_bytes(stores: Stores) -> int:
    for _ in range(3):  # each waits its turn: what the pumps still look for has ended then
        await stores.key_values.delete("nothing")
    gc.collect()
    return tracemalloc.get_traced_memory()[0]
