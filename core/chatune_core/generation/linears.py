"""Matrix products with the weights in the form that the device multiplies fastest."""

from __future__ import annotations

from typing import Protocol

import torch
from torch import Tensor
from torch.nn.functional import linear

INT4_GROUP = 32
"""Weights of a row that share a scale in the 4-bit form: the block of GGUF's Q4_0 and Q4_1."""

_FINENESS = 128
"""Fine steps in a coarse one of `IntegerLinear`."""

_aten = torch.ops.aten
_onednn = torch.ops.mkldnn


class Linear(Protocol):
    """A weight of shape (outputs, inputs), with or without a bias."""

    def __call__(self, x: Tensor) -> Tensor:
        """Return x of shape (N, inputs) times the transposed weight: (N, outputs), same dtype."""
        ...


class PlainLinear:
    """The weight as it is."""

    def __init__(self, weight: Tensor, bias: Tensor | None = None) -> None:
        self._weight, self._bias = weight, bias

    def __call__(self, x: Tensor) -> Tensor:
        """See Linear."""
        return linear(x, self._weight, self._bias)


class BlockedLinear:
    """bfloat16 on a CPU, laid out once in the blocks that oneDNN multiplies.

    With the weight as it is, oneDNN lays it out anew in every call, which doubles the time.
    """

    def __init__(self, weight: Tensor, bias: Tensor | None = None) -> None:
        self._weight = _onednn._reorder_linear_weight(weight, None)
        self._bias = bias

    def __call__(self, x: Tensor) -> Tensor:
        """See Linear."""
        product: Tensor = _onednn._linear_pointwise(x, self._weight, self._bias, "none", [], "")
        return product


def unpacked_linear(weight: Tensor, bias: Tensor | None = None) -> Linear:
    """Return the linear of a weight that stays as it is, laid out for its device and type."""
    if weight.device.type == "cpu" and weight.dtype == torch.bfloat16:
        return BlockedLinear(weight, bias)
    return PlainLinear(weight, bias)


class Int8Linear:
    """8 bits a weight on a CPU, one scale a row; fast for few rows only."""

    def __init__(self, packed: Tensor, scales: Tensor, bias: Tensor | None = None) -> None:
        self._packed, self._scales, self._bias = packed, scales, bias

    def __call__(self, x: Tensor) -> Tensor:
        """See Linear."""
        # The kernel is a slow reference loop for other number types.
        product: Tensor = _aten._weight_int8pack_mm(
            x.to(torch.bfloat16), self._packed, self._scales
        )
        product = product.to(x.dtype)
        return product if self._bias is None else product + self._bias


class Int4Linear:
    """4 bits a weight on a CPU, a scale and an offset for every `INT4_GROUP`; for few rows."""

    def __init__(self, packed: Tensor, scales: Tensor, bias: Tensor | None = None) -> None:
        self._packed, self._scales, self._bias = packed, scales, bias

    def __call__(self, x: Tensor) -> Tensor:
        """See Linear."""
        product: Tensor = _aten._weight_int4pack_mm_for_cpu(
            x.to(torch.bfloat16), self._packed, INT4_GROUP, self._scales
        )
        product = product.to(x.dtype)
        return product if self._bias is None else product + self._bias


class IntegerLinear:
    """8 bits a weight and 8 or 15 bits a number of `x`, for CPUs that multiply integers fastest.

    A number of 15 bits is a coarse and a fine part, multiplied as two rows of 8 bits. Each row of
    `x` has a scale of its own and integers are summed exactly, so a row gets the same numbers
    whatever stands beside it. docs/generation.md says what 8 bits cost in quality.
    """

    def __init__(
        self, packed: Tensor, scales: Tensor, bias: Tensor | None = None, *, fine: bool = True
    ) -> None:
        # A view: oneDNN multiplies by the rows as they lie, no second layout is needed.
        self._columns = packed.t()
        self._scales = scales.float()
        self._bias, self._fine = bias, fine

    def __call__(self, x: Tensor) -> Tensor:
        """See Linear."""
        wide = x.float()
        # A row of zeros has no scale; any does.
        step = wide.abs().amax(1, keepdim=True).mul_(1 / 127).clamp_(min=1e-12)
        steps = wide / step
        sums = self._fine_sums(steps) if self._fine else self._sums(steps.round_())
        # In one operation for both scales torch would convert in pieces, which takes longer.
        product = sums.mul_(self._scales).mul_(step).to(x.dtype)
        return product if self._bias is None else product.add_(self._bias)

    def _fine_sums(self, steps: Tensor) -> Tensor:
        coarse = steps.round()
        fine = steps.sub_(coarse).mul_(_FINENESS)
        sums = self._sums(torch.cat((coarse, fine)))
        rows = len(steps)
        return torch.add(sums[:rows], sums[rows:], alpha=1 / _FINENESS)

    def _sums(self, steps: Tensor) -> Tensor:
        return torch._int_mm(steps.to(torch.int8), self._columns).float()


class BySize:
    """The same weight in two forms: one that reads little memory, one that multiplies fast.

    Few rows are bound by how many bytes the weight has, many by arithmetic.
    """

    def __init__(self, few: Linear, many: Linear, most_rows: int) -> None:
        self._few, self._many, self._most_rows = few, many, most_rows

    def __call__(self, x: Tensor) -> Tensor:
        """See Linear."""
        return self._few(x) if x.shape[0] <= self._most_rows else self._many(x)


def pack_int8(weight: Tensor) -> tuple[Tensor, Tensor]:
    """Return `weight` of shape (outputs, inputs), float32, as int8 and bfloat16 scales (outputs,).

    The scale is rounded first, so that the integers make up for its rounding.
    """
    scales = (weight.abs().amax(1) / 127).clamp_(min=1e-12).to(torch.bfloat16)
    packed = (weight / scales.float().unsqueeze(1)).round_().clamp_(-127, 127).to(torch.int8)
    return packed, scales


def pack_int4(weight: Tensor) -> tuple[Tensor, Tensor]:
    """Return `weight` of shape (outputs, inputs), float32, in the form of the int4 kernel.

    A weight is (q - 8) * scale + offset. The least and greatest weight of a group become q 0 and
    15, which is how GGUF's Q4_1 makes its blocks, so packing those again gives the same q.

    Returns:
        The packed q in the CPU's own order, and scales with offsets of shape
        (inputs / INT4_GROUP, outputs, 2), bfloat16.
    """
    groups = weight.view(weight.shape[0], -1, INT4_GROUP)
    least, greatest = groups.aminmax(dim=2, keepdim=True)
    scale = ((greatest - least) / 15).clamp_(min=1e-12)
    q = ((groups - least) / scale).round_().clamp_(0, 15).to(torch.int32)
    packed = _aten._convert_weight_to_int4pack_for_cpu(q.view(weight.shape), 2)
    scales = torch.cat((scale, least + 8 * scale), 2).to(torch.bfloat16)
    return packed, scales.transpose(0, 1).contiguous()


def fits_int4(weight_shape: tuple[int, ...]) -> bool:
    """Return whether the int4 kernel takes a weight of this shape."""
    outputs, inputs = weight_shape
    return outputs % 16 == 0 and inputs % INT4_GROUP == 0
