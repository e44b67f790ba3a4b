"""A training run in a process of its own, which a test may kill; it tells through a pipe where it is."""

from __future__ import annotations

from multiprocessing import get_context
from multiprocessing.connection import Connection
from pathlib import Path

from chatune_core.learning.recipe import Pace, Step, Trained
from fakes.learned import dataset, recipe, tastes

ROWS = 16
PRELOADED = ["chatune_core.learning.trainer", "peft", "transformers.models.llama"]


class Told:
    """Fulfils `Watcher`: sends a word for everything that it is told."""

    def __init__(self, pipe: Connection) -> None:
        self._pipe = pipe

    def say(self, line: str) -> None:
        """See Watcher.say."""
        self._pipe.send(line)

    def stage(self, name: str, share: float) -> None:
        """See Watcher.stage."""
        self._pipe.send(name)

    def step(self, step: Step) -> None:
        """See Watcher.step."""
        self._pipe.send(f"step {step.number}")


def run(base: Path, folder: Path, pipe: Connection) -> None:
    """Train in `folder` and send the result last."""
    import logging
    import warnings

    from chatune_core.learning.trainer import train

    warnings.simplefilter("ignore")
    logging.disable()
    trained = train(
        dataset(tastes(ROWS)),
        base,
        folder / "lora",
        folder / "work",
        recipe(),
        Pace(threads=1),
        Told(pipe),
    )
    pipe.send(trained)


def trained_unless_killed(base: Path, folder: Path, kill_after: int | None) -> Trained | list[str]:
    """Train in a new process; kill it after so many words, and then return them."""
    context = get_context("forkserver")
    # Loading torch, transformers and peft takes longer than all else here: once for all processes.
    context.set_forkserver_preload(PRELOADED)
    here, there = context.Pipe()
    process = context.Process(target=run, args=(base, folder, there))
    process.start()
    there.close()
    words: list[str] = []
    try:
        while True:
            if len(words) == kill_after:
                process.kill()
            word = here.recv()
            if isinstance(word, Trained):
                return word
            words.append(word)
    except EOFError:
        return words
    finally:
        process.join()


def niceness_of_a_pace(nice: int) -> int:
    """Return how nice a new process is that keeps to the pace."""
    context = get_context("forkserver")
    context.set_forkserver_preload(PRELOADED)
    here, there = context.Pipe()
    process = context.Process(target=_tell_niceness, args=(nice, there))
    process.start()
    found: int = here.recv()
    process.join()
    return found


def _tell_niceness(nice: int, pipe: Connection) -> None:
    import os

    from chatune_core.learning.pacing import Pacer

    Pacer(Pace(nice=nice))
    pipe.send(os.getpriority(os.PRIO_PROCESS, 0))
