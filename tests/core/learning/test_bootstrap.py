"""How surely a candidate ranks held-out votes better, by simulated people."""

import math
import random
from datetime import UTC, datetime

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from chatune_core.generation.requests import ChatMessage
from chatune_core.learning.bootstrap import (
    Accuracy,
    ScoredPair,
    ScoredThumb,
    accuracy,
    comparable,
    student_t,
)
from chatune_core.learning.limits import GateSettings
from chatune_core.learning.rows import Origin, Pair, RowId, Thumb
from chatune_core.messages import EventKey, UserId

CONFIDENCE = GateSettings().confidence
LEAST = GateSettings().least_gain


def people(seed: int, votes: int, judges: int, learned: float) -> Accuracy:
    """Return how votes are ranked by a model that has learned so much of what people like.

    Half are thumbs. Some people give more of them than others, and each likes and is answered
    in their own way, which the model may or may not meet.
    """
    drawn = random.Random(seed)
    names = [UserId(f"test:{index}") for index in range(judges)]
    often = [drawn.expovariate(1) + 0.3 for _ in names]
    lenient = {name: drawn.gauss(0, 0.7) for name in names}
    met = {name: drawn.gauss(0, 0.3) for name in names}
    pairs, thumbs = [], []
    for judge in drawn.choices(names, often, k=votes // 2):
        good = drawn.random() < 1 / (1 + math.exp(-lenient[judge]))
        raised = drawn.gauss(met[judge] + (learned if good else 0), 1)
        thumbs.append(ScoredThumb(judge, good, raised))
        before = drawn.gauss(0, 1)
        pairs.append(ScoredPair(judge, before, 0.5 * before + drawn.gauss(learned, 0.7)))
    return accuracy(pairs, thumbs, CONFIDENCE, seed)


def passes(found: Accuracy) -> bool:
    return found.gain.low > 0 and found.gain.value >= LEAST


@pytest.mark.parametrize(("votes", "judges"), [(60, 5), (120, 12)])
def test_of_200_models_that_learned_nothing_at_most_1_passes(votes: int, judges: int) -> None:
    passed = sum(passes(people(seed, votes, judges, 0.0)) for seed in range(200))

    assert passed <= 1


def test_of_20_models_that_learned_what_people_like_at_least_18_pass() -> None:
    passed = sum(passes(people(seed, 150, 12, 1.1)) for seed in range(20))

    assert passed >= 18


def test_a_model_that_ranks_the_wrong_way_has_a_loss() -> None:
    found = people(1, 200, 20, -1.5)

    assert found.gain.high < 0
    assert found.after < found.before


def test_the_base_model_itself_gains_nothing() -> None:
    judges = [UserId(f"test:{index % 8}") for index in range(40)]
    thumbs = [ScoredThumb(judge, index % 3 > 0, 0.0) for index, judge in enumerate(judges)]
    pairs = [ScoredPair(judge, index - 9.5, index - 9.5) for index, judge in enumerate(judges)]

    found = accuracy(pairs, thumbs, CONFIDENCE, 0)

    assert found.before == found.after
    assert (found.gain.low, found.gain.value, found.gain.high) == (0.0, 0.0, 0.0)


def test_many_votes_of_one_person_are_no_more_certain_than_that_person() -> None:
    def spread(judges: int) -> float:
        thumbs = [
            # Half of the people are served well, the others badly: votes of one are alike.
            ScoredThumb(UserId(f"test:{number % judges}"), good, good * (1 - number % judges % 2))
            for number in range(120)
            for good in (True, False)
        ]
        gain = accuracy([], thumbs, CONFIDENCE, 0).gain
        return gain.high - gain.low

    assert spread(60) < spread(6) / 3


def test_thumbs_count_half_for_ties_and_pairs_too() -> None:
    judges = [UserId("test:a"), UserId("test:b")]
    thumbs = [ScoredThumb(judges[0], True, 1.0), ScoredThumb(judges[1], False, 1.0)]
    thumbs += [ScoredThumb(judges[0], True, 2.0), ScoredThumb(judges[1], False, 3.0)]

    assert accuracy([], thumbs, CONFIDENCE, 0).after == 0.375
    assert accuracy([ScoredPair(judges[0], 0.0, 1.0)], [], CONFIDENCE, 0).before == 0.5


def test_pairs_and_thumbs_count_by_how_many_can_be_compared() -> None:
    judge = UserId("test:a")
    thumbs = [ScoredThumb(judge, True, 1.0)] * 7 + [ScoredThumb(judge, False, 0.0)]
    pairs = [ScoredPair(judge, 1.0, -1.0)] * 2

    found = accuracy(pairs, thumbs, CONFIDENCE, 0)

    assert (found.before, found.after) == (0.75, 0.5)  # 2 pairs, and 2 thumbs that rank right


def test_people_who_say_nothing_that_can_be_compared_make_nothing_more_certain() -> None:
    pairs = [ScoredPair(UserId(f"test:{index % 3}"), 1 - index % 4, 1.0) for index in range(30)]
    all_good = [ScoredThumb(UserId(f"test:other {index}"), True, 1.0) for index in range(50)]

    assert accuracy(pairs, all_good, CONFIDENCE, 0) == accuracy(pairs, [], CONFIDENCE, 0)


def test_with_one_person_alone_nothing_is_certain() -> None:
    pairs = [ScoredPair(UserId("test:a"), -1.0, 1.0)] * 50

    assert accuracy(pairs, [], CONFIDENCE, 0).gain.low == -math.inf


@pytest.mark.parametrize("value", [math.nan, math.inf])
def test_a_score_that_is_no_number_leaves_everything_unknown(value: float) -> None:
    judge = UserId("test:a")
    fine = [ScoredPair(judge, -1.0, 1.0)] * 50

    for pairs, thumbs in (
        ([*fine, ScoredPair(judge, value, 1.0)], []),
        ([*fine, ScoredPair(judge, 1.0, value)], []),
        (fine, [ScoredThumb(judge, True, value), ScoredThumb(judge, False, 0.0)]),
    ):
        found = accuracy(pairs, thumbs, CONFIDENCE, 0)
        assert math.isnan(found.gain.low)
        assert math.isnan(found.gain.value)


def test_nothing_to_compare_is_no_number() -> None:
    all_good = [ScoredThumb(UserId("test:a"), True, 1.0)] * 50

    assert math.isnan(accuracy([], [], CONFIDENCE, 0).gain.value)
    assert math.isnan(accuracy([], all_good, CONFIDENCE, 0).gain.value)


def test_the_same_votes_give_the_same_interval_in_whatever_order() -> None:
    drawn = random.Random(0)
    thumbs = [
        ScoredThumb(UserId(f"test:{index % 9}"), index % 2 > 0, drawn.gauss(0, 1))
        for index in range(90)
    ]

    one = accuracy([], thumbs, CONFIDENCE, 0)
    other = accuracy([], thumbs[::-1], CONFIDENCE, 0)

    assert one.gain.low == pytest.approx(other.gain.low)


def vote(judge: str, good: bool) -> Thumb:
    return Thumb(
        RowId(judge), EventKey("test:1"), (ChatMessage("user", "hi"),), "hello", good,
        UserId(judge), frozenset(), datetime(2026, 1, 1, tzinfo=UTC),
    )  # fmt: skip


def choice(judge: str) -> Pair:
    return Pair(
        RowId(judge), EventKey("test:1"), (ChatMessage("user", "hi"),), "hello", "no",
        Origin.CHOICE, UserId(judge), frozenset(), datetime(2026, 1, 1, tzinfo=UTC),
    )  # fmt: skip


def test_of_thumbs_those_count_that_can_be_compared_with_another() -> None:
    assert comparable([]) == (0, 0)
    assert comparable([vote("a", True)] * 50) == (0, 0)
    assert comparable([*[vote("a", True)] * 50, vote("b", False)]) == (2, 2)
    assert comparable([choice("a"), choice("a"), vote("b", True)]) == (2, 1)
    assert comparable([choice("a"), vote("b", True), vote("c", False)]) == (3, 3)


@pytest.mark.parametrize(
    ("freedom", "probability", "quantile"),
    # From the usual tables.
    [(1, 0.975, 12.706), (4, 0.999, 7.173), (10, 0.975, 2.228), (30, 0.995, 2.750)],
)
def test_students_quantiles_are_those_of_the_tables(
    freedom: int, probability: float, quantile: float
) -> None:
    assert student_t(probability, freedom) == pytest.approx(quantile, abs=5e-4)


@settings(deadline=None, max_examples=40)
@given(st.integers(1, 200), st.floats(0.51, 0.999))
def test_fewer_people_need_a_wider_interval(freedom: int, probability: float) -> None:
    assert student_t(probability, freedom) > student_t(probability, freedom + 1)
