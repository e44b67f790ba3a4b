"""The forward of Llama-shaped models (Llama, Mistral, Qwen2, Qwen3), lean and ragged.

The same operations as transformers' own modules, on the same weights and configuration, without
what a step does not need: no module calls, no mask building, query, key and value in one matrix.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import torch
from torch import Tensor
from torch.nn.functional import rms_norm, silu

from chatune_core.generation.attention import StepAttention
from chatune_core.generation.cache import SlotCache
from chatune_core.generation.linears import Linear
from chatune_core.generation.lora import ResidentLoras
from chatune_core.generation.lora_files import Site
from chatune_core.generation.norms import RmsNorm
from chatune_core.generation.step import Step


@dataclass(frozen=True, slots=True)
class LlamaShape:
    """The sizes that the forward needs; `rotary` has the shape (context, 2, head_dim / 2)."""

    query_heads: int
    key_heads: int
    head_dim: int
    feed: int
    epsilon: float


@dataclass(frozen=True, slots=True)
class LlamaLayer:
    """One decoder layer; `query_norm` and `key_norm` are Qwen3's, per head."""

    input_norm: RmsNorm
    query_key_value: Linear
    query_norm: Tensor | None
    key_norm: Tensor | None
    output: Linear
    feed_norm: RmsNorm
    gate_up: Linear
    down: Linear


class LlamaForward:
    """Weights of a Llama-shaped model and one step through them."""

    def __init__(
        self,
        shape: LlamaShape,
        embedding: Tensor,
        layers: tuple[LlamaLayer, ...],
        norm: RmsNorm,
        head: Linear,
        cosine: Tensor,
        sine: Tensor,
    ) -> None:
        self._shape, self._layers = shape, layers
        self._embedding, self._norm, self._head = embedding, norm, head
        self._cosine, self._sine = cosine, sine

    @property
    def sites(self) -> Mapping[str, Site]:
        """See Forward.sites."""
        shape, width = self._shape, self._embedding.shape[1]
        queries, keys = shape.query_heads * shape.head_dim, shape.key_heads * shape.head_dim
        feed = shape.feed
        fused = {
            "query_key_value": (width, {"q_proj": queries, "k_proj": keys, "v_proj": keys}),
            "output": (queries, {"o_proj": width}),
            "gate_up": (width, {"gate_proj": feed, "up_proj": feed}),
            "down": (feed, {"down_proj": width}),
        }
        sites = {}
        for index in range(len(self._layers)):
            for linear, (inputs, parts) in fused.items():
                block = "self_attn" if linear in ("query_key_value", "output") else "mlp"
                offset = 0
                for part, outputs in parts.items():
                    name = f"model.layers.{index}.{block}.{part}"
                    total = sum(parts.values())
                    sites[name] = Site((index, linear), inputs, outputs, offset, total)
                    offset += outputs
        return sites

    def logits(self, step: Step, cache: SlotCache, loras: ResidentLoras) -> Tensor:
        """Run the step and return the logits of its wanted tokens, shape (B, V)."""
        shape, active = self._shape, loras.active(step.loras, step.tokens.device)
        hidden = self._embedding[step.tokens]
        attention = StepAttention(step, cache, hidden.dtype)
        cosine, sine = self._turns(step.positions)

        def product(linear: Linear, site: tuple[int, str], x: Tensor) -> Tensor:
            return linear(x) if active is None else active.add(site, x, linear(x))

        for index, layer in enumerate(self._layers):
            normal = layer.input_norm(hidden)
            projected = product(layer.query_key_value, (index, "query_key_value"), normal)
            heads = self._rotated(layer, projected, cosine, sine)
            keys_values = heads[:, shape.query_heads :]
            cache.table(index).index_put_((step.write_index,), keys_values)
            mixed = attention.attend(index, heads[:, : shape.query_heads])
            hidden += product(layer.output, (index, "output"), mixed)
            normal = layer.feed_norm(hidden)
            opened = product(layer.gate_up, (index, "gate_up"), normal)
            gated = silu(opened[:, : shape.feed]).mul_(opened[:, shape.feed :])
            hidden += product(layer.down, (index, "down"), gated)
        return self._head(self._norm(hidden[step.wanted]))

    def _turns(self, positions: Tensor) -> tuple[Tensor, Tensor]:
        """Return what to multiply heads and swapped heads with, each (N, heads, head_dim).

        Values are not turned: for them cosine is 1 and sine 0, so that queries, keys and values
        go through as one tensor.
        """
        shape = self._shape
        cosine = self._cosine[positions].unsqueeze(1)
        sine = self._sine[positions].unsqueeze(1)
        turned, still = shape.query_heads + shape.key_heads, shape.key_heads
        return (
            torch.cat(
                (cosine.expand(-1, turned, -1), torch.ones_like(cosine).expand(-1, still, -1)), 1
            ),
            torch.cat(
                (sine.expand(-1, turned, -1), torch.zeros_like(sine).expand(-1, still, -1)), 1
            ),
        )

    def _rotated(
        self, layer: LlamaLayer, projected: Tensor, cosine: Tensor, sine: Tensor
    ) -> Tensor:
        """Return query, key and value heads, shape (N, heads, head_dim), positions turned in."""
        shape = self._shape
        heads = projected.view(cosine.shape)
        if layer.query_norm is not None and layer.key_norm is not None:
            size, end = (shape.head_dim,), shape.query_heads + shape.key_heads
            queries = rms_norm(heads[:, : shape.query_heads], size, layer.query_norm, shape.epsilon)
            keys = rms_norm(heads[:, shape.query_heads : end], size, layer.key_norm, shape.epsilon)
            heads = torch.cat((queries, keys, heads[:, end:]), 1)
        # The sine's first half has its sign turned, so the halves need only change places.
        swapped = heads.view(*heads.shape[:2], 2, -1).flip(2).view(cosine.shape)
        return (heads * cosine).addcmul_(swapped, sine)
