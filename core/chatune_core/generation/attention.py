"""Attention of one step over the slot cache: decode rows together, each prompt chunk alone."""

from __future__ import annotations

import torch
from torch import Tensor
from torch.nn.functional import scaled_dot_product_attention

from chatune_core.generation.cache import SlotCache
from chatune_core.generation.step import Step


class StepAttention:
    """The masks of one step, built once and used by all layers."""

    def __init__(self, step: Step, cache: SlotCache, dtype: torch.dtype) -> None:
        self._step, self._cache = step, cache
        self._decode_mask = _length_mask(step.lengths, step.longest, dtype)
        self._chunk_masks = [
            _chunk_mask(stretch.start, stretch.count, dtype, step.tokens.device)
            for stretch in step.stretches
        ]

    def attend(self, layer: int, queries: Tensor) -> Tensor:
        """Return the attention output of a layer whose keys and values are already written.

        Args:
            layer: index of the layer.
            queries: shape (N, query_heads, head_dim).

        Returns:
            Shape (N, query_heads * head_dim), dtype of `queries`.
        """
        step = self._step
        keys, values = self._cache.keys_values[layer]
        output = torch.empty_like(queries)
        if step.decodes:
            rows = slice(0, step.decodes)
            mixed = scaled_dot_product_attention(
                queries[rows].unsqueeze(2),
                keys[rows, :, : step.longest],
                values[rows, :, : step.longest],
                attn_mask=self._decode_mask,
                enable_gqa=True,
            )
            output[rows] = mixed.squeeze(2)
        for stretch, mask in zip(step.stretches, self._chunk_masks, strict=True):
            tokens = slice(stretch.offset, stretch.offset + stretch.count)
            length = stretch.start + stretch.count
            mixed = scaled_dot_product_attention(
                queries[tokens].transpose(0, 1).unsqueeze(0),
                keys[stretch.row, :, :length].unsqueeze(0),
                values[stretch.row, :, :length].unsqueeze(0),
                attn_mask=mask,
                is_causal=mask is None,
                enable_gqa=True,
            )
            output[tokens] = mixed.squeeze(0).transpose(0, 1)
        return output.flatten(1)


def _length_mask(lengths: Tensor, longest: int, dtype: torch.dtype) -> Tensor | None:
    """Return a mask to add to the scores, shape (B, 1, 1, longest), or None if none is needed."""
    if len(lengths) < 2:
        return None
    beyond = torch.arange(longest, device=lengths.device) >= lengths.unsqueeze(1)
    mask = torch.zeros(beyond.shape, dtype=dtype, device=lengths.device)
    return mask.masked_fill_(beyond, -torch.inf)[:, None, None, :]


def _chunk_mask(start: int, count: int, dtype: torch.dtype, device: torch.device) -> Tensor | None:
    """Return a mask to add to the scores, shape (count, start + count); None is plain causal."""
    if start == 0:
        return None
    mask = torch.full((count, start + count), -torch.inf, dtype=dtype, device=device)
    return mask.triu_(start + 1)
