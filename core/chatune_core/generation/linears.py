"""Matrix products with the weights in the form that the device multiplies fastest."""

from __future__ import annotations

from typing import Protocol

from torch import Tensor
from torch.nn.functional import linear


class Linear(Protocol):
    """x of shape (N, inputs) to shape (N, outputs), same dtype."""

    def __call__(self, x: Tensor) -> Tensor:
        """Return the product of `x` and the transposed weight, plus the bias."""
        ...


class PlainLinear:
    """The weight as it is."""

    def __init__(self, weight: Tensor, bias: Tensor | None = None) -> None:
        self._weight, self._bias = weight, bias

    def __call__(self, x: Tensor) -> Tensor:
        """See Linear."""
        return linear(x, self._weight, self._bias)
