"""Train the moderation classifier on the public data: from a folder of rows to weights.

    python benchmarks/train_moderation.py DATA OUT [--seed 1] [--epochs 4] [--without hatecheck,...]

DATA holds `.jsonl` files as docs/moderation-model.md lists them; no row of it enters OUT, which gets
`lora.safetensors` and `card.json`. The held-out rows (moderation_rows.py) pick the epoch, fit the calibration
and set the thresholds.
"""

import argparse
import hashlib
import math
import random
import time
from collections.abc import Sequence
from pathlib import Path

from moderation_rows import read_rows, split
from moderation_written import written_rows
from torch import Tensor

from chatune_core.embedding.tensors import BASE_FILE, read_tensors
from chatune_core.embedding.windows import WindowTokenizer
from chatune_core.generation.bundled import bundled_embedding_model
from chatune_core.moderation.classifier_fit import (
    area_under_curve,
    calibration_of,
    known_logits,
    thresholds_within,
)
from chatune_core.moderation.classifier_rows import Row
from chatune_core.moderation.classifier_training import Trainee, train
from chatune_core.moderation.classifier_weights import (
    CATEGORIES,
    Card,
    write_card,
    write_weights,
)

VERSION = "1"
RANK = 32
REVIEW_BUDGET, ACT_BUDGET = 0.08, 0.02
"""Share of benign texts flagged in any category, mean over the benign sources."""
WRITTEN_ROWS = 200
"""Of each kind of rows that moderation_written.py makes."""
_REPORT_STEPS = 50


def areas(rows: Sequence[Row], logits: Tensor) -> dict[str, float]:
    """Return the area under the curve of each category that some rows have and others lack."""
    found = {
        category.value: area_under_curve(*known_logits(rows, logits, category)[:2])
        for category in CATEGORIES
    }
    return {name: area for name, area in found.items() if not math.isnan(area)}


def card_for(sha256: str, base_sha256: str, rows: Sequence[Row], logits: Tensor) -> Card:
    """Return the card of the weights: calibration and thresholds fitted on held-out `rows`."""
    calibration = {category: calibration_of(rows, logits, category) for category in CATEGORIES}
    scores = [
        {
            category: calibration[category].probability(logit)
            for category, logit in zip(CATEGORIES, found, strict=True)
        }
        for found in logits.tolist()
    ]
    review, act = (
        thresholds_within(budget, rows, scores) for budget in (REVIEW_BUDGET, ACT_BUDGET)
    )
    act = {category: max(act[category], review[category]) for category in CATEGORIES}
    return Card(
        version=VERSION,
        rank=RANK,
        weights_sha256=sha256,
        base_sha256=base_sha256,
        calibration=calibration,
        thresholds_review=review,
        thresholds_act=act,
    )


def main() -> None:
    parser = argparse.ArgumentParser(description="Train the moderation classifier.")
    parser.add_argument("data", type=Path)
    parser.add_argument("out", type=Path)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--epochs", type=int, default=4)
    parser.add_argument("--without", default="", help="sources to leave out of training")
    asked = parser.parse_args()

    base_folder = bundled_embedding_model()
    base_sha256 = hashlib.sha256((base_folder / BASE_FILE).read_bytes()).hexdigest()
    base = read_tensors(base_folder / BASE_FILE, base_sha256)
    tokenizer = WindowTokenizer.open(base_folder)
    seen, held_out = ([public.row for public in part] for part in split(read_rows(asked.data)))
    left_out = asked.without.split(",")
    seen = [row for row in seen if row.family.split(":")[0] not in left_out]
    seen += written_rows(WRITTEN_ROWS, random.Random(asked.seed))
    print(f"{len(seen)} rows to train on, {len(held_out)} held out", flush=True)

    trainee = Trainee(base, RANK, asked.seed)
    started, losses, best = time.monotonic(), [], 0.0
    for step in train(trainee, seen, tokenizer, asked.epochs, asked.seed):
        losses.append(step.loss)
        if len(losses) == _REPORT_STEPS:
            minutes = (time.monotonic() - started) / 60
            mean = sum(losses) / len(losses)
            print(
                f"epoch {step.epoch}, {step.number}/{step.of}: {mean:.3f}, {minutes:.1f} min",
                flush=True,
            )
            losses = []
        if step.number < step.of:
            continue
        logits = trainee.text_logits([row.text for row in held_out], tokenizer)
        found = areas(held_out, logits)
        print(f"held out after epoch {step.epoch}: {found}", flush=True)
        if sum(found.values()) / len(found) > best:
            best = sum(found.values()) / len(found)
            sha256 = write_weights(asked.out, trainee.weights())
            write_card(asked.out, card_for(sha256, base_sha256, held_out, logits))


if __name__ == "__main__":
    main()
