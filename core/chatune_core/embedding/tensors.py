"""Numbers in a safetensors file, pinned by hash."""

from __future__ import annotations

import hashlib
from pathlib import Path
from typing import TYPE_CHECKING

from chatune_core.errors import ConfigurationError

if TYPE_CHECKING:
    from torch import Tensor

BASE_FILE = "model.safetensors"
"""Of the embedding model."""
_REMEDY = (
    "Install Chatune again for the weights that come with it; weights of your own, train again."
)


def read_tensors(file: Path, sha256: str) -> dict[str, Tensor]:
    """Return the numbers in a safetensors file, float32; whole numbers in it are left out.

    Raises:
        ConfigurationError: if it cannot be read, or if its hash is not `sha256`.
    """
    from safetensors.torch import load

    try:
        content = file.read_bytes()
    except OSError as error:
        raise ConfigurationError(f"The file {str(file)!r} cannot be read.", _REMEDY) from error
    found = hashlib.sha256(content).hexdigest()
    if found != sha256:
        raise ConfigurationError(
            f"The file {str(file)!r} has SHA-256 {found}, but {sha256} was expected.", _REMEDY
        )
    tensors = load(content)
    return {name: tensor.float() for name, tensor in tensors.items() if tensor.is_floating_point()}
