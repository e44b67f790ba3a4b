"""The base and the candidate in one give what transformers and PEFT give for each alone."""

from pathlib import Path
from typing import Any

import pytest
import torch

from chatune_core.errors import ConfigurationError
from chatune_core.generation.requests import ChatMessage
from chatune_core.learning.scoring import Contest, Tokens
from fakes.tiny_models import reference, reference_with, write_lora, write_model

# peft asks transformers 5 for a name that it renamed.
pytestmark = pytest.mark.filterwarnings("ignore::FutureWarning")
TEXTS = [
    Tokens((1, 5, 9), (20, 33)),
    Tokens((1,), (7, 8, 9, 10, 11, 12, 2)),
    Tokens(tuple(range(3, 60)), (100,)),
    Tokens((4, 4), (200, 201, 202)),
]

ALIKE = [
    Tokens((1, 5, 9, 30, 31), (20, 33)),
    Tokens((1, 5, 9), (20, 34, 35)),
    Tokens((1, 5, 9, 30), (20,)),
    Tokens((1, 5, 9, 30, 31), (21, 33)),
]
"""They begin with the same tokens, which are read once."""


@pytest.fixture(scope="module", params=["llama", "gpt2"])
def base(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_model(tmp_path_factory.mktemp("base"), request.param)


@pytest.fixture(scope="module")
def lora(base: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_lora(tmp_path_factory.mktemp("lora"), base, seed=1)


@pytest.fixture(scope="module")
def contest(base: Path, lora: Path) -> Contest:
    return Contest(base, lora, torch.device("cpu"), torch.float32)


@pytest.fixture(scope="module")
def alone(base: Path, lora: Path) -> dict[bool, Any]:
    """The base and the candidate, each as transformers and PEFT have it."""
    return {False: reference(base), True: reference_with(lora, base)}


@pytest.mark.parametrize("texts", [TEXTS, TEXTS[:1], ALIKE], ids=["some", "one", "alike"])
@pytest.mark.parametrize("candidate", [False, True])
def test_scores_in_batches_are_those_of_each_text_alone(
    contest: Contest, alone: dict[bool, Any], candidate: bool, texts: list[Tokens]
) -> None:
    scores = contest.scores(texts, candidate=candidate)

    for text, score in zip(texts, scores, strict=True):
        tokens = torch.tensor([text.given + text.asked])
        with torch.no_grad():
            likelihoods = alone[candidate](tokens).logits.log_softmax(-1)[0, :-1]
        expected = likelihoods.gather(1, tokens[0, 1:, None])[-len(text.asked) :].sum()
        assert score.total == pytest.approx(float(expected), abs=1e-3)
        assert score.tokens == len(text.asked)
        assert score.mean == pytest.approx(float(expected) / len(text.asked), abs=1e-3)


@pytest.mark.parametrize("candidate", [False, True])
def test_greedy_answers_in_batches_are_those_of_each_prompt_alone(
    contest: Contest, alone: dict[bool, Any], candidate: bool
) -> None:
    given = [text.given + text.asked for text in TEXTS]

    said = contest.continuations(given, 6, candidate=candidate)

    for tokens, text in zip(given, said, strict=True):
        now = torch.tensor([tokens])
        for _ in range(6):
            with torch.no_grad():
                now = torch.cat((now, alone[candidate](now).logits[:, -1:].argmax(-1)), 1)
            if int(now[0, -1]) in contest.tokenizer.eos_tokens:
                break
        assert text == contest.tokenizer.decode(now[0, len(tokens) :].tolist()).strip()


def test_an_answer_is_scored_as_a_whole_turn(contest: Contest) -> None:
    prompt = (ChatMessage("user", "hello"),)

    text = contest.prompted(prompt, "hi")

    assert list(text.given) == contest.tokenizer.encode_chat(prompt)
    assert text.asked[-1] in contest.tokenizer.eos_tokens


def test_what_is_too_long_for_the_model_loses_its_beginning(contest: Contest) -> None:
    context, asked = 128, (7, 8, 9)

    long, cut = contest.scores(
        [Tokens(tuple(range(200)), asked), Tokens(tuple(range(200 - context + 3, 200)), asked)],
        candidate=True,
    )

    assert long.total == pytest.approx(cut.total, abs=1e-4)
    [much] = contest.scores([Tokens((1,), tuple(range(200)))], candidate=True)
    assert much.tokens == context - 1
    assert contest.continuations([tuple(range(200))], 4, candidate=True) != [""]


def test_a_folder_that_is_no_model_is_said_to_be_none(lora: Path) -> None:
    with pytest.raises(ConfigurationError):
        Contest(lora, lora, torch.device("cpu"), torch.float32)
