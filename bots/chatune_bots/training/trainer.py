"""The process that trains: `python -m chatune_bots.training`, started by `process`.

It reads what to train on from the store itself; neither the disk nor its command line see a word of it.
It ends when its task is done, when it is told to (SIGTERM), and when whoever started it is gone.
"""

import logging
import os
import signal
import sys
from collections.abc import Callable
from contextlib import suppress
from datetime import timedelta
from functools import partial
from pathlib import Path
from typing import NoReturn

import anyio
from anyio import to_thread

from chatune_bots.compose import open_stores, utc_now
from chatune_bots.home import Home
from chatune_bots.leader import Leader
from chatune_bots.start import Start, start
from chatune_bots.training.limits import memory_limit_mb, stand_back, use_threads, watch_memory
from chatune_bots.training.messages import Ended, Hear, Message, Task, line_of, task_of
from chatune_bots.training.work import Interrupted, OpenWorkshop, Watch, Work, unforeseen
from chatune_bots.training_settings import TrainingSettings
from chatune_core.errors import ChatuneError, RetryLater, TrainingFailed
from chatune_core.learning.runs import TRAINING
from chatune_core.logs import without_text
from chatune_storage.stores import Stores

logger = logging.getLogger(__name__)
Furnish = Callable[[Start, Stores, Task], OpenWorkshop]
"""Says how a workshop is opened for the task."""


def run_trainer(furnish: Furnish) -> NoReturn:
    """Do the task on standard input; say how it goes on standard output; end the process."""
    speak = _speaker()
    task = task_of(sys.stdin.buffer.readline())
    try:
        ended = anyio.run(partial(_train, task, furnish, speak))
    except RetryLater as error:
        ended = Ended("put off", str(error))
    except ChatuneError as error:  # the settings, the database: nothing had begun
        ended = Ended("failed", str(error))
    except BaseException as error:  # the last place before the end
        logger.critical("the trainer ended", exc_info=without_text(error))
        ended = Ended("failed", unforeseen(error))
    speak(ended)
    # Not by way of the interpreter, which would wait for a thread that is in the middle of a step.
    os._exit(0)


def _speaker() -> Hear:
    """Take standard output for messages alone; what libraries print goes nowhere."""
    out = os.dup(1)
    os.dup2(os.open(os.devnull, os.O_WRONLY), 1)

    def speak(message: Message) -> None:
        with suppress(BrokenPipeError):  # nobody listens any more
            os.write(out, line_of(message))

    return speak


async def _train(task: Task, furnish: Furnish, speak: Hear) -> Ended:
    begun = start(Home(Path(task.home)), Path(task.folder), None)
    training = begun.settings.training
    stand_back(training.nice)
    use_threads(training.threads)
    async with open_stores(begun.settings, begun.home) as stores:
        work = Work(task.order, furnish(begun, stores, task), speak, _watches(training))
        lasting = timedelta(seconds=task.lease_s)
        leader = Leader(stores.leases, TRAINING, task.holder, utc_now, lasting=lasting)
        if await leader.lead_now(partial(work.run, stores.training_runs)):
            return work.ended
    return Ended("busy", "another training run is under way")


def _watches(training: TrainingSettings) -> list[Watch]:
    memory_mb = memory_limit_mb(training.memory_mb)
    return [
        partial(watch_memory, memory_mb, anyio.sleep),
        partial(_until_late, training.most_hours),
        _until_told,
        _until_left,
    ]


async def _until_late(hours: float) -> None:
    await anyio.sleep(hours * 3600)
    raise TrainingFailed(f"training took longer than {hours:g} hours (training.most_hours)")


async def _until_told() -> None:
    with anyio.open_signal_receiver(signal.SIGTERM, signal.SIGINT) as signals:
        await anext(signals)
    raise Interrupted("training was told to end")


async def _until_left() -> None:
    """Wait until whoever started this process is gone: then its end of the pipe is closed."""
    await to_thread.run_sync(sys.stdin.buffer.read, abandon_on_cancel=True)
    raise Interrupted("the process that asked for training is gone")
