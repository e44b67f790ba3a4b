"""LoRAs that are resident together, and their share of one step with rows of several of them.

The low-rank products of all LoRAs in a step are two matrix products: all A stacked, each row of
the result kept only in the ranks of its own LoRA, then all B side by side. So a batch of mixed
LoRAs costs little more than a batch of one.
"""

from __future__ import annotations

from collections.abc import Hashable, Mapping, Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from chatune_core.generation.linears import Linear, unpacked_linear
from chatune_core.generation.requests import LoraId

_STACKS_KEPT = 8

LoraWeights = Mapping[Hashable, tuple[Tensor, Tensor]]
"""By linear: A of shape (rank, inputs) and B of shape (outputs, rank), the scale within B."""


@dataclass(frozen=True, slots=True)
class _Stack:
    """All A, (ranks, inputs), all B, (outputs, ranks), and whose each of the ranks is."""

    first: Linear
    second: Linear
    owner: tuple[int, ...]


class ActiveLoras:
    """The LoRAs of one group of rows; adds their share to the output of a linear."""

    def __init__(self, stacks: Mapping[Hashable, _Stack], rows: Tensor | None) -> None:
        """Take the stacks; `rows` is the LoRA of each row, shape (N,), or None if all have it."""
        self._stacks, self._rows = stacks, rows
        self._masks: dict[tuple[int, ...], Tensor] = {}

    def add(self, linear: Hashable, x: Tensor, y: Tensor) -> Tensor:
        """Return `y`, the linear's output for `x`, with the LoRAs' share added in place.

        Args:
            linear: which linear.
            x: shape (N, inputs).
            y: shape (N, outputs), dtype of `x`.
        """
        stack = self._stacks.get(linear)
        if stack is None:
            return y
        inner = stack.first(x)
        if self._rows is not None:
            inner.mul_(self._mask(stack.owner, x.dtype, self._rows))
        return y.add_(stack.second(inner))

    def _mask(self, owner: tuple[int, ...], dtype: torch.dtype, rows: Tensor) -> Tensor:
        if owner not in self._masks:
            owners = torch.tensor(owner, device=rows.device)
            self._masks[owner] = (rows.unsqueeze(1) == owners).to(dtype)
        return self._masks[owner]


class ResidentLoras:
    """The LoRAs that are loaded, by name."""

    def __init__(self) -> None:
        self._weights: dict[LoraId, LoraWeights] = {}
        self._stacks: dict[tuple[LoraId, ...], Mapping[Hashable, _Stack]] = {}

    def __contains__(self, lora: LoraId) -> bool:
        return lora in self._weights

    def place(self, lora: LoraId, weights: LoraWeights) -> None:
        """Keep the LoRA, in place of one of the same name."""
        self.drop(lora)
        self._weights[lora] = weights

    def drop(self, lora: LoraId) -> None:
        """Free the LoRA, if it is there."""
        self._weights.pop(lora, None)
        self._stacks = {names: s for names, s in self._stacks.items() if lora not in names}

    def active(self, rows: Sequence[LoraId | None], device: torch.device) -> ActiveLoras | None:
        """Return what rows under these LoRAs add, or None if all are of the bare model."""
        names = tuple(sorted({lora for lora in rows if lora is not None}))
        if not names:
            return None
        stacks = self._stacks.get(names)
        if stacks is None:
            stacks = self._stack(names)
        if len(names) == 1 and None not in rows:
            return ActiveLoras(stacks, None)
        place = {name: index for index, name in enumerate(names)}
        owners = [-1 if lora is None else place[lora] for lora in rows]
        return ActiveLoras(stacks, torch.tensor(owners, device=device))

    def _stack(self, names: tuple[LoraId, ...]) -> Mapping[Hashable, _Stack]:
        linears = dict.fromkeys(linear for name in names for linear in self._weights[name])
        stacks = {}
        for linear in linears:
            parts = [
                (index, *self._weights[name][linear])
                for index, name in enumerate(names)
                if linear in self._weights[name]
            ]
            stacks[linear] = _Stack(
                unpacked_linear(torch.cat([first for _, first, _ in parts])),
                unpacked_linear(torch.cat([second for _, _, second in parts], 1)),
                tuple(index for index, first, _ in parts for _ in range(len(first))),
            )
        if len(self._stacks) >= _STACKS_KEPT:
            self._stacks.pop(next(iter(self._stacks)))
        self._stacks[names] = stacks
        return stacks
