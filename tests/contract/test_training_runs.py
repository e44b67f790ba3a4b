"""Training runs: one for each time it was due, whoever begins it and however often."""

from dataclasses import replace
from datetime import timedelta

import anyio
import pytest

from chatune_core.generation.requests import LoraId
from chatune_core.learning.runs import TRAINING, RunId, RunState, Stage, TrainingRun
from chatune_core.leases import Fence
from chatune_storage.stores import Stores
from fakes.clock import FakeClock
from fakes.events import AT

pytestmark = pytest.mark.anyio
MINUTE = timedelta(minutes=1)


def run(key: str = "1", term: int = 1, model: str = "main", due: str = "") -> TrainingRun:
    return TrainingRun(
        RunId(key), model, due or f"due {key}", "it was time", AT, AT, term, rated=37
    )


async def training(stores: Stores, holder: str = "one") -> Fence:
    term = await stores.leases.hold(TRAINING, holder, MINUTE)
    assert term is not None
    return Fence(TRAINING, term)


async def test_a_run_comes_back_as_it_was_recorded(rivals: tuple[Stores, Stores]) -> None:
    one, other = rivals
    fence = await training(one)
    later = replace(
        run(), changed_at=AT + MINUTE, stage=Stage.JUDGING, dataset="d1", lora=LoraId("main-1"),
        state=RunState.MADE, reason="é is better",
    )  # fmt: skip

    assert await one.training_runs.begin(run(), fence) == run()
    assert list(await other.training_runs.unfinished()) == [run()]
    assert await one.training_runs.record(later, fence)

    assert list(await other.training_runs.recent(5)) == [later]
    assert list(await other.training_runs.unfinished()) == []


async def test_what_was_due_once_is_begun_once(rivals: tuple[Stores, Stores]) -> None:
    fence = await training(rivals[0])
    begun: list[TrainingRun | None] = []

    async def begin(number: int) -> None:
        same = replace(run(f"try-{number}"), due="the night of Sunday")
        begun.append(await rivals[number % 2].training_runs.begin(same, fence))

    async with anyio.create_task_group() as tasks:
        for number in range(6):
            tasks.start_soon(begin, number)

    assert len({each.id for each in begun if each is not None}) == 1
    assert sorted(each.attempt for each in begun if each is not None) == [1, 2, 3, 4, 5, 6]
    assert len(await rivals[0].training_runs.recent(9)) == 1


async def test_models_are_trained_each_for_itself(stores: Stores) -> None:
    fence = await training(stores)
    await stores.training_runs.begin(run("1", due="now"), fence)
    await stores.training_runs.begin(run("2", due="now", model="other"), fence)

    assert [each.id for each in await stores.training_runs.recent(9)] == ["2", "1"]
    assert [each.id for each in await stores.training_runs.recent(9, "main")] == ["1"]
    assert [each.id for each in await stores.training_runs.recent(1)] == ["2"]


async def test_a_run_whose_process_died_is_taken_up_in_the_next_term(
    rivals: tuple[Stores, Stores], clock: FakeClock
) -> None:
    one, other = rivals
    slept = await training(one)
    await one.training_runs.begin(run(), slept)
    halfway = replace(run(), stage=Stage.TRAINING, dataset="d1")
    await one.training_runs.record(halfway, slept)
    clock.advance(MINUTE)
    awake = await training(other, "other")

    again = replace(run("fresh", term=2, due="due 1"), changed_at=AT + MINUTE)
    assert await other.training_runs.begin(again, awake) == replace(
        halfway, term=2, attempt=2, changed_at=AT + MINUTE
    )

    assert not await one.training_runs.record(replace(halfway, state=RunState.MADE), slept)
    assert await one.training_runs.begin(run("2"), slept) is None
    assert [each.state for each in await other.training_runs.recent(9)] == [RunState.UNDER_WAY]


async def test_a_run_that_ended_stays_as_it_ended(stores: Stores) -> None:
    fence = await training(stores)
    ended = replace(run(), state=RunState.FAILED, reason="the disk is full")
    await stores.training_runs.begin(run(), fence)
    await stores.training_runs.record(ended, fence)

    assert await stores.training_runs.begin(run(), fence) == ended
    assert not await stores.training_runs.record(run(), fence)
    assert not await stores.training_runs.record(run("never begun"), fence)
    assert list(await stores.training_runs.recent(9)) == [ended]


async def test_begin_taking_up_and_end_of_a_run_are_in_the_audit_log(stores: Stores) -> None:
    fence = await training(stores)
    await stores.training_runs.begin(run(), fence)
    await stores.training_runs.begin(run(), fence)
    halfway = replace(run(), attempt=2, stage=Stage.TRAINING)
    await stores.training_runs.record(halfway, fence)
    made = replace(halfway, state=RunState.MADE, lora=LoraId("main-1"), reason="better")
    await stores.training_runs.record(made, fence)
    await stores.training_runs.begin(run(), fence)
    await stores.training_runs.record(made, fence)
    await stores.training_runs.begin(run("2"), Fence(TRAINING, 9))

    entries = [
        (entry.actor, entry.action, entry.subject, dict(entry.details))
        for entry in reversed(await stores.audit.entries(9))
    ]
    assert entries == [
        ("system", "training.begun", "main",
         {"run": "1", "attempt": 1, "why": "it was time", "rated": 37}),
        ("system", "training.resumed", "main",
         {"run": "1", "attempt": 2, "why": "it was time", "rated": 37}),
        ("system", "training.made", "main",
         {"run": "1", "attempt": 2, "reason": "better", "stage": "training", "dataset": "",
          "lora": "main-1"}),
    ]  # fmt: skip
    assert await stores.audit.verify() is None
