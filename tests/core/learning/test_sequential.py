"""Tests that hold whenever one looks: simulated with every look that there could be."""

import math
import random
from collections.abc import Iterator
from itertools import product

import pytest

from chatune_core.learning.sequential import mean_bounds, more_often, rate_bounds

ALPHA = 0.05


def stream(chance: random.Random, rate: float, length: int) -> list[bool]:
    return [chance.random() < rate for _ in range(length)]


def crossings(control: float, treated: float, ratio: int, runs: int = 200) -> Iterator[bool]:
    """Yield whether each of many runs ever reaches 1 / alpha, with looks all along the way."""
    chance = random.Random(11)
    for _ in range(runs):
        one, other = stream(chance, treated, 80), stream(chance, control, 80 * ratio)
        looks = range(8, 81, 8)
        yield any(
            more_often(other[: look * ratio], one[:look], ratio) >= 1 / ALPHA for look in looks
        )


@pytest.mark.parametrize(
    ("control", "treated", "ratio"), [(0.5, 0.5, 1), (0.8, 0.8, 4), (0.6, 0.5, 1)]
)
def test_without_a_difference_it_crosses_no_more_often_than_alpha(
    control: float, treated: float, ratio: int
) -> None:
    assert sum(crossings(control, treated, ratio)) <= ALPHA * 200


def test_a_difference_is_found() -> None:
    assert sum(crossings(0.4, 0.75, 1)) >= 0.9 * 200


@pytest.mark.parametrize("ratio", [1, 3])
@pytest.mark.parametrize("seen", [[], [True, True, False, True]])
@pytest.mark.parametrize(("control", "treated"), [(0.1, 0.1), (0.5, 0.5), (0.9, 0.9), (0.7, 0.4)])
def test_no_block_is_expected_to_gain_where_treated_is_not_better(
    ratio: int, seen: list[bool], control: float, treated: float
) -> None:
    """Summed over everything that the next block may be: the very definition of an e-value."""
    past = [each for each in seen for _ in range(ratio)]
    before = more_often(past, seen, ratio)

    expected = 0.0
    for one, *block in product([True, False], repeat=ratio + 1):
        chance = treated if one else 1 - treated
        chance *= math.prod(control if each else 1 - control for each in block)
        expected += chance * more_often([*past, *block], [*seen, one], ratio)

    assert expected <= before * (1 + 1e-12)


def test_evidence_is_one_without_whole_blocks_and_grows_with_a_difference() -> None:
    assert more_often([], []) == 1.0
    assert more_often([True] * 3, [True], ratio=4) == 1.0
    assert more_often([False] * 3, [True]) == more_often([False], [True, True, True])
    assert more_often([False] * 20, [True] * 20) > 1000
    assert more_often([True] * 20, [False] * 20) < 0.05
    assert more_often([False] * 9000, [True] * 9000) < math.inf


@pytest.mark.parametrize("rate", [0.02, 0.5, 0.98])
def test_bounds_of_a_rate_hold_it_at_every_look(rate: float) -> None:
    chance, missed = random.Random(3), 0
    for _ in range(200):
        outcomes = stream(chance, rate, 100)
        looks = range(5, 101, 5)
        bounds = (rate_bounds(sum(outcomes[:look]), look, ALPHA) for look in looks)
        missed += not all(low <= rate <= high for low, high in bounds)

    assert missed <= ALPHA * 200


def test_bounds_of_a_rate_are_all_rates_at_first_and_close_in() -> None:
    assert rate_bounds(0, 0, ALPHA) == (0.0, 1.0)
    assert rate_bounds(0, 50, ALPHA)[0] == 0.0
    assert rate_bounds(50, 50, ALPHA)[1] == 1.0
    low, high = rate_bounds(5000, 10_000, ALPHA)
    assert 0.47 < low < 0.5 < high < 0.53


def test_bounds_of_a_mean_hold_it_at_every_look() -> None:
    chance, missed = random.Random(5), 0
    for _ in range(200):
        lengths = [chance.expovariate(1 / 80) for _ in range(300)]
        looks = range(30, 301, 10)
        bounds = (
            mean_bounds(sum(lengths[:n]), sum(x * x for x in lengths[:n]), n, ALPHA) for n in looks
        )
        missed += not all(low <= 80 <= high for low, high in bounds)

    assert missed <= ALPHA * 200
    low, high = mean_bounds(8000.0, 8000.0 * 80, 100, ALPHA)
    assert (low, high) == pytest.approx((80, 80)), "lengths that are all the same"
