"""From votes through the trainer to the gate: what people like is let through, chance is not."""

import random
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import pytest

from chatune_core.learning.gate import Decision, GateReport
from chatune_core.learning.limits import GateSettings
from chatune_core.learning.measuring import Thoroughness, examined
from chatune_core.learning.rows import Pair, Row
from chatune_core.learning.trainer import train
from chatune_core.messages import UserId
from fakes.learned import dataset, pair, recipe, thumb
from fakes.tiny_models import write_model

# peft asks transformers 5 for a name that it renamed.
pytestmark = pytest.mark.filterwarnings("ignore:`is_gradient_checkpointing`:FutureWarning")
QUICK = Thoroughness(prompts=2, tokens=4, passages=1, secrets=0, others=12)
LENIENT = GateSettings(
    # A random model speaks no language that it could unlearn.
    most_perplexity=10.0,
    most_sycophancy=1.0,
    most_looping=1.0,
    most_empty=1.0,
    shortest=0.0,
    longest=100.0,
)


@pytest.fixture(scope="module")
def base(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_model(tmp_path_factory.mktemp("models") / "llama", "llama")


def votes(seed: int, count: int, group: str) -> list[Row]:
    """Return votes of ten people of a group, who like hellos; one vote of ten is a slip."""
    drawn, rows = random.Random(seed), list[Row]()
    for number in range(count):
        slip = drawn.random() < 0.1
        more = " ".join(drawn.choices(["the", "of", "and", "user"], k=drawn.randint(1, 5)))
        liked, other = f"hello {more}", f"system {more}"
        judge = UserId(f"{group} {number % 10}")
        row: Row
        if number % 4 == 3:
            row = pair(number, *((other, liked) if slip else (liked, other)))
        else:
            hello = number % 2 == 0
            row = thumb(number, liked if hello else other, good=hello != slip)
        rows.append(replace(row, judge=judge))
    return rows


def shuffled(rows: Sequence[Row], seed: int) -> list[Row]:
    """Return the rows with labels that have nothing to do with them."""
    drawn = random.Random(seed)
    goods = [row.good for row in rows if not isinstance(row, Pair)]
    drawn.shuffle(goods)
    mixed: list[Row] = []
    for row in rows:
        if not isinstance(row, Pair):
            mixed.append(replace(row, good=goods.pop()))
        elif drawn.random() < 0.5:
            mixed.append(replace(row, chosen=row.rejected, rejected=row.chosen))
        else:
            mixed.append(row)
    return mixed


def gated(base: Path, folder: Path, rows: Sequence[Row], held_out: Sequence[Row]) -> GateReport:
    learned = replace(dataset(tuple(rows)), holdout=tuple(held_out))
    lora = train(
        learned,
        base,
        folder / "lora",
        folder / "work",
        recipe(epochs=2, rows_per_step=8, learning_rate=2e-2),
    ).folder
    return examined(base, lora, learned, LENIENT, thoroughness=QUICK)


@pytest.mark.parametrize("seed", range(2))
def test_what_people_like_is_learned_and_let_through(base: Path, tmp_path: Path, seed: int) -> None:
    report = gated(base, tmp_path, votes(seed, 48, "train"), votes(seed + 99, 60, "held out"))

    assert report.decision is Decision.PASSED, report.reasons
    assert report.metrics["gain"] > 0.2


@pytest.mark.parametrize("seed", range(2))
def test_what_was_learned_from_shuffled_labels_is_not(
    base: Path, tmp_path: Path, seed: int
) -> None:
    train_rows, held_out = votes(seed, 48, "train"), votes(seed + 99, 60, "held out")

    report = gated(base, tmp_path, shuffled(train_rows, seed), shuffled(held_out, seed))

    assert report.decision is Decision.REFUSED
    assert "not certain that people prefer its answers" in " ".join(report.reasons)
