"""Loads the base model for training and for judging, without the libraries' noise."""

from __future__ import annotations

import logging
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import torch

from chatune_core.errors import ConfigurationError


def load_base(base: Path, dtype: torch.dtype, device: torch.device) -> Any:  # noqa: ANN401
    """Return the causal model of transformers in the folder `base`; nothing is downloaded.

    Raises:
        ConfigurationError: it cannot be loaded.
    """
    from transformers import AutoModelForCausalLM

    automatic: Any = AutoModelForCausalLM
    try:
        with quiet():
            model = automatic.from_pretrained(str(base), local_files_only=True, dtype=dtype)
    except (OSError, ValueError, KeyError, ImportError) as error:
        first = (str(error).strip().splitlines() or [type(error).__name__])[0].rstrip(".")
        raise ConfigurationError(
            f"transformers cannot load the model in {str(base)!r}: {first}.",
            "Give a folder in the Hugging Face layout, the one that the LoRA is for.",
        ) from error
    return model.to(device)


@contextmanager
def quiet() -> Iterator[None]:
    """Keep the libraries' progress bars and advice off the terminal."""
    from transformers.utils import logging as hf

    showed = hf.is_progress_bar_enabled()
    hf.disable_progress_bar()  # type: ignore[no-untyped-call]
    level = logging.root.manager.disable
    logging.disable(logging.WARNING)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            yield
    finally:
        logging.disable(level)
        if showed:
            hf.enable_progress_bar()  # type: ignore[no-untyped-call]
