"""One training run: every step on record, taken up where it died, never doubled."""

import itertools
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from datetime import timedelta

import pytest

from chatune_core.errors import ConfigurationError, RetryLater, TrainingFailed
from chatune_core.learning.run import ATTEMPTS, Conductor, Judged, Order
from chatune_core.learning.runs import TRAINING, RunState, Stage, TrainingRun
from chatune_core.leases import Fence
from chatune_storage.memory import memory_stores
from chatune_storage.stores import Stores
from fakes.clock import FakeClock
from fakes.workshop import FakeWorkshop

pytestmark = pytest.mark.anyio
MINUTE = timedelta(minutes=1)
TONIGHT = Order("main", "2026-01-01", "it was due")


class Killed(BaseException):
    """The process is gone."""


@dataclass
class Place:
    """Stores, and processes that train one after the other."""

    stores: Stores
    clock: FakeClock
    processes: Iterator[int]

    async def process(self, tell: Callable[[Stage], None] = lambda stage: None) -> Conductor:
        """Return a new process that holds the lease."""
        self.clock.advance(2 * MINUTE)
        number = next(self.processes)
        term = await self.stores.leases.hold(TRAINING, f"process {number}", MINUTE)
        assert term is not None
        ids = map(f"run-{number}-{{}}".format, itertools.count(1))
        return Conductor(
            self.stores.training_runs, Fence(TRAINING, term), self.clock, lambda: next(ids), tell
        )

    async def conduct(
        self, order: Order, shop: FakeWorkshop, tell: Callable[[Stage], None] = lambda stage: None
    ) -> TrainingRun:
        run = await (await self.process(tell)).conduct(order, shop)
        assert run is not None
        return run

    async def stored(self) -> TrainingRun:
        [run] = await self.stores.training_runs.recent(9)
        return run


@pytest.fixture
def place() -> Place:
    clock = FakeClock()
    return Place(memory_stores(clock, MINUTE), clock, itertools.count(1))


def dies_at(step: str, error: BaseException) -> FakeWorkshop:
    async def at(name: str) -> None:
        if name == step:
            raise error

    return FakeWorkshop(at=at)


async def test_a_run_goes_from_the_evidence_to_a_candidate(place: Place) -> None:
    shop, stages = FakeWorkshop(), list[Stage]()

    run = await place.conduct(TONIGHT, shop, stages.append)

    assert shop.steps == ["dataset", "train", "judge", "register"]
    assert shop.tidied == 1
    assert stages == list(Stage)
    assert run == await place.stored()
    assert run == TrainingRun(
        run.id, "main", "2026-01-01", "it was due", place.clock.at, place.clock.at, 1,
        RunState.MADE, Stage.REGISTERING, 1, 200, "d1", shop.registered[0], "better by 12 points",
    )  # fmt: skip


async def test_with_too_little_data_nothing_is_trained_and_it_is_said_how_much_is_missing(
    place: Place,
) -> None:
    shop = FakeWorkshop(lacking="not yet: 37 of 200")

    run = await place.conduct(TONIGHT, shop)

    assert (run.state, run.reason) == (RunState.NOTHING, "not yet: 37 of 200")
    assert shop.steps == ["dataset"]


@pytest.mark.parametrize("state", [RunState.REFUSED, RunState.NOTHING])
async def test_what_the_gate_does_not_pass_is_not_registered(place: Place, state: RunState) -> None:
    shop = FakeWorkshop(verdict=Judged(state, "it is no better"))

    run = await place.conduct(TONIGHT, shop)

    assert (run.state, run.reason, run.lora) == (state, "it is no better", None)
    assert shop.registered == []


async def test_what_was_due_once_is_done_once(place: Place) -> None:
    shop = FakeWorkshop()
    first = await place.conduct(TONIGHT, shop)
    steps = list(shop.steps)

    assert await place.conduct(TONIGHT, shop) == first
    assert shop.steps == steps


async def test_without_new_evidence_the_next_night_trains_nothing(place: Place) -> None:
    await place.conduct(TONIGHT, FakeWorkshop())
    shop = FakeWorkshop()

    run = await place.conduct(replace(TONIGHT, due="tomorrow"), shop)

    assert run.state is RunState.NOTHING
    assert run.reason == "nothing new since the run of 2026-01-01 00:02 UTC"
    assert shop.steps == ["dataset"]


async def test_a_run_that_failed_over_the_same_evidence_is_tried_again(place: Place) -> None:
    await place.conduct(TONIGHT, dies_at("train", TrainingFailed("the disk is full")))
    shop = FakeWorkshop()

    run = await place.conduct(replace(TONIGHT, due="tomorrow"), shop)

    assert run.state is RunState.MADE


async def test_other_evidence_is_trained_on_and_so_is_the_same_if_a_person_asks(
    place: Place,
) -> None:
    await place.conduct(TONIGHT, FakeWorkshop())

    more = await place.conduct(replace(TONIGHT, due="tomorrow"), FakeWorkshop(digest="d2"))
    again = await place.conduct(
        replace(TONIGHT, due="asked", again=True), FakeWorkshop(digest="d2")
    )

    assert (more.state, again.state) == (RunState.MADE, RunState.MADE)


