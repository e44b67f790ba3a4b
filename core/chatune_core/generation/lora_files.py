"""Reads a LoRA in PEFT's layout and fits it to the linears of a model, or says why it cannot."""

from __future__ import annotations

import json
import math
import re
from collections.abc import Hashable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError
from safetensors.torch import load_file
from torch import Tensor

from chatune_core.errors import GenerationFailed
from chatune_core.generation.lora import LoraWeights

_NAME = re.compile(r"^base_model\.model\.(?P<module>.+)\.lora_(?P<part>[AB])\.weight$")


@dataclass(frozen=True, slots=True)
class Site:
    """Where a module of the checkpoint is: the outputs from `offset` on of the linear `linear`.

    A module that stands alone has offset 0 and as many outputs as its linear.
    """

    linear: Hashable
    inputs: int
    outputs: int
    offset: int
    linear_outputs: int


def read_lora(
    path: Path, sites: Mapping[str, Site], dtype: torch.dtype, device: torch.device
) -> LoraWeights:
    """Return the LoRA in the folder `path` for a model with these modules.

    Raises:
        GenerationFailed: if it is no LoRA, or not one for this model.
    """
    config = _read_config(path)
    try:
        tensors = load_file(path / "adapter_model.safetensors")
    except (OSError, SafetensorError) as error:
        raise GenerationFailed(f"the LoRA in {str(path)!r} cannot be read: {error}") from error
    pairs: dict[str, dict[str, Tensor]] = {}
    for name, tensor in tensors.items():
        match = _NAME.match(name)
        if match is None or match["module"] not in sites:
            raise GenerationFailed(
                f"the LoRA in {str(path)!r} has the weight {name!r}, which this model has no place for"
            )
        pairs.setdefault(match["module"], {})[match["part"]] = tensor
    if not pairs:
        raise GenerationFailed(f"the LoRA in {str(path)!r} has no weights")
    fused: dict[Hashable, list[tuple[Tensor, Tensor]]] = {}
    for module, pair in pairs.items():
        first, second = _checked(path, module, pair, sites[module])
        scaled = second.float() * _scale(config, module, len(first))
        placed = torch.zeros(sites[module].linear_outputs, len(first))
        placed[sites[module].offset : sites[module].offset + len(second)] = scaled
        fused.setdefault(sites[module].linear, []).append((first.float(), placed))
    return {
        linear: (
            torch.cat([first for first, _ in parts]).to(device, dtype),
            torch.cat([second for _, second in parts], 1).to(device, dtype),
        )
        for linear, parts in fused.items()
    }


def _read_config(path: Path) -> dict[str, Any]:
    try:
        config: dict[str, Any] = json.loads((path / "adapter_config.json").read_text("utf-8"))
    except (OSError, ValueError) as error:
        raise GenerationFailed(
            f"{str(path)!r} is no LoRA: its adapter_config.json cannot be read"
        ) from error
    for key, plain in (("peft_type", "LORA"), ("bias", "none")):
        if config.get(key, plain) != plain:
            raise GenerationFailed(
                f"the LoRA in {str(path)!r} has {key} {config[key]!r}, expected {plain!r}"
            )
    for key in ("use_dora", "modules_to_save", "lora_bias"):
        if config.get(key):
            raise GenerationFailed(f"the LoRA in {str(path)!r} uses {key}, which is not supported")
    return config


def _checked(
    path: Path, module: str, pair: Mapping[str, Tensor], site: Site
) -> tuple[Tensor, Tensor]:
    if pair.keys() != {"A", "B"}:
        raise GenerationFailed(f"the LoRA in {str(path)!r} has half of the pair for {module!r}")
    first, second = pair["A"], pair["B"]
    rank = len(first)
    if first.shape != (rank, site.inputs) or second.shape != (site.outputs, rank):
        raise GenerationFailed(
            f"the LoRA in {str(path)!r} does not fit {module!r}: A {tuple(first.shape)} and"
            f" B {tuple(second.shape)}, expected {site.inputs} inputs and {site.outputs} outputs"
        )
    return first, second


def _scale(config: Mapping[str, Any], module: str, rank: int) -> float:
    """Return alpha over rank (Hu et al. 2021, arXiv:2106.09685), or over its root for rsLoRA.

    rsLoRA: Kalajdzievski 2023, arXiv:2312.03732.
    """
    alpha = float(config["lora_alpha"])
    for pattern, value in (config.get("alpha_pattern") or {}).items():
        if re.match(rf"(.*\.)?({pattern})$", module):
            alpha = float(value)
            break
    return alpha / (math.sqrt(rank) if config.get("use_rslora") else rank)
