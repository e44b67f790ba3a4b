"""What moving a version on means for it and for others: shared by the database and memory."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace
from datetime import datetime

from chatune_core.generation.requests import LoraId
from chatune_core.learning.versions import LoraState, LoraVersion, Sources
from chatune_core.outcomes import AuditEntry

_ALONE = (LoraState.ACTIVE, LoraState.CANARY)
"""The states of which a model has one version at most."""
Change = tuple[LoraVersion, LoraVersion, AuditEntry]
"""A version before and after, and what the audit log says of it."""


@dataclass(frozen=True, slots=True)
class Move:
    """The arguments of `LoraRegistry.move`."""

    lora: LoraId
    was: frozenset[LoraState]
    to: LoraState
    reason: str
    share: float
    by: str

    def may(self, version: LoraVersion) -> bool:
        """Return whether `version`, as it stands, may be moved so."""
        return version.state in self.was and not (version.stale and self.to in _ALONE)


def checked(version: LoraVersion, sources: Sources) -> None:
    """See LoraRegistry.add.

    Raises:
        ValueError: the version cannot be new.
    """
    if version.state is not LoraState.CANDIDATE or version.stale:
        raise ValueError(f"a new version is a candidate, {version.id!r} is {version.state.value!r}")
    if not (sources.people and sources.answers):
        raise ValueError(f"{version.id!r} has learned from nobody and nothing")


def added(version: LoraVersion, by: str, at: datetime) -> AuditEntry:
    """Return what the audit log says of a new version."""
    return AuditEntry(at, by, "models.add", version.id, {"model": version.model})


def replaced(versions: Iterable[LoraVersion], move: Move, at: datetime) -> Iterator[Change]:
    """Yield what becomes of those of the same model that stand in the way of `move`."""
    for version in versions:
        if move.to in _ALONE and version.state is move.to and version.id != move.lora:
            yield _change(version, LoraState.RETIRED, f"replaced by {move.lora}", 0.0, move.by, at)


def moved(version: LoraVersion, move: Move, at: datetime) -> Change:
    """Return what becomes of the version that is moved."""
    share = move.share if move.to is LoraState.CANARY else 0.0
    return _change(version, move.to, move.reason, share, move.by, at)


def _change(
    version: LoraVersion, to: LoraState, reason: str, share: float, by: str, at: datetime
) -> Change:
    after = replace(version, state=to, reason=reason, share=share, changed_at=at)
    details: dict[str, str | int | float | bool] = {
        "model": version.model,
        "was": version.state.value,
        "reason": reason,
    }
    if to is LoraState.CANARY:
        details["share"] = share
    return version, after, AuditEntry(at, by, f"models.{to.value}", version.id, details)
