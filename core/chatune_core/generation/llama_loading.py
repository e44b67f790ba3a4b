"""Builds the lean forward of a Llama-shaped model from its folder, or says that it is not one."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor

from chatune_core.generation.linears import Linear
from chatune_core.generation.llama import LlamaForward, LlamaLayer, LlamaShape
from chatune_core.generation.norms import RmsNorm
from chatune_core.generation.packing import LinearMaker
from chatune_core.generation.weights import ModelFolder

_FAMILIES = frozenset({"llama", "mistral", "qwen2", "qwen3"})
_EMBEDDING = "model.embed_tokens.weight"


def is_llama_shaped(config: dict[str, Any]) -> bool:
    """Return whether the lean forward computes what the model of this configuration computes.

    What it does not know (other activations, rotary scaling) runs through transformers' own
    modules instead. Attention windows do not matter: the context never outgrows them.
    """
    rope = rope_parameters(config)
    return (
        config.get("model_type") in _FAMILIES
        and config.get("hidden_act", "silu") == "silu"
        and rope.get("rope_type", rope.get("type", "default")) == "default"
        and rope.get("partial_rotary_factor", 1.0) == 1.0
        and not config.get("mlp_bias", False)
        and "quantization_config" not in config
    )


def rope_parameters(config: dict[str, Any]) -> dict[str, Any]:
    """Return the rotary settings, from where either generation of configurations has them."""
    found = config.get("rope_parameters") or config.get("rope_scaling") or {}
    return {"rope_theta": config.get("rope_theta", 10000.0)} | found


def shape_of(config: dict[str, Any]) -> LlamaShape:
    """Return the sizes in a Llama-shaped configuration."""
    heads = int(config["num_attention_heads"])
    return LlamaShape(
        query_heads=heads,
        key_heads=int(config.get("num_key_value_heads") or heads),
        head_dim=int(config.get("head_dim") or config["hidden_size"] // heads),
        feed=int(config["intermediate_size"]),
        epsilon=float(config["rms_norm_eps"]),
    )


def load_llama(
    folder: ModelFolder,
    maker: LinearMaker,
    dtype: torch.dtype,
    device: torch.device,
    context: int,
    progress: Callable[[float], None],
) -> LlamaForward:
    """Return the forward; linears come from `maker`, the rest is `dtype` on `device`.

    `progress` is told the share of layers that are there, from 0 to 1.
    """
    config = folder.config
    shape = shape_of(config)
    layers = []
    for index in range(config["num_hidden_layers"]):
        layers.append(_load_layer(folder, maker, index, dtype, device))
        # What a mapped file has shown counts as resident memory until it is let go.
        folder.close()
        progress((index + 1) / config["num_hidden_layers"])
    embedding = folder.tensor(_EMBEDDING, dtype, device)
    head = "lm_head.weight" if "lm_head.weight" in folder else _EMBEDDING
    cosine, sine = rotary_tables(config, shape.head_dim, context)
    return LlamaForward(
        shape,
        embedding,
        tuple(layers),
        RmsNorm(folder.tensor("model.norm.weight", dtype, device), shape.epsilon),
        maker.head(folder.shape(head), lambda: folder.stored(head)),
        cosine.to(device=device, dtype=dtype),
        sine.to(device=device, dtype=dtype),
    )


def _load_layer(
    folder: ModelFolder, maker: LinearMaker, index: int, dtype: torch.dtype, device: torch.device
) -> LlamaLayer:
    at, epsilon = f"model.layers.{index}", shape_of(folder.config).epsilon

    def norm(name: str) -> RmsNorm:
        return RmsNorm(folder.tensor(f"{at}.{name}.weight", dtype, device), epsilon)

    def optional(name: str) -> Tensor | None:
        weight = f"{at}.{name}.weight"
        return folder.tensor(weight, dtype, device) if weight in folder else None

    def fused(*names: str, fine: bool = True) -> Linear:
        weights = [f"{at}.{name}.weight" for name in names]
        biases = [f"{at}.{name}.bias" for name in names if f"{at}.{name}.bias" in folder]
        shapes = [folder.shape(weight) for weight in weights]
        return maker.linear(
            f"{index}.{names[0]}",
            (sum(outputs for outputs, _ in shapes), shapes[0][1]),
            lambda: torch.cat([folder.stored(weight) for weight in weights]),
            torch.cat([folder.tensor(bias, dtype, device) for bias in biases]) if biases else None,
            fine=fine,
        )

    # Perplexity hardly minds 8-bit input in these two (docs/generation.md), with most of the weights.
    return LlamaLayer(
        input_norm=norm("input_layernorm"),
        query_key_value=fused("self_attn.q_proj", "self_attn.k_proj", "self_attn.v_proj"),
        query_norm=optional("self_attn.q_norm"),
        key_norm=optional("self_attn.k_norm"),
        output=fused("self_attn.o_proj", fine=False),
        feed_norm=norm("post_attention_layernorm"),
        gate_up=fused("mlp.gate_proj", "mlp.up_proj", fine=False),
        down=fused("mlp.down_proj"),
    )


def rotary_tables(config: dict[str, Any], head_dim: int, context: int) -> tuple[Tensor, Tensor]:
    """Return cosine and sine for every position, each of shape (context, head_dim), float32.

    The first half of the sine is negative, for it multiplies what comes from the second half.

    Source: Su et al. 2021, arXiv:2104.09864, in the half-split layout of Llama checkpoints.
    """
    theta = float(rope_parameters(config)["rope_theta"])
    exponent = torch.arange(0, head_dim, 2, dtype=torch.int64).float() / head_dim
    angle = torch.outer(torch.arange(context).float(), 1.0 / theta**exponent)
    return torch.cat((angle.cos(), angle.cos()), -1), torch.cat((-angle.sin(), angle.sin()), -1)
