"""Versions of LoRAs for tests of the registry and of who uses it."""

from collections.abc import Mapping
from pathlib import Path

from chatune_core.errors import ChatuneError
from chatune_core.generation.requests import LoraId
from chatune_core.learning.files import CONFIGURATION, WEIGHTS, LoraFiles
from chatune_core.learning.versions import LoraState, LoraVersion, Sources
from chatune_core.messages import EventKey, UserId
from chatune_core.privacy import Purpose
from chatune_storage.stores import Stores
from fakes.events import ANN, AT, BEN, generated, handle, said

ANSWER = EventKey("test:1")
SOURCES = Sources({ANN: 2, BEN: 1}, frozenset({ANSWER}))


def version(
    name: str,
    model: str = "small",
    parent: str | None = None,
    metrics: Mapping[str, float] | None = None,
    folder: str = "",
    sha256: str = "0" * 64,
) -> LoraVersion:
    """Return a new candidate."""
    return LoraVersion(
        LoraId(name), model, "SmolLM2-135M-Instruct", folder=folder or name, sha256=sha256,
        manifest='{"rows": "é"}', metrics=metrics or {"accuracy": 0.75},
        parent=LoraId(parent) if parent else None, made_at=AT,
        state=LoraState.CANDIDATE, changed_at=AT, reason="trained",
    )  # fmt: skip


TERSE = version("terse")


async def agree(stores: Stores, *users: UserId, granted: bool = True) -> None:
    """Have the users agree to training, or withdraw."""
    for user in users:
        await stores.consents.record(user, Purpose.TRAINING, granted, "test:1")


async def something_to_learn(stores: Stores) -> None:
    """Ann asked and was answered; she and Ben agree to training."""
    await agree(stores, ANN, BEN)
    await handle(stores, said("1"), generated("1"))


def lora_folder(folder: Path, weights: bytes = b"weights") -> Path:
    """Write what looks like a LoRA to those who do not read it."""
    folder.mkdir(parents=True, exist_ok=True)
    (folder / WEIGHTS).write_bytes(weights)
    (folder / CONFIGURATION).write_text('{"peft_type": "LORA", "lora_alpha": 8}')
    return folder


def kept_version(
    files: LoraFiles, name: str, source: Path, parent: str | None = None, model: str = "small"
) -> LoraVersion:
    """Return a candidate whose files are kept."""
    kept = files.keep(LoraId(name), source)
    return version(name, model, parent, folder=kept.folder, sha256=kept.sha256)


class ScriptedLoraEngine:
    """Fulfils `LoraEngine`; raises what `failing` has for a LoRA."""

    def __init__(self) -> None:
        self.placed: dict[str, str] = {}
        self.calls: list[str] = []
        self.failing: dict[str, ChatuneError] = {}

    async def place_lora(self, lora: LoraId, path: str) -> None:
        """See LoraEngine.place_lora."""
        self.calls.append(f"place {lora}")
        if lora in self.failing:
            raise self.failing[lora]
        self.placed[lora] = path

    async def drop_lora(self, lora: LoraId) -> None:
        """See LoraEngine.drop_lora."""
        self.calls.append(f"drop {lora}")
        if lora in self.failing:
            raise self.failing[lora]
        self.placed.pop(lora, None)
