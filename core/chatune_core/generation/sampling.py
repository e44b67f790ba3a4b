"""From logits to the next token: every row by its own rules, all rows in a few operations.

The order is that of transformers: repetition penalty, temperature, top-k, top-p, min-p. A row
draws one uniform number a token from its own generator and inverts the cumulative distribution
over tokens in descending probability, so what it gets depends neither on who else is in the
batch nor on its place there.

Sorting the whole vocabulary is what makes sampling slow, and it is rarely needed: the allowed
mass mostly lies in the 64 best tokens. A row whose draw falls beyond looks further, at last at all.
"""

from __future__ import annotations

import random
from collections.abc import Sequence

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from chatune_core.generation.requests import Sampling

_TIERS = (64, 256, 1024, 4096)
_BLOCK = 64
_WIDEN, _UNUSABLE = -1, -2
_LOWEST_POWER = -80.0

Numbers = NDArray[np.float64]


class TokenChoice:
    """The sampling state of one request: its rules, its random numbers, the tokens it has seen."""

    def __init__(self, sampling: Sampling, seed: int, prompt: Sequence[int], room: int) -> None:
        """Take the rules; `room` is how many tokens prompt and completion may have together."""
        self.sampling = sampling
        # Stable over machines and versions of torch, and 50 times as fast as a torch.Generator.
        self._uniform = random.Random(seed).random
        self._seen = torch.zeros(0, dtype=torch.long)
        self._count = 0
        if self.penalised:
            self._seen = torch.zeros(room, dtype=torch.long)
            self._seen[: len(prompt)] = torch.tensor(prompt, dtype=torch.long)
            self._count = len(prompt)

    @property
    def penalised(self) -> bool:
        """Whether tokens that were seen count less."""
        return self.sampling.repetition_penalty != 1.0

    @property
    def greedy(self) -> bool:
        """Whether the best token is taken, without a draw."""
        return self.sampling.temperature == 0.0

    @property
    def seen(self) -> Tensor:
        """Return the tokens of prompt and completion, shape (T,), int64, repeats included."""
        return self._seen[: self._count]

    def draw(self) -> float:
        """Return the next uniform number in [0, 1); one is drawn for every token."""
        return self._uniform()

    def see(self, token: int) -> None:
        """Add a token of the completion."""
        if self.penalised:
            self._seen[self._count] = token
            self._count += 1


def choose(logits: Tensor, choices: Sequence[TokenChoice]) -> list[int | None]:
    """Return the next token of each row, or None for a row whose logits are not usable.

    Args:
        logits: shape (B, V), float32, any device; changed in place where a penalty applies.
        choices: the B states, in row order; each is told its token.
    """
    _penalise(logits, choices)
    greedy = [row for row, choice in enumerate(choices) if choice.greedy]
    drawn = [row for row, choice in enumerate(choices) if not choice.greedy]
    tokens: list[int | None] = [None] * len(choices)
    if greedy:
        best = _rows(logits, greedy).max(dim=-1)
        for row, value, token in zip(
            greedy, best.values.tolist(), best.indices.tolist(), strict=True
        ):
            tokens[row] = token if abs(value) < torch.inf else None
    if drawn:
        picked = _draw(_rows(logits, drawn), [choices[row] for row in drawn])
        for row, token in zip(drawn, picked, strict=True):
            tokens[row] = token
    for choice, token in zip(choices, tokens, strict=True):
        if token is not None:
            choice.see(token)
    return tokens


def _rows(logits: Tensor, rows: list[int]) -> Tensor:
    return logits if len(rows) == len(logits) else logits[rows]


def _penalise(logits: Tensor, choices: Sequence[TokenChoice]) -> None:
    """Divide positive and multiply negative logits of seen tokens by the penalty, in place.

    Source: Keskar et al. 2019, arXiv:1909.05858, section 4.1, with transformers' treatment of
    negative logits. A repeated token is penalised once: every write has the same value.
    """
    rows = [row for row, choice in enumerate(choices) if choice.penalised]
    if not rows:
        return
    seen = [choices[row].seen for row in rows]
    counts = torch.tensor([len(tokens) for tokens in seen])
    penalties = torch.tensor([choices[row].sampling.repetition_penalty for row in rows])
    row_index = torch.tensor(rows).repeat_interleave(counts).to(logits.device)
    token_index = torch.cat(seen).to(logits.device)
    penalty = penalties.repeat_interleave(counts).to(logits.device)
    values = logits[row_index, token_index]
    logits[row_index, token_index] = torch.where(values > 0, values / penalty, values * penalty)


def _draw(logits: Tensor, choices: Sequence[TokenChoice]) -> list[int | None]:
    """Draw one token for each row of `logits`, shape (B, V), from as few candidates as it takes."""
    vocabulary = logits.shape[-1]
    rules = _Rules.of(choices, vocabulary)
    picked: list[int | None] = [None] * len(choices)
    rows = list(range(len(choices)))
    mass = np.empty(0)
    for width in (*_TIERS, vocabulary):
        best, tokens = _best(_rows(logits, rows), min(width, vocabulary))
        if not len(mass):
            mass = _mass(logits, best[:, :1], rules.temperature)
        found = _places(_numbers(best), mass[rows], rules.rows(rows))
        candidates = tokens.cpu().numpy()
        for at, (row, place) in enumerate(zip(rows, found, strict=True)):
            picked[row] = int(candidates[at, place]) if place >= 0 else None
        rows = [row for row, place in zip(rows, found, strict=True) if place == _WIDEN]
        if not rows:
            break
    return picked


