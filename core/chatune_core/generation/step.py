"""One step laid out flat: decode rows first, then the tokens of every prompt chunk."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from chatune_core.generation.cache import SlotCache
from chatune_core.generation.requests import LoraId
from chatune_core.generation.runner import Chunk


@dataclass(frozen=True, slots=True)
class Stretch:
    """The tokens of one prompt chunk: `count` from `offset` in the step, after `start` cached."""

    row: int
    start: int
    offset: int
    count: int


@dataclass(frozen=True, slots=True)
class Step:
    """N tokens to run at once.

    Attributes:
        tokens: shape (N,), int64, on the device; the first `decodes` are one token each of the
            cache rows 0 to decodes - 1, in that order.
        positions: shape (N,), int64, on the device.
        write_index: where their keys and values go, see `SlotCache.write_index`.
        lengths: tokens in each decode row after this step, shape (decodes,), int64, on the device.
        longest: the maximum of `lengths`, 0 without decode rows.
        stretches: the prompt chunks, in the order of their tokens.
        loras: which LoRA each token runs under, length N.
        wanted: the token whose logits each chunk wants, in the order of the chunks.
    """

    tokens: Tensor
    positions: Tensor
    write_index: Tensor
    decodes: int
    lengths: Tensor
    longest: int
    stretches: tuple[Stretch, ...]
    loras: tuple[LoraId | None, ...]
    wanted: Tensor


def lay_out(chunks: Sequence[Chunk], cache: SlotCache) -> Step:
    """Return the step for `chunks`, after bringing their decode rows side by side in the cache."""
    singles = [chunk for chunk in chunks if len(chunk.tokens) == 1]
    longer = [chunk for chunk in chunks if len(chunk.tokens) > 1]
    cache.gather([chunk.slot for chunk in singles])
    singles.sort(key=lambda chunk: cache.row(chunk.slot))
    tokens: list[int] = []
    positions: list[int] = []
    rows: list[int] = []
    loras: list[LoraId | None] = []
    last: dict[int, int] = {}
    stretches = []
    for chunk in (*singles, *longer):
        row, count = cache.row(chunk.slot), len(chunk.tokens)
        if count > 1:
            stretches.append(Stretch(row, chunk.start, len(tokens), count))
        tokens.extend(chunk.tokens)
        positions.extend(range(chunk.start, chunk.start + count))
        rows.extend([row] * count)
        loras.extend([chunk.lora] * count)
        last[chunk.slot] = len(tokens) - 1
        cache.hold(chunk.slot, chunk.start + count)
    device = cache.keys_values.device
    at = torch.tensor(positions)
    lengths = [chunk.start + 1 for chunk in singles]
    return Step(
        tokens=torch.tensor(tokens, device=device),
        positions=at.to(device),
        write_index=cache.write_index(torch.tensor(rows), at),
        decodes=len(singles),
        lengths=torch.tensor(lengths, dtype=torch.int64, device=device),
        longest=max(lengths, default=0),
        stretches=tuple(stretches),
        loras=tuple(loras),
        wanted=torch.tensor(
            [last[chunk.slot] for chunk in chunks if chunk.logits], dtype=torch.int64, device=device
        ),
    )
