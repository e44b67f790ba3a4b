import subprocess
import sys
import threading
import time
from pathlib import Path

import pytest
import torch

from chatune_core.errors import ConfigurationError
from chatune_core.generation.conversion import convert_once, converted_folder
from chatune_core.generation.linears import INT4_GROUP, Int4Linear, pack_int4
from chatune_core.generation.loading import ModelSettings, check_model
from chatune_core.generation.requests import ChatMessage
from fakes.runners import greedy, greedy_reference, last_logits, opened
from fakes.tiny_models import reference, write_gguf

PROMPT = [5, 9, 31, 200, 17]
DIES_WHILE_WRITING = """
import os, sys
from pathlib import Path
from chatune_core.generation.conversion import convert_once
def die(stage, done):
    if stage.startswith(sys.argv[3]):
        os.kill(os.getpid(), 9)
convert_once(Path(sys.argv[1]), Path(sys.argv[2]), die)
"""


def ignore(stage: str, done: float) -> None:
    pass


@pytest.fixture(scope="module")
def gguf_file(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_gguf(tmp_path_factory.mktemp("gguf") / "tiny.gguf")


@pytest.fixture(scope="module")
def cache(gguf_file: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("cache")
    convert_once(gguf_file, folder, ignore)
    return folder


def test_a_gguf_file_answers_as_it_does_in_transformers(gguf_file: Path, cache: Path) -> None:
    opening = opened(gguf_file, cache)

    model = reference(gguf_file.parent, gguf_file=gguf_file.name)
    assert greedy(opening.runner, PROMPT, 20) == greedy_reference(model, PROMPT, 20)
    assert opening.tokenizer.eos_tokens == {2}
    prompt = opening.tokenizer.encode_chat([ChatMessage("user", "hello")])
    assert opening.tokenizer.decode(prompt) == "user\nhello\nassistant\n"


def test_a_second_opening_does_not_convert_again(gguf_file: Path, cache: Path) -> None:
    stages: list[str] = []

    convert_once(gguf_file, cache, lambda stage, done: stages.append(stage))

    assert stages == []


def test_conversion_tells_its_stages_from_start_to_end(gguf_file: Path, tmp_path: Path) -> None:
    told: list[tuple[str, float]] = []

    convert_once(gguf_file, tmp_path, lambda stage, done: told.append((stage, done)))

    shares = [done for _, done in told]
    assert len(told) >= 4
    assert shares == sorted(shares)
    assert shares[-1] == 1.0


@pytest.mark.parametrize("stage", ["converting the weights", "writing"])
def test_a_process_killed_in_the_middle_leaves_nothing_that_is_trusted(
    gguf_file: Path, tmp_path: Path, stage: str
) -> None:
    done = subprocess.run(
        [sys.executable, "-c", DIES_WHILE_WRITING, str(gguf_file), str(tmp_path), stage],
        capture_output=True,
        check=False,
    )
    assert done.returncode == -9
    assert not converted_folder(gguf_file, tmp_path).exists()

    folder = convert_once(gguf_file, tmp_path, ignore)

    assert (folder / "model.safetensors").is_file()
    assert [left for left in tmp_path.iterdir() if left.suffix != ".lock"] == [folder]


def test_of_two_processes_that_need_the_model_at_once_one_converts_and_one_waits(
    gguf_file: Path, tmp_path: Path
) -> None:
    stages: list[str] = []
    second = threading.Thread(
        target=lambda: convert_once(gguf_file, tmp_path, lambda stage, done: stages.append(stage))
    )

    def start_the_second(stage: str, done: float) -> None:
        if stage == "converting the weights":
            second.start()
            while not stages:  # until it has come upon the first
                time.sleep(0)

    folder = convert_once(gguf_file, tmp_path, start_the_second)
    second.join()

    assert (folder / "model.safetensors").is_file()
    assert stages == ["waiting for another process that converts the model"]


def test_a_changed_file_is_converted_anew(gguf_file: Path, tmp_path: Path) -> None:
    changed = tmp_path / gguf_file.name
    content = bytearray(gguf_file.read_bytes())
    content[-1] ^= 1
    changed.write_bytes(bytes(content))

    assert converted_folder(changed, tmp_path) != converted_folder(gguf_file, tmp_path)


def test_a_file_that_is_no_model_is_refused(tmp_path: Path) -> None:
    file = tmp_path / "broken.gguf"
    file.write_bytes(b"GGUF but not really")

    with pytest.raises(ConfigurationError, match="cannot read the GGUF file"):
        convert_once(file, tmp_path / "cache", ignore)


def test_a_cache_that_cannot_be_written_is_refused(gguf_file: Path, tmp_path: Path) -> None:
    (tmp_path / "taken").write_text("a file, not a folder")

    with pytest.raises(ConfigurationError, match="cannot be written"):
        convert_once(gguf_file, tmp_path / "taken", ignore)


def test_the_check_of_an_unconverted_file_converts_nothing(gguf_file: Path, tmp_path: Path) -> None:
    line = check_model(ModelSettings(cache_dir=tmp_path, model=str(gguf_file)))

    assert line == "tiny, to be converted at its first use"
    assert list(tmp_path.iterdir()) == []


def test_4_bit_weights_of_a_4_bit_file_answer_as_unpacked_ones_in_few_rows_and_in_many(
    gguf_file: Path, cache: Path
) -> None:
    exact = opened(gguf_file, cache, dtype="bfloat16").runner
    packed = opened(gguf_file, cache, dtype="bfloat16", weights="int4").runner

    # In many rows the input is turned into 8-bit integers too, where the processor is quick at those.
    # Random weights take that worse than trained ones; test_bundled.py says what it costs those.
    for tokens, share in ((PROMPT, 0.05), (PROMPT * 5, 0.1)):
        expected = last_logits(exact, tokens)
        assert (last_logits(packed, tokens) - expected).norm() < share * expected.norm()


def test_packing_a_q4_1_weight_loses_no_more_than_bfloat16_does(
    gguf_file: Path, cache: Path
) -> None:
    from safetensors.torch import load_file

    tensors = load_file(converted_folder(gguf_file, cache) / "model.safetensors")
    weight = tensors["model.layers.0.mlp.gate_proj.weight"].float()
    unit = torch.eye(weight.shape[1], dtype=torch.bfloat16)

    packed = torch.cat([Int4Linear(*pack_int4(weight))(row[None]) for row in unit]).t()

    step = weight.view(len(weight), -1, INT4_GROUP).aminmax(dim=2)
    width = ((step.max - step.min) / 15).repeat_interleave(INT4_GROUP, 1)
    assert ((packed - weight).abs() / width).max() < 0.1
