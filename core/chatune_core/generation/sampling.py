"""From logits to the next token: every row by its own rules, all rows in a few operations.

The order is that of transformers: repetition penalty, temperature, top-k, top-p, min-p. A row
draws one uniform number a token from its own generator and inverts the cumulative distribution
over tokens in descending probability, so what it gets depends neither on who else is in the
batch nor on its place there.

Sorting the whole vocabulary is what makes sampling slow, and it is rarely needed: the allowed
mass mostly lies in the 64 best tokens. A row whose draw falls beyond looks at 1024, then at all.
"""

from __future__ import annotations

import math
import random
from collections.abc import Sequence

import torch
from torch import Tensor

from chatune_core.generation.requests import Sampling

_TIERS = (64, 1024)
_BLOCK = 64
_WIDEN, _UNUSABLE = -1, -2


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
    rules = _Rules.of(choices, vocabulary=logits.shape[-1])
    scaled = logits / rules.temperature.to(logits)
    picked: list[int | None] = [None] * len(choices)
    rows = list(range(len(choices)))
    log_mass = torch.empty(0)
    for width in (*_TIERS, logits.shape[-1]):
        best, tokens = _best(_rows(scaled, rows), min(width, logits.shape[-1]))
        if not len(log_mass):
            log_mass = _log_mass(scaled, best, tokens)
        places = _places(best.double().cpu(), log_mass[rows], rules.rows(rows))
        chosen = tokens.cpu().gather(-1, places.clamp(min=0).unsqueeze(-1)).squeeze(-1).tolist()
        found = places.tolist()
        for row, place, token in zip(rows, found, chosen, strict=True):
            picked[row] = token if place >= 0 else None
        rows = [row for row, place in zip(rows, found, strict=True) if place == _WIDEN]
        if not rows:
            break
    return picked


class _Rules:
    """The rules of R rows as columns, shape (R, 1), float64 on the CPU, and one draw for each."""

    def __init__(self, table: Tensor, vocabulary: int) -> None:
        self._table = table
        self.vocabulary = vocabulary
        self.temperature = table[:, 0:1]
        self.top_k = table[:, 1:2]
        self.top_p = table[:, 2:3]
        self.log_min_p = table[:, 3:4]
        self.uniform = table[:, 4:5]

    @classmethod
    def of(cls, choices: Sequence[TokenChoice], vocabulary: int) -> _Rules:
        rows = [
            (
                choice.sampling.temperature,
                float(choice.sampling.top_k or vocabulary),
                choice.sampling.top_p,
                math.log(choice.sampling.min_p) if choice.sampling.min_p else -math.inf,
                choice.draw(),
            )
            for choice in choices
        ]
        return cls(torch.tensor(rows, dtype=torch.float64), vocabulary)

    def rows(self, rows: list[int]) -> _Rules:
        """Return the rules of some rows."""
        return self if len(rows) == len(self._table) else _Rules(self._table[rows], self.vocabulary)


def _places(best: Tensor, log_mass: Tensor, rules: _Rules) -> Tensor:
    """Return where each row's draw falls among its candidates, shape (R,), int64.

    `_WIDEN` says that the candidates do not decide it, `_UNUSABLE` that a logit is not a number.
    Every rule allows a run of the best tokens, so what is allowed together is the shortest run.

    Args:
        best: the K highest logits over temperature, descending, shape (R, K), float64.
        log_mass: logarithm of the sum of exp over the whole row, shape (R, 1), float64.
        rules: the rules of these rows.
    """
    width = best.shape[-1]
    whole = width == rules.vocabulary
    in_top_k = torch.arange(width) < rules.top_k
    limited = rules.top_k < rules.vocabulary
    top_mass = best.masked_fill(~in_top_k, -torch.inf).logsumexp(-1, keepdim=True)
    probability = (best - torch.where(limited, top_mass, log_mass)).exp()
    cumulative = probability.cumsum(-1)
    allowed = (
        in_top_k
        & (cumulative - probability < rules.top_p)
        & (best >= best[:, :1] + rules.log_min_p)
    )
    run = allowed.sum(-1, keepdim=True).clamp(min=1)
    free = ~limited & (rules.top_p >= 1) & (rules.log_min_p == -torch.inf)
    mass = torch.where(free, 1.0, cumulative.gather(-1, run - 1))
    drawn = rules.uniform * mass
    decided = (
        whole
        | (limited & (rules.top_k <= width))
        | (~limited & (run < width))
        | (free & (cumulative[:, -1:] > drawn))
    )
    place = (cumulative <= drawn).sum(-1, keepdim=True).minimum(run - 1)
    place = place.where(decided, _WIDEN)
    usable = best[:, :1].isfinite() & log_mass.isfinite()
    return place.where(usable, _UNUSABLE).squeeze(-1)


def _log_mass(scaled: Tensor, best: Tensor, tokens: Tensor) -> Tensor:
    """Return log sum exp of each row of `scaled`, shape (B, 1), float64 on the CPU."""
    # One fused pass; torch.logsumexp takes twice as long on the CPU.
    first = scaled.log_softmax(-1).gather(-1, tokens[:, :1])
    return (best[:, :1] - first).double().cpu()


def _best(scaled: Tensor, width: int) -> tuple[Tensor, Tensor]:
    """Return the `width` highest of each row and their tokens, descending, shape (R, width).

    The highest `width` lie in the `width` blocks with the highest maxima, which leaves a small
    part of the row to search: three times as fast as topk over the whole at V 49152.
    """
    rows, vocabulary = scaled.shape
    if width == vocabulary:
        return scaled.sort(dim=-1, descending=True)
    if vocabulary % _BLOCK or width * _BLOCK * 2 > vocabulary:
        return scaled.topk(width)
    blocks = scaled.view(rows, -1, _BLOCK)
    block = blocks.amax(-1).topk(width, sorted=False).indices
    candidates = blocks.gather(1, block.unsqueeze(-1).expand(-1, -1, _BLOCK)).view(rows, -1)
    best, place = candidates.topk(width)
    return best, block.gather(-1, place // _BLOCK) * _BLOCK + place % _BLOCK
