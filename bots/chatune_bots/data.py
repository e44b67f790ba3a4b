"""`chatune data export | erase`: what is kept about a person, to read or to destroy."""

import json
from collections.abc import Sequence
from pathlib import Path

import anyio
import typer

from chatune_bots.compose import open_stores
from chatune_bots.home import Home
from chatune_bots.new_file import new_file
from chatune_bots.person import terminal_user
from chatune_bots.start import start
from chatune_core.errors import InvalidInput
from chatune_core.messages import UserId
from chatune_core.privacy import ErasureReceipt, PersonalRecord
from chatune_storage.personal import ERASED

TYPED = "terminal_history"
"""The store that is a file: lines typed at the terminal by whoever owns the home."""


def run_export(home: Home, folder: Path, user: str, out: Path | None) -> None:
    """Print every record about `user` as JSON, or write it to the new file `out`, mode 0600.

    Raises:
        InvalidInput: `out` exists, or `user` is no id.
    """
    begun = start(home, folder, None)
    person = chosen_person(user)

    async def export() -> Sequence[PersonalRecord]:
        async with open_stores(begun.settings, home) as stores:
            records = await stores.personal_data.export(person)
            await stores.audit.append("operator", "data.export", person, {"records": len(records)})
            return records

    records = [*anyio.run(export), *_typed(home, person)]
    content = {"user": person, "records": [{"store": r.store, **r.record} for r in records]}
    text = json.dumps(content, indent=2, ensure_ascii=False, default=str)
    if out is None:
        typer.echo(text)
    else:
        with new_file(out) as file:
            file.write(f"{text}\n")
        typer.echo(f"Wrote {len(records)} records to {out}.")


def run_erase(home: Home, folder: Path, user: str, *, ask: bool) -> None:
    """Destroy everything about `user`, and print what went per store.

    Raises:
        InvalidInput: the person at the terminal said no, or `user` is no id.
    """
    begun = start(home, folder, None)
    person = chosen_person(user)
    question = f"Erase everything stored about {person}? It cannot be undone."
    try:
        if ask and not typer.confirm(question, default=False):
            raise InvalidInput("Nothing was erased.")
    except typer.Abort as error:
        raise InvalidInput("Nothing was erased.") from error

    async def erase() -> ErasureReceipt:
        async with open_stores(begun.settings, home) as stores:
            receipt = await stores.personal_data.erase(person)
            # That it was done stays on record; who it was about does not.
            await stores.audit.append("operator", "data.erase", ERASED, dict(receipt.removed))
            return receipt

    receipt = anyio.run(erase)
    removed = {**receipt.removed, TYPED: len(_typed(home, person))}
    if person == terminal_user():
        home.terminal_history.unlink(missing_ok=True)
    typer.echo(f"Erased {person} at {receipt.at.isoformat(timespec='seconds')}:")
    for store, count in removed.items():
        typer.echo(f"  {store:<20} {count}")


def chosen_person(user: str) -> UserId:
    """Return the id that was typed.

    Raises:
        InvalidInput: it is none.
    """
    platform, separator, rest = user.partition(":")
    if not (platform and separator and rest) or not user.isprintable():
        raise InvalidInput(f"{user!r} is no person's id; it looks like {terminal_user()!r}.")
    return UserId(user)


def _typed(home: Home, person: UserId) -> list[PersonalRecord]:
    """Return the lines in the history file, which are the home owner's."""
    if person != terminal_user() or not home.terminal_history.exists():
        return []
    # Only here: the library that owns the format of the file.
    from chatune_adapters.console.editor import PrivateHistory

    typed = PrivateHistory(home.terminal_history).load_history_strings()
    return [PersonalRecord(TYPED, {"text": line}) for line in typed]
