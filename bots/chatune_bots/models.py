"""`chatune models`: the versions of LoRAs, and which of them answers."""

from collections.abc import Awaitable, Callable, Sequence
from pathlib import Path
from typing import TypeVar

import anyio
import typer

from chatune_bots.compose import open_stores
from chatune_bots.home import Home
from chatune_bots.models_table import diff_lines, list_lines, show_lines
from chatune_bots.start import Start, start
from chatune_core.errors import GenerationFailed, InvalidInput, RetryLater
from chatune_core.generation.requests import LoraId
from chatune_core.learning.files import LoraFiles
from chatune_core.learning.ports import LoraRegistry
from chatune_core.learning.versions import LoraState, LoraVersion

Found = TypeVar("Found")
_BY = "operator"


def run_list(home: Home, folder: Path, model: str | None) -> None:
    """Print all versions, or those of one model, newest first."""
    begun = start(home, folder, None)
    name = None if model is None else begun.settings.model_called(model)

    async def read(registry: LoraRegistry) -> Sequence[LoraVersion]:
        return await registry.versions(name)

    versions = _with_registry(begun, read)
    if not versions:
        typer.echo("There are no versions yet; the bare model answers.")
    for line in list_lines(versions):
        typer.echo(line)


def run_show(home: Home, folder: Path, lora: str) -> None:
    """Print everything known of a version, and whether its files are as they were registered."""

    begun = start(home, folder, None)

    async def read(registry: LoraRegistry) -> LoraVersion:
        return await _version(registry, lora)

    version = _with_registry(begun, read)
    for line in show_lines(version, _files_of(home, version)):
        typer.echo(line)


def run_diff(home: Home, folder: Path, one: str, other: str) -> None:
    """Print how two versions differ: what they were made from, and what was measured."""

    begun = start(home, folder, None)

    async def read(registry: LoraRegistry) -> tuple[LoraVersion, LoraVersion]:
        return await _version(registry, one), await _version(registry, other)

    for line in diff_lines(*_with_registry(begun, read)):
        typer.echo(line)


def run_promote(home: Home, folder: Path, lora: str, share: float | None) -> None:
    """Have a version answer, in a `share` of conversations as a canary or in all of them.

    Raises:
        InvalidInput: it cannot be promoted as it stands; the text says why.
    """
    begun = start(home, folder, None)
    to = LoraState.ACTIVE if share is None else LoraState.CANARY

    async def promote(registry: LoraRegistry) -> LoraVersion:
        version = await _version(registry, lora)
        _check(home, version, to)
        others = set(LoraState) - {to}
        moved = await registry.move(
            version.id, others, to, "promoted by an operator", share or 0.0, _BY
        )
        if not moved:
            raise InvalidInput(f"{lora} was changed by somebody else; look at it and try again.")
        return version

    version = _with_registry(begun, promote)
    where = "in all conversations" if share is None else f"in {share:.0%} of the conversations"
    typer.echo(f"{version.id} answers with the model {version.model} {where}.")


def run_rollback(home: Home, folder: Path, model: str | None) -> None:
    """End the canary of a model if there is one; else go back to what answered before.

    Raises:
        InvalidInput: there is nothing to take back.
    """
    begun = start(home, folder, None)
    name = begun.settings.model_called(model)

    async def roll_back(registry: LoraRegistry) -> str:
        served = await registry.served(name)
        if served.canary is not None:
            await _retire(registry, served.canary, LoraState.CANARY)
            now = served.active.id if served.active else "the bare model"
            return f"{served.canary.id} is a canary no more; {now} answers everywhere."
        if served.active is None:
            raise InvalidInput(f"The bare model answers for {name}; there is nothing to take back.")
        before = await _before(home, registry, served.active)
        reason = f"rolled back by an operator from {served.active.id}"
        if before is None:
            await _retire(registry, served.active, LoraState.ACTIVE)
            return f"{served.active.id} is retired; the bare model answers for {name}."
        if not await registry.move(
            before.id, [LoraState.RETIRED], LoraState.ACTIVE, reason, by=_BY
        ):
            raise InvalidInput(f"{before.id} was changed by somebody else; please try again.")
        return f"{served.active.id} is retired; {before.id} answers for {name} again."

    typer.echo(_with_registry(begun, roll_back))


def _with_registry(begun: Start, work: Callable[[LoraRegistry], Awaitable[Found]]) -> Found:
    async def run() -> Found:
        async with open_stores(begun.settings, begun.home) as stores:
            return await work(stores.loras)

    return anyio.run(run)


async def _version(registry: LoraRegistry, lora: str) -> LoraVersion:
    found = await registry.find(LoraId(lora))
    if found is None:
        known = [version.id for version in (await registry.versions())[:5]]
        there = f"The newest are: {', '.join(known)}." if known else "There are none yet."
        raise InvalidInput(f"There is no version {lora!r}. {there}")
    return found


def _check(home: Home, version: LoraVersion, to: LoraState) -> None:
    if version.state is to:
        raise InvalidInput(f"{version.id} is {to.value} already.")
    if version.stale:
        raise InvalidInput(
            f"{version.id} is stale: somebody took back what it learned from. Train a new one."
        )
    fault = _files_of(home, version)
    if fault:
        raise InvalidInput(f"{version.id} cannot answer: {fault}.")


def _files_of(home: Home, version: LoraVersion) -> str:
    """Return what is wrong with the files of a version; "" if nothing is."""
    try:
        LoraFiles(home.loras).checked(version)
    except (GenerationFailed, RetryLater) as error:
        return str(error)
    return ""


async def _before(home: Home, registry: LoraRegistry, version: LoraVersion) -> LoraVersion | None:
    """Return the newest ancestor that can still answer."""
    parent = version.parent
    while parent is not None:
        found = await registry.find(parent)
        if found is None:
            return None
        if found.state is LoraState.RETIRED and not found.stale and not _files_of(home, found):
            return found
        parent = found.parent
    return None


async def _retire(registry: LoraRegistry, version: LoraVersion, was: LoraState) -> None:
    reason = "rolled back by an operator"
    if not await registry.move(version.id, [was], LoraState.RETIRED, reason, by=_BY):
        raise InvalidInput(f"{version.id} was changed by somebody else; please try again.")
