"""When training is begun, and that nobody begins it twice."""

from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta

import pytest

from chatune_bots.schedule import Job
from chatune_bots.settings import RemoteModel, Settings
from chatune_bots.training.jobs import TrainingJobs
from chatune_bots.training.messages import Ended, Hear, Task
from chatune_bots.training_settings import TrainingSettings
from chatune_core.errors import ConfigurationError
from chatune_core.learning.run import Conductor, Order
from chatune_core.learning.runs import TRAINING, RunState
from chatune_core.leases import Fence
from chatune_storage.memory import memory_stores
from chatune_storage.stores import Stores
from fakes.clock import FakeClock
from fakes.workshop import FakeWorkshop

pytestmark = pytest.mark.anyio
HOUR = timedelta(hours=1)
NIGHT = datetime(2026, 1, 2, 4, tzinfo=UTC)


@dataclass
class Place:
    """A store with ratings, and trainers that make runs of nothing."""

    training: TrainingSettings
    clock: FakeClock = field(default_factory=FakeClock)
    ratings: int = 0
    orders: list[Order] = field(default_factory=list)
    said: list[str] = field(default_factory=list)
    naps: int = 0

    def __post_init__(self) -> None:
        self.stores: Stores = memory_stores(self.clock, HOUR)
        settings = Settings(training=self.training)
        self.all = {job.name: job for job in TrainingJobs(
            settings, self.stores, self._train, self._task, self._rated, self.said.append, self._nap
        ).jobs()}  # fmt: skip

    def job(self, name: str) -> Job:
        return self.all[name]

    def _task(self, order: Order) -> Task:
        return Task("/home", "/folder", order, f"trainer {len(self.orders)}")

    async def _rated(self) -> int:
        return self.ratings

    async def _nap(self, seconds: float) -> None:
        self.naps += 1
        self.clock.advance(timedelta(seconds=seconds))

    async def _train(self, task: Task, hear: Hear) -> Ended:
        self.orders.append(task.order)
        term = await self.stores.leases.hold(TRAINING, task.holder, HOUR)
        assert term is not None, "the lease was not taken for the trainer"
        conductor = Conductor(
            self.stores.training_runs, Fence(TRAINING, term), self.clock, task.order.due.upper
        )
        run = await conductor.conduct(task.order, FakeWorkshop(ratings=self.ratings))
        assert run is not None
        await self.stores.leases.let_go(TRAINING, task.holder)
        return Ended("made", run.reason)


def place(**training: object) -> Place:
    return Place(TrainingSettings(**training))  # type: ignore[arg-type]


async def test_a_run_is_ordered_when_it_is_time_and_the_operator_is_told() -> None:
    here = place(schedule="0 4 * * *")

    assert here.job("training").due.after(here.clock.at) == NIGHT - timedelta(days=1)
    await here.job("training").work(NIGHT)

    assert here.orders == [Order("bundled", NIGHT.isoformat(), "it was time", again=False)]
    assert here.said == [
        "training 'bundled': it was time",
        "training 'bundled': made: better by 12 points",
    ]


async def test_without_a_schedule_a_run_can_be_asked_for() -> None:
    here = place()

    assert here.job("training").due.after(here.clock.at) is None
    assert "ratings" not in here.all
    await here.stores.jobs.ask("training", NIGHT)
    await here.job("training").work(NIGHT)

    assert here.orders == [Order("bundled", NIGHT.isoformat(), "somebody asked for it", again=True)]


async def test_a_run_is_ordered_once_for_so_many_new_ratings() -> None:
    here = place(after_ratings=100)

    here.ratings = 99
    await here.job("ratings").work(NIGHT)
    assert here.orders == []
    here.ratings = 100
    await here.job("ratings").work(NIGHT)
    await here.job("ratings").work(NIGHT)
    assert [order.why for order in here.orders] == ["100 new ratings"]
    here.ratings = 199
    await here.job("ratings").work(NIGHT)
    assert len(here.orders) == 1
    here.ratings = 230
    await here.job("ratings").work(NIGHT)

    assert [order.why for order in here.orders] == ["100 new ratings", "130 new ratings"]
    assert len({order.due for order in here.orders}) == 2


async def test_a_run_that_was_due_for_ratings_is_the_same_for_every_leader() -> None:
    here = place(after_ratings=100)
    here.ratings = 100
    await here.job("ratings").work(NIGHT)
    other = place(after_ratings=100)
    other.ratings = 120
    await other.job("ratings").work(NIGHT + HOUR)

    assert here.orders[0].due == other.orders[0].due


async def test_a_pause_holds_back_what_ratings_would_begin() -> None:
    here = place(after_ratings=100)
    here.ratings = 500
    await here.stores.jobs.pause("training", paused=True)

    await here.job("ratings").work(NIGHT)

    assert here.orders == []


async def test_while_another_trains_none_is_begun_and_after_its_death_one_is() -> None:
    here = place(schedule="0 4 * * *")
    await here.stores.leases.hold(TRAINING, "somebody", timedelta(seconds=60))

    await here.job("training").work(NIGHT)
    assert len(here.orders) == 1
    assert here.naps == 12

    await here.stores.leases.hold(TRAINING, "somebody", HOUR)
    await here.job("training").work(NIGHT + HOUR)
    assert len(here.orders) == 1


async def test_what_was_due_before_a_death_is_ended_and_not_doubled() -> None:
    here = place(schedule="0 4 * * *")

    await here.job("training").work(NIGHT)
    await here.job("training").work(NIGHT)

    runs = await here.stores.training_runs.recent(9)
    assert [run.state for run in runs] == [RunState.MADE]


def test_the_weights_of_a_model_on_a_server_must_be_named() -> None:

    server = RemoteModel(kind="openai", base_url="http://host/v1", model="m")
    with pytest.raises(ConfigurationError, match=r"Set training\.base"):
        _ = Settings(models={"main": server}).trained_weights
    named = Settings(models={"main": server}, training=TrainingSettings(base="org/m"))

    assert named.trained_weights == "org/m"
    assert Settings().trained_weights == "bundled"
    assert (Settings().trained_model, named.trained_model) == ("bundled", "main")
    with pytest.raises(ValueError, match=r"training\.model is 'x'; the configured models are: bun"):
        Settings(training=TrainingSettings(model="x"))
