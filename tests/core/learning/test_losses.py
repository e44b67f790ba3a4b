"""Our losses beside TRL's own trainers, on the same model and the same rows."""

from __future__ import annotations

import math
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import Tensor

from chatune_core.learning.losses import class_weights, dpo_loss, kto_loss, reference_point
from fakes.tiny_models import reference, write_model

pytestmark = [
    # peft and trl ask transformers 5 for names that it renamed.
    pytest.mark.filterwarnings("ignore:`(is_)?gradient_checkpointing`:FutureWarning"),
    pytest.mark.filterwarnings("ignore::DeprecationWarning"),
]

BETA, GOOD_WEIGHT, BAD_WEIGHT = 0.3, 1.5, 0.5
RATED = [
    ("how?", "hello the", True),
    ("where", "system of", False),
    ("who", "user", True),
    ("say", "and the user", False),
]
COMPARED = [("how?", "hello the", "no"), ("where", "system of", "the user"), ("who", "I", "you")]


@pytest.fixture(scope="module")
def base(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_model(tmp_path_factory.mktemp("models") / "llama", "llama")


def trainer_over(kind: str, rows: list[dict[str, Any]], base: Path, out: Path) -> Any:  # noqa: ANN401
    """Return TRL's trainer for a LoRA that already differs from its base."""
    import trl
    from datasets import Dataset  # type: ignore[import-untyped]
    from peft import LoraConfig
    from transformers import AutoTokenizer

    tokenizer: Any = AutoTokenizer.from_pretrained(base)
    tokenizer.pad_token = tokenizer.eos_token
    weights = (
        {"desirable_weight": GOOD_WEIGHT, "undesirable_weight": BAD_WEIGHT} if kind == "KTO" else {}
    )
    settings = getattr(trl, f"{kind}Config")(
        output_dir=str(out),
        per_device_train_batch_size=len(rows),
        report_to=[],
        use_cpu=True,
        bf16=False,
        beta=BETA,
        **weights,
    )
    trainer = getattr(trl, f"{kind}Trainer")(
        model=reference(base),
        args=settings,
        train_dataset=Dataset.from_list(rows),
        processing_class=tokenizer,
        peft_config=LoraConfig(r=4, target_modules="all-linear", task_type="CAUSAL_LM"),
    )
    torch.manual_seed(3)
    with torch.no_grad():
        for name, weight in trainer.model.named_parameters():
            if "lora_B" in name:
                weight.normal_(0, 0.02)
    return trainer


def likelihoods(model: Any, tokens: Tensor, mask: Tensor) -> Tensor:  # noqa: ANN401
    """Return the log-probability of each row's completion in nats, shape (B,)."""
    scores = model(tokens).logits[:, :-1].log_softmax(-1)
    found = scores.gather(-1, tokens[:, 1:, None]).squeeze(-1)
    summed: Tensor = (found * mask[:, 1:]).sum(1)
    return summed


def ratios(model: Any, tokens: Tensor, mask: Tensor) -> Tensor:  # noqa: ANN401
    with model.disable_adapter(), torch.no_grad():
        base = likelihoods(model, tokens, mask)
    return likelihoods(model, tokens, mask) - base


def gradients(model: Any, loss: Tensor) -> Iterator[tuple[str, Tensor]]:  # noqa: ANN401
    model.zero_grad()
    loss.backward()  # type: ignore[no-untyped-call]
    for name, weight in model.named_parameters():
        if weight.grad is not None:
            yield name, weight.grad.clone()


def test_kto_is_that_of_trl_in_value_and_gradient(base: Path, tmp_path: Path) -> None:
    rows = [
        {
            "prompt": [{"role": "user", "content": question}],
            "completion": [{"role": "assistant", "content": answer}],
            "label": good,
        }
        for question, answer, good in RATED
    ]
    trainer = trainer_over("KTO", rows, base, tmp_path)
    batch = next(iter(trainer.get_train_dataloader()))
    model = trainer.model.eval()

    theirs = trainer.compute_loss(model, batch)

    good = batch["label"].bool()
    point = reference_point(ratios(model, batch["KL_input_ids"], batch["KL_completion_mask"]))
    each = kto_loss(ratios(model, batch["input_ids"], batch["completion_mask"]), good, point, BETA)
    ours = (each * torch.where(good, GOOD_WEIGHT, BAD_WEIGHT)).mean()
    torch.testing.assert_close(ours, theirs, atol=1e-5, rtol=1e-5)
    assert point > 0
    assert not math.isclose(ours.item(), 0.5, abs_tol=1e-3)  # as it is where nothing differs
    expected = dict(gradients(model, theirs))
    assert expected
    for name, gradient in gradients(model, ours):
        torch.testing.assert_close(gradient, expected[name], atol=1e-5, rtol=1e-3)


def test_dpo_is_that_of_trl_in_value_and_gradient(base: Path, tmp_path: Path) -> None:
    rows = [
        {
            "prompt": [{"role": "user", "content": question}],
            "chosen": [{"role": "assistant", "content": chosen}],
            "rejected": [{"role": "assistant", "content": rejected}],
        }
        for question, chosen, rejected in COMPARED
    ]
    trainer = trainer_over("DPO", rows, base, tmp_path)
    batch = next(iter(trainer.get_train_dataloader()))
    model = trainer.model.eval()

    theirs = trainer.compute_loss(model, batch)

    found = ratios(model, batch["input_ids"], batch["completion_mask"])
    ours = dpo_loss(found[: len(rows)], found[len(rows) :], BETA).mean()
    torch.testing.assert_close(ours, theirs, atol=1e-5, rtol=1e-5)
    assert not math.isclose(ours.item(), math.log(2), abs_tol=1e-3)
    expected = dict(gradients(model, theirs))
    assert expected
    for name, gradient in gradients(model, ours):
        torch.testing.assert_close(gradient, expected[name], atol=1e-5, rtol=1e-3)


def test_the_reference_point_is_never_below_zero_and_has_no_gradient() -> None:
    ratio = torch.tensor([-3.0, 1.0], requires_grad=True)

    assert reference_point(ratio).item() == 0
    assert reference_point(-ratio).item() == 1.0
    assert not reference_point(-ratio).requires_grad


def test_both_kinds_of_answers_weigh_the_same_in_all() -> None:
    assert class_weights(good=30, bad=10) == pytest.approx((2 / 3, 2.0))
    assert class_weights(good=1, bad=99)[0] == 4.0
    assert class_weights(good=7, bad=0) == (1.0, 1.0)
    assert class_weights(good=0, bad=7) == (1.0, 1.0)
