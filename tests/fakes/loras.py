"""Versions of LoRAs for tests of the registry and of who uses it."""

from collections.abc import Mapping

from chatune_core.generation.requests import LoraId
from chatune_core.learning.versions import LoraState, LoraVersion
from fakes.events import AT


def version(
    name: str,
    model: str = "small",
    parent: LoraId | None = None,
    metrics: Mapping[str, float] | None = None,
) -> LoraVersion:
    """Return a new candidate."""
    return LoraVersion(
        LoraId(name), model, "SmolLM2-135M-Instruct", folder=name, sha256="0" * 64,
        manifest='{"rows": "é"}', metrics=metrics or {"accuracy": 0.75}, parent=parent, made_at=AT,
        state=LoraState.CANDIDATE, changed_at=AT, reason="trained",
    )  # fmt: skip


TERSE = version("terse")
