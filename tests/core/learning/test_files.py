"""The files of LoRAs: kept whole, and checked before each use."""

import os
import resource
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

import pytest

from chatune_core.errors import GenerationFailed, RetryLater, TrainingFailed
from chatune_core.generation.requests import LoraId
from chatune_core.learning.files import CONFIGURATION, WEIGHTS, LoraFiles
from chatune_core.learning.versions import LoraVersion
from fakes.loras import kept_version, lora_folder


@pytest.fixture
def source(tmp_path: Path) -> Path:
    return lora_folder(tmp_path / "run")


@pytest.fixture
def files(tmp_path: Path) -> LoraFiles:
    return LoraFiles(tmp_path / "loras")


@pytest.fixture
def kept(files: LoraFiles, source: Path) -> LoraVersion:
    return kept_version(files, "v1", source)


def test_what_is_kept_is_found_again_and_for_its_owner_alone(
    files: LoraFiles, kept: LoraVersion
) -> None:
    folder = files.checked(kept)

    assert (folder / WEIGHTS).read_bytes() == b"weights"
    assert sorted(item.name for item in folder.iterdir()) == sorted([WEIGHTS, CONFIGURATION])
    assert folder.stat().st_mode & 0o777 == 0o700
    assert [item.name for item in folder.parent.iterdir()] == [kept.folder]


def test_keeping_it_again_changes_nothing(
    files: LoraFiles, kept: LoraVersion, source: Path
) -> None:
    before = files.checked(kept).stat().st_ino

    assert files.keep(kept.id, source).sha256 == kept.sha256
    assert files.checked(kept).stat().st_ino == before


def test_keeping_it_again_mends_what_was_damaged(
    files: LoraFiles, kept: LoraVersion, source: Path
) -> None:
    (files.checked(kept) / WEIGHTS).unlink()

    files.keep(kept.id, source)

    assert (files.checked(kept) / WEIGHTS).read_bytes() == b"weights"


@pytest.mark.parametrize("name", [WEIGHTS, CONFIGURATION])
@pytest.mark.parametrize("damage", ["tampered", "truncated", "missing"])
def test_damaged_files_are_refused_by_name(
    files: LoraFiles, kept: LoraVersion, name: str, damage: str
) -> None:
    file = files.checked(kept) / name
    content = file.read_bytes()
    match damage:
        case "tampered":
            file.write_bytes(bytes([content[0] ^ 1]) + content[1:])
        case "truncated":
            os.truncate(file, len(content) - 1)
        case _:
            file.unlink()

    expected = "'v1' cannot be read" if damage == "missing" else f"{name} of 'v1' is not what was"
    with pytest.raises(GenerationFailed, match=expected):
        files.checked(kept)


def test_files_that_are_on_another_machine_are_no_fault_of_the_version(
    files: LoraFiles, kept: LoraVersion
) -> None:
    assert files.remove(kept)
    assert not files.remove(kept)

    with pytest.raises(RetryLater, match="share that folder"):
        files.checked(kept)


def test_files_that_this_machine_cannot_read_are_no_fault_of_the_version(
    files: LoraFiles, kept: LoraVersion
) -> None:
    weights = files.checked(kept) / WEIGHTS
    weights.unlink()
    weights.symlink_to(WEIGHTS)  # to itself, which no system reads

    with pytest.raises(RetryLater, match="'v1' cannot be read: Too many levels"):
        files.checked(kept)


def test_a_version_cannot_point_out_of_the_registry(
    files: LoraFiles, kept: LoraVersion, source: Path
) -> None:
    outside = replace(kept, folder=f"../{source.name}")

    with pytest.raises(GenerationFailed, match="no folder of the registry"):
        files.checked(outside)
    assert not files.remove(outside)
    assert source.is_dir()


@pytest.mark.parametrize("lora", ["", "../up", ".hidden", "a/b", "a" * 101])
def test_an_id_that_cannot_name_a_folder_is_refused(
    files: LoraFiles, source: Path, lora: str
) -> None:
    with pytest.raises(ValueError, match="the id of a LoRA"):
        files.keep(LoraId(lora), source)


def test_a_source_without_weights_leaves_nothing_behind(
    files: LoraFiles, source: Path, tmp_path: Path
) -> None:
    (source / WEIGHTS).unlink()

    with pytest.raises(TrainingFailed, match="'v1' cannot be kept: No such file"):
        files.keep(LoraId("v1"), source)
    assert not (tmp_path / "loras").exists()


@contextmanager
def no_file_longer_than(size: int) -> Iterator[None]:
    """Have the system refuse longer files, as it refuses all on a full disk."""
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (size, before[1]))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)


def test_a_disk_that_is_full_leaves_nothing_behind(
    files: LoraFiles, source: Path, tmp_path: Path
) -> None:
    with (
        no_file_longer_than(3),
        pytest.raises(TrainingFailed, match="'v1' cannot be kept: File too large"),
    ):
        files.keep(LoraId("v1"), source)

    assert list((tmp_path / "loras").iterdir()) == []
