"""The recipe on tiny random models: what it learns, what it leaves alone, what its result is."""

import hashlib
from pathlib import Path

import pytest
import torch
from peft import PeftModel
from safetensors.torch import load_file

from chatune_core.errors import TrainingFailed
from chatune_core.learning.recipe import Watcher
from chatune_core.learning.trainer import train
from fakes.learned import Noted, dataset, recipe, tastes, thumb
from fakes.tiny_models import reference, write_model

# peft asks transformers 5 for a name that it renamed.
pytestmark = pytest.mark.filterwarnings("ignore:`is_gradient_checkpointing`:FutureWarning")

WEIGHTS = "adapter_model.safetensors"


@pytest.fixture(scope="module")
def base(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_model(tmp_path_factory.mktemp("models") / "llama", "llama")


def weights(folder: Path) -> dict[str, torch.Tensor]:
    return load_file(folder / WEIGHTS)


def test_training_puts_the_good_answers_above_the_bad_ones(base: Path, tmp_path: Path) -> None:
    noted: Watcher = (watcher := Noted())

    trained = train(
        dataset(tastes(20)),
        base,
        tmp_path / "lora",
        tmp_path / "work",
        recipe(epochs=4),
        watcher=noted,
    )

    first, last = watcher.steps[0], watcher.steps[-1]
    assert last.loss < first.loss
    assert last.accuracy == 1.0
    assert last.margin > 0.5
    assert [step.number for step in watcher.steps] == list(range(1, 21))
    assert last.eta_s == 0
    assert trained.metrics["last_accuracy"] > 0.9
    assert len(trained.curves["loss"]) == 20


def test_the_lora_loads_in_peft_and_only_the_lora_is_written(base: Path, tmp_path: Path) -> None:
    trained = train(dataset(tastes(8)), base, tmp_path / "lora", tmp_path / "work", recipe())

    found = weights(trained.folder)
    assert all(".lora_A." in name or ".lora_B." in name for name in found)
    assert len(found) == 2 * 3 * 7  # three layers of seven linears
    assert any(tensor.abs().max() > 0 for name, tensor in found.items() if "lora_B" in name)
    assert hashlib.sha256((trained.folder / WEIGHTS).read_bytes()).hexdigest() == trained.sha256
    tuned = PeftModel.from_pretrained(reference(base), str(trained.folder))
    tokens = torch.tensor([[1, 5, 9, 20]])
    assert not torch.equal(tuned(tokens).logits, reference(base)(tokens).logits)


def test_the_same_seed_gives_the_same_bits_and_another_seed_others(
    base: Path, tmp_path: Path
) -> None:
    rows = dataset(tastes(8))

    one = train(rows, base, tmp_path / "1", tmp_path / "work", recipe(seed=1))
    again = train(rows, base, tmp_path / "2", tmp_path / "work", recipe(seed=1))
    other = train(rows, base, tmp_path / "3", tmp_path / "work", recipe(seed=2))

    assert one.sha256 == again.sha256
    assert one.sha256 != other.sha256


def test_how_rows_are_batched_does_not_change_the_result(base: Path, tmp_path: Path) -> None:
    rows = dataset(tastes(8))

    whole = train(rows, base, tmp_path / "1", tmp_path / "work", recipe(tokens_per_batch=4096))
    one_by_one = train(rows, base, tmp_path / "2", tmp_path / "work", recipe(tokens_per_batch=1))

    for name, tensor in weights(whole.folder).items():
        torch.testing.assert_close(weights(one_by_one.folder)[name], tensor, atol=2e-4, rtol=1e-2)


def test_nothing_to_train_on_is_said_and_leaves_no_folder(base: Path, tmp_path: Path) -> None:
    with pytest.raises(TrainingFailed, match="nothing to train on: 0 rows"):
        train(dataset(()), base, tmp_path / "lora", tmp_path / "work", recipe())

    assert not (tmp_path / "lora").exists()


@pytest.mark.parametrize("good", [True, False])
def test_one_row_and_rows_of_one_kind_are_enough(good: bool, base: Path, tmp_path: Path) -> None:
    rows = (thumb(0, "hello", good),)

    trained = train(dataset(rows), base, tmp_path / "lora", tmp_path / "work", recipe())

    assert trained.metrics["rows"] == 1
