"""Which form each weight takes, and the file that keeps packed forms from one start to the next."""

from __future__ import annotations

import hashlib
import os
import tempfile
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

import torch
from safetensors import safe_open
from safetensors.torch import save_file
from torch import Tensor

from chatune_core.generation.linears import (
    BySize,
    Int4Linear,
    Int8Linear,
    IntegerLinear,
    Linear,
    fits_int4,
    pack_int4,
    pack_int8,
    unpacked_linear,
)

# Measured with docs/generation.md's table: where the form for many rows overtakes the packed one.
_FEW_ROWS = 6

Many = Literal["packed", "unpacked", "integer"]


@dataclass(frozen=True, slots=True)
class WeightForm:
    """How linear weights are held.

    bits: 16 as they are, 8 or 4 packed.
    many: what multiplies many rows: the packed weight too, or one that stands beside it,
        unpacked or as `IntegerLinear`.
    """

    bits: int
    many: Many = "packed"


def many_rows(features: Mapping[str, object]) -> Literal["unpacked", "integer"]:
    """Return the form that multiplies many rows fastest on a CPU with these features.

    AMX multiplies bfloat16 as fast as anything else costs. Without it, AVX-512 VNNI takes four
    times as many 8-bit products in an instruction as float32 ones and reads a quarter of the bytes.

    Args:
        features: as `torch.cpu.get_capabilities` returns them.
    """
    integers = features.get("avx512_vnni") and not features.get("amx_bf16")
    return "integer" if integers else "unpacked"


def bytes_beside(many: Many, item_bytes: int) -> int:
    """Return the bytes of a weight that `many` keeps beside a packed one; `item_bytes` unpacked."""
    return {"packed": 0, "integer": 1, "unpacked": item_bytes}[many]


class PackedStore:
    """Packed tensors by name, in one file that is written whole or not at all."""

    def __init__(self, file: Path) -> None:
        self._file = file
        self._given: dict[str, tuple[Tensor, Tensor]] = {}
        self._made_some = False
        self._kept: Any = None
        self._names: frozenset[str] = frozenset()
        if file.is_file():
            self._kept = safe_open(str(file), framework="pt")
            self._names = frozenset(self._kept.keys())

    def get(self, name: str, make: Callable[[], tuple[Tensor, Tensor]]) -> tuple[Tensor, Tensor]:
        """Return the packed weight `name` and its scales, from the file or else from `make`.

        Until `save`, who asks again is given the same tensors.
        """
        if name not in self._given:
            self._given[name] = self._read(name) or make()
            self._made_some |= f"{name}.packed" not in self._names
        return self._given[name]

    def _read(self, name: str) -> tuple[Tensor, Tensor] | None:
        parts = (f"{name}.packed", f"{name}.scales")
        if not self._names.issuperset(parts):
            return None
        # The kernels read beyond the end of a tensor, which a mapped file does not forgive.
        packed, scales = (self._kept.get_tensor(part).clone() for part in parts)
        return packed, scales

    def save(self) -> None:
        """Write what was given, if any of it was made; a full disk only costs the next start."""
        given, self._given = self._given, {}
        if not self._made_some:
            return
        tensors = {f"{name}.packed": packed for name, (packed, _) in given.items()}
        tensors |= {f"{name}.scales": scales for name, (_, scales) in given.items()}
        try:
            self._file.parent.mkdir(parents=True, exist_ok=True)
            with tempfile.TemporaryDirectory(dir=self._file.parent) as folder:
                unfinished = Path(folder) / self._file.name
                save_file(tensors, unfinished)
                os.replace(unfinished, self._file)
        except OSError:
            return


def packed_file(cache_dir: Path, folder: Path, form: WeightForm) -> Path:
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
    kind = f"int{form.bits}-integer" if form.many == "integer" else f"int{form.bits}"
    name = f"{digest.hexdigest()[:12]}-{kind}-{isa}-torch{version}"
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
        *,
        fine: bool = True,
    ) -> Linear:
        """Return the linear `name`; `weight` reads its weight, of `shape`, any float type.

        `fine` is for `IntegerLinear`: whether 8 bits of what it is given would be too few.
        """
        if self._form.bits == 16 or self._store is None:
            return self._unpacked(weight(), bias)
        few = self._packed(name, shape, weight, bias)
        match self._form.many:
            case "packed":
                return few
            case "unpacked":
                return BySize(few, self._unpacked(weight(), bias), _FEW_ROWS)
            case "integer":
                many = IntegerLinear(*self._int8(self._store, name, weight), bias, fine=fine)
                return BySize(few, many, _FEW_ROWS)

    def head(self, shape: tuple[int, int], weight: Callable[[], Tensor]) -> Linear:
        """Return the last linear, over the vocabulary.

        It is never packed to 4 bits, for the choice of the token hangs on it; and where there is
        room for the weight as it is, that one is as fast, unless integers are what is fast.
        """
        if self._form.bits == 16 or self._store is None or self._form.many == "unpacked":
            return self._unpacked(weight(), None)
        packed, scales = self._int8(self._store, "head", weight)
        if self._form.many == "integer":
            return IntegerLinear(packed, scales)
        return Int8Linear(packed, scales)

    def _packed(
        self,
        name: str,
        shape: tuple[int, int],
        weight: Callable[[], Tensor],
        bias: Tensor | None,
    ) -> Linear:
        assert self._store is not None
        if self._form.bits == 4 and fits_int4(shape):
            return Int4Linear(*self._store.get(name, lambda: pack_int4(weight().float())), bias)
        return Int8Linear(*self._int8(self._store, name, weight), bias)

    @staticmethod
    def _int8(store: PackedStore, name: str, weight: Callable[[], Tensor]) -> tuple[Tensor, Tensor]:
        return store.get(f"{name}.int8", lambda: pack_int8(weight().float()))

    def _unpacked(self, weight: Tensor, bias: Tensor | None) -> Linear:
        return unpacked_linear(weight.to(device=self._device, dtype=self._dtype), bias)
