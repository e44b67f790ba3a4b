import json
import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
import torch

from chatune_core.errors import ConfigurationError
from chatune_core.generation.loading import ModelSettings, check_model
from chatune_core.generation.memory import plan_memory
from chatune_core.generation.runner import Chunk, Runner
from fakes.runners import last_logits, opened
from fakes.tiny_models import write_model, write_tokenizer

GIB = 1 << 30
TOKENS = [(7 * n) % 300 + 3 for n in range(40)]


@pytest.mark.parametrize(
    ("model", "words"),
    [
        ("/nowhere/at/all", "does not exist"),
        ("nowhere.gguf", "does not exist"),
        ("no-such-word", "does not exist"),
    ],
)
def test_a_model_that_is_nowhere_is_one_clear_line(tmp_path: Path, model: str, words: str) -> None:
    with pytest.raises(ConfigurationError, match=words) as refused:
        check_model(ModelSettings(cache_dir=tmp_path, model=model))

    assert "\n" not in str(refused.value)
    assert refused.value.remedy


@pytest.mark.parametrize("call", ["check_model(settings)", "open_runner(settings, print)"])
def test_a_hub_that_cannot_be_reached_is_one_clear_line(tmp_path: Path, call: str) -> None:
    code = f"""
from pathlib import Path
from chatune_core.errors import ConfigurationError
from chatune_core.generation.loading import ModelSettings, check_model, open_runner
settings = ModelSettings(cache_dir=Path("."), model="nobody/nothing")
try:
    {call}
except ConfigurationError as error:
    print(error)
"""
    # The hub's library reads its address once, when it is imported.
    hub = {"HF_ENDPOINT": "http://127.0.0.1:9", "HF_HUB_CACHE": str(tmp_path)}

    done = subprocess.run(
        [sys.executable, "-c", code],
        capture_output=True,
        text=True,
        check=True,
        env=os.environ | hub,
        cwd=tmp_path,
    )

    assert done.stdout == (
        "The model 'nobody/nothing' is not on this disk and the Hugging Face hub cannot be reached."
        " Check the network, or give the path of a downloaded model.\n"
    )


def test_a_folder_without_a_model_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ConfigurationError, match=r"config\.json is missing"):
        opened(tmp_path, tmp_path)


def test_a_model_without_a_chat_template_is_refused_before_it_is_loaded(tmp_path: Path) -> None:
    folder = write_model(tmp_path / "model", "llama", template=None)

    for attempt in (
        lambda: check_model(ModelSettings(cache_dir=tmp_path, model=str(folder))),
        lambda: opened(folder, tmp_path),
    ):
        with pytest.raises(ConfigurationError, match="has no chat template"):
            attempt()


