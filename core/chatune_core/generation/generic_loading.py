"""Loads a model through transformers and makes sure that it runs over the slot cache."""

from __future__ import annotations

from functools import partial
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn
from transformers import AutoModelForCausalLM
from transformers.cache_utils import DynamicCache

from chatune_core.errors import ConfigurationError
from chatune_core.generation.cache import SlotCache
from chatune_core.generation.generic import GenericForward
from chatune_core.generation.linears import Linear
from chatune_core.generation.lora import ResidentLoras
from chatune_core.generation.packing import LinearMaker
from chatune_core.generation.runner import Chunk
from chatune_core.generation.step import lay_out

_OTHER_MODEL = (
    "Choose a decoder-only model with ordinary attention, or an OpenAI-compatible server."
)

# What transformers' modules raise when they are given a cache or a mask that is not theirs.
_FAILURES = (AttributeError, IndexError, TypeError, ValueError, RuntimeError)


class _PackedModule(nn.Module):
    """A packed linear in the place of an nn.Linear."""

    def __init__(self, linear: Linear) -> None:
        super().__init__()
        self._linear = linear

    def forward(self, x: Tensor) -> Tensor:
        return self._linear(x.flatten(0, -2)).view(*x.shape[:-1], -1)


def load_generic(
    path: Path, maker: LinearMaker | None, bits: int, dtype: torch.dtype, device: torch.device
) -> tuple[GenericForward, tuple[int, int, int]]:
    """Return the forward and the (layers, heads, head_dim) of its cache.

    `maker` packs the linears on a CPU; elsewhere `bits` below 16 go through bitsandbytes.

    Raises:
        ConfigurationError: if transformers does not know the model, or its cache is not plain
            keys and values.
    """
    options: dict[str, Any] = {"dtype": dtype}
    if bits < 16 and device.type != "cpu":
        options |= {"quantization_config": _bitsandbytes(bits, device), "device_map": device.type}
    model: Any
    try:
        model = AutoModelForCausalLM.from_pretrained(str(path), local_files_only=True, **options)
    except (OSError, ValueError, KeyError, ImportError) as error:
        raise ConfigurationError(
            f"transformers cannot load the model in {str(path)!r}: {_first_line(error)}.",
            _OTHER_MODEL,
        ) from error
    model.eval()
    if "quantization_config" not in options:
        model.to(device)
    shape = _cache_shape(model, path, device)
    forward = GenericForward(model, _layer_types(model.config))
    if maker is not None:
        _pack(model, forward, maker)
    try:
        with torch.inference_mode():
            difference = _difference(model, forward, shape, dtype, device)
    except _FAILURES as error:
        raise _not_plain(model, path) from error
    if not difference < (0.05 if bits == 16 else 0.5):
        raise _not_plain(model, path)
    return forward, shape


def _pack(model: nn.Module, forward: GenericForward, maker: LinearMaker) -> None:
    for name in forward.sites:
        module = model.get_submodule(name)
        if not isinstance(module, nn.Linear):
            continue
        weight, bias = module.weight.detach(), module.bias
        packed = _PackedModule(
            maker.linear(
                name,
                (module.out_features, module.in_features),
                partial(_same, weight),
                None if bias is None else bias.detach(),
            )
        )
        packed._forward_hooks = module._forward_hooks
        model.set_submodule(name, packed)


def _same(weight: Tensor) -> Tensor:
    return weight


def _layer_types(config: Any) -> frozenset[str]:  # noqa: ANN401
    # A model with layers of several kinds takes one mask for each kind.
    kinds = frozenset(getattr(config, "layer_types", None) or ())
    return kinds if len(kinds) > 1 or "sliding_attention" in kinds else frozenset()


def _cache_shape(model: nn.Module, path: Path, device: torch.device) -> tuple[int, int, int]:
    """Return layers, heads and head_dim from what the model puts into transformers' own cache."""
    cache = DynamicCache()
    try:
        with torch.inference_mode():
            model(
                input_ids=torch.zeros(1, 1, dtype=torch.int64, device=device),
                past_key_values=cache,
                use_cache=True,
            )
        stored: list[Any] = list(cache.layers)
        shapes = {(tuple(layer.keys.shape), tuple(layer.values.shape)) for layer in stored}
    except _FAILURES as error:
        raise _not_plain(model, path) from error
    if len(shapes) != 1:
        raise _not_plain(model, path)
    keys, values = shapes.pop()
    if keys != values or len(keys) != 4:
        raise _not_plain(model, path)
    return len(cache.layers), keys[1], keys[3]


def _difference(
    model: nn.Module,
    forward: GenericForward,
    shape: tuple[int, int, int],
    dtype: torch.dtype,
    device: torch.device,
) -> float:
    """Return how far a step over the slot cache is from the model without a cache, relatively."""
    layers, heads, head_dim = shape
    cache = SlotCache(layers, 2, heads, 8, head_dim, dtype, device)
    tokens = [3, 1, 4, 1, 5]
    whole = model(input_ids=torch.tensor([tokens], device=device), use_cache=False).logits[0, -1]
    step = lay_out([Chunk(1, 0, tokens[:3])], cache)
    forward.logits(step, cache, ResidentLoras())
    step = lay_out([Chunk(1, 3, tokens[3:4]), Chunk(0, 0, tokens[:2])], cache)
    forward.logits(step, cache, ResidentLoras())
    step = lay_out([Chunk(0, 2, tokens[2:4]), Chunk(1, 4, tokens[4:])], cache)
    mine = forward.logits(step, cache, ResidentLoras())[1]
    forward.forget_cache()
    return float((mine - whole).float().norm() / whole.float().norm())


def _not_plain(model: nn.Module, path: Path) -> ConfigurationError:
    kind = getattr(model.config, "model_type", type(model).__name__)
    return ConfigurationError(
        f"The model in {str(path)!r} is of the architecture {kind!r}, which does not work with a"
        " cache of plain keys and values.",
        _OTHER_MODEL,
    )


def _bitsandbytes(bits: int, device: torch.device) -> Any:  # noqa: ANN401
    from importlib.util import find_spec

    if device.type != "cuda" or find_spec("bitsandbytes") is None:
        raise ConfigurationError(
            f"{bits}-bit weights on {device.type.upper()} need bitsandbytes, which is for CUDA only.",
            'Set weights to "unpacked", or `pip install bitsandbytes` on a CUDA machine.',
        )
    from transformers import BitsAndBytesConfig

    options: dict[str, Any] = {"load_in_8bit": True}
    if bits == 4:
        options = {"load_in_4bit": True, "bnb_4bit_compute_dtype": torch.bfloat16}
    return BitsAndBytesConfig(**options)  # type: ignore[no-untyped-call]


def _first_line(error: Exception) -> str:
    return (str(error).strip().splitlines() or [type(error).__name__])[0].rstrip(".")
