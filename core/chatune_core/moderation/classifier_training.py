"""Train the classifier: from labelled rows to a LoRA on MiniLM, and heads.

A plain loop on the CPU. A category that is unknown for a row counts for nothing there.
"""

from __future__ import annotations

import math
import random
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass

import torch
from torch import Tensor
from torch.nn.functional import binary_cross_entropy_with_logits, dropout, linear

from chatune_core.embedding.encoder import HIDDEN, Encoder, Linear, fastest_linear
from chatune_core.embedding.windows import Window, WindowTokenizer
from chatune_core.moderation.classifier import text_logits
from chatune_core.moderation.classifier_encoder import merged_scorer
from chatune_core.moderation.classifier_rows import UNKNOWN, Row
from chatune_core.moderation.classifier_weights import CATEGORIES

LEARNING_RATE = 1e-3
FROZEN_LAYERS = 2
"""The lowest layers stay as they are: words, not meaning; a quarter of the time."""
WARMUP = 0.06
BATCH_ROWS = 48
DROPOUT = 0.1
PROBE_STEPS = 60
PROBE_DECAY = 0.002
"""Of the heads' squares, while they alone are fitted."""


class LoraLinear(torch.nn.Module):
    """A frozen linear with a low-rank addition: y = x W' + b + (x A') B', ' for transposed.

    Source: Hu et al. 2021, arXiv:2106.09685, eq. 3, with their scale left out.
    """

    weight: Tensor
    bias: Tensor

    def __init__(self, weight: Tensor, bias: Tensor, rank: int, chance: torch.Generator) -> None:
        """Start as the frozen linear: A (rank, inputs) is random, B (outputs, rank) zero."""
        super().__init__()
        self.register_buffer("weight", weight)
        self.register_buffer("bias", bias)
        outputs, inputs = weight.shape
        self.a = torch.nn.Parameter(torch.randn(rank, inputs, generator=chance) / inputs**0.5)
        self.b = torch.nn.Parameter(torch.zeros(outputs, rank))

    def forward(self, x: Tensor) -> Tensor:
        """Return (N, outputs) for x of shape (N, inputs)."""
        return linear(x, self.weight, self.bias) + linear(linear(x, self.a), self.b)


class Trainee:
    """The encoder with a LoRA on every linear of its upper layers, and the heads."""

    def __init__(self, base: Mapping[str, Tensor], rank: int, seed: int) -> None:
        chance = torch.Generator().manual_seed(seed)
        self._base = base
        self._loras: dict[str, LoraLinear] = {}

        def make_linear(name: str, weight: Tensor, bias: Tensor) -> Linear:
            if int(name.split(".")[0]) < FROZEN_LAYERS:
                return fastest_linear(weight, bias)
            self._loras[name] = LoraLinear(weight, bias, rank, chance)
            return self._loras[name]

        self.encoder = Encoder(base, make_linear)
        self.heads = torch.nn.Linear(2 * HIDDEN, len(CATEGORIES))
        torch.nn.init.zeros_(self.heads.weight)
        torch.nn.init.constant_(self.heads.bias, -2.0)  # most texts are none of the categories

    def weights(self) -> dict[str, Tensor]:
        """Return what is trained, by the names of the weights file."""
        loras = {
            f"{name}.{part}": parameter
            for name, lora in self._loras.items()
            for part, parameter in lora.named_parameters()
        }
        return loras | {"heads.weight": self.heads.weight, "heads.bias": self.heads.bias}

    def loss(self, batch: Sequence[tuple[Row, Window]], positive_weight: Tensor) -> Tensor:
        """Return the mean over rows of the known categories' weighted cross-entropies, in nats.

        Args:
            batch: rows, each with one window of its text.
            positive_weight: shape (C,), how much more a 1 counts than a 0.
        """
        pooled = self.encoder.pooled([window for _, window in batch])
        logits = self.heads(dropout(pooled, DROPOUT))
        return masked_loss(logits, [row for row, _ in batch], positive_weight)

    def fit_heads(
        self, batches: Iterable[Sequence[tuple[Row, Window]]], positive_weight: Tensor
    ) -> None:
        """Fit the heads to the base model as it is, before any LoRA changes it.

        Training that begins with heads that know nothing drags the features about, and what the
        base model knew of rare categories is lost (Kumar et al. 2022, arXiv:2202.10054).
        """
        encoder = Encoder(self._base, lambda _, weight, bias: fastest_linear(weight, bias))
        rows: list[Row] = []
        parts: list[Tensor] = []
        for batch in batches:
            rows += [row for row, _ in batch]
            with torch.no_grad():
                parts.append(encoder.pooled([window for _, window in batch]))
        pooled = torch.cat(parts)
        mean, spread = pooled.mean(0), pooled.std(0) + 1e-6
        features = (pooled - mean) / spread
        optimizer = torch.optim.LBFGS(
            self.heads.parameters(), max_iter=PROBE_STEPS, line_search_fn="strong_wolfe"
        )

        def loss() -> Tensor:
            optimizer.zero_grad()
            size = self.heads.weight.square().sum()
            total = masked_loss(self.heads(features), rows, positive_weight) + PROBE_DECAY * size
            total.backward()  # type: ignore[no-untyped-call]
            return total

        optimizer.step(loss)  # type: ignore[no-untyped-call]
        with torch.no_grad():
            self.heads.weight.div_(spread)
            self.heads.bias.sub_(self.heads.weight @ mean)

    def text_logits(self, texts: Sequence[str], tokenizer: WindowTokenizer) -> Tensor:
        """Return the logits (B, C) of whole texts, computed as the classifier will on this CPU."""
        # As rounded as they will be in the file.
        weights = {name: tensor.detach().half().float() for name, tensor in self.weights().items()}
        scorer = merged_scorer(self._base, weights)
        return torch.tensor(text_logits(texts, tokenizer, scorer))


