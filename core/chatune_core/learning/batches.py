"""Which rows make up a step and which of them are computed together; the same for the same seed."""

from __future__ import annotations

import random
from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from chatune_core.learning.tokens import TokenRow

_BATCH_COST = 48
"""What one more batch costs, in tokens: less padding is not worth more batches than this."""
_WORTH_SHARING = 8
"""Tokens of a common beginning from which on it is computed once."""


@dataclass(frozen=True, slots=True)
class Batch:
    """Sequences side by side, padded on the right, and where their completion tokens are.

    No attention mask: under causal attention nothing looks at what comes after it.
    tokens: shape (B, T). shared: how many tokens all sequences begin with alike, before the first
    prediction; 0 if they are few. row, before: of each of the N completion tokens the sequence and the place
    before it, where it is predicted, shape (N,). targets: the tokens themselves, shape (N,).
    All int64.
    """

    tokens: Tensor
    shared: int
    row: Tensor
    before: Tensor
    targets: Tensor

    @property
    def computed(self) -> int:
        """How many tokens the model computes for it, padding included."""
        rows, longest = self.tokens.shape
        return self.shared + rows * (longest - self.shared)

    def per_row(self, values: Tensor) -> Tensor:
        """Return the sums over each sequence's completion tokens, shape (B,), of values (N,)."""
        return values.new_zeros(len(self.tokens)).index_add(0, self.row, values)


def make_batch(rows: Sequence[TokenRow], device: torch.device) -> Batch:
    """Return the rows as tensors on `device`."""
    longest = max(len(row.tokens) for row in rows)
    places = [
        (number, at - 1, row.tokens[at])
        for number, row in enumerate(rows)
        for at in range(row.start, len(row.tokens))
    ]
    padded = [[*row.tokens, *[0] * (longest - len(row.tokens))] for row in rows]
    row, before, targets = torch.tensor(places, device=device).reshape(-1, 3).unbind(1)
    return Batch(torch.tensor(padded, device=device), _shared(rows), row, before, targets)


def _shared(rows: Sequence[TokenRow]) -> int:
    first, last = min(row.tokens for row in rows), max(row.tokens for row in rows)
    most = min(row.start for row in rows) - 1
    # What the least and the greatest in order have in common, all between them have too.
    alike_until = next((n for n in range(most) if first[n] != last[n]), most)
    return alike_until if len(rows) > 1 and alike_until >= _WORTH_SHARING else 0


def steps_of_epoch(examples: int, rows_per_step: int, seed: int, epoch: int) -> list[list[int]]:
    """Return the numbers of the examples in each step: every one once, in random order.

    Steps differ by at most one in size, so that no step is a handful of rows with a full weight.
    """
    order = list(range(examples))
    random.Random(f"{seed}/{epoch}").shuffle(order)
    steps = max(1, round(examples / rows_per_step))
    return [order[examples * n // steps : examples * (n + 1) // steps] for n in range(steps)]


def alike(sizes: Sequence[tuple[int, int]], tokens_per_batch: int) -> list[list[int]]:
    """Return the numbers of the items in batches of like length, so that little padding is computed.

    Sorted by length and cut where it costs least in all, by dynamic programming over where to cut. A
    batch has at most `tokens_per_batch` tokens with its padding, unless a single item has more.

    Args:
        sizes: of each item, how many sequences it has and the length of the longest.
        tokens_per_batch: > 0.
    """
    order = sorted(range(len(sizes)), key=lambda n: sizes[n][1])
    cost, begins = [0], [0]
    for end in range(1, len(order) + 1):
        least = (-1, 0)
        sequences = 0
        for start in range(end - 1, -1, -1):
            sequences += sizes[order[start]][0]
            computed = sequences * sizes[order[end - 1]][1]
            if computed > tokens_per_batch and start < end - 1:
                break
            whole = cost[start] + computed + _BATCH_COST
            if least[0] < 0 or whole < least[0]:
                least = (whole, start)
        cost.append(least[0])
        begins.append(least[1])
    batches: list[list[int]] = []
    end = len(order)
    while end:
        batches.append(order[begins[end] : end])
        end = begins[end]
    return batches[::-1]
