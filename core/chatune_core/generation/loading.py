"""From settings to a model that is ready to run."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

from chatune_core.errors import ConfigurationError
from chatune_core.generation.bundled import CHAT_MODEL_NAME
from chatune_core.generation.conversion import Progress
from chatune_core.generation.memory import (
    MemoryPlan,
    cache_bytes_per_token,
    count_weights,
    plan_memory,
)
from chatune_core.generation.sources import Source, find_source, prepared_folder, read_config
from chatune_core.generation.tokenizer import ModelTokenizer, chat_template, load_tokenizer

if TYPE_CHECKING:
    from chatune_core.generation.device import Placement
    from chatune_core.generation.packing import WeightForm
    from chatune_core.generation.torch_runner import TorchRunner

_BITS = {"unpacked": 16, "int8": 8, "int4": 4}
_CPU_CONTEXT = 4096


@dataclass(frozen=True, slots=True)
class ModelSettings:
    """Which model runs, where and how.

    cache_dir: where converted and packed weights are kept.
    model: "bundled", a local folder, a .gguf file or a Hugging Face id.
    device: "auto" takes CUDA, then MPS, then the CPU.
    dtype: "auto" takes bfloat16 where the hardware is good at it.
    weights: "auto" packs the bundled model to int4, in which its file has it, and no other.
    slots: sequences in flight at once; context_tokens: tokens a sequence may have; threads: of the
        CPU. 0 leaves the choice to the machine and the model.
    revision: of a Hugging Face id.
    """

    cache_dir: Path
    model: str = "bundled"
    device: Literal["auto", "cpu", "cuda", "mps"] = "auto"
    dtype: Literal["auto", "float32", "bfloat16", "float16"] = "auto"
    weights: Literal["auto", "unpacked", "int8", "int4"] = "auto"
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

    def describe(self) -> str:
        """Return one line that says what runs where."""
        return self.description


@dataclass(frozen=True, slots=True)
class _Plan:
    """Everything that is settled before the weights are read."""

    placement: Placement
    form: WeightForm
    context: int
    memory: MemoryPlan

    def describe(self, name: str) -> str:
        place = self.placement
        threads = f"{place.threads} thread{'s' if place.threads > 1 else ''}"
        where = f"CPU, {threads}" if place.device == "cpu" else place.device.upper()
        bits = self.form.bits
        weights = "unpacked" if bits == 16 else f"int{bits}"
        return f"{name} on {where}, {str(place.dtype).removeprefix('torch.')}, {weights} weights"


def open_runner(settings: ModelSettings, progress: Progress) -> OpenedModel:
    """Load the model and return it ready to run, on the thread that calls.

    The first load of a GGUF file converts it, which takes some seconds; `progress` is told.

    Raises:
        ConfigurationError: if the model is missing, too large, or of a kind that cannot run.
    """
    source = find_source(settings.model, settings.revision, settings.cache_dir, fetch=True)
    folder = prepared_folder(source, settings.cache_dir, progress)
    config = read_config(folder)
    tokenizer = load_tokenizer(folder)
    plan = _plan(settings, source, folder, config)
    import torch

    # The thread that loads is not the one that runs, and threads that this one started would spin
    # beside those: OpenMP keeps a team for each.
    torch.set_num_threads(1)
    progress("loading the weights", 0.0)
    runner = _load(settings, plan, folder, config, progress)
    progress("ready", 1.0)
    return OpenedModel(runner, tokenizer, source.name, source.revision, plan.describe(source.name))


def check_model(settings: ModelSettings) -> str:
    """Return a line on how the model would run, after the checks that need no loading.

    Nothing is downloaded or converted.

    Raises:
        ConfigurationError: as `open_runner` would, as far as that can be seen from outside.
    """
    source = find_source(settings.model, settings.revision, settings.cache_dir, fetch=False)
    if source.folder is None:
        from chatune_core.generation.device import choose_placement

        choose_placement(settings.device, settings.dtype, settings.threads)
        step = "downloaded" if source.gguf is None else "converted"
        return f"{source.name}, to be {step} at its first use"
    config = read_config(source.folder)
    chat_template(source.folder)
    return _plan(settings, source, source.folder, config).describe(source.name)


def _plan(settings: ModelSettings, source: Source, folder: Path, config: dict[str, Any]) -> _Plan:
    import torch

    from chatune_core.generation.device import choose_placement, free_bytes
    from chatune_core.generation.packing import WeightForm, bytes_beside, many_rows

    placement = choose_placement(settings.device, settings.dtype, settings.threads)
    bits = _bits(settings, source, placement)
    context = _context(settings, placement, config)
    per_token = cache_bytes_per_token(config, placement.dtype.itemsize)
    packs = bits < 16 and placement.device == "cpu"
    many = many_rows(torch.cpu.get_capabilities()) if packs else "packed"
    memory = plan_memory(
        count_weights(folder),
        bits,
        placement.dtype.itemsize,
        bytes_beside(many, placement.dtype.itemsize),
        per_token * context,
        settings.slots,
        free_bytes(placement.device),
    )
    return _Plan(
        placement, WeightForm(bits, many if memory.two_forms else "packed"), context, memory
    )


def _bits(settings: ModelSettings, source: Source, placement: Placement) -> int:
    if settings.weights in _BITS:
        return _BITS[settings.weights]
    if settings.weights != "auto":
        raise ConfigurationError(
            f"The weights {settings.weights!r} are not known.", "Use auto, unpacked, int8 or int4."
        )
    return 4 if source.name == CHAT_MODEL_NAME and placement.device == "cpu" else 16


def _context(settings: ModelSettings, placement: Placement, config: dict[str, Any]) -> int:
    own = int(config.get("max_position_embeddings") or config.get("n_positions") or _CPU_CONTEXT)
    window = config.get("sliding_window") if config.get("use_sliding_window", True) else None
    # A window that never fills is no window, and then any mask is a causal one.
    own = min(own, int(window)) if window else own
    if settings.context_tokens > own:
        raise ConfigurationError(
            f"context_tokens is {settings.context_tokens}, but the model takes {own} at most.",
            f"Set context_tokens to {own} or less, or to 0.",
        )
    return settings.context_tokens or min(own, _CPU_CONTEXT if placement.device == "cpu" else 16384)


def _load(
    settings: ModelSettings, plan: _Plan, folder: Path, config: dict[str, Any], progress: Progress
) -> TorchRunner:
    import torch

    from chatune_core.generation.cache import SlotCache
    from chatune_core.generation.llama_loading import is_llama_shaped, load_llama, shape_of
    from chatune_core.generation.packing import LinearMaker, PackedStore, packed_file
    from chatune_core.generation.threads import ThreadGovernor
    from chatune_core.generation.torch_runner import Forward, TorchRunner
    from chatune_core.generation.weights import ModelFolder

    place, bits = plan.placement, plan.form.bits
    device = torch.device(place.device)
    packs = bits < 16 and place.device == "cpu"
    store = PackedStore(packed_file(settings.cache_dir, folder, plan.form)) if packs else None
    maker = LinearMaker(plan.form, store, place.dtype, device)
    forward: Forward
    with torch.inference_mode():
        if is_llama_shaped(config) and (packs or bits == 16):
            shape = shape_of(config)
            sizes = (config["num_hidden_layers"], shape.key_heads, shape.head_dim)
            forward = load_llama(
                ModelFolder(folder),
                maker,
                place.dtype,
                device,
                plan.context,
                lambda done: progress("loading the weights", done),
            )
        else:
            from chatune_core.generation.generic_loading import load_generic

            forward, sizes = load_generic(
                folder, maker if packs else None, bits, place.dtype, device
            )
        if store:
            store.save()
        layers, heads, head_dim = sizes
        cache = SlotCache(
            layers, plan.memory.slots, heads, plan.context, head_dim, place.dtype, device
        )
    threads = ThreadGovernor(place.threads if place.device == "cpu" else 1, torch.set_num_threads)
    return TorchRunner(forward, cache, int(config["vocab_size"]), threads)
