"""Tests that hold whenever one looks: e-processes and confidence sequences. Pure arithmetic.

A sum of evidence is looked at again and again while it grows, and whoever looks often enough sees
chance. What is here bounds the error over all looks together, however many there are.
"""

import math
from collections.abc import Callable, Sequence
from itertools import islice

STEPS = (0.2, 0.4, 0.8, 1.6)
"""Differences of log odds that are bet on, each with the same share of the stake."""


def more_often(control: Sequence[bool], treated: Sequence[bool], ratio: int = 1) -> float:
    """Return the e-value for "True is more frequent in `treated` than in `control`".

    While it is not, the value reaches 1 / alpha at any time with probability alpha at most, whatever the
    rates are (Ville's inequality), so one may look after each observation and stop when one likes.

    Both streams are cut into blocks of one treated and `ratio` controls, in order; what does not fill a
    block yet is left out. The e-value of a block is that of Turner, Ly & Gruenwald 2021,
    arXiv:2106.02693, theorem 1: the likelihood under the rates that are bet on, over that under their mean weighted
    by the block. It is made for "the rates are the same"; where the bet is on more in `treated`, its
    expectation grows with the rate there and falls with that of the controls, so it holds for
    "treated is at most control" as well. The rates of a block are bet on before it is seen: the mean of all
    blocks before, shifted by each of `STEPS`. The mean of several e-processes is one.

    Args:
        control: outcomes of the controls, oldest first.
        treated: outcomes of the treated, oldest first.
        ratio: controls in a block, >= 1; chosen before the data is seen.
    """
    stakes = [0.0] * len(STEPS)  # logarithms, in nats
    yes, seen = 1.0, 2.0  # as if one of each had been seen, so that no rate is 0 or 1
    controls = iter(control)
    for one in treated:
        block = list(islice(controls, ratio))
        if len(block) < ratio:
            break
        mean = math.log(yes / (seen - yes))
        for place, step in enumerate(STEPS):
            stakes[place] += _log_evidence(block, one, mean, step)
        yes += one + sum(block)
        seen += 1 + ratio
    return math.exp(min(700.0, _log_mean(stakes)))


def rate_bounds(yes: int, seen: int, alpha: float) -> tuple[float, float]:
    """Return bounds that hold the rate at all times together with probability 1 - alpha.

    The set of rates at which the mixture of all rates is less than 1 / alpha times as likely as the rate
    itself: Robbins 1970, doi:10.1214/aoms/1177696786, with a uniform mixture, whose likelihood is
    Beta(yes + 1, no + 1). It depends on the counts alone.

    Args:
        yes: how often it was so. seen: of how many. alpha: in (0, 1).
    """
    no = seen - yes
    mixed = math.lgamma(yes + 1) + math.lgamma(no + 1) - math.lgamma(seen + 2)

    def excluded(rate: float) -> bool:
        own = (yes * math.log(rate) if yes else 0.0) + (no * math.log1p(-rate) if no else 0.0)
        return mixed - own >= math.log(1 / alpha)

    mean = yes / seen if seen else 0.5
    low = 0.0 if yes == 0 else _edge(excluded, 0.0, mean)
    high = 1.0 if no == 0 else _edge(excluded, 1.0, mean)
    return low, high


def mean_bounds(total: float, squares: float, seen: int, alpha: float) -> tuple[float, float]:
    """Return bounds that hold a mean at all times together with probability about 1 - alpha.

    The asymptotic confidence sequence of Waudby-Smith, Arbour, Sinha, Kennedy & Ramdas 2021,
    arXiv:2103.06476, theorem 2.2 with rho = 1 / 4; it holds from some tens of observations on.

    Args:
        total, squares: sums of the values and of their squares. seen: of how many, >= 1.
    """
    mean = total / seen
    spread = math.sqrt(max(0.0, squares / seen - mean**2))
    weight = seen / 16 + 1  # n rho^2 + 1
    width = math.sqrt(2 * weight / (seen**2 / 16) * math.log(math.sqrt(weight) / alpha))
    return mean - spread * width, mean + spread * width


def _log_evidence(block: Sequence[bool], one: bool, mean: float, step: float) -> float:
    ratio = len(block)
    treated = _rate(mean + step * ratio / (ratio + 1))
    control = _rate(mean - step / (ratio + 1))
    same = (treated + ratio * control) / (ratio + 1)
    good = sum(block)
    evidence = math.log(treated / same if one else (1 - treated) / (1 - same))
    evidence += good * math.log(control / same)
    return evidence + (ratio - good) * math.log((1 - control) / (1 - same))


def _rate(log_odds: float) -> float:
    return 1 / (1 + math.exp(-log_odds))


def _log_mean(logarithms: Sequence[float]) -> float:
    most = max(logarithms)
    return most + math.log(sum(math.exp(each - most) for each in logarithms) / len(logarithms))


def _edge(excluded: Callable[[float], bool], outside: float, inside: float) -> float:
    """Return where the rates that are left end, between one that is `outside` and one `inside`."""
    for _ in range(50):
        between = (outside + inside) / 2
        outside, inside = (between, inside) if excluded(between) else (outside, between)
    return outside
