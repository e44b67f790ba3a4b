"""`chatune moderate export`: what moderators decided, as rows to train the classifier on.

Nobody's words become a row unless they agreed to it themselves and, where they were said on
somebody else's platform, its operator has that platform's permission too.
"""

import enum
import json
import sys
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

import anyio
import typer

from chatune_bots.compose import open_stores
from chatune_bots.home import Home
from chatune_bots.new_file import new_file
from chatune_bots.start import Start, start
from chatune_core.learning.permission import needs_permission
from chatune_core.messages import UserId
from chatune_core.moderation.cases import Case, CaseState
from chatune_core.moderation.rules.crowd import COUNTED
from chatune_core.moderation.verdicts import Role
from chatune_core.privacy import Purpose
from chatune_storage.stores import Stores

SOURCE = "review"
Row = Mapping[str, object]


class Left(enum.Enum):
    """Why a case is left out; the value follows a number."""

    UNDECIDED = "not decided"
    FORGOTTEN = "whose text is gone"
    NOT_THE_TEXT = "about something else than the text"
    NOT_AGREED = "whose author has not agreed to training"
    NOT_PERMITTED = "from a platform without training.platform_training_permission"


@dataclass(slots=True)
class Selection:
    """The rows, and how many cases were left out for which reason."""

    rows: list[Row] = field(default_factory=list)
    left: Counter[Left] = field(default_factory=Counter)


def run_export_cases(home: Home, folder: Path, out: Path) -> None:
    """Write a row for each decided case that may be trained on to the new file `out`, mode 0600.

    The audit log says that it was done. What was left out is counted on standard output.

    Raises:
        InvalidInput: `out` exists.
    """
    begun = start(home, folder, None)
    with new_file(out) as file:
        selection = anyio.run(_exported, begun)
        file.writelines(f"{json.dumps(row)}\n" for row in selection.rows)
    typer.echo(f"Wrote {len(selection.rows)} rows to {out}; {_left_out(selection.left)}.")


async def _exported(begun: Start) -> Selection:
    permission = begun.settings.training.platform_training_permission
    async with open_stores(begun.settings, begun.home) as stores:
        selection = await selected(stores, permission)
        await stores.audit.append(
            "operator",
            "moderation.export",
            "cases",
            {
                "rows": len(selection.rows),
                "left_out": selection.left.total(),
                "permission": permission,
            },
        )
    return selection


async def selected(stores: Stores, permission: str) -> Selection:
    """Return the rows of all cases that may be trained on; `permission` is the operator's."""
    selection, agreed = Selection(), dict[UserId, bool]()
    for case in await stores.cases.recent(sys.maxsize):
        if case.user not in agreed:
            agreed[case.user] = await stores.consents.allows(case.user, Purpose.TRAINING)
        reason = left_because(case, agreed=agreed[case.user], permission=permission)
        if reason is None:
            selection.rows.append(row_of(case))
        else:
            selection.left[reason] += 1
    return selection


def left_because(case: Case, *, agreed: bool, permission: str) -> Left | None:
    """Return why the case may not be trained on or is of no use, None if it becomes a row."""
    if not case.decided:
        return Left.UNDECIDED
    if not case.text:
        return Left.FORGOTTEN
    if not _labels(case):
        return Left.NOT_THE_TEXT
    if not agreed:
        return Left.NOT_AGREED
    if not permission and needs_permission(case.user):
        return Left.NOT_PERMITTED
    return None


def row_of(case: Case) -> Row:
    """Return the decided case as a line of training data: a 1 for each category if it was upheld."""
    return {
        "id": f"{SOURCE}-{case.id}",
        "text": case.text,
        "labels": _labels(case),
        "src": SOURCE,
        "group": case.state.value,
        "role": Role.COMMUNITY.value,
    }


def _labels(case: Case) -> dict[str, int]:
    label = int(case.state is CaseState.UPHELD)
    return {
        finding.category.value: label
        for finding in case.findings
        if not finding.where and not finding.rule.startswith(COUNTED)
    }


def _left_out(left: Counter[Left]) -> str:
    counted = ", ".join(f"{left[reason]} {reason.value}" for reason in Left if left[reason])
    return f"left out {left.total()}: {counted}" if counted else "left out none"