@pytest.mark.parametrize("step", ["dataset", "train", "judge", "register"])
async def test_a_run_whose_process_is_killed_is_taken_up_and_not_doubled(
    place: Place, step: str
) -> None:
    with pytest.raises(Killed):
        await place.conduct(TONIGHT, dies_at(step, Killed()))
    left = await place.stored()
    assert left.state is RunState.UNDER_WAY
    shop = FakeWorkshop()

    run = await place.conduct(TONIGHT, shop)

    assert run == await place.stored()
    assert (run.id, run.attempt, run.state) == (left.id, 2, RunState.MADE)
    assert shop.registered == [run.lora]


async def test_what_a_dead_process_left_is_finished_first_whatever_it_was_due_for(
    place: Place,
) -> None:
    with pytest.raises(Killed):
        await place.conduct(TONIGHT, dies_at("train", Killed()))
    left = await place.stored()

    run = await place.conduct(replace(TONIGHT, due="tomorrow"), FakeWorkshop())

    assert (run.id, run.due, run.state) == (left.id, "2026-01-01", RunState.MADE)
    assert len(await place.stores.training_runs.recent(9)) == 1


async def test_what_was_left_of_another_model_is_not_touched(place: Place) -> None:
    with pytest.raises(Killed):
        await place.conduct(TONIGHT, dies_at("train", Killed()))

    run = await place.conduct(replace(TONIGHT, model="other", due="tomorrow"), FakeWorkshop())

    assert (run.model, run.due) == ("other", "tomorrow")
    assert [left.model for left in await place.stores.training_runs.unfinished()] == ["main"]


async def test_a_run_that_kills_its_process_each_time_is_given_up(place: Place) -> None:
    for _ in range(ATTEMPTS):
        with pytest.raises(Killed):
            await place.conduct(TONIGHT, dies_at("train", Killed()))

    run = await place.conduct(TONIGHT, FakeWorkshop())

    assert run.state is RunState.FAILED
    assert run.reason == "given up: it died 3 times at the same place, training"


async def test_a_run_that_gets_further_each_time_is_taken_up_however_often_it_dies(
    place: Place,
) -> None:
    for _ in range(3 * ATTEMPTS):
        shop = dies_at("train", Killed())
        shop.gets_further = True
        with pytest.raises(Killed):
            await place.conduct(TONIGHT, shop)
    for _ in range(ATTEMPTS - 1):
        with pytest.raises(Killed):
            await place.conduct(TONIGHT, dies_at("judge", Killed()))

    assert (await place.conduct(TONIGHT, FakeWorkshop())).state is RunState.FAILED


async def test_what_is_interrupted_on_purpose_is_not_counted_as_a_death(place: Place) -> None:
    for _ in range(3 * ATTEMPTS):
        process = await place.process()
        with pytest.raises(Killed):
            await process.conduct(TONIGHT, dies_at("train", Killed()))
        await process.leave("other")
        await process.leave("main")

    run = await place.conduct(TONIGHT, FakeWorkshop())

    assert (run.state, run.attempt) == (RunState.MADE, 1)
    actions = {entry.action for entry in await place.stores.audit.entries(99)}
    assert actions == {"training.begun", "training.resumed", "training.made"}


@pytest.mark.parametrize(
    "error",
    [
        TrainingFailed("the loss became nan in step 3"),
        ConfigurationError("The model is missing.", "Install it."),
    ],
)
@pytest.mark.parametrize("step", ["dataset", "train", "judge", "register"])
async def test_what_cannot_work_ends_the_run_with_one_line(
    place: Place, step: str, error: Exception
) -> None:
    run = await place.conduct(TONIGHT, dies_at(step, error))

    assert (run.state, run.reason) == (RunState.FAILED, str(error))
    assert run == await place.stored()


async def test_a_store_that_is_locked_leaves_the_run_to_be_taken_up(place: Place) -> None:
    with pytest.raises(RetryLater):
        await place.conduct(TONIGHT, dies_at("dataset", RetryLater("locked", MINUTE)))

    run = await place.conduct(TONIGHT, FakeWorkshop())

    assert (run.state, run.attempt) == (RunState.MADE, 2)


@pytest.mark.parametrize(
    ("step", "registers"), [("dataset", 0), ("train", 0), ("judge", 0), ("register", 1)]
)
async def test_who_slept_in_a_step_while_another_took_over_records_nothing(
    place: Place, step: str, registers: int
) -> None:
    awake = FakeWorkshop()

    async def sleep_in(name: str) -> None:
        if name == step:
            await place.conduct(TONIGHT, awake)

    sleeper = FakeWorkshop(at=sleep_in)

    assert await (await place.process()).conduct(TONIGHT, sleeper) is None

    run = await place.stored()
    assert (run.state, run.attempt) == (RunState.MADE, 2)
    assert awake.registered == [run.lora]
    # Who sleeps in the last step adds the same version again, which changes nothing.
    assert sleeper.registered == [run.lora] * registers


async def test_a_run_can_be_recorded_as_failed_from_outside(place: Place) -> None:
    process = await place.process()
    with pytest.raises(Killed):
        await process.conduct(TONIGHT, dies_at("train", Killed()))

    await process.fail("other", "not this one")
    await process.fail("main", "it needed more than 500 MB")
    await process.fail("main", "it needed more than 600 MB")

    run = await place.stored()
    assert (run.state, run.reason) == (RunState.FAILED, "it needed more than 500 MB")