class _Rules:
    """The rules of R rows as columns, shape (R, 1), float64, and one uniform draw for each."""

    def __init__(self, table: Numbers, vocabulary: int) -> None:
        self._table, self.vocabulary = table, vocabulary
        self.temperature, self.top_k, self.top_p, self.min_p, self.uniform = table.T[..., None]
        self.limited = self.top_k < vocabulary
        self.free = ~self.limited & (self.top_p >= 1) & (self.min_p == 0)

    @classmethod
    def of(cls, choices: Sequence[TokenChoice], vocabulary: int) -> _Rules:
        rows = []
        for choice in choices:
            rule = choice.sampling
            top_k = rule.top_k or vocabulary
            rows.append((rule.temperature, top_k, rule.top_p, rule.min_p, choice.draw()))
        return cls(np.array(rows, dtype=np.float64), vocabulary)

    def rows(self, rows: list[int]) -> _Rules:
        """Return the rules of some rows."""
        return self if len(rows) == len(self._table) else _Rules(self._table[rows], self.vocabulary)


def _places(best: Numbers, whole: Numbers, rules: _Rules) -> list[int]:
    """Return where each row's draw falls among its candidates.

    `_WIDEN` says that the candidates do not decide it, `_UNUSABLE` that a logit is not a number.
    Every rule allows a run of the best tokens, so what is allowed together is the shortest run.

    Args:
        best: the K highest logits, descending, shape (R, K), float64.
        whole: sum of exp((logit - best) / temperature) over the whole row, shape (R, 1).
        rules: the rules of these rows.
    """
    width = best.shape[-1]
    usable = np.isfinite(best[:, :1]) & np.isfinite(whole)
    best, whole = np.where(usable, best, 0.0), np.where(usable, whole, 1.0)
    in_top_k = np.arange(width) < rules.top_k
    weight = np.where(in_top_k, np.exp((best - best[:, :1]) / rules.temperature), 0.0)
    probability = weight / np.where(rules.limited, weight.sum(-1, keepdims=True), whole)
    cumulative = probability.cumsum(-1)
    allowed = (cumulative - probability < rules.top_p) & (weight >= rules.min_p) & in_top_k
    run = np.maximum(allowed.sum(-1, keepdims=True), 1)
    mass = np.where(rules.free, 1.0, np.take_along_axis(cumulative, run - 1, -1))
    drawn = rules.uniform * mass
    decided = np.where(rules.limited, rules.top_k <= width, run < width)
    decided |= (width == rules.vocabulary) | (rules.free & (cumulative[:, -1:] > drawn))
    place = np.minimum((cumulative <= drawn).sum(-1, keepdims=True), run - 1)
    places = np.where(usable, np.where(decided, place, _WIDEN), _UNUSABLE)
    return [int(place) for place in places[:, 0]]


def _mass(logits: Tensor, best: Tensor, temperature: Numbers) -> Numbers:
    """Return the sum of exp((logit - best) / temperature) over each row, shape (B, 1), float64."""
    # A single array worked on in place: torch.logsumexp takes a fresh one for every operation,
    # and the page faults cost four times the arithmetic at B 32, V 49152.
    powers = (logits - best).mul_(torch.from_numpy(1.0 / temperature).to(logits))
    # What is left out is below the last bit of the sum, and exp of it would be a denormal number,
    # which the CPU takes 30 times as long for: most of the row is, at temperature 0.2.
    return _numbers(powers.clamp_(min=_LOWEST_POWER).exp_().sum(-1, keepdim=True))


def _numbers(tensor: Tensor) -> Numbers:
    """Return `tensor` as float64; on arrays this small numpy is several times as fast as torch."""
    numbers: Numbers = tensor.cpu().numpy().astype(np.float64)
    return numbers


def _best(logits: Tensor, width: int) -> tuple[Tensor, Tensor]:
    """Return the `width` highest of each row and their tokens, descending, shape (R, width).

    The highest `width` lie in the `width` blocks with the highest maxima, which leaves a small
    part of the row to search: three times as fast as topk over the whole at V 49152.
    """
    rows, vocabulary = logits.shape
    if width == vocabulary:
        return logits.sort(dim=-1, descending=True)
    if vocabulary % _BLOCK or width * _BLOCK * 2 > vocabulary:
        return logits.topk(width)
    blocks = logits.view(rows, -1, _BLOCK)
    block = blocks.amax(-1).topk(width, sorted=False).indices
    candidates = blocks.gather(1, block.unsqueeze(-1).expand(-1, -1, _BLOCK)).view(rows, -1)
    best, place = candidates.topk(width)
    return best, block.gather(-1, place // _BLOCK) * _BLOCK + place % _BLOCK
