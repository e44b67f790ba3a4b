"""Train the write gate of memory on the public rows: from a folder of data to weights.

    python benchmarks/train_memory_gate.py DATA OUT

DATA holds `salience.json.gz`: messages, each with whether it says something worth remembering. No row of it enters
OUT, which gets `gate.int8` and `gate.json`; the weights belong to hashes of words, not to words. Printed is how the
gate does on rows that it was not trained on: part by part, and trained on rows 0 to 6 of each ten, tested on the rest.
"""

import argparse
import gzip
import hashlib
import json
import time
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import torch
from torch import Tensor
from torch.nn.functional import binary_cross_entropy_with_logits, embedding_bag

from chatune_core.memory.gate import CARD_FILE, WEIGHTS_FILE, GateCard
from chatune_core.memory.gate_features import BUCKETS, gate_features

VERSION = "1"
TRUST = 3.0
"""How much the rows count against the pull of all weights to zero."""
STEPS = 100
PARTS = 6
THRESHOLD = 0.5


@dataclass(frozen=True, slots=True)
class Row:
    text: str
    worth: bool
    kind: str


@dataclass(frozen=True, slots=True)
class Fit:
    """Whole numbers of shape (BUCKETS,), and what makes logits of them."""

    weights: Tensor
    scale: float
    bias: float

    def logits(self, rows: Sequence[Row]) -> Tensor:
        return self.bias + self.scale * _summed(rows, self.weights.double())


def read_rows(folder: Path) -> list[Row]:
    with gzip.open(folder / "salience.json.gz") as file:
        return [Row(row["text"], bool(row["y"]), row["kind"]) for row in json.load(file)]


def fit(rows: Sequence[Row]) -> Fit:
    """Return the logistic regression in which both classes count the same, as whole numbers."""
    labels = torch.tensor([float(row.worth) for row in rows], dtype=torch.float64)
    share = labels.mean()
    balance = torch.where(labels == 1, 0.5 / share, 0.5 / (1 - share))
    weights = torch.zeros(BUCKETS, dtype=torch.float64, requires_grad=True)
    bias = torch.zeros((), dtype=torch.float64, requires_grad=True)
    optimizer = torch.optim.LBFGS([weights, bias], max_iter=STEPS, line_search_fn="strong_wolfe")
    features = _Features(rows)

    def loss() -> Tensor:
        optimizer.zero_grad()
        logits = bias + features.summed(weights)
        wrong = binary_cross_entropy_with_logits(logits, labels, balance, reduction="sum")
        total = TRUST * wrong + 0.5 * weights.square().sum()
        total.backward()  # type: ignore[no-untyped-call]
        return total

    optimizer.step(loss)  # type: ignore[no-untyped-call]
    found = weights.detach()
    scale = float(found.abs().max()) / 127
    return Fit((found / scale).round().to(torch.int8), scale, float(bias.detach()))


class _Features:
    """The features of rows, laid end to end; each of a row counts 1 / sqrt(how many it has)."""

    def __init__(self, rows: Sequence[Row]) -> None:
        found = [sorted(gate_features(row.text)) for row in rows]
        self._places = torch.tensor([place for places in found for place in places])
        self._starts = torch.tensor([0, *map(len, found)]).cumsum(0)[:-1]
        self._shares = torch.tensor(
            [len(places) ** -0.5 for places in found for _ in places], dtype=torch.float64
        )

    def summed(self, weights: Tensor) -> Tensor:
        return embedding_bag(
            self._places, weights.unsqueeze(1), self._starts,
            mode="sum", per_sample_weights=self._shares,
        ).squeeze(1)  # fmt: skip


def _summed(rows: Sequence[Row], weights: Tensor) -> Tensor:
    return _Features(rows).summed(weights)


def report(name: str, rows: Sequence[Row], logits: Tensor) -> None:
    fired = (torch.sigmoid(logits) >= THRESHOLD).tolist()
    right = sum(row.worth and fires for row, fires in zip(rows, fired, strict=True))
    precision, recall = right / max(1, sum(fired)), right / sum(row.worth for row in rows)
    counts = Counter(row.kind for row in rows)
    fires = Counter(row.kind for row, one in zip(rows, fired, strict=True) if one)
    rates = ", ".join(f"{kind} {fires[kind] / counts[kind]:.0%}" for kind in sorted(counts))
    f1 = 2 * precision * recall / (precision + recall)
    print(f"{name}: precision {precision:.1%}, recall {recall:.1%}, F1 {f1:.1%}; fires on {rates}")


def main() -> None:
    parser = argparse.ArgumentParser(description="Train the write gate of memory.")
    parser.add_argument("data", type=Path)
    parser.add_argument("out", type=Path)
    asked = parser.parse_args()
    torch.set_num_threads(1)
    rows = read_rows(asked.data)

    # The rows lie talk by talk, so a part holds talks that the other parts hardly share.
    logits = torch.zeros(len(rows), dtype=torch.float64)
    length = -(-len(rows) // PARTS)
    for start in range(0, len(rows), length):
        part = rows[start : start + length]
        rest = rows[:start] + rows[start + length :]
        logits[start : start + length] = fit(rest).logits(part)
    report("part by part", rows, logits)
    first = [row for number, row in enumerate(rows) if number % 10 < 7]
    others = [row for number, row in enumerate(rows) if number % 10 >= 7]
    report("7 of ten, tested on 3", others, fit(first).logits(others))

    started = time.process_time()
    for row in rows:
        gate_features(row.text)
    print(
        f"{(time.process_time() - started) / len(rows) * 1e3:.3f} ms a message of one core, features alone"
    )

    whole = fit(rows)
    content = whole.weights.numpy().tobytes()
    card = GateCard(
        version=VERSION,
        weights_sha256=hashlib.sha256(content).hexdigest(),
        scale=whole.scale,
        bias=whole.bias,
        threshold=THRESHOLD,
    )
    asked.out.mkdir(parents=True, exist_ok=True)
    (asked.out / WEIGHTS_FILE).write_bytes(content)
    (asked.out / CARD_FILE).write_text(card.model_dump_json(indent=2) + "\n")


if __name__ == "__main__":
    main()
