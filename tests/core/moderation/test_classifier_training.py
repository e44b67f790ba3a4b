"""Training: from labelled rows to weights that a classifier opens."""

import hashlib
from pathlib import Path

import pytest
import torch

from chatune_core.embedding.encoder import Encoder, Int8Linear, PlainLinear
from chatune_core.embedding.tensors import BASE_FILE, read_tensors
from chatune_core.embedding.windows import WindowTokenizer
from chatune_core.generation.bundled import bundled_embedding_model
from chatune_core.moderation.classifier import text_logits
from chatune_core.moderation.classifier_encoder import merged_scorer
from chatune_core.moderation.classifier_rows import Row
from chatune_core.moderation.classifier_training import Trainee, masked_loss, train
from chatune_core.moderation.classifier_weights import (
    CATEGORIES,
    WEIGHTS_FILE,
    write_weights,
)
from chatune_core.moderation.verdicts import Category

ROWS = [
    Row("win a free prize now", {Category.SPAM: (1.0, 1.0)}, "a", "1"),
    Row("claim your free cash", {Category.SPAM: (1.0, 1.0)}, "a", "2"),
    Row("see you at dinner", {Category.SPAM: (0.0, 1.0)}, "a", "3"),
    Row("the train is late again", {Category.SPAM: (0.0, 1.0)}, "a", "4"),
]
ONES = torch.ones(len(CATEGORIES))


@pytest.fixture(scope="module")
def tokenizer() -> WindowTokenizer:
    return WindowTokenizer.open(bundled_embedding_model())


@pytest.fixture(scope="module")
def base() -> dict[str, torch.Tensor]:
    file = bundled_embedding_model() / BASE_FILE
    return read_tensors(file, hashlib.sha256(file.read_bytes()).hexdigest())


def trained(
    base: dict[str, torch.Tensor], tokenizer: WindowTokenizer
) -> tuple[Trainee, list[float]]:
    trainee = Trainee(base, rank=2, seed=1)
    steps = train(trainee, ROWS, tokenizer, epochs=6, seed=1)
    return trainee, [step.loss for step in steps]


def test_the_loss_falls_and_the_base_model_stays(
    base: dict[str, torch.Tensor], tokenizer: WindowTokenizer
) -> None:
    before = {name: tensor.clone() for name, tensor in base.items()}

    trainee, losses = trained(base, tokenizer)

    assert losses[-1] < losses[0]
    assert all(torch.equal(before[name], tensor) for name, tensor in base.items())
    assert any(
        tensor.abs().sum() > 0 for name, tensor in trainee.weights().items() if name.endswith(".b")
    )


def test_the_same_seed_gives_the_same_weights(
    base: dict[str, torch.Tensor], tokenizer: WindowTokenizer
) -> None:
    (one, _), (other, _) = trained(base, tokenizer), trained(base, tokenizer)

    for name, tensor in one.weights().items():
        torch.testing.assert_close(tensor, other.weights()[name])


def test_written_weights_score_as_the_trained_model_did(
    base: dict[str, torch.Tensor], tokenizer: WindowTokenizer, tmp_path: Path
) -> None:
    trainee, _ = trained(base, tokenizer)
    texts = [row.text for row in ROWS]

    sha256 = write_weights(tmp_path, trainee.weights())
    weights = read_tensors(tmp_path / WEIGHTS_FILE, sha256)

    scorer = merged_scorer(base, weights, PlainLinear)
    with torch.no_grad():
        pooled = trainee.encoder.pooled([tokenizer.windows(text)[0] for text in texts])
        expected = trainee.heads(pooled)
    found = torch.tensor(text_logits(texts, tokenizer, scorer))
    torch.testing.assert_close(found, expected, atol=0.02, rtol=0.02)


def test_what_is_unknown_of_a_row_counts_for_nothing() -> None:
    logits = torch.randn(4, len(CATEGORIES), generator=torch.Generator().manual_seed(1))
    changed = logits.clone()
    changed[:, : CATEGORIES.index(Category.SPAM)] += 5

    assert torch.equal(masked_loss(logits, ROWS, ONES), masked_loss(changed, ROWS, ONES))


def test_the_encoder_is_the_embedding_model_itself(
    base: dict[str, torch.Tensor], tokenizer: WindowTokenizer
) -> None:
    from transformers.models.bert import BertModel

    reference = BertModel.from_pretrained(bundled_embedding_model()).train(False)
    windows = [tokenizer.windows("see you at dinner")[0], tokenizer.windows("a b c d e f g")[0]]

    found = Encoder(base, lambda _, weight, bias: PlainLinear(weight, bias)).pooled(windows)

    for window, pooled in zip(windows, found, strict=True):
        with torch.no_grad():
            hidden = reference(torch.tensor([window])).last_hidden_state[0]
        expected = torch.cat((hidden.mean(0), hidden.amax(0)))
        torch.testing.assert_close(pooled, expected, atol=5e-3, rtol=1e-3)


def test_the_integer_linear_differs_by_rounding_alone() -> None:
    chance = torch.Generator().manual_seed(1)
    weight, bias = torch.randn(64, 32, generator=chance), torch.randn(64, generator=chance)
    x = torch.randn(5, 32, generator=chance)
    if not torch.cpu.get_capabilities().get("avx512_vnni", False):
        pytest.skip("the CPU has no such instructions")

    exact = PlainLinear(weight, bias)(x)

    error = (Int8Linear(weight, bias)(x) - exact).abs().max()
    assert error < 0.02 * exact.abs().max()
