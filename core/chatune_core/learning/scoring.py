"""The base model and the candidate in one: its LoRA is switched on for one and off for the other.

The LoRA is read by the code that serves it, so a file that could not be served is not judged.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import takewhile
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from chatune_core.generation.generic import lora_sites
from chatune_core.generation.lora_files import read_lora
from chatune_core.generation.requests import ChatMessage
from chatune_core.generation.tokenizer import load_tokenizer
from chatune_core.learning.base_model import load_base

_LONGEST = 1024
"""Tokens of a text; longer ones lose their beginning."""
_BATCH_TOKENS = 1024
"""Of a batch, padding included; the logits of so many fit where a small model does."""


@dataclass(frozen=True, slots=True)
class Tokens:
    """A text to score: what is given, and what is asked about."""

    given: tuple[int, ...]
    asked: tuple[int, ...]


@dataclass(frozen=True, slots=True)
class Score:
    """Of the tokens asked about: the sum of their log-probabilities in nats, and their number."""

    total: float
    tokens: int

    @property
    def mean(self) -> float:
        """Return nats a token: as SimPO scores an answer (Meng et al. 2024, arXiv:2405.14734, eq. 3)."""
        return self.total / max(self.tokens, 1)


class Contest:
    """Both models on one device; every call from one thread."""

    def __init__(self, base: Path, lora: Path, device: torch.device, dtype: torch.dtype) -> None:
        """Load the model folder `base` and the LoRA in `lora`.

        Raises:
            ConfigurationError: the model cannot be loaded.
            GenerationFailed: the folder is no LoRA for it.
        """
        self.tokenizer = load_tokenizer(base)
        self._device = device
        self._model = load_base(base, dtype, device).eval()
        sites = lora_sites(self._model)
        self._lora = read_lora(lora, sites, dtype, device)
        self._candidate = False
        for name in sites:
            if name in self._lora:
                self._model.get_submodule(name).register_forward_hook(self._hook(name))
        context = getattr(self._model.config, "max_position_embeddings", _LONGEST)
        self._longest = min(_LONGEST, context)

    def prompted(self, prompt: Sequence[ChatMessage], answer: str) -> Tokens:
        """Return what scores `answer` as the whole answer to `prompt`."""
        tokenizer = self.tokenizer
        return Tokens(
            tuple(tokenizer.encode_chat(prompt)), tuple(tokenizer.encode_completion(answer))
        )

    @torch.inference_mode()
    def scores(self, texts: Sequence[Tokens], *, candidate: bool) -> list[Score]:
        """Return the score of each text, in order."""
        self._candidate = candidate
        cut = [self._cut(text) for text in texts]
        scores: list[Score] = [Score(0.0, 0)] * len(cut)
        for batch in _batches([len(text.given) + len(text.asked) for text in cut]):
            for index, score in zip(batch, self._batch([cut[i] for i in batch]), strict=True):
                scores[index] = score
        return scores

    @torch.inference_mode()
    def answers(
        self, prompts: Sequence[Sequence[ChatMessage]], most_tokens: int, *, candidate: bool
    ) -> list[str]:
        """Return the greedy answer to each prompt, of at most so many tokens."""
        return self.continuations(
            [self.tokenizer.encode_chat(prompt) for prompt in prompts],
            most_tokens,
            candidate=candidate,
        )

    @torch.inference_mode()
    def continuations(
        self, given: Sequence[Sequence[int]], most_tokens: int, *, candidate: bool
    ) -> list[str]:
        """Return what each model says next, greedily, after the tokens in `given`."""
        self._candidate = candidate
        said: list[str] = [""] * len(given)
        room = self._longest - most_tokens
        cut = [list(tokens)[-room:] for tokens in given]
        for batch in _batches([len(tokens) + most_tokens for tokens in cut]):
            for index, tokens in zip(
                batch, self._greedy([cut[i] for i in batch], most_tokens), strict=True
            ):
                said[index] = self.tokenizer.decode(tokens).strip()
        return said

    def _cut(self, text: Tokens) -> Tokens:
        asked = text.asked[: self._longest - 1]
        given = text.given[-(self._longest - len(asked)) :]
        return Tokens(given, asked)

    def _batch(self, texts: Sequence[Tokens]) -> list[Score]:
        shared = _shared([text.given for text in texts])
        cache = self._read(texts[0].given[:shared], len(texts))
        tokens, mask = self._padded([text.given[shared:] + text.asked for text in texts])
        mask = torch.cat((mask.new_ones(len(texts), shared), mask), 1)
        longest = max(len(text.asked) for text in texts)
        logits = self._run(tokens, mask, longest + 1, cache).logits
        scores = []
        for index, text in enumerate(texts):
            number = len(text.asked)
            # Row by row: the logits of a whole batch in float32 would be most of the memory.
            row = logits[index, -number - 1 : -1].float()
            wanted = tokens[index, -number:, None]
            found = row.gather(-1, wanted).squeeze(-1) - row.logsumexp(-1)
            scores.append(Score(float(found.sum()), number))
        return scores

    def _read(self, beginning: Sequence[int], rows: int) -> Any:  # noqa: ANN401
        """Return the cache of `rows` texts that begin so, which is computed once; None for nothing."""
        if not beginning:
            return None
        tokens = torch.tensor([beginning], device=self._device)
        cache = self._run(tokens, torch.ones_like(tokens), 1).past_key_values
        cache.batch_repeat_interleave(rows)
        return cache

    def _greedy(self, given: Sequence[Sequence[int]], most_tokens: int) -> list[list[int]]:
        tokens, mask = self._padded(given)
        ends = torch.tensor(sorted(self.tokenizer.eos_tokens), device=self._device)
        said = torch.empty(len(given), 0, dtype=torch.int64, device=self._device)
        ended = torch.zeros(len(given), dtype=torch.bool, device=self._device)
        cache: Any = None
        for _ in range(most_tokens):
            output = self._run(tokens, mask, 1, cache)
            cache = output.past_key_values
            tokens = output.logits[:, -1].argmax(-1, keepdim=True)
            ended |= torch.isin(tokens[:, 0], ends)
            said = torch.cat((said, torch.where(ended[:, None], -1, tokens)), 1)
            mask = torch.cat((mask, torch.ones_like(tokens)), 1)
            if bool(ended.all()):
                break
        return [[token for token in row if token >= 0] for row in said.tolist()]

    def _run(self, tokens: Tensor, mask: Tensor, keep: int, cache: Any = None) -> Any:  # noqa: ANN401
        """Run both the cached and the new tokens' positions; `mask` covers all of them."""
        positions = (mask.cumsum(1) - 1).clamp(min=0)[:, -tokens.shape[1] :]
        return self._model(
            input_ids=tokens,
            attention_mask=mask,
            position_ids=positions,
            past_key_values=cache,
            use_cache=keep == 1,
            logits_to_keep=keep,
        )

    def _padded(self, rows: Sequence[Sequence[int]]) -> tuple[Tensor, Tensor]:
        """Return tokens and mask, both (B, T): the ends of the rows stand below one another."""
        length = max(map(len, rows))
        padded = [[0] * (length - len(row)) + list(row) for row in rows]
        mask = [[0] * (length - len(row)) + [1] * len(row) for row in rows]
        return torch.tensor(padded, device=self._device), torch.tensor(mask, device=self._device)

    def _hook(self, name: str) -> Any:  # noqa: ANN401
        first, second = self._lora[name]

        def add_lora(_: nn.Module, inputs: tuple[Tensor, ...], output: Tensor) -> Tensor | None:
            return output + (inputs[0] @ first.T) @ second.T if self._candidate else None

        return add_lora


def _shared(given: Sequence[Sequence[int]]) -> int:
    """Return with how many tokens all of them begin, at least one of each left over.

    Most of a short text is the template's own beginning, which is the same in all of them.
    """
    alike = takewhile(lambda column: len(set(column)) == 1, zip(*given, strict=False))
    return min(len(list(alike)), min(map(len, given)) - 1) if len(given) > 1 else 0


def _batches(lengths: Sequence[int]) -> Iterator[list[int]]:
    """Yield the places of texts that are run together: alike in length, so that little is padding."""
    batch: list[int] = []
    for index in sorted(range(len(lengths)), key=lambda index: -lengths[index]):
        if batch and lengths[batch[0]] * (len(batch) + 1) > _BATCH_TOKENS:
            yield batch
            batch = []
        batch.append(index)
    if batch:
        yield batch
