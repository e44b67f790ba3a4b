"""Which form each weight takes, and the file that keeps packed forms from one start to the next."""

from __future__ import annotations

import hashlib
import os
import tempfile
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from safetensors import safe_open
from safetensors.torch import save_file
from torch import Tensor

from chatune_core.generation.linears import (
    BySize,
    Int4Linear,
    Int8Linear,
    Linear,
    fits_int4,
    pack_int4,
    pack_int8,
    unpacked_linear,
)

# Measured with docs/generation.md's table: where the blocked form overtakes the packed one.
_FEW_ROWS = 6


@dataclass(frozen=True, slots=True)
class WeightForm:
    """How linear weights are held.

    bits: 16 as they are, 8 or 4 packed; two_forms: the unpacked weight is kept beside the packed
    one, for steps with many rows.
    """

    bits: int
    two_forms: bool


class PackedStore:
    """Packed tensors by name, in one file that is written whole or not at all."""

    def __init__(self, file: Path) -> None:
        self._file = file
        self._made: dict[str, Tensor] = {}
        self._kept: Any = None
        self._names: frozenset[str] = frozenset()
        if file.is_file():
            self._kept = safe_open(str(file), framework="pt")
            self._names = frozenset(self._kept.keys())

    def get(self, name: str, make: Callable[[], tuple[Tensor, Tensor]]) -> tuple[Tensor, Tensor]:
        """Return the packed weight `name` and its scales, from the file or else from `make`."""
        parts = (f"{name}.packed", f"{name}.scales")
        if self._names.issuperset(parts):
            # The kernels read beyond the end of a tensor, which a mapped file does not forgive.
            packed, scales = (self._kept.get_tensor(part).clone() for part in parts)
            return packed, scales
        made = make()
        self._made.update(zip(parts, made, strict=True))
        return made

    def save(self) -> None:
        """Write what was made, if anything was; a full disk only costs the next start its time."""
        if not self._made:
            return
        try:
            self._file.parent.mkdir(parents=True, exist_ok=True)
            with tempfile.TemporaryDirectory(dir=self._file.parent) as folder:
                unfinished = Path(folder) / self._file.name
                save_file(self._made, unfinished)
                os.replace(unfinished, self._file)
        except OSError:
            return
        finally:
            self._made = {}


def packed_file(cache_dir: Path, folder: Path, bits: int) -> Path:
    """Return where the packed form of the model in `folder` is kept.

    The int4 kernel's order of bytes depends on the CPU and on torch, so both are in the name, and
    a model that has changed gets another.
    """
    digest = hashlib.sha256(str(folder.resolve()).encode())
    for file in sorted(folder.glob("*.safetensors")):
        state = file.stat()
        digest.update(f"{file.name}{state.st_size}{state.st_mtime_ns}".encode())
    isa = torch.backends.cpu.get_cpu_capability().replace(" ", "").lower()
    version = torch.__version__.replace("+", "_")
    name = f"{digest.hexdigest()[:12]}-int{bits}-{isa}-torch{version}"
    return cache_dir / "packed" / f"{name}.safetensors"


class LinearMaker:
    """Makes the linears of a model in the form that was chosen."""

    def __init__(
        self, form: WeightForm, store: PackedStore | None, dtype: torch.dtype, device: torch.device
    ) -> None:
        self._form, self._store = form, store
        self._dtype, self._device = dtype, device

    def linear(
        self,
        name: str,
        shape: tuple[int, int],
        weight: Callable[[], Tensor],
        bias: Tensor | None = None,
    ) -> Linear:
        """Return the linear `name`; `weight` reads its weight, of `shape`, any float type."""
        if self._form.bits == 16 or self._store is None:
            return self._unpacked(weight(), bias)
        few = self._packed(name, self._form.bits, shape, weight, bias)
        if not self._form.two_forms:
            return few
        return BySize(few, self._unpacked(weight(), bias), _FEW_ROWS)

    def head(self, shape: tuple[int, int], weight: Callable[[], Tensor]) -> Linear:
        """Return the last linear, over the vocabulary.

        It is never packed to 4 bits, for the choice of the token hangs on it; and where there is
        room for the weight as it is, that one is as fast.
        """
        if self._form.bits == 16 or self._store is None or self._form.two_forms:
            return self._unpacked(weight(), None)
        return self._packed("head", 8, shape, weight, None)

    def _packed(
        self,
        name: str,
        bits: int,
        shape: tuple[int, int],
        weight: Callable[[], Tensor],
        bias: Tensor | None,
    ) -> Linear:
        assert self._store is not None
        if bits == 4 and fits_int4(shape):
            return Int4Linear(*self._store.get(name, lambda: pack_int4(weight().float())), bias)
        return Int8Linear(*self._store.get(name, lambda: pack_int8(weight().float())), bias)

    def _unpacked(self, weight: Tensor, bias: Tensor | None) -> Linear:
        return unpacked_linear(weight.to(device=self._device, dtype=self._dtype), bias)
