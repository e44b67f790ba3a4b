from collections.abc import Callable
from pathlib import Path

import pytest
import torch

from chatune_core.generation.loading import OpenedModel
from chatune_core.generation.runner import Chunk, Runner
from fakes.runners import greedy, greedy_batch, greedy_reference, last_logits, opened
from fakes.tiny_models import reference, write_model

PROMPTS = {
    0: [5, 9, 31, 200, 17],
    2: [8],
    3: [40, 41, 42, 43, 44, 45, 46, 47, 48, 49, 50],
    5: [7, 7],
}


def test_greedy_decoding_gives_the_tokens_of_transformers_for_every_family(
    tiny: Callable[[str], Path], family: str, tmp_path: Path
) -> None:
    runner: Runner = opened(tiny(family), tmp_path).runner
    model = reference(tiny(family))

    for slot, prompt in PROMPTS.items():
        assert greedy(runner, prompt, 24, slot) == greedy_reference(model, prompt, 24)


def test_the_logits_of_a_prompt_are_those_of_transformers(
    tiny: Callable[[str], Path], family: str, tmp_path: Path
) -> None:
    runner = opened(tiny(family), tmp_path).runner

    logits = last_logits(runner, PROMPTS[3])

    with torch.no_grad():
        expected = reference(tiny(family))(torch.tensor([PROMPTS[3]])).logits[0, -1]
    torch.testing.assert_close(logits, expected, atol=2e-4, rtol=1e-4)
    assert logits.dtype == torch.float32


def test_rows_of_different_lengths_in_one_batch_decode_as_they_do_alone(
    tiny: Callable[[str], Path], family: str, tmp_path: Path
) -> None:
    runner = opened(tiny(family), tmp_path).runner
    alone = {slot: greedy(runner, prompt, 16, slot) for slot, prompt in PROMPTS.items()}

    together = greedy_batch(runner, PROMPTS, 16)

    assert together == alone


def test_a_prompt_read_in_parts_beside_running_rows_changes_neither(
    tiny: Callable[[str], Path], family: str, tmp_path: Path
) -> None:
    runner = opened(tiny(family), tmp_path).runner
    long = [(11 * n) % 300 + 3 for n in range(30)]
    expected_long = last_logits(runner, long, slot=1)
    expected_rows = greedy_batch(runner, {0: PROMPTS[0], 4: PROMPTS[3]}, 4)

    first = runner.forward([Chunk(0, 0, PROMPTS[0]), Chunk(4, 0, PROMPTS[3])])
    rows = {0: [int(first[0].argmax())], 4: [int(first[1].argmax())]}
    lengths = {0: len(PROMPTS[0]), 4: len(PROMPTS[3])}
    for start, end in ((0, 12), (12, 13), (13, 30)):
        logits = runner.forward(
            [
                Chunk(0, lengths[0], rows[0][-1:]),
                Chunk(1, start, long[start:end], logits=end == 30),
                Chunk(4, lengths[4], rows[4][-1:]),
            ]
        )
        assert len(logits) == (3 if end == 30 else 2)
        for slot, row in ((0, logits[0]), (4, logits[-1])):
            rows[slot].append(int(row.argmax()))
            lengths[slot] += 1

    torch.testing.assert_close(logits[1], expected_long, atol=2e-4, rtol=1e-4)
    assert rows == expected_rows


def test_logits_come_in_the_order_of_the_chunks(tiny_llama: OpenedModel) -> None:
    runner = tiny_llama.runner
    alone = {slot: last_logits(runner, prompt, slot) for slot, prompt in PROMPTS.items()}

    for order in ([5, 0, 3, 2], [2, 3, 5, 0]):
        logits = runner.forward([Chunk(slot, 0, PROMPTS[slot]) for slot in order])

        for slot, row in zip(order, logits, strict=True):
            torch.testing.assert_close(row, alone[slot], atol=1e-4, rtol=1e-4)


def test_a_slot_forgets_what_lies_beyond_the_start_of_a_chunk(tiny_llama: OpenedModel) -> None:
    runner = tiny_llama.runner
    expected = last_logits(runner, [*PROMPTS[0], 99, 98], slot=1)
    greedy(runner, PROMPTS[0], 30, slot=4)

    logits = runner.forward([Chunk(4, len(PROMPTS[0]), [99, 98])])[0]

    torch.testing.assert_close(logits, expected, atol=1e-4, rtol=1e-4)


def test_rows_that_come_and_go_keep_what_every_slot_holds(
    tiny: Callable[[str], Path], tiny_llama: OpenedModel
) -> None:
    runner, model = tiny_llama.runner, reference(tiny("llama"))
    held = {slot: [slot + 3, 2 * slot + 9, 77] for slot in range(6)}
    for slot, tokens in held.items():
        runner.forward([Chunk(slot, 0, tokens)])

    for batch in ([5], [1, 4], [0, 2, 5], [3], [5, 4, 3, 2, 1, 0], [2, 1]):
        logits = runner.forward([Chunk(slot, len(held[slot]), [10 + slot]) for slot in batch])

        for slot, row in zip(batch, logits, strict=True):
            held[slot].append(10 + slot)
            with torch.no_grad():
                expected = model(torch.tensor([held[slot]])).logits[0, -1]
            torch.testing.assert_close(row, expected, atol=2e-4, rtol=1e-4)


def test_a_copied_prefix_continues_as_if_it_had_been_read(
    tiny: Callable[[str], Path], family: str, tmp_path: Path
) -> None:
    runner = opened(tiny(family), tmp_path).runner
    prompt = PROMPTS[3]
    runner.forward([Chunk(0, 0, prompt), Chunk(2, 0, [3, 4])])
    expected = last_logits(runner, [*prompt[:7], 99], slot=4)

    runner.copy_prefix(0, 3, 7)
    copied, source = runner.forward([Chunk(3, 7, [99]), Chunk(0, len(prompt), [99])])

    torch.testing.assert_close(copied, expected, atol=1e-4, rtol=1e-4)
    torch.testing.assert_close(
        source, last_logits(runner, [*prompt, 99], slot=5), atol=1e-4, rtol=1e-4
    )


def test_the_whole_context_can_be_used(tiny: Callable[[str], Path], tmp_path: Path) -> None:
    opening = opened(tiny("llama"), tmp_path, context_tokens=20, slots=2)

    assert (opening.runner.context_tokens, opening.runner.slots) == (20, 2)
    prompt = PROMPTS[0]
    assert greedy(opening.runner, prompt, 16, 1) == greedy_reference(
        reference(tiny("llama")), prompt, 16
    )


def test_the_logits_may_be_changed_in_place(tiny_llama: OpenedModel) -> None:
    logits = tiny_llama.runner.forward([Chunk(0, 0, PROMPTS[0])])

    logits[0, 3] = -1.0

    assert logits[0, 3] == -1.0


@pytest.mark.parametrize("rope", [{"rope_type": "linear", "factor": 2.0, "rope_theta": 10000.0}])
def test_a_llama_with_scaled_positions_runs_through_transformers_own_modules(
    tmp_path: Path, rope: dict[str, object]
) -> None:
    folder = write_model(tmp_path / "scaled", "llama", rope_parameters=rope)

    runner = opened(folder, tmp_path).runner

    assert greedy(runner, PROMPTS[3], 16) == greedy_reference(reference(folder), PROMPTS[3], 16)
