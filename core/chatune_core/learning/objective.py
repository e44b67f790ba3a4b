"""What one step of training minimises, and what is seen of it on the way."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from chatune_core.learning.batches import Batch, make_batch
from chatune_core.learning.losses import class_weights, dpo_loss, kto_loss, reference_point
from chatune_core.learning.policy import Policy
from chatune_core.learning.recipe import Recipe
from chatune_core.learning.reference import Reference
from chatune_core.learning.tokens import Compared, Example, Rated, TokenRow, sequences_of

_REMEMBERED = 0.8
"""Share of the reference point that comes from the steps before: a few rows alone are noisy."""


@dataclass(slots=True)
class Seen:
    """What one step adds up over its batches; sums over rows, rewards in nats."""

    loss: float = 0.0
    right: int = 0
    good_reward: float = 0.0
    bad_reward: float = 0.0
    good: int = 0
    bad: int = 0
    tokens: int = 0
    padding: int = 0
    computed: int = 0

    def batch(self, batch: Batch, tokens: int) -> None:
        """Count a batch that has `tokens` tokens without padding."""
        self.tokens += tokens
        self.padding += batch.tokens.numel() - tokens
        self.computed += batch.computed

    def reward(self, value: float, good: bool) -> None:
        """Count the implicit reward of one answer."""
        if good:
            self.good_reward, self.good = self.good_reward + value, self.good + 1
        else:
            self.bad_reward, self.bad = self.bad_reward + value, self.bad + 1

    @property
    def margin(self) -> float:
        """The mean reward of good answers less that of bad ones; NaN without both."""
        if not self.good or not self.bad:
            return math.nan
        return self.good_reward / self.good - self.bad_reward / self.bad


class Objective:
    """The losses of the recipe over the rows of a step; gradients are left to the caller."""

    def __init__(
        self,
        policy: Policy,
        examples: Sequence[Example],
        reference: Reference,
        mismatched: Sequence[TokenRow],
        replay: Sequence[TokenRow],
        chat: Sequence[TokenRow],
        recipe: Recipe,
    ) -> None:
        """Take the rows, what the base makes of them, and the general text to keep to."""
        self._policy, self._examples, self._recipe = policy, examples, recipe
        sizes = [len(sequences_of(example)) for example in examples]
        self._reference = torch.split(reference.rows.to(policy.device), sizes)
        self._mismatched, self._replay, self._chat = mismatched, replay, chat
        self._base_mismatched = reference.mismatched.to(policy.device)
        labels = [example.good for example in examples if isinstance(example, Rated)]
        self._good_weight, self._bad_weight = class_weights(sum(labels), labels.count(False))

    def preferences(self, numbers: Sequence[int], point: Tensor, seen: Seen) -> Tensor:
        """Return the summed loss of the examples with these numbers, computed together.

        KTO with class weights for thumbs, DPO for pairs, and for every good answer the anchor: its
        mean negative log-likelihood, as in RPO (Pang et al. 2024, arXiv:2404.19733, eq. 1).
        """
        examples, beta = [self._examples[number] for number in numbers], self._recipe.beta
        rows = [row for example in examples for row in sequences_of(example)]
        batch = make_batch(rows, self._policy.device)
        seen.batch(batch, sum(len(row.tokens) for row in rows))
        likelihood = batch.per_row(self._policy.log_likelihoods(batch))
        ratio = likelihood - torch.cat([self._reference[number] for number in numbers])
        length = batch.per_row(torch.ones_like(likelihood[batch.row]))
        rated, chosen = _places(examples)
        good = torch.tensor([label for _, label in rated], dtype=torch.bool, device=ratio.device)
        weight = torch.where(good, self._good_weight, self._bad_weight)
        kto = weight * kto_loss(ratio[[at for at, _ in rated]], good, point, beta)
        dpo = dpo_loss(ratio[chosen], ratio[[at + 1 for at in chosen]], beta)
        liked = [*chosen, *(at for at, label in rated if label)]
        anchor = -(likelihood[liked] / length[liked]).sum()
        _note(ratio, rated, chosen, point.item(), beta, seen)
        return kto.sum() + dpo.sum() + self._recipe.anchor * anchor

    def divergence(self, number: int, seen: Seen) -> Tensor | None:
        """Return KL(base || policy) on a passage of general text, nats a token; None without any."""
        return self._kept(self._replay, number, seen)

    def chat_divergence(self, number: int, seen: Seen) -> Tensor | None:
        """Return the same on a plain answer to a question."""
        return self._kept(self._chat if self._recipe.chat_replay else (), number, seen)

    def _kept(self, rows: Sequence[TokenRow], number: int, seen: Seen) -> Tensor | None:
        if not rows:
            return None
        batch = make_batch([rows[number % len(rows)]], self._policy.device)
        seen.batch(batch, batch.tokens.numel())
        return self._policy.divergences(batch).mean()

    def reference_point(self, number: int, before: float) -> Tensor:
        """Return KTO's z0 for step `number`, smoothed with what it was `before`."""
        count = min(self._recipe.mismatched_rows, len(self._mismatched))
        if not count:
            return torch.zeros((), device=self._policy.device)
        at = [(number * count + n) % len(self._mismatched) for n in range(count)]
        batch = make_batch([self._mismatched[n] for n in at], self._policy.device)
        with torch.no_grad():
            likelihood = batch.per_row(self._policy.log_likelihoods(batch))
        measured = reference_point(likelihood - self._base_mismatched[at])
        return _REMEMBERED * before + (1 - _REMEMBERED) * measured


def _places(examples: Sequence[Example]) -> tuple[list[tuple[int, bool]], list[int]]:
    """Return where the rated sequences are, with their labels, and where the chosen ones are."""
    rated: list[tuple[int, bool]] = []
    chosen: list[int] = []
    at = 0
    for example in examples:
        match example:
            case Rated(good=good):
                rated.append((at, good))
            case Compared():
                chosen.append(at)
        at += len(sequences_of(example))
    return rated, chosen


def _note(
    ratio: Tensor,
    rated: Sequence[tuple[int, bool]],
    chosen: Sequence[int],
    point: float,
    beta: float,
    seen: Seen,
) -> None:
    """Count the implicit rewards, beta times the log-ratio, and which are on the right side."""
    values: list[float] = ratio.detach().tolist()
    for at, good in rated:
        seen.right += (values[at] > point) == good
        seen.reward(beta * values[at], good)
    for at in chosen:
        seen.right += values[at] > values[at + 1]
        seen.reward(beta * values[at], True)
        seen.reward(beta * values[at + 1], False)
