"""`chatune memory`: what is remembered of a person, for the operator whom they ask; each look is audited."""

import json
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import TypeVar

import anyio
import typer

from chatune_bots.compose import open_stores
from chatune_bots.data import chosen_person
from chatune_bots.home import Home
from chatune_bots.new_file import new_file
from chatune_bots.start import start
from chatune_core.errors import InvalidInput
from chatune_core.memory.answers import NOTHING, counted, line_of
from chatune_core.memory.exporting import exported
from chatune_core.memory.requests import called
from chatune_core.messages import UserId
from chatune_core.privacy import ErasureReceipt, Purpose
from chatune_storage.stores import Stores

Answer = TypeVar("Answer")
SOURCE = "the operator's command line"


def run_show(home: Home, folder: Path, user: str) -> None:
    """Print how memory stands with `user`, and everything current that is remembered of them."""

    async def show(stores: Stores, person: UserId) -> list[str]:
        standing = await stores.memories.standing(person)
        known = await stores.memories.of(person)
        linked = await stores.links.linked(person)
        current = [memory for memory in known if memory.current]
        await _note(stores, "memory.show", person, len(current))
        by_id = {memory.id: memory for memory in known}
        lines = [f"{person}: memory is {'on' if standing.agreed else 'off'}"]
        if linked:
            lines.append(f"linked: {', '.join(linked)}")
        return [*lines, *([line_of(one, by_id) for one in current] or [NOTHING])]

    typer.echo("\n".join(map(_printable, _run(home, folder, user, show))))


def run_export(home: Home, folder: Path, user: str, out: Path | None) -> None:
    """Print what is remembered of `user` as JSON, or write it to the new file `out`, mode 0600."""

    async def export(stores: Stores, person: UserId) -> str:
        identities = (person, *await stores.links.linked(person))
        records = [r for one in identities for r in await stores.personal_data.export(one)]
        content = exported(records).content.decode()
        kept = sum(len(rows) for rows in json.loads(content).values())
        await _note(stores, "memory.export", person, kept)
        return content

    text = _run(home, folder, user, export)
    if out is None:
        typer.echo(text, nl=False)
    else:
        with new_file(out) as file:
            file.write(text)
        typer.echo(f"Wrote {out}.")


def run_forget(home: Home, folder: Path, user: str, which: list[str]) -> None:
    """Forget memories of `user` by their numbers, and print what went per store.

    Raises:
        InvalidInput: there is none of such a number.
    """

    async def forget(stores: Stores, person: UserId) -> ErasureReceipt:
        current = [one for one in await stores.memories.of(person) if one.current]
        meant, certain = called(" ".join(which), current)
        if not certain or len(meant) < len(set(which)):
            raise InvalidInput(f"No such numbers; `chatune memory show {person}` has them.")
        receipt = await stores.memories.forget(person, [one.id for one in meant])
        await _note(stores, "memory.forget", person, len(meant))
        return receipt

    typer.echo(counted(_run(home, folder, user, forget)))


def run_forget_all(home: Home, folder: Path, user: str, *, ask: bool) -> None:
    """Forget everything that is remembered of `user` and was said with them; print the receipt.

    Raises:
        InvalidInput: the person at the terminal said no.
    """
    person = chosen_person(user)
    question = f"Forget all that was said with {person}, and what was learned? It cannot be undone."
    if ask and not _confirmed(question):
        raise InvalidInput("Nothing was forgotten.")

    async def forget(stores: Stores, person: UserId) -> ErasureReceipt:
        receipt = await stores.memories.forget(person)
        await _note(stores, "memory.forget-all", person, receipt.removed["memories"])
        return receipt

    typer.echo(counted(_run(home, folder, user, forget)))


def run_off(home: Home, folder: Path, user: str) -> None:
    """Withdraw the consent of `user` to memory, who asked for it elsewhere."""

    async def off(stores: Stores, person: UserId) -> None:
        await stores.consents.record(person, Purpose.MEMORY, granted=False, source=SOURCE)
        await _note(stores, "memory.off", person, 0)

    _run(home, folder, user, off)
    typer.echo(f"Memory is off for {user}. What was remembered is kept until it is forgotten.")


def _run(
    home: Home, folder: Path, user: str, work: Callable[[Stores, UserId], Awaitable[Answer]]
) -> Answer:
    begun = start(home, folder, None)
    person = chosen_person(user)

    async def opened() -> Answer:
        async with open_stores(begun.settings, home) as stores:
            return await work(stores, person)

    return anyio.run(opened)


async def _note(stores: Stores, action: str, person: UserId, memories: int) -> None:
    await stores.audit.append("operator", action, person, {"memories": memories})


def _confirmed(question: str) -> bool:
    try:
        return typer.confirm(question, default=False)
    except typer.Abort:
        return False


def _printable(line: str) -> str:
    """Return the line without what could steer the terminal."""
    return "".join(letter if letter.isprintable() else "?" for letter in line)
