"""Any events, in any order, over failing parts: each is answered once, and logs stay clean."""

import logging
import random
from collections.abc import AsyncIterator, Callable, Iterator, Sequence
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from datetime import timedelta
from functools import partial
from pathlib import Path

import anyio
import anyio.lowlevel
import pytest
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st

from chatune_core.messages import (
    ActionTaken,
    BotRemoved,
    CommandInvoked,
    EventKey,
    FormSubmitted,
    Inbound,
    MessageDeleted,
    MessageReceived,
    StopRequested,
)
from chatune_core.runtime import Runtime
from chatune_storage.memory import memory_stores
from chatune_storage.sql_stores import open_stores
from chatune_storage.stores import Stores
from fakes.clock import FakeClock
from fakes.platform import message
from faults.bot_under_test import Parrot, Recorder, is_empty, make_runtime, shown
from faults.hostile import LEFT_ROOM, ROOMS, SECRET, events

ANSWERED = (MessageReceived, CommandInvoked, ActionTaken, FormSubmitted, StopRequested)
LEASE = timedelta(hours=6)
_checks = [HealthCheck.function_scoped_fixture, HealthCheck.too_slow, HealthCheck.data_too_large]
short = settings(max_examples=40, deadline=None, suppress_health_check=_checks)
long = settings(max_examples=5_000, deadline=None, suppress_health_check=_checks)
short_on_disk = settings(short, max_examples=5, phases=[Phase.generate])
long_on_disk = settings(long, max_examples=500)

Open = Callable[[FakeClock], AbstractAsyncContextManager[Stores]]


class Log(logging.Handler):
    """Keeps what is logged, as it would be written."""

    def __init__(self) -> None:
        super().__init__(logging.DEBUG)
        self.lines: list[str] = []
        self.tracebacks = 0
        self.setFormatter(logging.Formatter("%(levelname)s %(message)s"))

    def emit(self, record: logging.LogRecord) -> None:
        self.tracebacks += record.exc_info is not None
        self.lines.append(self.format(record))


@pytest.fixture
def log() -> Iterator[Log]:
    handler, logger = Log(), logging.getLogger("chatune_core")
    level = logger.level
    logger.addHandler(handler)
    logger.setLevel(logging.DEBUG)
    yield handler
    logger.removeHandler(handler)
    logger.setLevel(level)


@short
@given(burst=events, seed=st.integers(0, 2**32))
def test_hostile_events_in_memory(log: Log, burst: Sequence[Inbound], seed: int) -> None:
    anyio.run(judge, in_memory, burst, seed, log)


@short_on_disk
@given(burst=events, seed=st.integers(0, 2**32))
def test_hostile_events_in_a_database(
    log: Log, tmp_path_factory: pytest.TempPathFactory, burst: Sequence[Inbound], seed: int
) -> None:
    anyio.run(judge, partial(on_disk, tmp_path_factory.mktemp("fuzz")), burst, seed, log)


@pytest.mark.soak
@long
@given(burst=events, seed=st.integers(0, 2**32))
def test_thousands_of_bursts_in_memory(log: Log, burst: Sequence[Inbound], seed: int) -> None:
    anyio.run(judge, in_memory, burst, seed, log)


@pytest.mark.soak
@long_on_disk
@given(burst=events, seed=st.integers(0, 2**32))
def test_hundreds_of_bursts_in_a_database(
    log: Log, tmp_path_factory: pytest.TempPathFactory, burst: Sequence[Inbound], seed: int
) -> None:
    anyio.run(judge, partial(on_disk, tmp_path_factory.mktemp("fuzz")), burst, seed, log)


@asynccontextmanager
async def in_memory(clock: FakeClock) -> AsyncIterator[Stores]:
    yield memory_stores(clock, LEASE)


@asynccontextmanager
async def on_disk(folder: Path, clock: FakeClock) -> AsyncIterator[Stores]:
    url = f"sqlite:///{folder}/chatune.db"
    async with open_stores(url, b"k" * 32, clock, LEASE) as stores:
        yield stores


async def judge(opened: Open, burst: Sequence[Inbound], seed: int, log: Log) -> None:
    """Let half happen at once, then the rest; look at the platform's record, queues and log."""
    clock, faults = FakeClock(), random.Random(seed)
    platform, model = Recorder(faults), Parrot(faults)
    log.lines, log.tracebacks = [], 0
    async with opened(clock) as stores:
        runtime = make_runtime(stores, platform, model, clock, poll_s=0.005)
        with anyio.fail_after(30):
            await happen(runtime, burst[: len(burst) // 2], platform, clock)
            await happen(runtime, burst[len(burst) // 2 :], platform, clock)

        assert_each_answered_once(burst, platform)
        clock.advance(timedelta(days=1))
        assert await is_empty(stores)
    assert not log.tracebacks, log.lines
    assert not [line for line in log.lines if SECRET in line]


async def happen(
    runtime: Runtime, burst: Sequence[Inbound], platform: Recorder, clock: FakeClock
) -> None:
    """Return when everything has been worked off: a last message in each room comes after all."""
    async with anyio.create_task_group() as bot:
        await bot.start(runtime.run)
        bot.start_soon(pass_time, clock)
        async with anyio.create_task_group() as people:
            for event in burst:
                people.start_soon(runtime.receive, event)
        for rooms in (ROOMS, [LEFT_ROOM]):
            last = [message(f"{clock()} {room}", "bye", room, "fault:ann") for room in rooms]
            for event in last:
                await runtime.receive(event)
            await platform.ends(event.key for event in last)
        bot.cancel_scope.cancel()


async def pass_time(clock: FakeClock) -> None:
    """Let a second pass whenever everybody has had a turn, so that what waits is tried again."""
    while True:
        clock.advance(timedelta(seconds=1))
        await anyio.lowlevel.checkpoint()


def assert_each_answered_once(burst: Sequence[Inbound], platform: Recorder) -> None:
    first: dict[EventKey, Inbound] = {}
    for event in burst:
        first.setdefault(event.key, event)
    ends = platform.posted + platform.refused
    due = {key for key, event in first.items() if isinstance(event, ANSWERED)}
    assert {key for key, times in ends.items() if times > 1} == set()
    assert due - set(ends) <= {key for key in due if was_taken_back(first[key], burst)}
    assert {key for key in ends if key in first} <= due


def was_taken_back(event: Inbound, burst: Sequence[Inbound]) -> bool:
    """Return whether the event may go unanswered: deleted, or in a workspace that was left."""
    for other in burst:
        if isinstance(other, BotRemoved) and event.conversation == LEFT_ROOM:
            return True
        if isinstance(other, MessageDeleted) and other.message in (event.key, shown(event.key)):
            return True
    return False
