"""`chatune moderate cases`: what was found in posts, and what moderators made of it."""

import json
from collections.abc import Sequence
from pathlib import Path

import anyio
import typer

from chatune_bots.compose import open_stores
from chatune_bots.home import Home
from chatune_bots.printable import printable
from chatune_bots.start import start
from chatune_core.errors import InvalidInput
from chatune_core.moderation.cases import Case, CaseState
from chatune_core.moderation.verdicts import Finding
from chatune_storage.personal import readable

_SAID = ("text", "appeal")
"""The fields that hold what a person said."""


def run_cases(home: Home, folder: Path, state: str, limit: int, *, jsonl: bool, show: bool) -> None:
    """Print the newest cases, newest first; `state` "" means all of them.

    What people said is printed only with `show`, which is noted in the audit log.

    Raises:
        InvalidInput: there is no such state.
    """
    begun = start(home, folder, None)
    wanted = _state_named(state)

    async def newest() -> Sequence[Case]:
        async with open_stores(begun.settings, home) as stores:
            cases = await stores.cases.recent(limit, wanted)
            if show:
                await stores.audit.append(
                    "operator", "moderation.show", "cases", {"cases": len(cases)}
                )
            return cases

    for case in anyio.run(newest):
        typer.echo(as_json(case, show=show) if jsonl else "\n".join(lines_of(case, show=show)))


def _state_named(name: str) -> CaseState | None:
    try:
        return CaseState(name) if name else None
    except ValueError:
        known = ", ".join(state.value for state in CaseState)
        raise InvalidInput(f"There is no state {name!r}; choose one of {known}.") from None


def as_json(case: Case, *, show: bool) -> str:
    """Return the case as one line of JSON; what people said only with `show`."""
    record = readable(case)
    return json.dumps({name: record[name] for name in record if show or name not in _SAID})


def lines_of(case: Case, *, show: bool) -> list[str]:
    """Return the case as one line for a person: id, time, how it stands, who, where, what and why.

    With `show` what people said follows, a line each.
    """
    found = ", ".join(_words(finding) for finding in case.findings)
    done = ", ".join(taken.measure.value for taken in case.taken) or "nothing done"
    shadow = " (shadow)" if case.shadow else ""
    at = case.at.isoformat(timespec="seconds")
    first = (
        f"{case.id}  {at}  {case.state.value:<8}  {case.level.value}{shadow}  {case.user}  "
        f"{case.conversation}  {found}  {done}"
    )
    said = [f"    {name}: {' '.join(getattr(case, name).split())}" for name in _SAID]
    shown = [line for line, name in zip(said, _SAID, strict=True) if getattr(case, name)]
    return [printable(line) for line in (first, *(shown if show else ()))]


def _words(finding: Finding) -> str:
    where = f" in {finding.where}" if finding.where else ""
    return f"{finding.category.value} {finding.score:.2f} ({finding.rule}{where})"
