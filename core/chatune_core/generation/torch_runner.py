"""The Runner on torch: a model's forward, its slot cache and its LoRAs on one device."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Protocol

import torch
from torch import Tensor

from chatune_core.errors import GenerationFailed
from chatune_core.generation.cache import SlotCache
from chatune_core.generation.lora import ResidentLoras
from chatune_core.generation.lora_files import Site, read_lora
from chatune_core.generation.requests import LoraId
from chatune_core.generation.runner import Chunk
from chatune_core.generation.step import Step, lay_out
from chatune_core.generation.threads import ThreadGovernor


class Forward(Protocol):
    """A model's forward over a laid-out step."""

    @property
    def sites(self) -> Mapping[str, Site]:
        """The linears that a LoRA may change, by their name in the checkpoint."""
        ...

    def logits(self, step: Step, cache: SlotCache, loras: ResidentLoras) -> Tensor:
        """Run the step and return the logits of its wanted tokens, shape (B, V)."""
        ...


class TorchRunner:
    """See Runner. Weights stay where they are; every call must come from one thread."""

    def __init__(
        self, forward: Forward, cache: SlotCache, vocabulary: int, threads: ThreadGovernor
    ) -> None:
        self._forward, self._cache, self._vocabulary = forward, cache, vocabulary
        self._threads = threads
        self._loras = ResidentLoras()

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
        missing = {c.lora for c in chunks if c.lora is not None and c.lora not in self._loras}
        if missing:
            raise GenerationFailed(f"no LoRA {min(missing)!r} is loaded")
        # Made outside of inference mode, so that the caller may change the logits in place.
        wanted = sum(chunk.logits for chunk in chunks)
        device = self._cache.keys_values.device
        logits = torch.empty(wanted, self._vocabulary, dtype=torch.float32, device=device)
        with self._threads.step(), torch.inference_mode():
            step = lay_out(chunks, self._cache)
            logits.copy_(self._forward.logits(step, self._cache, self._loras))
        return logits

    def copy_prefix(self, source: int, target: int, tokens: int) -> None:
        """See Runner.copy_prefix."""
        with torch.inference_mode():
            self._cache.copy_prefix(source, target, tokens)

    def place_lora(self, lora: LoraId, path: str) -> None:
        """See Runner.place_lora."""
        cached = self._cache.keys_values
        with torch.inference_mode():
            weights = read_lora(Path(path), self._forward.sites, cached.dtype, cached.device)
        self._loras.place(lora, weights)

    def drop_lora(self, lora: LoraId) -> None:
        """See Runner.drop_lora."""
        self._loras.drop(lora)
