"""Training runs: what was begun, how far it came, and what came of it."""

import enum
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import NewType, Protocol

from chatune_core.generation.requests import LoraId
from chatune_core.leases import Fence
from chatune_core.outcomes import AuditEntry

RunId = NewType("RunId", str)
"""Also the name of its folder: small letters, digits and '-'."""

TRAINING = "training"
"""The lease of the one process that trains."""


class RunState(enum.Enum):
    """What came of a run."""

    UNDER_WAY = "under way"
    MADE = "made"
    """A candidate, which waits for approval or is a canary by now."""
    REFUSED = "refused"
    """By the gate: the new version is no better, or worse in something else."""
    NOTHING = "nothing to do"
    """Too little to learn from, or nothing new."""
    FAILED = "failed"


class Stage(enum.Enum):
    """What a run is doing, in this order."""

    GATHERING = "gathering"
    TRAINING = "training"
    JUDGING = "judging"
    REGISTERING = "registering"


@dataclass(frozen=True, slots=True)
class TrainingRun:
    """One run, from the evidence to a candidate.

    due: what it answers to, a time or a number of ratings; there is one run for each `model` and `due`.
    why: for people. term: of the training lease in which it was last taken up. attempt: how often it was
    since it last got further; an interruption on purpose does not count. rated: how much feedback there was when it began. dataset: the digest of its manifest, "" before
    it is known. lora: the version that it made. reason: why it ended as it did, one line for people.
    """

    id: RunId
    model: str
    due: str
    why: str
    begun_at: datetime
    changed_at: datetime
    term: int
    state: RunState = RunState.UNDER_WAY
    stage: Stage = Stage.GATHERING
    attempt: int = 1
    rated: int = 0
    dataset: str = ""
    lora: LoraId | None = None
    reason: str = ""


def entry_of(run: TrainingRun, *, again: bool = False) -> AuditEntry:
    """Return what the audit log says of the run as it stands; `again`: it was taken up."""
    details: dict[str, str | int] = {"run": run.id, "attempt": run.attempt}
    if run.state is RunState.UNDER_WAY:
        action = "training.resumed" if again else "training.begun"
        details |= {"why": run.why, "rated": run.rated}
    else:
        action = f"training.{run.state.name.lower()}"
        details |= {"reason": run.reason, "stage": run.stage.value, "dataset": run.dataset}
    if run.lora is not None:
        details["lora"] = run.lora
    return AuditEntry(run.changed_at, "system", action, run.model, details)


class TrainingRuns(Protocol):
    """The runs of all time; each write is refused once the term of its writer is over.

    That a run begins, is taken up and ends is in the audit log, in the same transaction.
    """

    async def begin(self, run: TrainingRun, fence: Fence) -> TrainingRun | None:
        """Store `run`, or take up the one that there is for its model and `due`; return it as stored.

        One that is taken up has this term and one attempt more. One that has ended is returned as it
        ended. None if the term is over.
        """
        ...

    async def record(self, run: TrainingRun, fence: Fence) -> bool:
        """Store how `run` stands, if it is under way; return False if not, or if the term is over."""
        ...

    async def unfinished(self) -> Sequence[TrainingRun]:
        """Return the runs that are under way, or were when their process died, oldest first."""
        ...

    async def recent(self, limit: int, model: str | None = None) -> Sequence[TrainingRun]:
        """Return the newest runs, newest first."""
        ...
