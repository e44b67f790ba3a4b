"""Where a model is trained and in which precision."""

from __future__ import annotations

import time

import torch
from torch.nn.functional import linear

from chatune_core.learning.recipe import Recipe

_TOKENS, _WIDTH = 256, 768
_WORTH = 1.15
"""bfloat16 must be this much faster: it loses digits, and casts around each product cost time."""


def training_device() -> torch.device:
    """Return CUDA where there is a device, else the CPU."""
    return torch.device("cuda" if torch.cuda.is_available() else "cpu")


def training_dtype(recipe: Recipe, device: torch.device) -> torch.dtype:
    """Return the precision of the frozen weights and their products.

    A CPU that lists bfloat16 among its features need not be faster at it: with AVX512-BF16 and no
    AMX it does about 80 GFLOP/s a core where float32 does 140. So it is measured, in some milliseconds.
    """
    if recipe.precision != "auto":
        return torch.float32 if recipe.precision == "float32" else torch.bfloat16
    if device.type == "cuda":
        native = torch.cuda.is_bf16_supported(including_emulation=False)
        return torch.bfloat16 if native else torch.float32
    faster = _product_s(torch.bfloat16) * _WORTH < _product_s(torch.float32)
    return torch.bfloat16 if faster else torch.float32


def _product_s(dtype: torch.dtype) -> float:
    x, weight = torch.ones(_TOKENS, _WIDTH, dtype=dtype), torch.ones(_WIDTH, _WIDTH, dtype=dtype)
    times = []
    for _ in range(5):
        began = time.thread_time()
        linear(x, weight)
        times.append(time.thread_time() - began)
    return min(times)
