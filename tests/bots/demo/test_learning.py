"""All three acts on a tiny model: every piece is the real one, only smaller."""

import io
import random
from datetime import UTC, datetime
from pathlib import Path

import anyio
import pytest
import torch
from rich.console import Console
from safetensors.torch import load_file, save_file

from chatune_bots.demo.learning import play_acts
from chatune_bots.demo.people import Taste
from chatune_bots.demo.scale import Scale
from chatune_bots.demo.school import shuffled
from chatune_bots.demo.show import Show
from chatune_bots.demo.trial import spoiled
from chatune_bots.home import Home, prepare
from chatune_bots.settings import LocalModel
from chatune_core.generation.requests import ChatMessage
from chatune_core.learning.canary import CanaryRules
from chatune_core.learning.dataset import Rules
from chatune_core.learning.gate import GateSettings
from chatune_core.learning.measuring import Thoroughness
from chatune_core.learning.recipe import Recipe
from chatune_core.learning.rows import Dataset, Manifest, Origin, Pair, Row, RowId, Thumb
from chatune_core.messages import EventKey, UserId
from fakes.tiny_models import write_model

AT = datetime(2026, 1, 1, tzinfo=UTC)
ANN = UserId("terminal:ann")
_STEPS = Recipe(epochs=1, replay_tokens=16, tokens_per_batch=256, rank=2)
TINY = Scale(
    people=6,
    questions=12,
    answers=2,
    tokens=6,
    rules=Rules(least_rows=10, holdout=0.3),
    recipe=_STEPS,
    nonsense=12,
    gate=GateSettings(least_votes=2, least_judges=1),
    thoroughness=Thoroughness(prompts=2, tokens=4, passages=1, secrets=0),
    judges=12,
    talks=12,
    rounds=2,
    canary=CanaryRules(false_rollbacks=0.9, false_promotions=0.01),
    fresh=2,
)


def thumb(number: int, *, good: bool) -> Thumb:
    return Thumb(
        RowId(f"{number}"), EventKey(f"{number}"), (ChatMessage("user", "?"),), "text", good,
        ANN, frozenset({ANN}), AT,
    )  # fmt: skip


def pair(number: int) -> Pair:
    return Pair(
        RowId(f"p{number}"), EventKey(f"{number}"), (ChatMessage("user", "?"),), "yes", "no",
        Origin.AGAIN, ANN, frozenset({ANN}), AT,
    )  # fmt: skip


@pytest.fixture
def tiny(tmp_path: Path) -> Path:
    return write_model(tmp_path / "tiny", "llama", max_position_embeddings=512)


def test_all_three_acts_are_played_and_say_how_they_ended(tmp_path: Path, tiny: Path) -> None:
    home = Home(tmp_path / "home")
    prepare(home)
    console = Console(record=True, width=120, file=io.StringIO())
    model = LocalModel(model=str(tiny), context_tokens=256, threads=1)
    even = Taste({"even": lambda text: len(text) % 2 == 0}, lambda question, text: bool(text))

    went_well = anyio.run(play_acts, home, home, model, TINY, Show(console), 0, even)

    shown = console.export_text()
    assert shown.index("First act") < shown.index("Second act") < shown.index("Third act")
    assert "The gate: " in shown
    assert "People promote it" not in shown
    ends = [line.split()[-1] for line in shown.partition("What came of it")[2].splitlines()[1:]]
    assert [end for end in ends if end not in ("yes", "NO")] == []
    assert len(ends) == 5
    assert went_well == ("NO" not in ends)
    assert ends[3] == "yes", "votes without sense are refused"


def test_shuffled_votes_are_as_many_and_say_something_else() -> None:
    chance = random.Random(0)
    rows: tuple[Row, ...]
    rows = (*(thumb(n, good=chance.random() < 0.3) for n in range(60)), *map(pair, range(20)))
    dataset = Dataset(rows[:50], rows[50:], Manifest(AT, (), (), {}, {}, {}, "digest"))

    dealt = shuffled(dataset, 0)

    goods = [
        [row.good for row in rows if isinstance(row, Thumb)] for rows in (rows[:50], dealt.train)
    ]
    assert sum(goods[0]) == sum(goods[1])
    assert goods[0] != goods[1]
    chosen = {row.chosen for row in dealt.holdout if isinstance(row, Pair)}
    assert chosen == {"yes", "no"}
    assert dealt.manifest.digest != dataset.manifest.digest
    assert dealt == shuffled(dataset, 0) != shuffled(dataset, 1)


def test_a_spoiled_lora_has_other_weights_of_the_same_shape(tmp_path: Path) -> None:
    good = tmp_path / "good"
    good.mkdir()
    weights = {"a": torch.ones(4, 3), "b": torch.full((2,), -2.0)}
    save_file(weights, good / "adapter_model.safetensors")
    (good / "adapter_config.json").write_text("{}")

    bad = spoiled(good, tmp_path / "bad", seed=1)

    noisy = load_file(bad / "adapter_model.safetensors")
    assert {name: weight.shape for name, weight in noisy.items()} == {
        name: weight.shape for name, weight in weights.items()
    }
    assert (noisy["a"] - weights["a"]).abs().mean() > weights["a"].abs().mean()
    assert (bad / "adapter_config.json").read_text() == "{}"