def test_a_model_that_needs_more_memory_than_is_free_is_refused() -> None:
    with pytest.raises(ConfigurationError, match=r"weights take 13\.0 GiB.*8\.0 GiB are free"):
        plan_memory(13 * GIB // 2, 16, 2, 0, GIB // 2, 0, 8 * GIB)


def test_a_cache_that_needs_more_memory_than_is_free_is_refused(
    tiny: Callable[[str], Path], tmp_path: Path
) -> None:
    with pytest.raises(ConfigurationError, match="The model is too large"):
        opened(tiny("llama"), tmp_path, slots=10**9)


def test_slots_are_fewer_where_memory_is_short() -> None:
    plenty = plan_memory(10**8, 4, 2, 2, GIB // 10, 0, 64 * GIB)
    short = plan_memory(10**8, 4, 2, 2, GIB // 10, 0, GIB)

    assert plenty.slots == 32
    assert plenty.two_forms
    assert 1 <= short.slots < 10


def test_a_recurrent_model_is_refused(tmp_path: Path) -> None:
    from transformers.models.mamba import MambaConfig, MambaForCausalLM

    model = MambaForCausalLM(
        MambaConfig(vocab_size=320, hidden_size=32, num_hidden_layers=2, state_size=4)
    )
    model.save_pretrained(tmp_path / "mamba")
    write_tokenizer(tmp_path / "mamba", "{{ messages[0]['content'] }}")

    with pytest.raises(ConfigurationError, match="'mamba', which does not work with"):
        opened(tmp_path / "mamba", tmp_path)


def test_a_model_that_would_answer_wrongly_over_the_slot_cache_is_refused(tmp_path: Path) -> None:
    from transformers.models.bloom import BloomConfig, BloomForCausalLM

    # Its positions come from the shape of the mask, which is not the one it expects.
    model = BloomForCausalLM(BloomConfig(vocab_size=320, hidden_size=32, n_layer=2, n_head=4))
    model.save_pretrained(tmp_path / "bloom")
    write_tokenizer(tmp_path / "bloom", "{{ messages[0]['content'] }}")

    with pytest.raises(ConfigurationError, match="'bloom', which does not work with"):
        opened(tmp_path / "bloom", tmp_path)


def test_an_encoder_decoder_is_refused(tmp_path: Path) -> None:
    folder = write_model(tmp_path / "model", "llama")
    config = json.loads((folder / "config.json").read_text())
    (folder / "config.json").write_text(json.dumps(config | {"is_encoder_decoder": True}))

    with pytest.raises(ConfigurationError, match="encoder-decoder"):
        opened(folder, tmp_path)


def test_a_device_that_is_not_there_is_refused(tiny: Callable[[str], Path], tmp_path: Path) -> None:
    if torch.cuda.is_available():
        pytest.skip("this machine has CUDA")
    with pytest.raises(ConfigurationError, match="'cuda' is not available"):
        opened(tiny("llama"), tmp_path, device="cuda")


def test_a_context_beyond_the_models_own_is_refused(
    tiny: Callable[[str], Path], tmp_path: Path
) -> None:
    with pytest.raises(ConfigurationError, match="takes 128 at most"):
        opened(tiny("llama"), tmp_path, context_tokens=129)


def test_an_attention_window_bounds_the_context(tmp_path: Path) -> None:
    folder = write_model(tmp_path / "model", "mistral", sliding_window=48)

    assert opened(folder, tmp_path).runner.context_tokens == 48


@pytest.mark.parametrize("family", ["llama", "qwen2", "gpt2"])
def test_8_bit_weights_stay_close_to_unpacked_ones_in_few_rows_and_in_many(
    tiny: Callable[[str], Path], tmp_path: Path, family: str
) -> None:
    exact = opened(tiny(family), tmp_path, dtype="bfloat16").runner
    packed = opened(tiny(family), tmp_path, dtype="bfloat16", weights="int8").runner

    for tokens in (TOKENS[:3], TOKENS):
        expected = last_logits(exact, tokens)
        # Many rows have 8-bit weights too where integers are fast; the int8 kernel errs by 0.08.
        # Random weights take that worse than trained ones; test_bundled.py says what it costs those.
        assert (last_logits(packed, tokens) - expected).norm() < 0.1 * expected.norm()


def test_packed_weights_are_kept_for_the_next_start(
    tiny: Callable[[str], Path], tmp_path: Path
) -> None:
    first = last_logits(opened(tiny("llama"), tmp_path, weights="int4").runner, TOKENS[:3])
    (kept,) = (tmp_path / "packed").iterdir()
    written = kept.stat().st_mtime_ns

    again = last_logits(opened(tiny("llama"), tmp_path, weights="int4").runner, TOKENS[:3])

    assert torch.equal(first, again)
    assert kept.stat().st_mtime_ns == written


def test_the_check_says_what_would_run_where(tiny: Callable[[str], Path], tmp_path: Path) -> None:
    line = check_model(
        ModelSettings(
            cache_dir=tmp_path, model=str(tiny("llama")), device="cpu", dtype="float32", threads=1
        )
    )

    assert line == "llama on CPU, 1 thread, float32, unpacked weights"
    assert opened(tiny("llama"), tmp_path).describe() == line


def test_the_runner_fits_the_seam(tiny: Callable[[str], Path], tmp_path: Path) -> None:
    runner: Runner = opened(tiny("llama"), tmp_path, slots=3).runner

    assert runner.slots == 3
    assert runner.forward([Chunk(2, 0, [5], logits=False)]).shape == (0, 320)


def test_settings_and_checks_load_neither_torch_nor_transformers() -> None:
    code = "import sys, chatune_core.generation.loading; print({'torch', 'transformers'} & {*sys.modules})"

    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True, env=os.environ
    )

    assert done.stdout.strip() == "set()"
