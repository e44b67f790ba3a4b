"""The Runner on torch: a model's forward, its slot cache and its LoRAs on one device."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol

import torch
from torch import Tensor

from chatune_core.errors import GenerationFailed
from chatune_core.generation.cache import SlotCache
from chatune_core.generation.requests import LoraId
from chatune_core.generation.runner import Chunk
from chatune_core.generation.step import Step, lay_out


class Forward(Protocol):
    """A model's forward over a laid-out step."""

    def logits(self, step: Step, cache: SlotCache) -> Tensor:
        """Run the step and return the logits of its wanted tokens, shape (B, V)."""
        ...


class TorchRunner:
    """See Runner. Weights stay where they are; every call must come from one thread."""

    def __init__(self, forward: Forward, cache: SlotCache, vocabulary: int) -> None:
        self._forward, self._cache, self._vocabulary = forward, cache, vocabulary

    @property
    def slots(self) -> int:
        """See Runner.slots."""
        return self._cache.slots

    @property
    def context_tokens(self) -> int:
        """See Runner.context_tokens."""
        return self._cache.context

    def forward(self, chunks: Sequence[Chunk]) -> Tensor:
        """See Runner.forward."""
        # Made outside of inference mode, so that the caller may change the logits in place.
        wanted = sum(chunk.logits for chunk in chunks)
        device = self._cache.keys_values.device
        logits = torch.empty(wanted, self._vocabulary, dtype=torch.float32, device=device)
        with torch.inference_mode():
            step = lay_out(chunks, self._cache)
            logits.copy_(self._forward.logits(step, self._cache))
        return logits

    def copy_prefix(self, source: int, target: int, tokens: int) -> None:
        """See Runner.copy_prefix."""
        with torch.inference_mode():
            self._cache.copy_prefix(source, target, tokens)

    def place_lora(self, lora: LoraId, path: str) -> None:
        """See Runner.place_lora."""
        raise GenerationFailed(f"LoRA {lora!r} cannot be placed")

    def drop_lora(self, lora: LoraId) -> None:
        """See Runner.drop_lora."""
