"""From the name of a model to a folder on this disk, with the ways in which that fails."""

from __future__ import annotations

import json
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from chatune_core.errors import ConfigurationError
from chatune_core.generation.bundled import CHAT_MODEL_NAME, bundled_chat_model
from chatune_core.generation.conversion import Progress, convert_once, converted_folder

_FILES = ["*.json", "*.safetensors", "*.jinja", "tokenizer.model", "*.txt"]


@dataclass(frozen=True, slots=True)
class Source:
    """A model: `name` for people, `revision` for provenance.

    `folder` is None while a GGUF file is not converted, or a model of the hub not downloaded;
    `gguf` is None for models that are no GGUF file.
    """

    name: str
    revision: str
    folder: Path | None
    gguf: Path | None


def find_source(model: str, revision: str | None, cache_dir: Path, fetch: bool) -> Source:
    """Return where the model is; `fetch` allows a download from the Hugging Face hub.

    Raises:
        ConfigurationError: if it is nowhere to be found.
    """
    path = Path(model).expanduser()
    if model == "bundled":
        return _gguf(bundled_chat_model(), CHAT_MODEL_NAME, cache_dir)
    if path.suffix == ".gguf":
        if not path.is_file():
            raise ConfigurationError(f"The model file {model!r} does not exist.", _MEND)
        return _gguf(path.resolve(), path.stem, cache_dir)
    if path.is_dir():
        if not (path / "config.json").is_file():
            raise ConfigurationError(
                f"The folder {model!r} holds no model: config.json is missing.", _MEND
            )
        return Source(path.resolve().name, revision or "local", path.resolve(), None)
    if path.is_absolute() or model.startswith((".", "~")) or model.count("/") != 1:
        raise ConfigurationError(f"The model {model!r} does not exist.", _MEND)
    return _from_hub(model, revision, fetch)


_MEND = 'Set model to "bundled", a model folder, a .gguf file or a Hugging Face id.'


def prepared_folder(source: Source, cache_dir: Path, progress: Progress) -> Path:
    """Return the folder of the source, converting a GGUF file at its first use."""
    if source.gguf is not None:
        return convert_once(source.gguf, cache_dir, progress)
    assert source.folder is not None
    return source.folder


def read_config(folder: Path) -> dict[str, Any]:
    """Return the model's configuration.

    Raises:
        ConfigurationError: if it cannot be read or is not of a text model.
    """
    try:
        config: dict[str, Any] = json.loads((folder / "config.json").read_text("utf-8"))
    except (OSError, ValueError) as error:
        raise ConfigurationError(
            f"The configuration of the model in {str(folder)!r} cannot be read.",
            "Download the model again.",
        ) from error
    if config.get("is_encoder_decoder"):
        raise ConfigurationError(
            f"The model in {str(folder)!r} is an encoder-decoder.", "Choose a decoder-only model."
        )
    return config


def _gguf(file: Path, name: str, cache_dir: Path) -> Source:
    folder = converted_folder(file, cache_dir)
    return Source(name, folder.name, folder if folder.is_dir() else None, file)


def _from_hub(model: str, revision: str | None, fetch: bool) -> Source:
    from huggingface_hub import snapshot_download
    from huggingface_hub.errors import (
        DryRunError,
        HfHubHTTPError,
        HFValidationError,
        LocalEntryNotFoundError,
    )

    def copied(local: bool) -> Path:
        return Path(
            snapshot_download(
                model, revision=revision, allow_patterns=_FILES, local_files_only=local
            )
        )

    try:
        with suppress(LocalEntryNotFoundError):
            folder = copied(local=True)
            if _is_whole(folder):
                return Source(model, folder.name, folder, None)
        if fetch:
            folder = copied(local=False)
            return Source(model, folder.name, folder, None)
        snapshot_download(model, revision=revision, allow_patterns=_FILES, dry_run=True)
        return Source(model, revision or "main", None, None)
    except HFValidationError as error:
        raise ConfigurationError(f"{model!r} is no Hugging Face id.", _MEND) from error
    except (LocalEntryNotFoundError, DryRunError) as error:
        raise ConfigurationError(
            f"The model {model!r} is not on this disk and the Hugging Face hub cannot be reached.",
            "Check the network, or give the path of a downloaded model.",
        ) from error
    except HfHubHTTPError as error:
        raise ConfigurationError(
            f"The Hugging Face hub does not give out {model!r} at {revision or 'main'!r}.",
            "Check the name and the revision, and set HF_TOKEN if the model is gated.",
        ) from error


def _is_whole(folder: Path) -> bool:
    """Return whether nothing is missing from a download, which may have been cut off."""
    index = folder / "model.safetensors.index.json"
    shards = {"model.safetensors"}
    if index.is_file():
        shards = set(json.loads(index.read_text("utf-8"))["weight_map"].values())
    return all((folder / name).is_file() for name in {"config.json", *shards})
