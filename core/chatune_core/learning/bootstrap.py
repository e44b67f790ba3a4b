"""How much better than the base model a candidate ranks held-out votes, and how surely.

A pair says which of two answers to one question is better: a model is right if it gives the chosen
one the higher score. Thumbs are of different questions, so their scores cannot be compared; by how
much the candidate has raised an answer over the base model can. That is the implicit reward of DPO
and KTO (Rafailov et al. 2023, arXiv:2305.18290, eq. 5; Ethayarajh et al. 2024, arXiv:2402.01306,
section 4), and the share of good and bad answers that it ranks right is the area under its ROC
curve (Hanley and McNeil 1982). The base model raises nothing over itself: there it is one half.

Votes of one person are alike, so people are drawn again, not votes: the cluster bootstrap (Efron
and Tibshirani 1993, chapter 8). With the few people of a held-out part its percentiles are far too
narrow; Student's t around the bootstrap's standard error is not (docs/learning.md has figures).
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from chatune_core.learning.measured import Interval
from chatune_core.learning.rows import Pair, Row, Thumb
from chatune_core.messages import UserId

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    Numbers = NDArray[np.float64]

DRAWS = 2000
"""Of people; the standard error is then within about 3 % of that of endlessly many."""


@dataclass(frozen=True, slots=True)
class ScoredPair:
    """By how much each model puts the chosen answer above the rejected one, in nats a token."""

    judge: UserId
    before: float
    after: float


@dataclass(frozen=True, slots=True)
class ScoredThumb:
    """By how much the candidate has raised the rated answer over the base, in nats a token."""

    judge: UserId
    good: bool
    raised: float


@dataclass(frozen=True, slots=True)
class Accuracy:
    """Held-out preference accuracy of both models, from 0 to 1, and the gain between them."""

    before: float
    after: float
    gain: Interval


def comparable(rows: Sequence[Row]) -> tuple[int, int]:
    """Return how many votes can be compared (see `Measured.votes`), and of how many people."""
    goods = [row.good for row in rows if isinstance(row, Thumb)]
    both = 2 * min(goods.count(True), goods.count(False))
    counted = [row for row in rows if both or isinstance(row, Pair)]
    return len(rows) - len(goods) + both, len({row.judge for row in counted})


def accuracy(
    pairs: Sequence[ScoredPair], thumbs: Sequence[ScoredThumb], confidence: float, seed: int
) -> Accuracy:
    """Return how well both rank the votes; NaN where nothing can be compared or was measured.

    Pairs and thumbs count by how many votes of them can be compared.
    """
    unmeasured = any(not math.isfinite(pair.before + pair.after) for pair in pairs)
    unmeasured |= any(not math.isfinite(thumb.raised) for thumb in thumbs)
    goods = sum(thumb.good for thumb in thumbs)
    tables = Tables.of(pairs, thumbs if 0 < goods < len(thumbs) else ())
    if unmeasured or not tables.weight:
        nan = math.nan
        return Accuracy(nan, nan, Interval(nan, nan, nan, confidence))
    before, after = (float(values[0]) for values in tables.accuracies(tables.everyone))
    was, now = tables.accuracies(tables.drawn(DRAWS, seed))
    reach = _reach(float((now - was).std(ddof=1)), tables.judges, confidence)
    gain = after - before
    return Accuracy(before, after, Interval(gain, gain - reach, gain + reach, confidence))


def _reach(error: float, judges: int, confidence: float) -> float:
    """Return how far the interval goes to both sides.

    A bootstrap of n draws has a variance that is too small by (n - 1) / n (Hesterberg 2015,
    doi:10.1080/00031305.2015.1089789, section 4).
    """
    if judges < 2:
        return math.inf
    quantile = student_t((1 + confidence) / 2, judges - 1)
    return quantile * error * math.sqrt(judges / (judges - 1))


@dataclass(frozen=True, slots=True)
class Tables:
    """What each judge adds, so that a draw of judges is a few products. J judges.

    pairs: (3, J), how many, how many of them right before and after. goods, bads: (J,).
    wins: (J, J), how often a good answer of one is raised above a bad one of the other.
    """

    pairs: Numbers
    goods: Numbers
    bads: Numbers
    wins: Numbers

    @staticmethod
    def of(pairs: Sequence[ScoredPair], thumbs: Sequence[ScoredThumb]) -> Tables:
        """Return the tables of these votes."""
        import numpy as np

        judges = sorted({pair.judge for pair in pairs} | {thumb.judge for thumb in thumbs})
        place = {judge: index for index, judge in enumerate(judges)}
        counts = np.zeros((3, len(judges)))
        for pair in pairs:
            counts[:, place[pair.judge]] += (1, _right(pair.before), _right(pair.after))
        raised: dict[bool, list[list[float]]] = {
            kind: [[] for _ in judges] for kind in (True, False)
        }
        for thumb in thumbs:
            raised[thumb.good][place[thumb.judge]].append(thumb.raised)
        goods, bads = (
            np.array([len(values) for values in raised[kind]], np.float64) for kind in (True, False)
        )
        wins = np.zeros((len(judges), len(judges)))
        owners = np.repeat(np.arange(len(judges)), goods.astype(np.int64))
        good = np.array([value for values in raised[True] for value in values])
        for index, values in enumerate(raised[False]):
            bad = np.sort(np.array(values))
            above = np.searchsorted(bad, good, "left") + np.searchsorted(bad, good, "right")
            wins[:, index] = np.bincount(owners, above / 2, len(judges))
        return Tables(counts, goods, bads, wins)

    @property
    def judges(self) -> int:
        """Return J."""
        return len(self.goods)

    @property
    def everyone(self) -> Numbers:
        """Return the draw in which everybody is once, shape (1, J)."""
        import numpy as np

        return np.ones((1, self.judges))

    def drawn(self, draws: int, seed: int) -> Numbers:
        """Return how often each judge is drawn in so many draws of J, shape (D, J)."""
        import numpy as np

        shares = np.full(self.judges, 1 / self.judges)
        drawn = np.random.default_rng(seed).multinomial(self.judges, shares, size=draws)
        return drawn.astype(np.float64)

    @property
    def weight(self) -> float:
        """Return how many votes can be compared."""
        return float(self.pairs[0].sum() + self._thumbs)

    @property
    def _thumbs(self) -> float:
        return float(2 * min(self.goods.sum(), self.bads.sum()))

    def accuracies(self, drawn: Numbers) -> tuple[Numbers, Numbers]:
        """Return both accuracies of each draw, shape (D,); `drawn` says how often, (D, J)."""
        import numpy as np

        number, right_before, right_after = (drawn @ row for row in self.pairs)
        compared = (drawn @ self.goods) * (drawn @ self.bads)
        ranked = np.einsum("dj,dj->d", drawn @ self.wins, drawn)
        share = self._thumbs / self.weight
        # A draw in which nothing can be compared says nothing for the candidate.
        area = np.where(compared > 0, ranked / np.maximum(compared, 1), 0.5)
        return (
            (1 - share) * right_before / np.maximum(number, 1) + share * 0.5,
            (1 - share) * right_after / np.maximum(number, 1) + share * area,
        )


def _right(above: float) -> float:
    return 0.5 if above == 0 else float(above > 0)


def student_t(probability: float, freedom: int) -> float:
    """Return the quantile of Student's t, for probabilities from 0.5 up, to five digits."""
    low, high = 0.0, math.pi / 2
    for _ in range(40):
        middle = (low + high) / 2
        if 0.5 + _between(middle, freedom) < probability:
            low = middle
        else:
            high = middle
    return math.sqrt(freedom) * math.tan((low + high) / 2)


def _between(angle: float, freedom: int, steps: int = 100) -> float:
    """Return the probability of 0 < t < sqrt(freedom) * tan(angle), by Simpson's rule.

    With that substitution the density is a power of the cosine.
    """
    width = angle / steps
    total = 1.0 + math.cos(angle) ** (freedom - 1)
    for step in range(1, steps):
        total += (4 if step % 2 else 2) * math.cos(step * width) ** (freedom - 1)
    scale = math.lgamma((freedom + 1) / 2) - math.lgamma(freedom / 2) - math.log(math.pi) / 2
    return total * width / 3 * math.exp(scale)
