"""Whoever starts a trainer hears it, sees that it ends, and starts another if it dies."""

import sys
from dataclasses import dataclass, field
from datetime import timedelta
from pathlib import Path

import anyio
import pytest

from chatune_bots.training.messages import (
    Ended,
    Message,
    Said,
    Staged,
    Stepped,
    Task,
    line_of,
    line_of_task,
    message_of,
    task_of,
)
from chatune_bots.training.process import Trainers
from chatune_core.learning.run import ATTEMPTS, Order
from chatune_core.learning.runs import TRAINING
from chatune_storage.memory.schedule import MemoryLeases
from fakes.clock import FakeClock

pytestmark = pytest.mark.anyio
TASK = Task("/home", "/folder", Order("main", "tonight", "it was due"), "one")
ENDED = """print('{"kind": "Ended", "outcome": "made", "line": "better"}', flush=True)"""
BEGIN = """
import os, signal, sys, time
task = sys.stdin.buffer.readline()
with open({lives!r}, "ab") as lives:
    lives.write(task)
count = open({lives!r}).read().count("tonight")
def says(line):
    print(line, flush=True)
"""


@dataclass
class Place:
    """Trainers that are small programs; each writes down its task when it begins."""

    folder: Path
    leases: MemoryLeases = field(default_factory=lambda: MemoryLeases(FakeClock()))
    heard: list[Message] = field(default_factory=list)

    @property
    def lives(self) -> list[bytes]:
        file = self.folder / "lives"
        return file.read_bytes().splitlines() if file.exists() else []

    def trainers(self, program: str, longest: timedelta = timedelta(minutes=1)) -> Trainers:
        code = BEGIN.format(lives=str(self.folder / "lives")) + program
        return Trainers(self.leases, (sys.executable, "-I", "-c", code), longest)

    async def train(self, program: str, longest: timedelta = timedelta(minutes=1)) -> Ended:
        return await self.trainers(program, longest).train(TASK, self.heard.append)


@pytest.fixture
def place(tmp_path: Path) -> Place:
    return Place(tmp_path)


def test_messages_and_tasks_survive_the_pipe() -> None:
    for message in (
        Said("é\n"), Staged("training", 0.5), Stepped(3, 20, 1.5, 0.5, 0.01, 12.5),
        Ended("nothing", "not yet: 37 of 200"),
    ):  # fmt: skip
        assert line_of(message).count(b"\n") == 1
        assert message_of(line_of(message)) == message
    assert task_of(line_of_task(TASK)) == TASK


@pytest.mark.parametrize(
    "line", [b"", b"Loading weights: 100%\n", b"{}\n", b"[1]\n", b'{"kind": "Said"}\n', b"\xff\n"]
)
def test_what_libraries_print_is_no_message(line: bytes) -> None:
    assert message_of(line) is None


async def test_what_a_trainer_says_is_heard_and_how_it_ends(place: Place) -> None:
    ended = await place.train(
        f"""
says('{{"kind": "Staged", "stage": "training", "share": 0.5}}')
says("something else")
{ENDED}
"""
    )

    assert ended == Ended("made", "better")
    assert place.heard == [Staged("training", 0.5)]
    assert place.lives == [line_of_task(TASK).strip()]


async def test_a_trainer_that_is_killed_is_followed_by_another(place: Place) -> None:
    ended = await place.train(
        f"""
if count == 1:
    os.kill(os.getpid(), signal.SIGKILL)
{ENDED}
"""
    )

    assert ended.outcome == "made"
    assert len(place.lives) == 2
    assert place.heard == [Said("the trainer was killed (signal 9)")]


async def test_one_that_dies_each_time_is_followed_as_often_as_a_run_may_be_taken_up(
    place: Place,
) -> None:
    ended = await place.train("sys.exit(3)")

    assert ended == Ended("died", "the trainer died (exit code 3)")
    assert len(place.lives) == ATTEMPTS + 1


async def test_one_that_makes_steps_is_followed_as_long_as_the_run_allows(place: Place) -> None:
    step = line_of(Stepped(1, 9, 1.0, 0.5, 0.0, 1.0)).decode().strip()

    ended = await place.train(
        f"""
if count <= {2 * ATTEMPTS}:
    says({step!r})
    os.kill(os.getpid(), signal.SIGKILL)
{ENDED}
"""
    )

    assert ended.outcome == "made"
    assert len(place.lives) == 2 * ATTEMPTS + 1


async def test_the_lease_of_a_dead_trainer_is_free_at_once(place: Place) -> None:
    await place.leases.hold(TRAINING, "one", timedelta(hours=1))

    await place.train("sys.exit(3)")

    assert await place.leases.hold(TRAINING, "other", timedelta(hours=1)) == 2


async def test_a_trainer_that_never_ends_is_ended(place: Place) -> None:
    ended = await place.train("if count <= 4: time.sleep(60)", longest=timedelta(seconds=0.3))

    assert ended == Ended("died", "the trainer was killed (signal 15)")


async def test_whoever_stops_waiting_tells_the_trainer_to_end_and_waits_for_it(
    place: Place,
) -> None:
    ended = place.folder / "ended"
    program = f"""
def end(*_):
    open({str(ended)!r}, "w").close()
    sys.exit(0)
signal.signal(signal.SIGTERM, end)
says('{{"kind": "Said", "line": "ready"}}')
time.sleep(60)
"""
    with anyio.CancelScope() as scope:

        def hear(message: Message) -> None:
            scope.cancel()

        await place.trainers(program).train(TASK, hear)

    assert scope.cancelled_caught
    assert ended.exists()
    assert len(place.lives) == 1
