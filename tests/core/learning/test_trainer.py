"""The recipe on tiny random models: what it learns, what it leaves alone, what its result is."""

import hashlib
from pathlib import Path
from xml.etree import ElementTree

import pytest
import torch
from safetensors.torch import load_file

from chatune_core.errors import ConfigurationError, TrainingFailed
from chatune_core.generation.requests import ChatMessage
from chatune_core.generation.tokenizer import load_tokenizer
from chatune_core.learning.recipe import Watcher
from chatune_core.learning.trainer import _plan, schedule, train
from fakes.learned import Noted, dataset, pair, recipe, tastes, thumb
from fakes.tiny_models import reference, reference_with, write_model

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
    tuned = reference_with(trained.folder, base)
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

    assert one_by_one.curves["loss"] == pytest.approx(whole.curves["loss"], abs=1e-3)
    assert one_by_one.curves["gradient"] == pytest.approx(whole.curves["gradient"], rel=1e-2)
    found, expected = (
        torch.cat([tensor.flatten() for _, tensor in sorted(weights(one.folder).items())])
        for one in (one_by_one, whole)
    )
    # Adam makes of a gradient that is all rounding a step as large as any, so not each by itself.
    assert (found - expected).norm() < 0.01 * expected.norm()


def test_nothing_to_train_on_is_said_and_leaves_no_folder(base: Path, tmp_path: Path) -> None:
    with pytest.raises(TrainingFailed, match="nothing to train on: 0 rows"):
        train(dataset(()), base, tmp_path / "lora", tmp_path / "work", recipe())

    assert not (tmp_path / "lora").exists()


@pytest.mark.parametrize("good", [True, False])
def test_one_row_and_rows_of_one_kind_are_enough(good: bool, base: Path, tmp_path: Path) -> None:
    rows = (thumb(0, "hello", good),)

    trained = train(dataset(rows), base, tmp_path / "lora", tmp_path / "work", recipe())

    assert trained.metrics["rows"] == 1


@pytest.mark.parametrize("name", ["rank", "beta", "rows_per_step", "kl_limit"])
def test_settings_that_mean_nothing_are_refused(name: str) -> None:
    with pytest.raises(ConfigurationError, match=rf"training\.{name} must be above zero, got 0"):
        recipe(**{name: 0})


@pytest.mark.parametrize(("rows", "steps"), [(4, 4), (20, 20), (60, 30), (120, 30), (1000, 250)])
def test_few_rows_are_seen_more_often_where_the_recipe_leaves_it_open(
    rows: int, steps: int
) -> None:
    assert len(_plan(rows, recipe(epochs=0))) == steps


def test_the_learning_rate_rises_for_a_tenth_of_the_run_and_falls_to_nothing() -> None:
    shares = [schedule(progress) for progress in (0.0, 0.05, 0.1, 0.55, 1.0)]

    assert shares == pytest.approx([0.0, 0.5, 1.0, 0.5, 0.0])


def test_a_loss_that_is_no_number_ends_the_run_and_writes_nothing(
    base: Path, tmp_path: Path
) -> None:
    with pytest.raises(
        TrainingFailed, match=r"the loss became nan .* lower training.learning_rate"
    ):
        train(
            dataset(tastes(20)),
            base,
            tmp_path / "lora",
            tmp_path / "work",
            recipe(learning_rate=1e30, replay_tokens=0),
        )

    assert not (tmp_path / "lora").exists()


def test_training_ends_early_where_it_moves_too_far_from_the_base(
    base: Path, tmp_path: Path
) -> None:
    watcher = Noted()

    trained = train(
        dataset(tastes(20)),
        base,
        tmp_path / "lora",
        tmp_path / "work",
        recipe(kl_limit=0.01, learning_rate=3e-2),
        watcher=watcher,
    )

    assert trained.ended_early is not None
    assert "nats a token from the base on general text, the limit is 0.01" in trained.ended_early
    assert 0 < len(watcher.steps) < 10
    assert all(step.kl <= 0.01 for step in watcher.steps)
    assert trained.metrics["steps"] == len(trained.curves["kl"]) == len(watcher.steps)


def test_replay_keeps_the_model_near_its_base(base: Path, tmp_path: Path) -> None:
    rows = dataset(tastes(20))

    free = train(rows, base, tmp_path / "1", tmp_path / "work", recipe(replay=0.0, chat_replay=0.0))
    held = train(rows, base, tmp_path / "2", tmp_path / "work", recipe(replay=10.0))

    assert held.metrics["last_kl"] < free.metrics["last_kl"] / 2


def test_the_anchor_raises_the_likelihood_of_good_answers(base: Path, tmp_path: Path) -> None:
    rows = dataset(tuple(pair(number, "hello user", "system of") for number in range(12)))
    none = recipe(anchor=0.0, replay_tokens=0, epochs=3)
    much = recipe(anchor=3.0, replay_tokens=0, epochs=3)

    without = train(rows, base, tmp_path / "1", tmp_path / "work", none)
    anchored = train(rows, base, tmp_path / "2", tmp_path / "work", much)

    assert likelihood(anchored.folder, base) > likelihood(without.folder, base) + 0.5


def likelihood(lora: Path, base: Path) -> float:
    """Return the log-probability in nats of "hello user" as the answer to "how?"."""
    tokenizer = load_tokenizer(base)
    prompt = tokenizer.encode_chat([ChatMessage("user", "how?")])
    answer = tokenizer.encode_completion("hello user")
    tuned = reference_with(lora, base)
    with torch.no_grad():
        scores = tuned(torch.tensor([prompt + answer])).logits[0, len(prompt) - 1 : -1]
    return float(scores.log_softmax(1).gather(1, torch.tensor(answer)[:, None]).sum())


def test_a_row_that_is_too_long_is_cut_and_one_without_text_left_out(
    base: Path, tmp_path: Path
) -> None:
    rows = (
        thumb(0, "hello", good=True, prompt="the user and the assistant " * 50),
        thumb(1, "system " * 60, good=False),
        thumb(2, " \n", good=True),
        pair(3, "hello", ""),
        thumb(4, "of", good=False),
    )

    trained = train(dataset(rows), base, tmp_path / "lora", tmp_path / "work", recipe())

    assert trained.metrics["rows"] == 3
    assert trained.metrics["rows_cut"] == 2
    assert trained.metrics["rows_empty"] == 2


def test_the_curves_are_a_picture_beside_the_weights(base: Path, tmp_path: Path) -> None:
    trained = train(dataset(tastes(8)), base, tmp_path / "lora", tmp_path / "work", recipe())

    picture = (trained.folder / "curves.svg").read_text(encoding="utf-8")
    assert ElementTree.fromstring(picture).tag == "{http://www.w3.org/2000/svg}svg"
    assert picture.count("<g ") == 4


def test_the_files_name_no_person_and_hold_no_text(base: Path, tmp_path: Path) -> None:
    trained = train(dataset(tastes(8)), base, tmp_path / "lora", tmp_path / "work", recipe())

    for file in trained.folder.iterdir():
        content = file.read_bytes()
        assert b"person" not in content
        assert b"hello" not in content
        assert str(tmp_path).encode() not in content
