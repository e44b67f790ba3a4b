"""How much memory a model will take, and how many slots there is room for."""

from __future__ import annotations

import math
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from chatune_core.errors import ConfigurationError

_MOST_SLOTS = 32
_GIB = 1 << 30


@dataclass(frozen=True, slots=True)
class MemoryPlan:
    """What fits: `weights` and `cache_per_slot` are bytes; `two_forms`: there is room for both."""

    weights: int
    cache_per_slot: int
    slots: int
    two_forms: bool


def count_weights(folder: Path) -> int:
    """Return how many numbers the model's safetensors files hold, from their headers alone."""
    from safetensors import safe_open

    total = 0
    for file in folder.glob("*.safetensors"):
        with safe_open(str(file), framework="np") as tensors:
            total += sum(math.prod(tensors.get_slice(n).get_shape()) for n in tensors.keys())  # noqa: SIM118
    return total


def cache_bytes_per_token(config: dict[str, Any], item_bytes: int) -> int:
    """Return the bytes that one token's keys and values take over all layers."""
    heads = config.get("num_attention_heads") or config.get("n_head") or 1
    width = config.get("hidden_size") or config.get("n_embd") or 0
    key_heads = config.get("num_key_value_heads") or heads
    head_dim = config.get("head_dim") or width // heads
    layers = config.get("num_hidden_layers") or config.get("n_layer") or 0
    return int(2 * layers * key_heads * head_dim * item_bytes)


def plan_memory(
    weights: int, bits: int, item_bytes: int, beside: int, per_slot: int, slots: int, free: int
) -> MemoryPlan:
    """Return how a model of `weights` numbers fits into `free` bytes.

    Args:
        weights: how many numbers it has.
        bits: of a packed weight, 16 for unpacked.
        item_bytes: of an unpacked weight.
        beside: bytes of a weight in the form that may stand beside the packed one, 0 for none.
        per_slot: bytes of one slot's cache.
        slots: how many are wanted, 0 for as many as sensible.
        free: bytes that may be taken.

    Raises:
        ConfigurationError: if it does not fit.
    """
    unpacked = weights * item_bytes
    # Scales and offsets add a bit to each packed weight.
    held = unpacked if bits == 16 else weights * (bits + 1) // 8
    two_forms = bits < 16 and beside > 0 and held + weights * beside <= free // 4
    held += weights * beside if two_forms else 0
    if held + per_slot * max(slots, 1) > free:
        raise ConfigurationError(
            f"The model is too large: its weights take {held / _GIB:.1f} GiB and the cache of"
            f" {max(slots, 1)} slots {per_slot * max(slots, 1) / _GIB:.1f} GiB,"
            f" but {free / _GIB:.1f} GiB are free.",
            'Choose a smaller model, set weights to "int4", or lower context_tokens and slots.',
        )
    room = (free - held) // 2 // max(per_slot, 1)
    return MemoryPlan(held, per_slot, slots or max(1, min(_MOST_SLOTS, room)), two_forms)
