"""Builds the lean forward of a Llama-shaped model from its folder, or says that it is not one."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor

from chatune_core.generation.linears import Linear, PlainLinear
from chatune_core.generation.llama import LlamaForward, LlamaLayer, LlamaShape
from chatune_core.generation.weights import ModelFolder

_FAMILIES = frozenset({"llama", "mistral", "qwen2", "qwen3"})


def is_llama_shaped(config: dict[str, Any], context: int) -> bool:
    """Return whether the lean forward computes what the model of this configuration computes.

    What it does not know (other activations, windows shorter than the context, rotary scaling)
    runs through transformers' own modules instead.
    """
    window = config.get("sliding_window") if config.get("use_sliding_window", True) else None
    rope = rope_parameters(config)
    return (
        config.get("model_type") in _FAMILIES
        and config.get("hidden_act", "silu") == "silu"
        and (window is None or window >= context)
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
        epsilon=float(config["rms_norm_eps"]),
    )


def load_llama(
    folder: ModelFolder, dtype: torch.dtype, device: torch.device, context: int
) -> LlamaForward:
    """Return the forward with weights of `dtype` on `device`."""

    def tensor(name: str) -> Tensor:
        return folder.tensor(name, dtype, device)

    def fused(*names: str) -> Linear:
        weight = torch.cat([tensor(f"{name}.weight") for name in names])
        biased = [f"{name}.bias" for name in names if f"{name}.bias" in folder]
        return PlainLinear(weight, torch.cat([tensor(name) for name in biased]) if biased else None)

    def optional(name: str) -> Tensor | None:
        return tensor(name) if name in folder else None

    def layer(index: int) -> LlamaLayer:
        at = f"model.layers.{index}"
        attention, feed = f"{at}.self_attn", f"{at}.mlp"
        return LlamaLayer(
            input_norm=tensor(f"{at}.input_layernorm.weight"),
            query_key_value=fused(*(f"{attention}.{name}_proj" for name in "qkv")),
            query_norm=optional(f"{attention}.q_norm.weight"),
            key_norm=optional(f"{attention}.k_norm.weight"),
            output=fused(f"{attention}.o_proj"),
            feed_norm=tensor(f"{at}.post_attention_layernorm.weight"),
            gate_up=fused(f"{feed}.gate_proj", f"{feed}.up_proj"),
            down=fused(f"{feed}.down_proj"),
        )

    shape = shape_of(folder.config)
    embedding = tensor("model.embed_tokens.weight")
    tied = "lm_head.weight" not in folder
    cosine, sine = rotary_tables(folder.config, shape.head_dim, context)
    return LlamaForward(
        shape,
        embedding,
        tuple(layer(index) for index in range(folder.config["num_hidden_layers"])),
        tensor("model.norm.weight"),
        PlainLinear(embedding if tied else tensor("lm_head.weight")),
        cosine.to(device=device, dtype=dtype),
        sine.to(device=device, dtype=dtype),
    )


def rotary_tables(config: dict[str, Any], head_dim: int, context: int) -> tuple[Tensor, Tensor]:
    """Return cosine and sine for every position, each of shape (context, head_dim), float32.

    Source: Su et al. 2021, arXiv:2104.09864, in the half-split layout of Llama checkpoints.
    """
    theta = float(rope_parameters(config)["rope_theta"])
    exponent = torch.arange(0, head_dim, 2, dtype=torch.int64).float() / head_dim
    angle = torch.outer(torch.arange(context).float(), 1.0 / theta**exponent)
    angle = torch.cat((angle, angle), -1)
    return angle.cos(), angle.sin()
