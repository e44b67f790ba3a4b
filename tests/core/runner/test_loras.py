import json
from collections.abc import Callable
from pathlib import Path

import pytest
import torch

from chatune_core.errors import GenerationFailed
from chatune_core.generation.loading import OpenedModel
from chatune_core.generation.requests import LoraId
from chatune_core.generation.runner import Chunk
from fakes.runners import greedy, greedy_batch, last_logits, opened
from fakes.tiny_models import reference_with, write_lora

# peft 0.21 asks transformers 5.23 for a property that it deprecates.
pytestmark = pytest.mark.filterwarnings("ignore:`is_gradient_checkpointing`:FutureWarning")

ONE, TWO = LoraId("one"), LoraId("two")
PROMPT = [5, 9, 31, 200, 17, 8]


def expected_logits(base: Path, lora: Path) -> torch.Tensor:
    model = reference_with(lora, base)
    with torch.no_grad():
        logits: torch.Tensor = model(input_ids=torch.tensor([PROMPT])).logits[0, -1]
    return logits


@pytest.mark.parametrize(
    "config",
    [
        {},
        {"use_rslora": True, "r": 16},
        {"target_modules": ["q_proj", "down_proj"]},
        {"rank_pattern": {"v_proj": 7}, "alpha_pattern": {"v_proj": 3}},
    ],
)
def test_a_lora_gives_the_logits_of_peft(
    tiny: Callable[[str], Path], tmp_path: Path, config: dict[str, object]
) -> None:
    base = tiny("llama")
    folder = write_lora(tmp_path / "lora", base, 1, **config)
    runner = opened(base, tmp_path).runner

    runner.place_lora(ONE, str(folder))
    logits = last_logits(runner, PROMPT, lora=ONE)

    torch.testing.assert_close(logits, expected_logits(base, folder), atol=5e-4, rtol=1e-4)
    assert not torch.allclose(logits, last_logits(runner, PROMPT), atol=0.1)


@pytest.mark.parametrize("name", ["gpt2", "qwen2", "qwen3"])
def test_a_lora_gives_the_logits_of_peft_in_other_families(
    tiny: Callable[[str], Path], tmp_path: Path, name: str
) -> None:
    base = tiny(name)
    folder = write_lora(tmp_path / "lora", base, 1)
    runner = opened(base, tmp_path).runner

    runner.place_lora(ONE, str(folder))

    torch.testing.assert_close(
        last_logits(runner, PROMPT, lora=ONE), expected_logits(base, folder), atol=5e-4, rtol=1e-4
    )


@pytest.mark.parametrize("name", ["llama", "gpt2"])
def test_rows_of_different_loras_share_a_batch(
    tiny: Callable[[str], Path], tmp_path: Path, name: str
) -> None:
    base = tiny(name)
    runner = opened(base, tmp_path).runner
    runner.place_lora(ONE, str(write_lora(tmp_path / "one", base, 1, r=4)))
    runner.place_lora(TWO, str(write_lora(tmp_path / "two", base, 2, r=6)))
    loras = {0: ONE, 1: None, 3: TWO, 4: ONE}
    prompts = {slot: [*PROMPT, slot + 9] for slot in loras}
    alone = {slot: greedy(runner, prompts[slot], 12, slot, loras[slot]) for slot in loras}

    together = greedy_batch(runner, prompts, 12, loras)

    assert together == alone
    assert len({tuple(tokens) for tokens in alone.values()}) == len(alone)


def test_one_lora_leaves_rows_of_the_bare_model_alone(
    tiny: Callable[[str], Path], tmp_path: Path
) -> None:
    base = tiny("llama")
    runner = opened(base, tmp_path).runner
    runner.place_lora(ONE, str(write_lora(tmp_path / "one", base, 1)))
    bare = greedy(runner, PROMPT, 12)

    together = greedy_batch(runner, {0: PROMPT, 1: PROMPT}, 12, {1: ONE})

    assert together[0] == bare
    assert together[1] == greedy(runner, PROMPT, 12, lora=ONE) != bare


def test_a_lora_works_over_packed_weights(tiny: Callable[[str], Path], tmp_path: Path) -> None:
    base = tiny("llama")
    folder = write_lora(tmp_path / "lora", base, 1)
    runner = opened(base, tmp_path, weights="int8").runner

    runner.place_lora(ONE, str(folder))
    logits = last_logits(runner, PROMPT, lora=ONE)

    expected = expected_logits(base, folder)
    assert (logits - expected).norm() < 0.1 * expected.norm()


def test_a_lora_can_be_replaced_and_dropped_between_steps(
    tiny: Callable[[str], Path], tmp_path: Path
) -> None:
    base = tiny("llama")
    runner = opened(base, tmp_path).runner
    second = write_lora(tmp_path / "two", base, 2)
    runner.place_lora(ONE, str(write_lora(tmp_path / "one", base, 1)))
    last_logits(runner, PROMPT, lora=ONE)

    runner.place_lora(ONE, str(second))
    torch.testing.assert_close(
        last_logits(runner, PROMPT, lora=ONE), expected_logits(base, second), atol=5e-4, rtol=1e-4
    )

    runner.drop_lora(ONE)
    with pytest.raises(GenerationFailed, match="no LoRA 'one'"):
        runner.forward([Chunk(0, 0, PROMPT, ONE)])


def changed_config(folder: Path, **change: object) -> None:
    file = folder / "adapter_config.json"
    file.write_text(json.dumps(json.loads(file.read_text()) | change))


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"peft_type": "IA3"}, "peft_type 'IA3'"),
        ({"use_dora": True}, "use_dora"),
        ({"bias": "all"}, "bias 'all'"),
    ],
)
def test_what_is_no_plain_lora_is_refused(
    tiny: Callable[[str], Path],
    tiny_llama: OpenedModel,
    tmp_path: Path,
    change: dict[str, object],
    words: str,
) -> None:
    folder = write_lora(tmp_path / "lora", tiny("llama"), 1)
    changed_config(folder, **change)

    with pytest.raises(GenerationFailed, match=words):
        tiny_llama.runner.place_lora(ONE, str(folder))


def test_a_lora_of_another_model_is_refused(
    tiny: Callable[[str], Path], tiny_llama: OpenedModel, tmp_path: Path
) -> None:
    folder = write_lora(tmp_path / "lora", tiny("gpt2"), 1)

    with pytest.raises(GenerationFailed, match="has no place for"):
        tiny_llama.runner.place_lora(ONE, str(folder))


def test_a_lora_of_another_size_is_refused(
    tiny: Callable[[str], Path], tiny_llama: OpenedModel, tmp_path: Path
) -> None:
    folder = write_lora(tmp_path / "lora", tiny("qwen3"), 1, target_modules=["o_proj"])

    with pytest.raises(
        GenerationFailed, match=r"does not fit 'model\.layers\.0\.self_attn\.o_proj'"
    ):
        tiny_llama.runner.place_lora(ONE, str(folder))


def test_an_empty_folder_is_no_lora(tiny_llama: OpenedModel, tmp_path: Path) -> None:
    with pytest.raises(GenerationFailed, match="is no LoRA"):
        tiny_llama.runner.place_lora(ONE, str(tmp_path))
