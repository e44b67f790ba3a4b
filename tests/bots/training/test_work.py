"""How the work of a trainer ends, whatever happens: one line, on record, nothing served changes."""

import logging
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import timedelta
from functools import partial

import anyio
import pytest

from chatune_bots.compose import utc_now
from chatune_bots.leader import Term
from chatune_bots.training.limits import memory_limit_mb, watch_memory
from chatune_bots.training.messages import Ended, Hear, Message, Said, Staged
from chatune_bots.training.work import Interrupted, Watch, Work
from chatune_core.errors import RetryLater, TrainingFailed
from chatune_core.learning.run import Order, Workshop
from chatune_core.learning.runs import TRAINING, RunState, TrainingRun
from chatune_core.leases import Fence
from chatune_storage.memory import memory_stores
from chatune_storage.stores import Stores
from fakes.workshop import FakeWorkshop

pytestmark = pytest.mark.anyio
HOUR = timedelta(hours=1)
ORDER = Order("main", "tonight", "it was due")


@dataclass
class Place:
    """A store, and what is heard of the work."""

    stores: Stores
    heard: list[Message] = field(default_factory=list)

    async def work(self, shop: FakeWorkshop, *watches: Watch) -> Ended:
        @asynccontextmanager
        async def opened(hear: Hear) -> AsyncGenerator[Workshop, None]:
            self.hear = hear
            yield shop

        number = await self.stores.leases.hold(TRAINING, "one", HOUR)
        assert number is not None
        term = Term(Fence(TRAINING, number), self._held, anyio.CancelScope())
        work = Work(ORDER, opened, self.heard.append, watches)
        await work.run(self.stores.training_runs, term)
        return work.ended

    async def _held(self) -> int | None:
        return await self.stores.leases.hold(TRAINING, "one", HOUR)

    async def run(self) -> TrainingRun:
        [run] = await self.stores.training_runs.recent(9)
        return run


@pytest.fixture
def place() -> Place:
    return Place(memory_stores(utc_now, HOUR))


def at_step(name: str, error: BaseException | None = None) -> FakeWorkshop:
    """A workshop that raises `error` in the step, or never ends it."""

    async def at(step: str) -> None:
        if step != name:
            return
        if error is not None:
            raise error
        await anyio.sleep_forever()

    return FakeWorkshop(at=at)


async def raising(error: Exception) -> None:
    await anyio.wait_all_tasks_blocked()
    raise error


async def test_a_run_is_told_stage_by_stage_and_ends_with_what_it_made(place: Place) -> None:
    ended = await place.work(FakeWorkshop())

    run = await place.run()
    assert ended == Ended("made", f"{run.lora}: better by 12 points")
    assert [message.stage for message in place.heard if isinstance(message, Staged)] == [
        "gathering", "training", "judging", "registering",
    ]  # fmt: skip


async def test_too_little_data_ends_it_well(place: Place) -> None:
    ended = await place.work(FakeWorkshop(lacking="not yet: 37 of 200"))

    assert ended == Ended("nothing", "not yet: 37 of 200")


@pytest.mark.parametrize(
    ("error", "line"),
    [
        (TrainingFailed("the loss became nan"), "the loss became nan"),
        (MemoryError(), "training ran out of memory; lower training.tokens_per_batch"),
        (
            ValueError("what somebody wrote"),
            "something went wrong inside Chatune (ValueError); the log says where",
        ),
        (
            OSError(28, "No space left on device", "/a/b"),
            "something went wrong inside Chatune (OSError); the log says where",
        ),
    ],
)
async def test_what_goes_wrong_is_recorded_in_one_line_without_what_people_wrote(
    place: Place, caplog: pytest.LogCaptureFixture, error: Exception, line: str
) -> None:
    with caplog.at_level(logging.INFO):
        ended = await place.work(at_step("train", error))

    run = await place.run()
    assert ended == Ended("failed", line)
    assert (run.state, run.reason) == (RunState.FAILED, line)
    assert "what somebody wrote" not in caplog.text
    assert (await place.stores.audit.entries(1))[0].action == "training.failed"


async def test_a_trainer_that_outgrows_its_memory_ends_and_says_what_to_do(place: Place) -> None:
    sizes = iter([900, 1000, 1001])

    async def sleep(seconds: float) -> None: ...

    watch = partial(watch_memory, 1, sleep, lambda: next(sizes) * 1000)
    ended = await place.work(at_step("train"), watch)

    assert ended.outcome == "failed"
    assert ended.line.startswith("training needed more than 1 MB of memory. Raise training.memory")
    assert (await place.run()).reason == ended.line


def test_without_a_limit_training_leaves_a_fifth_of_what_is_free() -> None:
    import psutil  # type: ignore[import-untyped]

    free = psutil.virtual_memory().available / 1e6

    assert memory_limit_mb(500) == 500
    assert memory_limit_mb(None) == pytest.approx(free * 0.8, rel=0.2)


async def test_a_trainer_that_is_told_to_end_leaves_the_run_to_be_taken_up(place: Place) -> None:
    ended = await place.work(at_step("train"), partial(raising, Interrupted("it is time")))

    assert ended == Ended("interrupted", "it is time; it goes on at the next start")
    assert (await place.run()).state is RunState.UNDER_WAY
    assert (await place.work(FakeWorkshop())).outcome == "made"
    assert (await place.run()).attempt == 1


async def test_a_locked_store_leaves_the_run_to_be_taken_up(place: Place) -> None:
    ended = await place.work(at_step("train", RetryLater("the database is locked", HOUR)))

    assert ended == Ended("put off", "the database is locked; it goes on at the next start")
    assert (await place.run()).state is RunState.UNDER_WAY


async def test_a_failure_that_comes_with_an_interruption_is_recorded(place: Place) -> None:
    ended = await place.work(
        at_step("train"),
        partial(raising, Interrupted("it is time")),
        partial(raising, TrainingFailed("it took longer than 2 hours")),
    )

    assert ended == Ended("failed", "it took longer than 2 hours")


async def test_work_whose_term_is_over_says_so_and_records_nothing(place: Place) -> None:
    async def at(step: str) -> None:
        if step == "judge":
            await place.stores.leases.let_go(TRAINING, "one")
            await place.stores.leases.hold(TRAINING, "other", HOUR)

    ended = await place.work(FakeWorkshop(at=at))

    assert ended == Ended("taken over", "another process goes on with this run")
    assert (await place.run()).state is RunState.UNDER_WAY


async def test_a_thread_that_trains_on_after_the_end_is_stopped_when_it_speaks(
    place: Place,
) -> None:
    await place.work(at_step("train", TrainingFailed("no")))

    with pytest.raises(Interrupted):
        place.hear(Said("step 12"))
    assert Said("step 12") not in place.heard
