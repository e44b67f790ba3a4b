"""Calibration and thresholds, fitted on rows that training has not seen."""

import random

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from chatune_core.moderation.classifier_fit import (
    area_under_curve,
    calibration_of,
    flagged_rate,
    thresholds_within,
)
from chatune_core.moderation.classifier_rows import Row
from chatune_core.moderation.classifier_weights import CATEGORIES
from chatune_core.moderation.verdicts import Category


@given(st.lists(st.tuples(st.integers(0, 5), st.booleans()), min_size=2, max_size=30))
def test_the_area_is_the_share_of_pairs_in_the_right_order(found: list[tuple[int, bool]]) -> None:
    ones = [score for score, label in found if label]
    zeros = [score for score, label in found if not label]
    if not ones or not zeros:
        return
    pairs = [(one > zero) + (one == zero) / 2 for one in ones for zero in zeros]

    area = area_under_curve(
        torch.tensor([float(score) for score, _ in found]),
        torch.tensor([float(label) for _, label in found]),
    )

    assert area == pytest.approx(sum(pairs) / len(pairs))


def test_calibrated_scores_say_how_often_the_label_is_one() -> None:
    chance = random.Random(1)
    logits, rows = [], []
    for _ in range(4000):
        logit = chance.gauss(0, 2)
        label = float(chance.random() < 1 / (1 + 2.718281828 ** -(0.5 * logit - 1)))
        logits.append([logit] * len(CATEGORIES))
        rows.append(Row("", {Category.HATE: (label, 1.0)}, "a", ""))

    calibration = calibration_of(rows, torch.tensor(logits), Category.HATE)

    assert calibration.scale == pytest.approx(0.5, abs=0.1)
    assert calibration.offset == pytest.approx(-1, abs=0.1)
    assert calibration.probability(2.0) == pytest.approx(0.5, abs=0.05)


@settings(max_examples=25, deadline=None)
@given(st.integers(0, 1000), st.sampled_from([0.0, 0.03, 0.08]))
def test_thresholds_stay_within_the_budget_of_all_categories_together(
    seed: int, budget: float
) -> None:
    chance = random.Random(seed)
    rows, scores = [], []
    for i in range(200):
        guilty = chance.choice(CATEGORIES) if i % 3 == 0 else None
        known = {guilty: (1.0, 1.0)} if guilty else {}
        rows.append(Row("", known, f"s{i % 4}", "", benign=guilty is None))
        scores.append({c: min(1.0, chance.random() + (c is guilty) / 2) for c in CATEGORIES})

    thresholds = thresholds_within(budget, rows, scores)

    benign = [i for i, row in enumerate(rows) if row.benign]
    rate = flagged_rate([rows[i] for i in benign], [scores[i] for i in benign], thresholds)
    assert rate <= budget + 1e-9
