"""The files of LoRAs: added whole or not at all, and checked before each use."""

import hashlib
import os
import re
import shutil
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path

from chatune_core.errors import GenerationFailed, RetryLater, TrainingFailed
from chatune_core.generation.requests import LoraId
from chatune_core.learning.versions import LoraVersion

WEIGHTS, CONFIGURATION = "adapter_model.safetensors", "adapter_config.json"
"""What PEFT calls them, and reads."""
_NAME = re.compile(r"^[A-Za-z0-9][A-Za-z0-9._-]{0,99}$")
_HEX = 16  # digits of the configuration's sha256 in a folder's name
_AGAIN = timedelta(seconds=30)


@dataclass(frozen=True, slots=True)
class Kept:
    """Where the files of a version lie; see `LoraVersion`."""

    folder: str
    sha256: str


class LoraFiles:
    """A folder with a folder for each version. Its methods read and write the disk: call in a thread.

    A version's folder is named for it and for the hash of its configuration, which decides as much as
    the weights what the model says.
    """

    def __init__(self, root: Path) -> None:
        self._root = root

    def keep(self, lora: LoraId, source: Path) -> Kept:
        """Copy the LoRA in `source`, in PEFT's layout; on return it is on the disk. May be repeated.

        Raises:
            ValueError: the id cannot name a folder.
            TrainingFailed: there is no LoRA in `source`, or no room for it.
        """
        if not _NAME.match(lora):
            raise ValueError(f"the id of a LoRA is letters, digits, dots and dashes, got {lora!r}")
        try:
            kept = _kept(lora, source)
            target = self._root / kept.folder
            # What lies under that name and is damaged makes way for what is not.
            if not (target.is_dir() and _same(lora, target, kept)):
                _put(source, target)
        except OSError as error:
            reason = error.strerror or str(error)
            raise TrainingFailed(f"The LoRA {lora!r} cannot be kept: {reason}.") from error
        return kept

    def checked(self, version: LoraVersion) -> Path:
        """Return the folder of a version, whose files are those that were registered.

        Raises:
            GenerationFailed: they are not.
            RetryLater: they are not on this machine, or it cannot read them.
        """
        if Path(version.folder).name != version.folder:
            raise GenerationFailed(f"{version.folder!r} is no folder of the registry")
        folder = self._root / version.folder
        try:
            if not folder.is_dir():
                where = f"the files of {version.id!r} are not in {str(self._root)!r}"
                raise RetryLater(
                    f"{where}; machines that share a database share that folder", _AGAIN
                )
            found = _kept(version.id, folder)
        except OSError as error:
            said = f"the files of {version.id!r} cannot be read: {error.strerror or error}"
            if isinstance(error, FileNotFoundError | IsADirectoryError):
                raise GenerationFailed(said) from error
            # A right or a disk that is missing here: other machines may read them well.
            raise RetryLater(said, _AGAIN) from error
        if found.sha256 != version.sha256:
            raise GenerationFailed(_changed(WEIGHTS, version, found.sha256, version.sha256))
        if found.folder != version.folder:
            wanted, is_now = (name.rpartition(".")[2] for name in (version.folder, found.folder))
            raise GenerationFailed(_changed(CONFIGURATION, version, is_now, wanted))
        return folder

    def remove(self, version: LoraVersion) -> bool:
        """Delete the files of a version; return whether there were any."""
        folder = self._root / version.folder
        if Path(version.folder).name != version.folder or not folder.is_dir():
            return False
        shutil.rmtree(folder, ignore_errors=True)
        return True


def _kept(lora: LoraId, folder: Path) -> Kept:
    configuration = _sha256(folder / CONFIGURATION)
    return Kept(f"{lora}.{configuration[:_HEX]}", _sha256(folder / WEIGHTS))


def _same(lora: LoraId, folder: Path, kept: Kept) -> bool:
    try:
        return _kept(lora, folder) == kept
    except OSError:
        return False


def _put(source: Path, target: Path) -> None:
    """Copy the files to `target`: beside it first, so that a name never stands for half of them."""
    target.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    beside = target.with_name(f".{target.name}.{os.getpid()}")
    shutil.rmtree(beside, ignore_errors=True)
    beside.mkdir(mode=0o700)
    try:
        for name in (WEIGHTS, CONFIGURATION):
            shutil.copyfile(source / name, beside / name)
            _sync(beside / name)
        _sync(beside)
        shutil.rmtree(target, ignore_errors=True)
        beside.rename(target)
        _sync(target.parent)
    finally:
        shutil.rmtree(beside, ignore_errors=True)


def _sync(path: Path) -> None:
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def _sha256(file: Path) -> str:
    with file.open("rb") as content:
        return hashlib.file_digest(content, "sha256").hexdigest()


def _changed(file: str, version: LoraVersion, found: str, wanted: str) -> str:
    short = f"sha256 {found[:_HEX]} instead of {wanted[:_HEX]}"
    return f"the {file} of {version.id!r} is not what was registered: {short}"
