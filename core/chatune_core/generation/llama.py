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

    input_norm: Tensor
    query_key_value: Linear
    query_norm: Tensor | None
    key_norm: Tensor | None
    output: Linear
    feed_norm: Tensor
    gate_up: Linear
    down: Linear


class LlamaForward:
    """Weights of a Llama-shaped model and one step through them."""

    def __init__(
        self,
        shape: LlamaShape,
        embedding: Tensor,
        layers: tuple[LlamaLayer, ...],
        norm: Tensor,
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
        active = loras.active(step.loras, step.tokens.device)
        shape = self._shape
        hidden = self._embedding[step.tokens]
        attention = StepAttention(step, cache, hidden.dtype)
        cosine = self._cosine[step.positions].unsqueeze(1)
        sine = self._sine[step.positions].unsqueeze(1)
        size = (hidden.shape[1],)
        for index, layer in enumerate(self._layers):
            normal = rms_norm(hidden, size, layer.input_norm, shape.epsilon)
            projected = layer.query_key_value(normal)
            if active is not None:
                active.add((index, "query_key_value"), normal, projected)
            heads = projected.unflatten(1, (-1, shape.head_dim))
            rotated = self._rotate(layer, heads, cosine, sine)
            values = heads[:, shape.query_heads + shape.key_heads :]
            keys_values = torch.cat((rotated[:, shape.query_heads :], values), 1)
            cache.table(index).index_put_((step.write_index,), keys_values)
            mixed = attention.attend(index, rotated[:, : shape.query_heads])
            output = layer.output(mixed)
            if active is not None:
                active.add((index, "output"), mixed, output)
            hidden = hidden + output
            normal = rms_norm(hidden, size, layer.feed_norm, shape.epsilon)
            opened = layer.gate_up(normal)
            if active is not None:
                active.add((index, "gate_up"), normal, opened)
            gate, up = opened.chunk(2, dim=1)
            gated = silu(gate) * up
            output = layer.down(gated)
            if active is not None:
                active.add((index, "down"), gated, output)
            hidden = hidden + output
        wanted = rms_norm(hidden[step.wanted], size, self._norm, shape.epsilon)
        return self._head(wanted)

    def _rotate(self, layer: LlamaLayer, heads: Tensor, cosine: Tensor, sine: Tensor) -> Tensor:
        """Return queries and keys with their positions turned in, shape (N, heads, head_dim)."""
        shape = self._shape
        rotating = heads[:, : shape.query_heads + shape.key_heads]
        if layer.query_norm is not None and layer.key_norm is not None:
            queries, keys = rotating.split((shape.query_heads, shape.key_heads), dim=1)
            size = (shape.head_dim,)
            queries = rms_norm(queries, size, layer.query_norm, shape.epsilon)
            keys = rms_norm(keys, size, layer.key_norm, shape.epsilon)
            rotating = torch.cat((queries, keys), 1)
        first, second = rotating.chunk(2, dim=-1)
        turned = torch.cat((-second, first), -1)
        return rotating * cosine + turned * sine
