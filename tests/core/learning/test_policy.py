"""The model under training: what it computes is what transformers computes, only cheaper."""

from pathlib import Path

import pytest
import torch
from torch import Tensor

from chatune_core.learning.batches import Batch, make_batch
from chatune_core.learning.policy import Policy
from chatune_core.learning.tokens import TokenRow
from fakes.tiny_models import reference, write_model

# peft asks transformers 5 for a name that it renamed.
pytestmark = pytest.mark.filterwarnings("ignore:`is_gradient_checkpointing`:FutureWarning")

CPU = torch.device("cpu")
FAMILIES = ["llama", "qwen3", "gpt2"]
PERSONA = (7, 9, 30, 41, 5, 6, 88, 12, 13, 14)
ROWS = [
    TokenRow((*PERSONA, 20, 21, 50, 51, 2), 12),
    TokenRow((*PERSONA, 22, 52, 2), 11),
    TokenRow((*PERSONA, 20, 24, 25, 53, 54, 55, 56, 2), 13),
]


@pytest.fixture(scope="module")
def bases(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    folder = tmp_path_factory.mktemp("models")
    return {family: write_model(folder / family, family) for family in FAMILIES}


def policy_over(base: Path, dtype: torch.dtype = torch.float32, recompute: bool = False) -> Policy:
    policy = Policy(base, 4, 8, 0, CPU, dtype, recompute)
    torch.manual_seed(3)
    with torch.no_grad():
        for name, weight in policy.weights.items():
            if "lora_B" in name:
                weight.normal_(0, 0.1)
    return policy


def gradients(policy: Policy, batches: list[Batch]) -> dict[str, Tensor]:
    for weight in policy.weights.values():
        weight.grad = None
    for batch in batches:
        total = policy.log_likelihoods(batch).sum() + policy.divergences(batch).sum()
        total.backward()  # type: ignore[no-untyped-call]
    return {name: weight.grad for name, weight in policy.weights.items() if weight.grad is not None}


@pytest.mark.parametrize("family", FAMILIES)
def test_likelihoods_of_the_base_are_those_of_transformers(
    family: str, bases: dict[str, Path]
) -> None:
    policy = policy_over(bases[family])
    batch = make_batch(ROWS, CPU)

    with policy.bare():
        found = policy.log_likelihoods(batch)

    model = reference(bases[family])
    expected = []
    for row in ROWS:
        scores = model(torch.tensor([row.tokens])).logits[0].log_softmax(1)
        expected += [scores[n - 1, row.tokens[n]] for n in range(row.start, len(row.tokens))]
    torch.testing.assert_close(found, torch.stack(expected), atol=1e-4, rtol=1e-4)


@pytest.mark.parametrize("family", FAMILIES)
def test_a_shared_beginning_changes_neither_likelihoods_nor_gradients(
    family: str, bases: dict[str, Path]
) -> None:
    policy = policy_over(bases[family])
    together, alone = make_batch(ROWS, CPU), [make_batch([row], CPU) for row in ROWS]

    assert policy.shares
    assert together.shared == len(PERSONA)
    assert together.computed == 10 + 3 * 8
    torch.testing.assert_close(
        policy.log_likelihoods(together),
        torch.cat([policy.log_likelihoods(batch) for batch in alone]),
        atol=1e-4,
        rtol=1e-4,
    )
    expected = gradients(policy, alone)
    for name, gradient in gradients(policy, [together]).items():
        torch.testing.assert_close(gradient, expected[name], atol=1e-3, rtol=1e-3)


@pytest.mark.parametrize("family", FAMILIES)
def test_computing_layers_twice_changes_no_gradient_and_forgets_what_is_between(
    family: str, bases: dict[str, Path]
) -> None:
    kept, forgot = policy_over(bases[family]), policy_over(bases[family], recompute=True)
    batches = [make_batch([row], CPU) for row in ROWS]

    expected = gradients(kept, batches)

    for name, gradient in gradients(forgot, batches).items():
        torch.testing.assert_close(gradient, expected[name], atol=1e-4, rtol=1e-3)
    assert saved_elements(forgot, batches[0]) < saved_elements(kept, batches[0]) / 2


def saved_elements(policy: Policy, batch: Batch) -> int:
    """Return how many numbers are kept for the way back."""
    saved: list[int] = []

    def keep(tensor: Tensor) -> Tensor:
        saved.append(tensor.numel() if not tensor.is_leaf else 0)
        return tensor

    with torch.autograd.graph.saved_tensors_hooks(keep, lambda tensor: tensor):
        policy.log_likelihoods(batch)
    return sum(saved)


def test_a_row_does_not_share_the_place_where_its_completion_is_predicted() -> None:
    same = TokenRow((*PERSONA, 50), 10)

    assert make_batch([same, same], CPU).shared == 9
    assert make_batch([same], CPU).shared == 0
    assert make_batch([same, TokenRow((1, *PERSONA), 10)], CPU).shared == 0


def test_divergence_is_that_of_the_whole_vocabulary_and_zero_without_a_change(
    bases: dict[str, Path],
) -> None:
    batch = make_batch([TokenRow(PERSONA, 1)], CPU)
    fresh, moved = Policy(bases["llama"], 4, 8, 0, CPU, torch.float32), policy_over(bases["llama"])

    assert fresh.divergences(batch).abs().max() < 1e-5
    found = moved.divergences(batch)

    with torch.no_grad():
        policy = moved._causal(batch.tokens).logits[0, :-1].log_softmax(1)
        with moved.bare():
            base = moved._causal(batch.tokens).logits[0, :-1].log_softmax(1)
    expected = (base.exp() * (base - policy)).sum(1)
    torch.testing.assert_close(found.detach(), expected, atol=1e-5, rtol=1e-4)


def test_scores_that_a_model_caps_or_biases_are_taken_from_it_whole(tmp_path: Path) -> None:
    base = write_model(tmp_path / "gpt2", "gpt2")
    plain, own = policy_over(base), policy_over(base)
    own._head = None

    batch = make_batch(ROWS, CPU)
    torch.testing.assert_close(
        own.log_likelihoods(batch), plain.log_likelihoods(batch), atol=1e-5, rtol=1e-5
    )
    torch.testing.assert_close(
        own.divergences(batch), plain.divergences(batch), atol=1e-5, rtol=1e-4
    )
    expected = gradients(plain, [batch])
    for name, gradient in gradients(own, [batch]).items():
        torch.testing.assert_close(gradient, expected[name], atol=1e-3, rtol=1e-3)


def test_bfloat16_comes_near_float32(bases: dict[str, Path]) -> None:
    batch = make_batch(ROWS, CPU)

    exact = policy_over(bases["llama"]).log_likelihoods(batch)
    rounded = policy_over(bases["llama"], torch.bfloat16).log_likelihoods(batch)

    assert rounded.dtype == torch.float32
    assert (exact - rounded).abs().mean() < 0.15
