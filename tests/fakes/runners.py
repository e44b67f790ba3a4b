"""Driving a Runner in a test: opening one, greedy decoding, ragged steps."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from chatune_core.generation.loading import ModelSettings, OpenedModel, open_runner
from chatune_core.generation.requests import LoraId
from chatune_core.generation.runner import Chunk, Runner


def opened(model: Path | str, cache_dir: Path, **settings: Any) -> OpenedModel:  # noqa: ANN401
    """Return the model in float32 and unpacked unless `settings` say otherwise."""
    chosen: dict[str, Any] = {
        "device": "cpu",
        "dtype": "float32",
        "weights": "unpacked",
        "slots": 6,
        # More would only wait for each other on models this small.
        "threads": 1,
    }
    chosen |= settings
    return open_runner(
        ModelSettings(cache_dir=cache_dir, model=str(model), **chosen), lambda stage, done: None
    )


def greedy(
    runner: Runner, prompt: Sequence[int], count: int, slot: int = 0, lora: LoraId | None = None
) -> list[int]:
    """Return `count` tokens decoded one by one in `slot`."""
    return greedy_batch(runner, {slot: prompt}, count, {slot: lora})[slot]


def greedy_batch(
    runner: Runner,
    prompts: Mapping[int, Sequence[int]],
    count: int,
    loras: Mapping[int, LoraId | None] | None = None,
) -> dict[int, list[int]]:
    """Return `count` tokens for the prompt of each slot, all slots in every step."""
    pending = {slot: list(prompt) for slot, prompt in prompts.items()}
    held = dict.fromkeys(prompts, 0)
    made: dict[int, list[int]] = {slot: [] for slot in prompts}
    for _ in range(count):
        chunks = [
            Chunk(slot, held[slot], tokens, (loras or {}).get(slot))
            for slot, tokens in pending.items()
        ]
        for chunk, row in zip(chunks, runner.forward(chunks), strict=True):
            held[chunk.slot] += len(chunk.tokens)
            token = int(row.argmax())
            made[chunk.slot].append(token)
            pending[chunk.slot] = [token]
    return made


def greedy_reference(model: Any, prompt: Sequence[int], count: int) -> list[int]:  # noqa: ANN401
    """Return what transformers' own `generate` gives, end tokens or not."""
    generated = model.generate(
        torch.tensor([list(prompt)]),
        attention_mask=torch.ones(1, len(prompt), dtype=torch.long),
        max_new_tokens=count,
        min_new_tokens=count,
        do_sample=False,
        eos_token_id=None,
    )
    tokens: list[int] = generated[0, len(prompt) :].tolist()
    return tokens


def last_logits(runner: Runner, tokens: Sequence[int], slot: int = 0, **chunk: Any) -> Tensor:  # noqa: ANN401
    """Return the logits after `tokens` read in one chunk, shape (V,)."""
    return runner.forward([Chunk(slot, 0, tokens, **chunk)])[0]
