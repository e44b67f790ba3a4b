"""Which device, number type and threads to use, and whether a model fits."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from chatune_core.errors import ConfigurationError

if TYPE_CHECKING:
    import torch

_DTYPES = ("float32", "bfloat16", "float16")


@dataclass(frozen=True, slots=True)
class Placement:
    """Where a model runs: `device` is "cpu", "cuda" or "mps"; `threads` counts CPU threads."""

    device: str
    dtype: torch.dtype
    threads: int


def choose_placement(device: str, dtype: str, threads: int) -> Placement:
    """Return what the settings ask for, with "auto" and 0 resolved for this machine.

    Raises:
        ConfigurationError: if the device is not there.
    """
    import psutil  # type: ignore[import-untyped]

    chosen = _choose_device(device)
    cores = psutil.cpu_count(logical=False) or psutil.cpu_count() or 1
    # A container may be allowed fewer cores than the machine has.
    allowed = (
        len(psutil.Process().cpu_affinity()) if hasattr(psutil.Process, "cpu_affinity") else cores
    )
    return Placement(chosen, _choose_dtype(chosen, dtype), threads or max(1, min(cores, allowed)))


def free_bytes(device: str) -> int:
    """Return the memory that a model on `device` may take now, in bytes."""
    import psutil
    import torch

    if device == "cuda":
        return int(torch.cuda.mem_get_info()[0])
    if device == "mps":
        return int(torch.mps.recommended_max_memory() - torch.mps.driver_allocated_memory())
    return int(psutil.virtual_memory().available)


def _choose_device(device: str) -> str:
    import torch

    there = {
        "cuda": torch.cuda.is_available(),
        "mps": torch.backends.mps.is_available(),
        "cpu": True,
    }
    if device == "auto":
        return next(name for name, available in there.items() if available)
    if device not in there:
        raise ConfigurationError(
            f"The device {device!r} is not known.", "Use auto, cpu, cuda or mps."
        )
    if not there[device]:
        raise ConfigurationError(
            f"The device {device!r} is not available to PyTorch here.",
            'Set device to "auto", or install the PyTorch build for it.',
        )
    return device


def _choose_dtype(device: str, dtype: str) -> torch.dtype:
    import torch

    if dtype == "auto":
        return torch.bfloat16 if _likes_bfloat16(device) else _second_choice(device)
    if dtype not in _DTYPES:
        raise ConfigurationError(
            f"The number type {dtype!r} is not known.", f"Use auto, {', '.join(_DTYPES)}."
        )
    chosen: torch.dtype = getattr(torch, dtype)
    return chosen


def _second_choice(device: str) -> torch.dtype:
    import torch

    return torch.float32 if device == "cpu" else torch.float16


def _likes_bfloat16(device: str) -> bool:
    import torch

    if device == "cuda":
        return bool(torch.cuda.is_bf16_supported(including_emulation=False))
    if device == "mps":
        return False
    # Without these the CPU kernels convert every number and float32 is faster.
    features = torch.cpu.get_capabilities()
    return any(features.get(name, False) for name in ("avx512_bf16", "amx_bf16", "bf16"))
