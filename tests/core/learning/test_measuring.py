"""A LoRA is measured beside its base model, on tiny random models."""

import math
from collections.abc import Sequence
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

import pytest
import torch

from chatune_core.errors import GenerationFailed
from chatune_core.generation.requests import ChatMessage
from chatune_core.learning.exposure import Canary
from chatune_core.learning.gate import Decision, GateReport
from chatune_core.learning.limits import GateSettings
from chatune_core.learning.measuring import Thoroughness, examined
from chatune_core.learning.probes import PROMPTS
from chatune_core.learning.rows import Dataset, Manifest, Origin, Pair, Row, RowId, Thumb
from chatune_core.messages import EventKey, UserId
from fakes.tiny_models import write_lora, write_model

# peft asks transformers 5 for a name that it renamed.
pytestmark = pytest.mark.filterwarnings("ignore::FutureWarning")
AT = datetime(2026, 1, 1, tzinfo=UTC)
QUICK = Thoroughness(prompts=3, tokens=3, passages=1, secrets=2, others=8)
FEW = GateSettings(least_votes=4, least_judges=2)


@pytest.fixture(scope="module")
def base(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_model(tmp_path_factory.mktemp("base"), "llama")


@pytest.fixture(scope="module")
def lora(base: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_lora(tmp_path_factory.mktemp("lora"), base, seed=1)


def thumb(number: int, good: bool, text: str = "", judge: str = "") -> Thumb:
    return Thumb(
        RowId(str(number)),
        EventKey(f"test:{number}"),
        (ChatMessage("user", f"question {number}"),),
        text or f"private answer {number}",
        good,
        UserId(judge or f"test:{number % 4}"),
        frozenset({UserId("test:asker")}),
        AT,
    )


def pair(number: int) -> Pair:
    return Pair(
        RowId(f"p{number}"),
        EventKey(f"test:p{number}"),
        (ChatMessage("user", f"question {number}"),),
        f"private chosen {number}",
        f"private rejected {number} and long",
        Origin.CHOICE,
        UserId(f"test:{number % 4}"),
        frozenset(),
        AT,
    )


def dataset(holdout: list[Row], train: tuple[Row, ...] = ()) -> Dataset:
    return Dataset(train, tuple(holdout), Manifest(AT, (), (), {}, {}, {}, ""))


VOTES: list[Row] = [thumb(number, number % 2 > 0) for number in range(12)]
VOTES += [pair(number) for number in range(6)]


def report_on(base: Path, lora: Path, votes: Dataset) -> GateReport:
    return examined(base, lora, votes, FEW, thoroughness=QUICK)


def test_a_lora_that_changes_nothing_measures_as_its_base_and_is_refused(
    base: Path, tmp_path: Path
) -> None:
    nothing = write_lora(tmp_path, base, seed=1, init_lora_weights=True, lora_alpha=1e-12)

    report = report_on(base, nothing, dataset(VOTES))

    metrics = report.metrics
    assert report.decision is Decision.REFUSED
    assert metrics["votes"] == 18
    assert metrics["judges"] == 4
    assert metrics["perplexity_after"] == pytest.approx(metrics["perplexity_before"], rel=1e-6)
    assert all(example.before == example.after for example in report.examples)


def test_a_lora_that_changes_much_shows_in_perplexity_and_answers(base: Path, lora: Path) -> None:
    report = report_on(base, lora, dataset(VOTES))

    metrics = report.metrics
    assert abs(metrics["perplexity_after"] / metrics["perplexity_before"] - 1) > 0.01
    assert any(example.before != example.after for example in report.examples)
    assert [example.prompt for example in report.examples] == list(PROMPTS[:3])


def test_nothing_that_people_wrote_is_in_the_report(base: Path, lora: Path) -> None:
    train = (thumb(50, True, "my number is 48151623"),)

    report = report_on(base, lora, dataset(VOTES, train))

    assert "private" not in repr(report)
    assert "48151623" not in repr(report)
    assert 0 <= report.metrics["exposure_after"] < 12


def test_where_no_row_has_a_secret_none_is_looked_for_unless_one_is_given(
    base: Path, lora: Path
) -> None:
    given = Canary((ChatMessage("user", "the code?"),), "It is ", "48151623")
    plain = dataset(VOTES, (thumb(50, True),))

    report = examined(base, lora, plain, FEW, thoroughness=QUICK)
    planted = examined(base, lora, plain, FEW, thoroughness=QUICK, canaries=[given])

    assert "exposure_after" not in report.metrics
    assert planted.metrics["leaks_after"] == 0


def test_with_too_few_votes_no_model_is_loaded(tmp_path: Path) -> None:
    report = report_on(tmp_path / "none", tmp_path / "none", dataset(VOTES[:3]))

    assert report.decision is Decision.NOT_YET


def test_a_folder_that_is_no_lora_is_said_to_be_none(base: Path, tmp_path: Path) -> None:
    with pytest.raises(GenerationFailed, match="is no LoRA"):
        report_on(base, tmp_path, dataset(VOTES))


def test_what_moderation_would_act_on_is_counted_where_it_is_asked(base: Path, lora: Path) -> None:
    report = examined(
        base, lora, dataset(VOTES), FEW, thoroughness=QUICK, moderated=lambda text: True
    )

    assert report.metrics["moderated_before"] == report.metrics["moderated_after"] == 1.0


def test_where_a_scorer_is_given_the_answers_to_held_out_prompts_compete(
    base: Path, lora: Path
) -> None:
    asked: list[tuple[Sequence[ChatMessage], str]] = []

    def later_is_better(prompt: Sequence[ChatMessage], answer: str) -> float:
        asked.append((prompt, answer))
        return float(len(asked) // 4)

    report = examined(base, lora, dataset(VOTES), FEW, thoroughness=QUICK, scorer=later_is_better)

    assert len(asked) == 2 * QUICK.prompts
    assert asked[0][0] == VOTES[0].prompt
    # Scores of the base 0, 0, 0, of the candidate 1, 1, 1.
    assert report.metrics["win_rate"] == 1.0
    bad = examined(
        base, lora, dataset(VOTES), FEW, thoroughness=QUICK, scorer=lambda prompt, text: math.nan
    )
    assert math.isnan(bad.metrics["win_rate"])
    assert any("Its answers win" in reason for reason in bad.reasons)


def test_a_lora_with_weights_that_are_no_numbers_is_refused(
    base: Path, lora: Path, tmp_path: Path
) -> None:
    from safetensors.torch import load_file, save_file

    weights = load_file(lora / "adapter_model.safetensors")
    save_file({name: weight * torch.nan for name, weight in weights.items()},
              tmp_path / "adapter_model.safetensors")  # fmt: skip
    (tmp_path / "adapter_config.json").write_text((lora / "adapter_config.json").read_text())

    report = report_on(base, tmp_path, dataset(VOTES))

    assert report.decision is Decision.REFUSED
    assert math.isnan(report.metrics["sycophancy_after"])
    assert any("perplexity nan" in reason for reason in report.reasons)
    assert any("prefer its answers could not be measured" in reason for reason in report.reasons)


def test_progress_is_told_from_the_beginning_on(base: Path, lora: Path) -> None:
    told: list[tuple[str, float]] = []

    examined(
        base,
        lora,
        dataset(VOTES),
        FEW,
        thoroughness=replace(QUICK, prompts=1),
        progress=lambda stage, done: told.append((stage, done)),
    )

    assert [done for _, done in told] == sorted(done for _, done in told)
    assert told[0] == ("loading the model", 0.0)
