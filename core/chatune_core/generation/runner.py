"""The seam inside generation: what the batching loop asks of the device."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol

from chatune_core.generation.requests import LoraId

if TYPE_CHECKING:
    from torch import Tensor


@dataclass(frozen=True, slots=True)
class Chunk:
    """Tokens to append to one slot's cache: a whole prompt, a part of one, or one new token.

    `start` is how many tokens of the slot stay cached before these; what the slot held beyond
    `start` is forgotten. `logits` says whether the next-token logits after the last token are
    wanted (not for the early parts of a long prompt).
    """

    slot: int
    start: int
    tokens: Sequence[int]
    lora: LoraId | None = None
    logits: bool = True


class Runner(Protocol):
    """Owns the weights, the LoRAs and the key-value cache; every call comes from one thread."""

    @property
    def slots(self) -> int:
        """How many sequences may be cached, and so be in flight, at once."""
        ...

    @property
    def context_tokens(self) -> int:
        """How many tokens one slot holds."""
        ...

    def forward(self, chunks: Sequence[Chunk]) -> Tensor:
        """Run the chunks in one step and return next-token logits.

        Chunks are of distinct slots; single-token chunks are rows of one decode batch, and rows
        of different LoRAs may share it.

        Returns:
            Logits of the chunks that want them, in their order, shape (B, V), float32, on CPU or
            on the device.
        """
        ...

    def copy_prefix(self, source: int, target: int, tokens: int) -> None:
        """Make the first `tokens` cached tokens of slot `target` equal to those of `source`."""
        ...

    def place_lora(self, lora: LoraId, path: str) -> None:
        """Load PEFT LoRA weights (safetensors) from the folder `path` and keep them resident.

        Raises:
            GenerationFailed: if the folder is no LoRA for this model.
        """
        ...

    def drop_lora(self, lora: LoraId) -> None:
        """Free the LoRA; no chunk may name it afterwards."""
        ...
