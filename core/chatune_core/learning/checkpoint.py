"""Checkpoints of a run: written beside and renamed, named by what is in them, checked when read."""

from __future__ import annotations

import hashlib
import os
import re
import shutil
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path

from safetensors import SafetensorError
from safetensors.torch import load, save
from torch import Tensor

from chatune_core.errors import TrainingFailed

_NAME = re.compile(
    r"^(?P<kind>reference|step-(?P<step>\d+))-(?P<digest>[0-9a-f]{32})\.safetensors$"
)
_KEPT = 2
"""The one before the last is kept, in case the last is damaged."""


@dataclass(frozen=True, slots=True)
class Checkpoint:
    """Where a run stood after `step` steps."""

    step: int
    tensors: Mapping[str, Tensor]


class Checkpoints:
    """The folder of one run. What other runs left beside it is removed: their rows may be withdrawn."""

    def __init__(self, work: Path, key: str, say: Callable[[str], None]) -> None:
        """Take the folder of all runs and the key of this one: a digest of all that decides it.

        Raises:
            TrainingFailed: if the folder cannot be written.
        """
        self._folder, self._say = work / key, say
        try:
            work.mkdir(parents=True, exist_ok=True)
            others = [path for path in work.iterdir() if path.name != key]
            for path in others:
                shutil.rmtree(path, ignore_errors=True)
            self._folder.mkdir(exist_ok=True)
        except OSError as error:
            raise _unwritable(work, error) from error
        if others:
            say("An unfinished run over other rows or settings is set aside; this one starts anew.")

    def latest(self) -> Checkpoint | None:
        """Return the last whole checkpoint, or None if the run must start at its beginning."""
        for path, step in self._found("step"):
            tensors = self._whole(path)
            if tensors is not None:
                self._say(f"Going on from the checkpoint after step {step}.")
                return Checkpoint(step, tensors)
            self._say(f"The checkpoint after step {step} is damaged and is left out.")
        return None

    def reference(self) -> Mapping[str, Tensor] | None:
        """Return what `keep_reference` kept, if it is there and whole."""
        for path, _ in self._found("reference"):
            return self._whole(path)
        return None

    def keep_reference(self, tensors: Mapping[str, Tensor]) -> None:
        """Keep what was measured before the first step."""
        self._write("reference", tensors)

    def keep(self, step: int, tensors: Mapping[str, Tensor]) -> None:
        """Keep where the run stands after `step` steps; after it returns, a crash costs no more.

        Raises:
            TrainingFailed: if it cannot be written; the checkpoint before it stays.
        """
        self._write(f"step-{step:06d}", tensors)
        for path, _ in self._found("step")[_KEPT:]:
            path.unlink(missing_ok=True)

    def remove(self) -> None:
        """Remove the run's folder: it is finished."""
        shutil.rmtree(self._folder, ignore_errors=True)

    def _found(self, kind: str) -> list[tuple[Path, int]]:
        named = [(path, _NAME.match(path.name)) for path in self._folder.iterdir()]
        found = [
            (path, int(match["step"] or 0))
            for path, match in named
            if match is not None and match["kind"].startswith(kind)
        ]
        return sorted(found, key=lambda item: item[1], reverse=True)

    def _write(self, kind: str, tensors: Mapping[str, Tensor]) -> None:
        content = save({name: tensor.detach().contiguous() for name, tensor in tensors.items()})
        digest = hashlib.sha256(content).hexdigest()[:32]
        unfinished = self._folder / "unfinished"
        try:
            with unfinished.open("wb") as file:
                file.write(content)
                file.flush()
                os.fsync(file.fileno())
            unfinished.rename(self._folder / f"{kind}-{digest}.safetensors")
        except OSError as error:
            unfinished.unlink(missing_ok=True)
            raise _unwritable(self._folder, error) from error

    @staticmethod
    def _whole(path: Path) -> Mapping[str, Tensor] | None:
        match = _NAME.match(path.name)
        try:
            content = path.read_bytes()
            if match is None or hashlib.sha256(content).hexdigest()[:32] != match["digest"]:
                return None
            return load(content)
        except (OSError, SafetensorError):
            return None


def _unwritable(folder: Path, error: OSError) -> TrainingFailed:
    return TrainingFailed(
        f"training cannot write to {str(folder)!r}: {error.strerror or error}. Make room there and"
        " start it again: it goes on from its last checkpoint."
    )
