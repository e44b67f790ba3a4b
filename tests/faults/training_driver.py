"""Two leaders and their trainers, of whom some are killed; a program of its own.

`training_driver.py FOLDER`: forks two leaders over the store that CHATUNE_STORAGE__URL names, asks for
training, kills the first trainer, then the leader in the middle of the second one, and waits for what
the other leader makes of it. Prints one JSON object. `training_driver.py FOLDER trainer` is a trainer:
the first two hang in the training step.
"""

import json
import os
import signal
import sys
import time
from collections.abc import AsyncGenerator, Callable
from contextlib import asynccontextmanager
from datetime import timedelta
from pathlib import Path

import anyio

from chatune_bots.compose import open_stores, utc_now
from chatune_bots.home import Home, prepare
from chatune_bots.leader import Leader
from chatune_bots.schedule import Schedule
from chatune_bots.settings import Settings
from chatune_bots.start import Start
from chatune_bots.training.jobs import TrainingJobs
from chatune_bots.training.messages import Hear, Task
from chatune_bots.training.process import Trainers
from chatune_bots.training.trainer import run_trainer
from chatune_bots.training.work import OpenWorkshop
from chatune_core.generation.requests import LoraId
from chatune_core.learning.rows import Dataset
from chatune_core.learning.run import Further, Judged, Order, Registered, Workshop
from chatune_core.learning.runs import RunState, TrainingRun
from chatune_core.scheduling import SCHEDULE
from chatune_storage.stores import Stores

LASTING = timedelta(seconds=1)
FOLDER = Path(sys.argv[1])
HOME = Home(FOLDER / "home")


def note(line: str) -> None:
    """Write a line that outlives this process."""
    descriptor = os.open(FOLDER / "notes", os.O_APPEND | os.O_CREAT | os.O_WRONLY)
    os.write(descriptor, f"{line}\n".encode())
    os.close(descriptor)


def notes(step: str) -> list[list[str]]:
    """Return what was noted of a step."""
    file = FOLDER / "notes"
    lines = file.read_text().splitlines() if file.exists() else []
    return [line.split() for line in lines if line.startswith(f"{step} ")]


def wait_until(true: Callable[[], object]) -> None:
    end = time.monotonic() + 40
    while not true():
        assert time.monotonic() < end
        time.sleep(0.02)


class Shop:
    """Notes its steps; trains for ever until its third attempt."""

    async def rated(self) -> int:
        return 200

    async def dataset(self) -> Dataset:
        from fakes.workshop import dataset

        return dataset()

    def missing(self, dataset: Dataset) -> str:
        return ""

    async def train(self, run: TrainingRun, dataset: Dataset, further: Further) -> "Made":
        note(f"train {run.attempt} {os.getpid()}")
        if len(notes("train")) < 3:
            await anyio.sleep_forever()
        return Made(run)

    async def tidy(self, run: TrainingRun) -> None: ...


class Made:
    """A candidate."""

    def __init__(self, run: TrainingRun) -> None:
        self._run = run

    async def judge(self) -> Judged:
        return Judged(RunState.MADE, "better")

    async def register(self, judged: Judged) -> Registered:
        note(f"register {self._run.id}")
        return Registered(LoraId(f"main-{self._run.id}"), judged.reason)


def furnish(begun: Start, stores: Stores, task: Task) -> OpenWorkshop:
    @asynccontextmanager
    async def opened(hear: Hear) -> AsyncGenerator[Workshop, None]:
        yield Shop()

    return opened


async def lead(name: str) -> None:
    """Lead, or wait to."""
    command = (sys.executable, __file__, str(FOLDER), "trainer")

    def task(order: Order) -> Task:
        return Task(str(HOME.path), str(FOLDER), order, f"{name}'s trainer", 1.0)

    async def rated() -> int:
        return 200

    async def short(seconds: float) -> None:
        await anyio.sleep(min(seconds, 0.05))

    settings = Settings()
    async with open_stores(settings, HOME) as stores:
        trainers = Trainers(stores.leases, command)
        jobs = TrainingJobs(settings, stores, trainers.train, task, rated, note, short)
        leader = Leader(stores.leases, SCHEDULE, name, utc_now, lasting=LASTING)
        await leader.run(Schedule(jobs.jobs(), stores.jobs, utc_now, short).run)


def forked(name: str) -> int:
    pid = os.fork()
    if pid == 0:
        try:
            anyio.run(lead, name)
        finally:
            os._exit(1)
    return pid


async def ask() -> None:
    async with open_stores(Settings(), HOME) as stores:
        await stores.jobs.ask("training", utc_now())


async def stored() -> dict[str, object]:
    async with open_stores(Settings(), HOME) as stores:
        runs = await stores.training_runs.recent(9)
        entries = await stores.audit.entries(9)
        return {
            "runs": [[run.state.value, run.attempt, run.lora == f"main-{run.id}"] for run in runs],
            "audit": [entry.action for entry in reversed(entries)],
            "whole": await stores.audit.verify() is None,
            "registered": len(notes("register")),
            "attempts": [number for _, number, _ in notes("train")],
        }


def main() -> None:
    prepare(HOME)
    anyio.run(ask)
    one = forked("one")
    wait_until(lambda: notes("train"))
    other = forked("other")
    os.kill(int(notes("train")[0][2]), signal.SIGKILL)
    wait_until(lambda: len(notes("train")) == 2)
    os.kill(one, signal.SIGKILL)
    os.waitpid(one, 0)
    wait_until(lambda: notes("register"))
    wait_until(lambda: any("made" in line for line in (FOLDER / "notes").read_text().splitlines()))
    os.kill(other, signal.SIGKILL)
    os.waitpid(other, 0)
    sys.stdout.write(json.dumps(anyio.run(stored)))


if __name__ == "__main__":
    if sys.argv[2:]:
        run_trainer(furnish)
    main()
