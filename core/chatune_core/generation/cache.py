"""The key-value cache: a fixed number of rows, each with room for the whole context."""

from __future__ import annotations

import math
import mmap
from collections.abc import Sequence

import torch
from torch import Tensor


class SlotCache:
    """Keys and values of every layer, and which row of memory each slot has.

    `keys_values` has the shape (layers, 2, rows, heads, context, head_dim); index 0 of the second
    axis is keys, 1 is values. The rows of one decode batch must lie side by side, so that
    attention reads them in place; `gather` moves slots to the front when they do not.
    """

    def __init__(
        self,
        layers: int,
        slots: int,
        heads: int,
        context: int,
        head_dim: int,
        dtype: torch.dtype,
        device: torch.device,
    ) -> None:
        self.layers, self.heads = layers, heads
        self.context, self.head_dim = context, head_dim
        self.keys_values = _zeros((layers, 2, slots, heads, context, head_dim), dtype, device)
        self._row_of = list(range(slots))
        self._slot_in = list(range(slots))
        self._held = [0] * slots

    @property
    def slots(self) -> int:
        """How many slots there are."""
        return len(self._row_of)

    def row(self, slot: int) -> int:
        """Return the row of memory in which the slot is at present."""
        return self._row_of[slot]

    def hold(self, slot: int, tokens: int) -> None:
        """Note that the slot now holds `tokens` tokens; a later move copies no more than these."""
        self._held[slot] = tokens

    def gather(self, slots: Sequence[int]) -> None:
        """Move the slots into rows 0 to len(slots) - 1, in any order, exchanging what is there."""
        count = len(slots)
        outside = [slot for slot in slots if self._row_of[slot] >= count]
        if not outside:
            return
        wanted = set(slots)
        free = [row for row in range(count) if self._slot_in[row] not in wanted]
        for slot, row in zip(outside, free, strict=True):
            self._exchange(slot, self._slot_in[row])

    def copy_prefix(self, source: int, target: int, tokens: int) -> None:
        """Make the first `tokens` tokens of `target` equal to those of `source`."""
        rows = self.keys_values
        rows[:, :, self._row_of[target], :, :tokens] = rows[:, :, self._row_of[source], :, :tokens]
        self._held[target] = tokens

    def write_index(self, rows: Tensor, positions: Tensor) -> Tensor:
        """Return where N tokens go in a layer's cache seen as a table of head vectors.

        Args:
            rows: row of each token, shape (N,), int64, on the CPU.
            positions: position of each token in its row, shape (N,), int64, on the CPU.

        Returns:
            Shape (N, 2 * heads), int64, keys first: rows of `table(layer)`.
        """
        slots = self.keys_values.shape[2]
        pair = torch.arange(2).view(1, 2, 1)
        head = torch.arange(self.heads).view(1, 1, -1)
        first = (pair * slots + rows.view(-1, 1, 1)) * self.heads + head
        index = first * self.context + positions.view(-1, 1, 1)
        return index.view(len(rows), 2 * self.heads).to(self.keys_values.device)

    def table(self, layer: int) -> Tensor:
        """Return a view of a layer's cache, shape (2 * rows * heads * context, head_dim)."""
        return self.keys_values[layer].view(-1, self.head_dim)

    def _exchange(self, one: int, other: int) -> None:
        longest = max(self._held[one], self._held[other])
        first, second = self._row_of[one], self._row_of[other]
        rows = self.keys_values[:, :, :, :, :longest]
        kept = rows[:, :, first].clone()
        rows[:, :, first] = rows[:, :, second]
        rows[:, :, second] = kept
        self._row_of[one], self._row_of[other] = second, first
        self._slot_in[first], self._slot_in[second] = other, one


def _zeros(shape: tuple[int, ...], dtype: torch.dtype, device: torch.device) -> Tensor:
    if device.type != "cpu":
        return torch.zeros(shape, dtype=dtype, device=device)
    # torch.zeros touches every page; an anonymous mapping costs nothing until a token is there.
    pages = mmap.mmap(-1, math.prod(shape) * dtype.itemsize)
    return torch.frombuffer(pages, dtype=dtype).view(shape)
