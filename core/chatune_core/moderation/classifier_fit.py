"""What is fitted on held-out rows after training: calibration, and thresholds within a budget."""

import math
from collections import defaultdict
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

import torch
from torch import Tensor
from torch.nn.functional import binary_cross_entropy_with_logits

from chatune_core.moderation.classifier_rows import Row
from chatune_core.moderation.classifier_weights import CATEGORIES, Calibration
from chatune_core.moderation.verdicts import Category

SHARES = (0.0, 0.001, 0.002, 0.004, 0.006, 0.008, 0.01, 0.0125, 0.015)
"""Of benign rows above one category's threshold: what is chosen between.

No finer than a thousand rows can tell, and no category takes much of the budget: thresholds that
were free to do so held on other rows much worse.
"""


def known_logits(
    rows: Sequence[Row], logits: Tensor, category: Category
) -> tuple[Tensor, Tensor, Tensor]:
    """Return logits, labels and weights, each (N,), of the rows where `category` is known.

    Args:
        rows: B rows.
        logits: shape (B, C).
        category: one of `CATEGORIES`.
    """
    at = [i for i, row in enumerate(rows) if category in row.known]
    known = torch.tensor([rows[i].known[category] for i in at])
    return logits[at, CATEGORIES.index(category)], known[:, 0], known[:, 1]


def area_under_curve(scores: Tensor, labels: Tensor) -> float:
    """Return the chance that a row of label 1 scores above one of label 0, ties counted half."""
    positive, negative = scores[labels == 1], scores[labels == 0]
    if not len(positive) or not len(negative):
        return float("nan")
    ordered = negative.sort().values
    below = torch.searchsorted(ordered, positive)
    not_above = torch.searchsorted(ordered, positive, right=True)
    return float((below + not_above).double().mean() / 2 / len(negative))


def calibration_of(rows: Sequence[Row], logits: Tensor, category: Category) -> Calibration:
    """Return the scale and offset that make the category's scores most likely (Platt 1999)."""
    x, labels, weights = (part.double() for part in known_logits(rows, logits, category))
    fit = torch.tensor([0.0, 0.0], dtype=torch.float64, requires_grad=True)  # log scale, offset
    optimizer = torch.optim.LBFGS([fit], max_iter=100, line_search_fn="strong_wolfe")

    def loss() -> Tensor:
        optimizer.zero_grad()
        entropy = binary_cross_entropy_with_logits(fit[0].exp() * x + fit[1], labels, weights)
        entropy.backward()  # type: ignore[no-untyped-call]
        return entropy

    optimizer.step(loss)  # type: ignore[no-untyped-call]
    log_scale, offset = fit.tolist()
    return Calibration(scale=math.exp(log_scale), offset=offset)


def thresholds_within(
    budget: float, rows: Sequence[Row], scores: Sequence[Mapping[Category, float]]
) -> dict[Category, float]:
    """Return thresholds that flag at most `budget` of the benign rows in any category.

    The budget is spent where it finds most: a false positive has the same price in recall in every
    category, and the price is the lowest that the budget allows.

    Args:
        budget: share of benign rows, mean over their sources.
        rows: benign ones, and ones known to be of a category.
        scores: theirs, in the same order.
    """
    at = [i for i, row in enumerate(rows) if row.benign]
    benign, found = [rows[i] for i in at], [scores[i] for i in at]
    choices = {category: _choices(category, rows, scores) for category in CATEGORIES}

    def fits(chosen: Mapping[Category, _Choice]) -> bool:
        return flagged_rate(benign, found, _thresholds(chosen)) <= budget

    low, high = 0.0, 1000.0
    for _ in range(40):
        price = (low + high) / 2
        low, high = (low, price) if fits(_at_price(price, choices)) else (price, high)
    return _thresholds(_filled_up(_at_price(high, choices), choices, fits))


def flagged_rate(
    benign: Sequence[Row],
    scores: Sequence[Mapping[Category, float]],
    thresholds: Mapping[Category, float],
) -> float:
    """Return the share of rows at or above a threshold in any category, mean over sources."""
    weights = _weights_by_source(benign)
    return sum(
        weight
        for weight, found in zip(weights, scores, strict=True)
        if any(found[category] >= threshold for category, threshold in thresholds.items())
    )


@dataclass(frozen=True, slots=True)
class _Choice:
    threshold: float
    false_positives: float
    recall: float


def _choices(
    category: Category, rows: Sequence[Row], scores: Sequence[Mapping[Category, float]]
) -> list[_Choice]:
    found = [score[category] for score in scores]
    benign = [score for row, score in zip(rows, found, strict=True) if row.benign]
    weights = _weights_by_source([row for row in rows if row.benign])
    guilty = [
        (score, row)
        for row, score in zip(rows, found, strict=True)
        if row.known.get(category) == (1.0, 1.0)
    ]
    worth = _weights_by_source([row for _, row in guilty])
    choices = []
    for share in SHARES:
        threshold = _quantile(share, list(zip(benign, weights, strict=True)))
        recall = sum(w for (score, _), w in zip(guilty, worth, strict=True) if score >= threshold)
        choices.append(_Choice(threshold, share, recall))
    return choices


def _at_price(
    price: float, choices: Mapping[Category, Sequence[_Choice]]
) -> dict[Category, _Choice]:
    return {
        category: max(of, key=lambda choice: choice.recall - price * choice.false_positives)
        for category, of in choices.items()
    }


def _filled_up(
    chosen: dict[Category, _Choice],
    choices: Mapping[Category, Sequence[_Choice]],
    fits: Callable[[Mapping[Category, _Choice]], bool],
) -> dict[Category, _Choice]:
    """Spend what the last step of the price left over: each time on the most recall that fits."""
    while True:
        better = [
            chosen | {category: choice}
            for category, of in choices.items()
            for choice in of
            if choice.recall > chosen[category].recall
        ]
        fitting = [option for option in better if fits(option)]
        if not fitting:
            return chosen
        chosen = max(fitting, key=lambda option: sum(choice.recall for choice in option.values()))


def _thresholds(chosen: Mapping[Category, _Choice]) -> dict[Category, float]:
    return {category: choice.threshold for category, choice in chosen.items()}


def _quantile(share: float, weighted: Sequence[tuple[float, float]]) -> float:
    """Return the lowest score that at most `share` of the weight reaches; 1 if there is none."""
    reached, lowest = 0.0, 1.0
    for score, weight in sorted(weighted, reverse=True):
        reached += weight
        if reached > share:
            # Halfway between the last score that is let through and the first that is not.
            return (score + lowest) / 2
        lowest = score
    return lowest


def _weights_by_source(rows: Sequence[Row]) -> list[float]:
    counts: dict[str, int] = defaultdict(int)
    for row in rows:
        counts[row.source] += 1
    return [1 / counts[row.source] / len(counts) for row in rows]
