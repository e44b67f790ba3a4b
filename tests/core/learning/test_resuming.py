"""A run that dies, however it does, costs some time and nothing else."""

from __future__ import annotations

import random
import resource
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
import torch

from chatune_core.errors import TrainingFailed
from chatune_core.learning.recipe import Step, Trained
from chatune_core.learning.rows import Dataset
from chatune_core.learning.run_key import run_key
from chatune_core.learning.trainer import train
from fakes.learned import Noted, dataset, recipe, tastes
from fakes.tiny_models import write_model
from fakes.training_under_test import trained_unless_killed

# peft asks transformers 5 for a name that it renamed.
pytestmark = pytest.mark.filterwarnings("ignore:`is_gradient_checkpointing`:FutureWarning")


class Died(Exception):
    """In place of a process that ends."""


class DiesAfter(Noted):
    def __init__(self, step: int) -> None:
        super().__init__()
        self._last = step

    def step(self, step: Step) -> None:
        super().step(step)
        if step.number == self._last:
            raise Died


@pytest.fixture(scope="module")
def base(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_model(tmp_path_factory.mktemp("models") / "llama", "llama")


ROWS = dataset(tastes(16))
"""Four steps an epoch."""


def trained(base: Path, folder: Path, watcher: Noted, rows: Dataset = ROWS) -> Trained:
    return train(rows, base, folder / "lora", folder / "work", recipe(), watcher=watcher)


def broken_off(base: Path, folder: Path, after: int) -> None:
    with pytest.raises(Died):
        trained(base, folder, DiesAfter(after))


@pytest.fixture(scope="module")
def unbroken(base: Path, tmp_path_factory: pytest.TempPathFactory) -> Trained:
    return trained(base, tmp_path_factory.mktemp("unbroken"), Noted())


def checkpoints(folder: Path) -> list[Path]:
    """Return the checkpoints, newest first."""
    return sorted((folder / "work").glob("*/step-*"), reverse=True)


def damage(file: Path) -> None:
    content = bytearray(file.read_bytes())
    content[len(content) // 2] ^= 1
    file.write_bytes(content)


def test_a_run_goes_on_from_its_last_checkpoint_to_the_same_bits(
    base: Path, tmp_path: Path, unbroken: Trained
) -> None:
    broken_off(base, tmp_path, after=5)

    found = trained(base, tmp_path, noted := Noted())

    assert noted.lines == ["Going on from the checkpoint after step 4."]
    assert [step.number for step in noted.steps] == [5, 6, 7, 8]
    assert not any(name.startswith("measuring") for name, _ in noted.stages)
    assert found.sha256 == unbroken.sha256
    assert found.curves == unbroken.curves


def test_a_damaged_checkpoint_is_named_and_the_one_before_it_is_used(
    base: Path, tmp_path: Path, unbroken: Trained
) -> None:
    broken_off(base, tmp_path, after=5)
    damage(checkpoints(tmp_path)[0])

    found = trained(base, tmp_path, noted := Noted())

    assert noted.lines == [
        "The checkpoint after step 4 is damaged and is left out.",
        "Going on from the checkpoint after step 2.",
    ]
    assert found.sha256 == unbroken.sha256


def test_with_every_checkpoint_damaged_the_run_begins_again(
    base: Path, tmp_path: Path, unbroken: Trained
) -> None:
    broken_off(base, tmp_path, after=5)
    for file in (tmp_path / "work").glob("*/*"):
        damage(file)

    found = trained(base, tmp_path, noted := Noted())

    assert len(noted.lines) == 2
    assert noted.steps[0].number == 1
    assert found.sha256 == unbroken.sha256


def test_two_checkpoints_are_kept_and_none_after_the_end(base: Path, tmp_path: Path) -> None:
    broken_off(base, tmp_path, after=7)
    assert len(checkpoints(tmp_path)) == 2

    trained(base, tmp_path, Noted())

    assert list((tmp_path / "work").iterdir()) == []


def test_checkpoints_over_other_rows_are_removed_and_not_used(base: Path, tmp_path: Path) -> None:
    broken_off(base, tmp_path, after=5)
    before = checkpoints(tmp_path)

    with pytest.raises(Died):
        trained(base, tmp_path, noted := DiesAfter(1), dataset(tastes(15), "fewer rows"))

    assert [step.number for step in noted.steps] == [1]
    assert "starts anew" in noted.lines[0]
    assert not any(file.exists() for file in before)


def test_a_finished_run_is_returned_as_it_is(base: Path, tmp_path: Path) -> None:
    first = trained(base, tmp_path, Noted())

    again = trained(base, tmp_path, noted := Noted())

    assert again == first
    assert noted.stages == []


def test_a_folder_that_holds_something_else_is_not_overwritten(base: Path, tmp_path: Path) -> None:
    trained(base, tmp_path, Noted())

    with pytest.raises(TrainingFailed, match="is there already"):
        trained(base, tmp_path, Noted(), dataset(tastes(15), "other rows"))


@contextmanager
def full_disk() -> Iterator[None]:
    """Let no file grow beyond 20 kB, as on a disk that is full: a tiny checkpoint has 140."""
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (20_000, before[1]))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)


