"""What the base model thinks of every row, measured once before anything is trained."""

from __future__ import annotations

import random
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from chatune_core.learning.batches import alike, make_batch
from chatune_core.learning.policy import Policy
from chatune_core.learning.tokens import Rated, Tokenized, TokenRow, sequences_of


@dataclass(frozen=True, slots=True)
class Reference:
    """Log-probabilities under the base in nats, summed over the completion's tokens, float32.

    rows: of each example's sequences, (S,), the examples in order. mismatched: of `mismatched_rows`.
    """

    rows: Tensor
    mismatched: Tensor


def mismatched_rows(tokenized: Tokenized, most: int, seed: int) -> list[TokenRow]:
    """Return prompts of rated rows, each with the answer to another of them; see `reference_point`."""
    rated = [e.rated for e in tokenized.examples if isinstance(e, Rated)]
    if len(rated) < 2 or not most:
        return []
    chosen = random.Random(f"{seed}/mismatched").sample(rated, min(len(rated), max(most, 2)))
    return [
        TokenRow((*one.tokens[: one.start], *other.tokens[other.start :]), one.start)
        for one, other in zip(chosen, [*chosen[1:], chosen[0]], strict=True)
    ]


def measure(
    policy: Policy,
    sequences: Sequence[TokenRow],
    tokens_per_batch: int,
    breathe: Callable[[int, int], None],
) -> Tensor:
    """Return each sequence's log-probability under the base in nats, shape (S,), float32.

    Args:
        policy: whose base is measured.
        sequences: S of them.
        tokens_per_batch: computed at once, padding included.
        breathe: called after each batch with how many sequences are done, of how many.
    """
    found = torch.zeros(len(sequences))
    done = 0
    for numbers in alike([(1, len(row.tokens)) for row in sequences], tokens_per_batch):
        batch = make_batch([sequences[n] for n in numbers], policy.device)
        with policy.bare():
            found[numbers] = batch.per_row(policy.log_likelihoods(batch)).cpu()
        done += len(numbers)
        breathe(done, len(sequences))
    return found


def all_sequences(tokenized: Tokenized) -> list[TokenRow]:
    """Return the sequences of all examples in order."""
    return [sequence for example in tokenized.examples for sequence in sequences_of(example)]
