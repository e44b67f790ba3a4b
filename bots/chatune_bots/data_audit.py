"""`chatune data audit`: what operators and the system did, and whether that record is whole."""

from collections.abc import Sequence
from pathlib import Path

import anyio
import typer

from chatune_bots.compose import open_stores
from chatune_bots.failures import FAILED
from chatune_bots.home import Home
from chatune_bots.printable import printable
from chatune_bots.start import start
from chatune_core.outcomes import AuditEntry
from chatune_core.ports import Broken, Damage

REMEDY = (
    "Somebody wrote to the database by other ways than Chatune: find out who can, and compare it "
    "with a backup."
)
_WORDS = {
    Damage.CHANGED: "entry {} was changed",
    Damage.MISSING: "entry {} was taken away",
    Damage.INSERTED: "entry {} was put in by other hands",
    Damage.REORDERED: "entry {} stands in the wrong place",
    Damage.TRUNCATED: "entry {} and all after it were taken away",
    Damage.UNSEALED: "the record of where the log ends was changed; entries from {} on are doubtful",
}


def run_audit(home: Home, folder: Path, limit: int, *, verify: bool) -> None:
    """Print the newest entries, newest first; or say whether the log is whole, exit code 1 if not."""
    begun = start(home, folder, None)

    async def entries() -> Sequence[AuditEntry]:
        async with open_stores(begun.settings, home) as stores:
            return await stores.audit.entries(limit)

    async def broken() -> Broken | None:
        async with open_stores(begun.settings, home) as stores:
            return await stores.audit.verify()

    if not verify:
        for entry in anyio.run(entries):
            typer.echo(line_of(entry))
        return
    found = anyio.run(broken)
    if found is not None:
        typer.echo(f"The audit log is damaged: {damage_of(found)}. {REMEDY}")
        raise SystemExit(FAILED)
    typer.echo("The audit log is whole: every entry is as it was written, and none is missing.")


def damage_of(broken: Broken) -> str:
    """Return in words where the log was damaged first, and how."""
    return _WORDS[broken.damage].format(broken.number)


def line_of(entry: AuditEntry) -> str:
    """Return the entry as one line: time, who, what, to what, details."""
    details = " ".join(f"{name}={value}" for name, value in entry.details.items())
    at = entry.at.isoformat(timespec="seconds")
    line = f"{at}  {entry.actor}  {entry.action}  {entry.subject}  {details}".rstrip()
    # Ids come from platforms: nothing in them may steer the terminal.
    return printable(line)
