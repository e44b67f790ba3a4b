"""Starts a trainer, listens to it, and sees that it ends."""

import logging
import subprocess
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import timedelta
from functools import partial

import anyio
from anyio.abc import Process
from anyio.streams.buffered import BufferedByteReceiveStream

from chatune_bots.training.messages import (
    Ended,
    Hear,
    Message,
    Said,
    Stepped,
    Task,
    line_of_task,
    message_of,
)
from chatune_core.errors import RetryLater
from chatune_core.learning.run import ATTEMPTS
from chatune_core.learning.runs import TRAINING
from chatune_core.leases import Leases

logger = logging.getLogger(__name__)
# With -P no file of the folder that we run in is taken for a module.
COMMAND = (sys.executable, "-P", "-m", "chatune_bots.training")
_GRACE_S = 10.0
_LONGEST_LINE = 1_000_000
_LONGEST = timedelta(days=30)


@dataclass(frozen=True, slots=True)
class Trainers:
    """Starts trainers one after the other. `longest`: after which one that still runs is killed."""

    leases: Leases
    command: Sequence[str] = COMMAND
    longest: timedelta = _LONGEST

    async def train(self, task: Task, hear: Hear) -> Ended:
        """Have a trainer do the task; where it dies another goes on, as often as a run allows.

        Cancelled, it tells the trainer to end and waits for that; the run goes on another time.
        """
        idle = 0
        while True:
            heard: list[Stepped] = []
            ended = await self._once(task, partial(_overheard, hear, heard))
            # A trainer that steps may die as often as the run allows, which counts for itself.
            idle = 0 if heard else idle + 1
            if ended.outcome != "died" or idle > ATTEMPTS:
                return ended
            logger.warning("%s", ended.line)
            hear(Said(ended.line))

    async def _once(self, task: Task, hear: Hear) -> Ended:
        process = await anyio.open_process(self.command, stderr=subprocess.DEVNULL)
        ended: Ended | None = None
        try:
            with anyio.move_on_after(self.longest.total_seconds()):
                ended = await _listened(process, task, hear)
                # It ends by itself now. A signal would come between: `Popen.send_signal` polls, and the
                # exit code that it finds is lost to who waits for it.
                with anyio.move_on_after(_GRACE_S):
                    await process.wait()
        finally:
            with anyio.CancelScope(shield=True):
                await _end(process)
                if ended is None:
                    await self._let_go(task)
        return ended or Ended("died", _how(process.returncode))

    async def _let_go(self, task: Task) -> None:
        """Free the lease of a trainer that could not, so that another can go on at once."""
        try:
            await self.leases.let_go(TRAINING, task.holder)
        except RetryLater as error:
            logger.warning("the lease of the trainer is left to run out: %s", error)


def _overheard(hear: Hear, steps: list[Stepped], message: Message) -> None:
    if isinstance(message, Stepped):
        steps[:] = [message]
    hear(message)


async def _listened(process: Process, task: Task, hear: Hear) -> Ended | None:
    """Return how the trainer says it ended, None if it says nothing more."""
    assert process.stdin is not None
    assert process.stdout is not None
    lines = BufferedByteReceiveStream(process.stdout)
    try:
        await process.stdin.send(line_of_task(task))
        while True:
            match message_of(await lines.receive_until(b"\n", _LONGEST_LINE)):
                case Ended() as ended:
                    return ended
                case None:
                    continue
                case message:
                    hear(message)
    except (anyio.EndOfStream, anyio.IncompleteRead, anyio.BrokenResourceError):
        return None


async def _end(process: Process) -> None:
    """Wait for the trainer; tell it to end if it has not, and kill it if it will not."""
    if process.returncode is None:
        process.terminate()
        with anyio.move_on_after(_GRACE_S):
            await process.wait()
    if process.returncode is None:
        process.kill()
    await process.aclose()


def _how(code: int | None) -> str:
    if code is not None and code < 0:
        return f"the trainer was killed (signal {-code})"
    return f"the trainer died (exit code {code})"
