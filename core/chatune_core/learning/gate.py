"""The gate: whether a candidate LoRA may answer people, from what was measured. Pure."""

import enum
from collections.abc import Mapping
from dataclasses import dataclass, field

from chatune_core.learning.limits import Check, GateSettings, checked
from chatune_core.learning.measured import Behaviour, Example, Interval, Measured

__all__ = ["Decision", "GateReport", "GateSettings", "judged", "not_yet", "too_few"]


class Decision(enum.Enum):
    """What becomes of a candidate."""

    PASSED = "passed"
    WAITS = "waits for approval"
    """It keeps to every limit, and people decide."""
    REFUSED = "refused"
    NOT_YET = "not yet"
    """There are too few held-out votes to judge by."""


@dataclass(frozen=True, slots=True)
class GateReport:
    """How a candidate was judged, and everything that people need to see why.

    reasons: in plain words, what stands in its way; empty if nothing does.
    metrics: by name, as they are kept with the version.
    """

    decision: Decision
    reasons: tuple[str, ...]
    checks: tuple[Check, ...] = ()
    metrics: Mapping[str, float] = field(default_factory=dict)
    intervals: Mapping[str, Interval] = field(default_factory=dict)
    examples: tuple[Example, ...] = ()

    @property
    def passed(self) -> bool:
        """Return whether it may answer people now, without anybody's approval."""
        return self.decision is Decision.PASSED


def too_few(votes: int, judges: int, settings: GateSettings) -> tuple[str, ...]:
    """Return why there is too little to judge a candidate by, before any model is run."""
    reasons = []
    if not votes >= settings.least_votes:
        reasons.append(f"Not yet: {votes} of {settings.least_votes} held-out votes to compare.")
    if not judges >= settings.least_judges:
        reasons.append(f"Not yet: {judges} of {settings.least_judges} people who gave them.")
    return tuple(reasons)


def not_yet(reasons: tuple[str, ...]) -> GateReport:
    """Return the report on a candidate that could not be judged."""
    return GateReport(Decision.NOT_YET, reasons)


def judged(measured: Measured, settings: GateSettings) -> GateReport:
    """Return what becomes of a candidate that was measured so."""
    checks = checked(measured, settings)
    missing = too_few(measured.votes, measured.judges, settings)
    failed = tuple(check.reason for check in checks if not check.holds)
    return GateReport(
        _decision(missing, failed, settings),
        missing + failed,
        checks,
        _metrics(measured),
        {"gain": measured.gain},
        measured.examples,
    )


def _decision(
    missing: tuple[str, ...], failed: tuple[str, ...], settings: GateSettings
) -> Decision:
    if missing:
        return Decision.NOT_YET
    if failed:
        return Decision.REFUSED
    return Decision.WAITS if settings.require_approval else Decision.PASSED


def _metrics(measured: Measured) -> dict[str, float]:
    metrics: dict[str, float] = {
        "votes": float(measured.votes),
        "judges": float(measured.judges),
        "gain": measured.gain.value,
        "gain_low": measured.gain.low,
        "gain_high": measured.gain.high,
    }
    for when, behaviour in (("before", measured.before), ("after", measured.after)):
        for name in Behaviour.__slots__:
            value = getattr(behaviour, name)
            if value is not None:
                metrics[f"{name}_{when}"] = float(value)
    if measured.win_rate is not None:
        metrics["win_rate"] = measured.win_rate
    return metrics