def test_a_full_disk_ends_the_run_with_one_line_and_loses_nothing(
    base: Path, tmp_path: Path, unbroken: Trained
) -> None:
    broken_off(base, tmp_path, after=3)
    before = checkpoints(tmp_path)

    with full_disk(), pytest.raises(TrainingFailed, match=r"cannot write .* Make room"):
        trained(base, tmp_path, Noted())

    assert checkpoints(tmp_path) == before
    assert not (tmp_path / "lora").exists()
    assert not list((tmp_path / "work").glob("*/unfinished"))
    assert trained(base, tmp_path, Noted()).sha256 == unbroken.sha256


def test_a_disk_that_is_full_at_the_very_end_leaves_no_half_of_a_lora(
    base: Path, tmp_path: Path, unbroken: Trained
) -> None:
    broken_off(base, tmp_path, after=8)

    with full_disk(), pytest.raises(TrainingFailed, match=r"cannot be written .* Make room"):
        trained(base, tmp_path, Noted())

    assert [path.name for path in tmp_path.iterdir()] == ["work"]
    found = trained(base, tmp_path, noted := Noted())
    assert noted.steps == []
    assert found.sha256 == unbroken.sha256


class RunsOutOf(Noted):
    """Ends a step with an error, as torch does in the middle of one."""

    def __init__(self, error: Exception) -> None:
        super().__init__()
        self._error = error

    def step(self, step: Step) -> None:
        raise self._error


@pytest.mark.parametrize(
    "error",
    [
        MemoryError(),
        torch.OutOfMemoryError("CUDA out of memory"),
        RuntimeError("DefaultCPUAllocator: can't allocate memory: you tried to allocate 8 bytes"),
    ],
)
def test_memory_that_runs_out_ends_the_run_with_what_to_set(
    error: Exception, base: Path, tmp_path: Path
) -> None:
    with pytest.raises(TrainingFailed, match=r"out of memory. Set a lower training.tokens_per"):
        trained(base, tmp_path, RunsOutOf(error))


def test_an_error_that_is_not_about_memory_is_not_called_so(base: Path, tmp_path: Path) -> None:
    with pytest.raises(RuntimeError, match="shapes differ"):
        trained(base, tmp_path, RunsOutOf(RuntimeError("shapes differ")))


def test_whatever_decides_a_result_is_part_of_its_key(base: Path, tmp_path: Path) -> None:
    other = tmp_path / "other"
    shutil.copytree(base, other)
    damage(other / "model.safetensors")

    keys = {
        run_key(ROWS, base, recipe()),
        run_key(dataset(tastes(16), "other rows"), base, recipe()),
        run_key(ROWS, other, recipe()),
        run_key(ROWS, base, recipe(seed=5)),
    }

    assert len(keys) == 4
    assert run_key(ROWS, base, recipe()) in keys


def killed_and_resumed(base: Path, folder: Path, kills: int, seed: int) -> tuple[Trained, int]:
    """Train to the end though the process is killed at `kills` random points; return how often it was."""
    chance = random.Random(seed)
    killed = 0
    for _ in range(kills):
        found = trained_unless_killed(base, folder, kill_after=chance.randint(1, 9))
        if isinstance(found, Trained):
            return found, killed
        killed += 1
    found = trained_unless_killed(base, folder, kill_after=None)
    assert isinstance(found, Trained)
    return found, killed


@pytest.mark.timeout(180)  # five processes, and libraries that load slowly on a busy machine
def test_killed_at_random_points_a_run_comes_to_the_same_weights(
    base: Path, tmp_path: Path
) -> None:
    whole = trained_unless_killed(base, tmp_path / "whole", kill_after=None)
    assert isinstance(whole, Trained)

    found, killed = killed_and_resumed(base, tmp_path / "killed", kills=3, seed=4)

    assert killed == 3
    assert found.sha256 == whole.sha256


@pytest.mark.soak
@pytest.mark.timeout(1800)
def test_runs_killed_at_ten_random_points_come_to_the_same_weights(
    base: Path, tmp_path: Path
) -> None:
    whole = trained_unless_killed(base, tmp_path / "whole", kill_after=None)
    assert isinstance(whole, Trained)

    killed = 0
    for seed in range(10):
        found, times = killed_and_resumed(base, tmp_path / f"{seed}", kills=10, seed=seed)
        killed += times
        assert found.sha256 == whole.sha256

    assert killed >= 40