def masked_loss(logits: Tensor, rows: Sequence[Row], positive_weight: Tensor) -> Tensor:
    """Return the mean over rows of the known categories' weighted cross-entropies, in nats.

    Args:
        logits: shape (B, C).
        rows: B rows.
        positive_weight: shape (C,), how much more a 1 counts than a 0.
    """
    known = torch.tensor(
        [[row.known.get(category, UNKNOWN) for category in CATEGORIES] for row in rows]
    )
    labels, weights = known.unbind(2)
    loss = binary_cross_entropy_with_logits(
        logits, labels, weights, pos_weight=positive_weight, reduction="sum"
    )
    return loss / len(rows)


def positive_weights(rows: Sequence[Row]) -> Tensor:
    """Return (C,): the square root of how many times rarer a 1 is than a 0 in an epoch, 6 at most."""
    weights = []
    for category in CATEGORIES:
        totals = [1.0, 1.0]
        for row in rows:
            label, weight = row.known.get(category, UNKNOWN)
            totals[int(label)] += weight * row.share
        weights.append(min(6.0, max(1.0, math.sqrt(totals[0] / totals[1]))))
    return torch.tensor(weights)


def epoch_batches(
    rows: Sequence[tuple[Row, Sequence[Window]]], chance: random.Random
) -> Iterator[list[tuple[Row, Window]]]:
    """Yield an epoch's batches: each row as often as its share says, of long texts one window."""
    drawn: list[tuple[Row, Window]] = []
    for row, windows in rows:
        times = int(row.share) + (chance.random() < row.share % 1)
        drawn += [(row, chance.choice(windows)) for _ in range(times)]
    chance.shuffle(drawn)
    for start in range(0, len(drawn), BATCH_ROWS):
        yield drawn[start : start + BATCH_ROWS]


def learning_rate_at(progress: float) -> float:
    """Return the share of the full learning rate: a short warm-up, then a line down to nothing."""
    return min(progress / WARMUP, (1 - progress) / (1 - WARMUP))


@dataclass(frozen=True, slots=True)
class Step:
    """A step that was made: its number in the epoch from 1, of how many, and its loss."""

    epoch: int
    number: int
    of: int
    loss: float


def train(
    trainee: Trainee,
    rows: Sequence[Row],
    tokenizer: WindowTokenizer,
    epochs: int,
    seed: int,
) -> Iterator[Step]:
    """Train, a step each time that the next one is asked for; the same for the same seed."""
    chance = random.Random(seed)
    torch.manual_seed(seed)
    parameters = list(trainee.weights().values())
    optimizer = torch.optim.AdamW(parameters, lr=LEARNING_RATE, weight_decay=0.01)
    positive_weight = positive_weights(rows)
    cut = [(row, tokenizer.windows(row.text)) for row in rows]
    trainee.fit_heads(epoch_batches(cut, chance), positive_weight)
    for epoch in range(epochs):
        batches = list(epoch_batches(cut, chance))
        for number, batch in enumerate(batches, start=1):
            progress = (epoch + (number - 0.5) / len(batches)) / epochs
            optimizer.param_groups[0]["lr"] = LEARNING_RATE * learning_rate_at(progress)
            loss = trainee.loss(batch, positive_weight)
            optimizer.zero_grad()
            loss.backward()  # type: ignore[no-untyped-call]
            torch.nn.utils.clip_grad_norm_(parameters, 1.0)
            optimizer.step()
            yield Step(epoch + 1, number, len(batches), loss.item())
