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
        if not step.stretches:
            return self._attend_decodes(queries, keys, values)
        parts = [self._attend_decodes(queries[: step.decodes], keys, values)]
        for stretch, mask in zip(step.stretches, self._chunk_masks, strict=True):
            tokens = slice(stretch.offset, stretch.offset + stretch.count)
            length = stretch.start + stretch.count
            mixed = scaled_dot_product_attention(
                queries[tokens].transpose(0, 1).unsqueeze(0),
                keys[stretch.row : stretch.row + 1, :, :length],
                values[stretch.row : stretch.row + 1, :, :length],
                attn_mask=mask,
                is_causal=mask is None,
                enable_gqa=True,
            )
            parts.append(mixed[0].transpose(0, 1).flatten(1))
        return torch.cat(parts)

    def _attend_decodes(self, queries: Tensor, keys: Tensor, values: Tensor) -> Tensor:
        rows, heads, head_dim = queries.shape
        if not rows:
            return queries.flatten(1)
        # The query heads that share a key head stand as its query positions: one read of the keys.
        mixed = scaled_dot_product_attention(
            queries.view(rows, keys.shape[1], -1, head_dim),
            keys[:rows, :, : self._step.longest],
            values[:rows, :, : self._step.longest],
            attn_mask=self._decode_mask,
        )
        return mixed.reshape(rows, heads * head_dim)


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
