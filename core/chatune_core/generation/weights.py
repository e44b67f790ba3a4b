"""A model folder's configuration and tensors, read where they lie."""

from __future__ import annotations

import json
from contextlib import ExitStack
from pathlib import Path
from typing import TYPE_CHECKING, Any

from safetensors import safe_open

from chatune_core.errors import ConfigurationError

if TYPE_CHECKING:
    import torch
    from torch import Tensor


class ModelFolder:
    """A local model in the Hugging Face layout; tensors are mapped, not read, until used."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.config: dict[str, Any] = json.loads((path / "config.json").read_text("utf-8"))
        self._files = _tensor_files(path)
        self._opened = ExitStack()
        self._readers: dict[Path, Any] = {}

    def __contains__(self, name: str) -> bool:
        return name in self._files

    @property
    def names(self) -> frozenset[str]:
        """The names of all tensors."""
        return frozenset(self._files)

    def shape(self, name: str) -> tuple[int, int]:
        """Return the shape of the matrix `name` without reading it."""
        outputs, inputs = self._reader(name).get_slice(name).get_shape()
        return outputs, inputs

    def stored(self, name: str) -> Tensor:
        """Return the tensor `name` as it is stored, on the CPU.

        Raises:
            ConfigurationError: if the folder does not hold it.
        """
        tensor: Tensor = self._reader(name).get_tensor(name)
        return tensor

    def tensor(self, name: str, dtype: torch.dtype, device: torch.device) -> Tensor:
        """Return a copy of the tensor `name` as `dtype` on `device`; see `stored`."""
        return self.stored(name).to(device=device, dtype=dtype, copy=True)

    def _reader(self, name: str) -> Any:  # noqa: ANN401
        file = self._files.get(name)
        if file is None:
            raise ConfigurationError(
                f"The model in {str(self.path)!r} lacks the weight {name!r}.",
                "Download the model again.",
            )
        if file not in self._readers:
            self._readers[file] = self._opened.enter_context(safe_open(str(file), framework="pt"))
        return self._readers[file]

    def close(self) -> None:
        """Let go of the files; tensors that were taken stay valid."""
        self._readers.clear()
        self._opened.close()


def _tensor_files(path: Path) -> dict[str, Path]:
    index = path / "model.safetensors.index.json"
    if index.is_file():
        placed = json.loads(index.read_text("utf-8"))["weight_map"]
        return {name: path / file for name, file in placed.items()}
    single = path / "model.safetensors"
    if not single.is_file():
        return {}
    with safe_open(str(single), framework="pt") as file:
        return dict.fromkeys(file.keys(), single)
