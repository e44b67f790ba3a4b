"""`chatune train`: one run in front of the person, or a word to the process that looks after the times."""

from collections.abc import Awaitable, Callable
from datetime import datetime
from pathlib import Path

import anyio
import typer
from rich.console import Console

from chatune_bots.compose import open_stores, utc_now
from chatune_bots.failures import FAILED
from chatune_bots.home import Home
from chatune_bots.settings import Settings
from chatune_bots.start import Start, start
from chatune_bots.training.jobs import JOB
from chatune_bots.training.messages import ENDS_THE_RUN, Ended
from chatune_bots.training.showing import shown
from chatune_bots.training.starting import task_for, trainers
from chatune_bots.training.status import standing
from chatune_core.learning.run import Order
from chatune_storage.stores import Stores


def run_train(home: Home, folder: Path) -> None:
    """Train once, now, in a process beside this one; exit code 1 if the run did not end or failed.

    Raises:
        ConfigurationError: it is not known what to train.
    """
    begun = start(home, folder, None)
    _ = begun.settings.trained_weights
    console = Console(stderr=True)

    async def train() -> Ended:
        async with open_stores(begun.settings, home) as stores:
            with shown(console) as hear:
                at = utc_now()
                await _noted(stores, "training.asked", begun.settings)
                order = Order(
                    begun.settings.trained_model, _due(at), "asked for at the command line", True
                )
                return await trainers(begun, stores).train(task_for(begun, order), hear)

    ended = anyio.run(train)
    typer.echo(f"{ended.outcome}: {ended.line}")
    if ended.outcome == "failed" or ended.outcome not in ENDS_THE_RUN:
        raise SystemExit(FAILED)


def run_ask(home: Home, folder: Path) -> None:
    """Have the process that leads begin a run."""

    async def ask(begun: Start, stores: Stores) -> str:
        _ = begun.settings.trained_weights
        await stores.jobs.ask(JOB, utc_now())
        await _noted(stores, "training.asked", begun.settings)
        if (await standing(begun.settings, stores)).leader is None:
            return "Noted. Nobody leads at present: it begins when `chatune serve` runs."
        return "Noted. It begins within seconds; `chatune train --status` tells how it goes."

    _tell(home, folder, ask)


def run_pause(home: Home, folder: Path, *, paused: bool) -> None:
    """Hold scheduled training back, or no longer."""

    async def pause(begun: Start, stores: Stores) -> str:
        await stores.jobs.pause(JOB, paused=paused)
        await _noted(stores, "training.paused" if paused else "training.unpaused", begun.settings)
        if paused:
            return "Paused. What is asked for is done all the same; --resume ends the pause."
        return f"Resumed. Next run: {(await standing(begun.settings, stores)).due()}."

    _tell(home, folder, pause)


def run_status(home: Home, folder: Path) -> None:
    """Print what is due, what is missing and how the last runs ended."""

    async def status(begun: Start, stores: Stores) -> str:
        return "\n".join((await standing(begun.settings, stores)).lines())

    _tell(home, folder, status)


def _tell(home: Home, folder: Path, act: Callable[[Start, Stores], Awaitable[str]]) -> None:
    begun = start(home, folder, None)

    async def acting() -> str:
        async with open_stores(begun.settings, home) as stores:
            return await act(begun, stores)

    typer.echo(anyio.run(acting))


async def _noted(stores: Stores, action: str, settings: Settings) -> None:
    await stores.audit.append("operator", action, settings.trained_model, {})


def _due(at: datetime) -> str:
    return f"asked {at.isoformat()}"
