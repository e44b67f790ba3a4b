"""A GGUF file once into a model folder in the Hugging Face layout, kept for later loads."""

from __future__ import annotations

import hashlib
import shutil
import struct
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from filelock import FileLock, Timeout
from safetensors import SafetensorError

from chatune_core.errors import ConfigurationError

Progress = Callable[[str, float], None]
"""Told a stage in plain words and how much of the whole is done, from 0 to 1."""

_LAYOUT = 2
"""Part of the folder's name; goes up when what is kept changes."""


def converted_folder(source: Path, cache_dir: Path) -> Path:
    """Return where the converted form of the GGUF file `source` is kept, present or not."""
    return cache_dir / f"{source.stem}-{_fingerprint(source)}-v{_LAYOUT}"


def convert_once(source: Path, cache_dir: Path, progress: Progress) -> Path:
    """Return the folder with the converted model, converting now if there is none.

    The folder appears whole or not at all: it is written beside its place and renamed, so a
    process that dies leaves nothing that a later load would trust.

    Raises:
        ConfigurationError: if transformers cannot read the file or the folder cannot be written.
    """
    target = converted_folder(source, cache_dir)
    if target.is_dir():
        return target
    try:
        cache_dir.mkdir(parents=True, exist_ok=True)
        with _alone(target, progress):
            if not target.is_dir():
                _convert_beside(source, target, progress)
    except (OSError, SafetensorError) as error:
        raise ConfigurationError(
            f"The model cache {str(cache_dir)!r} cannot be written: {error}.",
            "Give a data folder that this account may write to.",
        ) from error
    return target


@contextmanager
def _alone(target: Path, progress: Progress) -> Iterator[None]:
    """Hold `target` against every other process; the lock of one that dies is free at once."""
    lock = FileLock(f"{target}.lock")
    try:
        lock.acquire(timeout=0)
    except Timeout:
        progress("waiting for another process that converts the model", 0.0)
        lock.acquire()
    try:
        yield
    finally:
        lock.release()


def _convert_beside(source: Path, target: Path, progress: Progress) -> None:
    for left in target.parent.glob(f"{target.name}.tmp-*"):
        shutil.rmtree(left, ignore_errors=True)
    unfinished = Path(tempfile.mkdtemp(prefix=f"{target.name}.tmp-", dir=target.parent))
    try:
        _convert(source, unfinished, progress)
        unfinished.rename(target)
    finally:
        shutil.rmtree(unfinished, ignore_errors=True)
    progress("converted", 1.0)


def _fingerprint(source: Path) -> str:
    """Return a name for the file's content from its size, its first and its last megabyte."""
    # The whole file would take 0.1 s of every start; header and tail differ between any two models.
    size = source.stat().st_size
    digest = hashlib.sha256(str(size).encode())
    with source.open("rb") as file:
        digest.update(file.read(1 << 20))
        file.seek(max(size - (1 << 20), 0))
        digest.update(file.read())
    return digest.hexdigest()[:12]


def _convert(source: Path, folder: Path, progress: Progress) -> None:
    progress("reading the model file", 0.0)
    import torch
    from safetensors.torch import save_file
    from transformers import AutoModelForCausalLM, AutoTokenizer, GgufConfig

    torch.set_num_threads(1)  # see `open_runner`
    place = {"pretrained_model_name_or_path": str(source.parent), "gguf_file": source.name}
    try:
        progress("converting the tokenizer", 0.1)
        AutoTokenizer.from_pretrained(**place).save_pretrained(folder)
        progress("converting the weights", 0.2)
        model = AutoModelForCausalLM.from_pretrained(
            **place, dtype=torch.float16, quantization_config=GgufConfig(dequantize=True)
        )
    except (OSError, ValueError, KeyError, NotImplementedError, struct.error) as error:
        raise ConfigurationError(
            f"transformers cannot read the GGUF file {str(source)!r}: {error}.",
            "Use a GGUF of an architecture that transformers supports, or the original model.",
        ) from error
    progress("writing the converted model", 0.9)
    tied = {id(v): k for k, v in reversed(model.state_dict(keep_vars=True).items())}
    tensors = {name: model.get_parameter(name).detach().contiguous() for name in tied.values()}
    save_file(tensors, folder / "model.safetensors", metadata={"format": "pt"})
    model.config.__dict__.pop("quantization_config", None)
    # Other servers, `transformers serve` among them, find the model's class by this.
    model.config.architectures = [type(model).__name__]
    model.config.save_pretrained(folder)
    model.generation_config.save_pretrained(folder)
