"""From settings to a model that is ready to run."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from chatune_core.errors import ConfigurationError
from chatune_core.generation.bundled import CHAT_MODEL_NAME, bundled_chat_model
from chatune_core.generation.conversion import convert_once
from chatune_core.generation.tokenizer import ModelTokenizer, load_tokenizer
from chatune_core.generation.torch_runner import TorchRunner

Progress = Callable[[str, float], None]
"""Told a stage in plain words and how much of the whole is done, from 0 to 1."""


@dataclass(frozen=True, slots=True)
class ModelSettings:
    """Which model runs, where and how.

    model: "bundled", a local folder, a .gguf file or a Hugging Face id.
    cache_dir: where converted and packed weights are kept.
    device: auto, cpu, cuda or mps; dtype: auto, float32, bfloat16 or float16.
    weights: auto, unpacked, int8 or int4.
    slots: sequences in flight at once; context_tokens: tokens a sequence may have; threads: CPU
        threads. 0 leaves the choice to the machine and the model.
    revision: of a Hugging Face id.
    """

    cache_dir: Path
    model: str = "bundled"
    device: str = "auto"
    dtype: str = "auto"
    weights: str = "auto"
    slots: int = 0
    context_tokens: int = 0
    threads: int = 0
    revision: str | None = None


@dataclass(frozen=True, slots=True)
class OpenedModel:
    """A loaded model: `model` and `revision` name it for provenance, `description` for people."""

    runner: TorchRunner
    tokenizer: ModelTokenizer
    model: str
    revision: str
    description: str


def open_runner(settings: ModelSettings, progress: Progress) -> OpenedModel:
    """Load the model and return it ready to run.

    The first load of a GGUF file converts it, which takes some seconds; `progress` is told.

    Raises:
        ConfigurationError: if the model is missing, too large, or of a kind that cannot run.
    """
    import torch

    from chatune_core.generation.cache import SlotCache
    from chatune_core.generation.device import choose_placement
    from chatune_core.generation.llama_loading import load_llama, shape_of
    from chatune_core.generation.packing import LinearMaker, PackedStore, WeightForm, packed_file
    from chatune_core.generation.weights import ModelFolder

    placement = choose_placement(settings.device, settings.dtype, settings.threads)
    torch.set_num_threads(placement.threads)
    path = convert_once(bundled_chat_model(), settings.cache_dir, progress)
    folder = ModelFolder(path)
    device = torch.device(placement.device)
    context = settings.context_tokens or min(4096, folder.config["max_position_embeddings"])
    slots = settings.slots or 16
    progress("loading the weights", 0.0)
    bits = {"unpacked": 16, "int8": 8, "int4": 4, "auto": 4}[settings.weights]
    store = PackedStore(packed_file(path, bits)) if bits < 16 else None
    maker = LinearMaker(WeightForm(bits, True), store, placement.dtype, device)
    forward = load_llama(
        folder, maker, placement.dtype, device, context, lambda x: progress("loading", x)
    )
    if store:
        store.save()
    shape = shape_of(folder.config)
    cache = SlotCache(
        folder.config["num_hidden_layers"],
        slots,
        shape.key_heads,
        context,
        shape.head_dim,
        placement.dtype,
        device,
    )
    progress("loaded", 1.0)
    return OpenedModel(
        TorchRunner(forward, cache, folder.config["vocab_size"]),
        load_tokenizer(path),
        CHAT_MODEL_NAME,
        path.name,
        f"{CHAT_MODEL_NAME} on {placement.device.upper()}, {placement.threads} threads",
    )


_ = ConfigurationError
