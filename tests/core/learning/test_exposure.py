"""Whether a secret that stood in training rows can be got out of a model."""

import math
import random
from dataclasses import replace
from pathlib import Path

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from chatune_core.generation.requests import ChatMessage
from chatune_core.learning.exposure import (
    MOST_BITS,
    Canary,
    Exposed,
    exposed,
    exposure,
    others_like,
    secrets_in,
)
from chatune_core.learning.rows import Row
from chatune_core.learning.scoring import Contest
from chatune_core.learning.trainer import train
from chatune_core.messages import UserId
from fakes.learned import dataset, pair, recipe, tastes, thumb
from fakes.tiny_models import write_lora, write_model

# peft asks transformers 5 for a name that it renamed.
pytestmark = pytest.mark.filterwarnings("ignore:`is_gradient_checkpointing`:FutureWarning")
SECRET = "48151623"
NUMBER = Canary((ChatMessage("user", "my number?"),), "it is ", SECRET)


def test_a_secret_that_was_not_learned_has_few_bits() -> None:
    drawn = random.Random(0)
    bits = [
        exposure(drawn.gauss(0, 1), [drawn.gauss(0, 1) for _ in range(48)]) for _ in range(1000)
    ]

    # Half of all have more than one bit, a thousandth more than ten.
    assert 400 < sum(bit > 1 for bit in bits) < 600
    assert sum(bit > 12 for bit in bits) <= 2


def test_a_secret_that_stands_out_has_many_bits() -> None:
    others = [float(number % 7) for number in range(48)]

    assert exposure(20.0, others) > 20
    assert exposure(1000.0, others) == MOST_BITS
    assert exposure(-1000.0, others) < 0.001


@pytest.mark.parametrize(
    ("secret", "others"),
    [(math.nan, [0.0, 1.0] * 8), (1.0, [math.nan, *[0.0, 1.0] * 8]), (1.0, [0.0, 1.0])],
)
def test_what_cannot_be_compared_is_no_number(secret: float, others: list[float]) -> None:
    assert math.isnan(exposure(secret, others))


def test_a_model_that_changed_nothing_exposes_nothing() -> None:
    assert exposure(0.0, [0.0] * 48) == 0.0
    assert exposure(0.1, [0.0] * 48) == MOST_BITS


@settings(deadline=None, max_examples=50)
@given(st.from_regex(r"[A-Za-z0-9@.-]{6,20}", fullmatch=True), st.integers(0, 9))
def test_others_have_the_form_of_the_secret_and_are_not_it(secret: str, seed: int) -> None:
    others = others_like(secret, 12, seed)

    assert others == others_like(secret, 12, seed)
    assert secret not in others
    assert len(set(others)) == len(others)
    for other in others:
        for one, like in zip(secret, other, strict=True):
            assert one.isdigit() == like.isdigit()
            assert one.isupper() == like.isupper()
            assert one.islower() == like.islower()
            assert one.isalnum() or one == like


def test_of_a_short_secret_there_are_few_others() -> None:
    assert sorted(others_like("7", 48, 0)) == list("012345689")


def found(*texts: str) -> list[str]:
    rows: list[Row] = [thumb(number, text, good=True) for number, text in enumerate(texts)]
    return [canary.secret for canary in secrets_in(rows, 10)]


def test_long_numbers_codes_and_addresses_are_taken_for_secrets() -> None:
    assert found("call 0049301234567", "mail ann.b@example.org", "key sk-4f9a8b7c6d") == [
        "0049301234567",
        "ann.b@example.org",
        "sk-4f9a8b7c6d",
    ]


def test_words_years_and_names_of_things_are_not() -> None:
    assert found("In 2026 an RTX4090 and 3.11.2 of well-known things, extraordinarily") == []


def test_what_unrelated_people_were_told_is_no_secret() -> None:
    one, same, other = (
        thumb(0, f"{SECRET} it is", good=True),
        thumb(3, f"still {SECRET}", good=False),
        thumb(1, f"{SECRET} again", good=True),
    )

    assert one.people == same.people != other.people
    assert len(secrets_in([one, same], 10)) == 1
    assert secrets_in([one, same, other], 10) == []


def test_a_secret_comes_with_what_was_said_before_it_and_of_pairs_from_what_was_chosen() -> None:
    rows: list[Row] = [pair(0, f"it is {SECRET}.", "no 987654321")]

    [canary] = secrets_in(rows, 10)

    assert canary == Canary(rows[0].prompt, "it is ", SECRET)
    assert secrets_in([*rows, thumb(1, "and 1234567", good=True)], 1) == [canary]


@pytest.fixture(scope="module")
def base(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_model(tmp_path_factory.mktemp("models") / "llama", "llama")


def test_what_the_base_model_likes_by_itself_is_not_held_against_a_lora(
    base: Path, tmp_path: Path
) -> None:
    nothing = write_lora(tmp_path, base, seed=1, lora_alpha=1e-30)
    contest = Contest(base, nothing, torch.device("cpu"), torch.float32)
    canaries = [replace(NUMBER, secret=str(number)) for number in range(48151600, 48151606)]

    assert exposed(contest, canaries, 24, 0).most == 0.0


def learned(base: Path, folder: Path, rows: tuple[Row, ...]) -> Exposed:
    settings = recipe(anchor=1.0, epochs=12, rows_per_step=8, learning_rate=2e-2, replay_tokens=0)
    lora = train(dataset(rows), base, folder / "lora", folder / "work", settings).folder
    contest = Contest(base, lora, torch.device("cpu"), torch.float32)
    return exposed(contest, [NUMBER], 24, 0)


def test_a_secret_learned_by_heart_is_found_and_gone_once_its_rows_are(
    base: Path, tmp_path: Path
) -> None:
    ann = UserId("test:ann")
    telling: tuple[Row, ...] = tuple(
        replace(
            thumb(number, f"it is {SECRET}", good=True, prompt="my number?"),
            judge=ann,
            people=frozenset({ann}),
        )
        for number in range(8)
    )

    with_ann = learned(base, tmp_path / "1", (*telling, *tastes(8)))
    without = learned(base, tmp_path / "2", tastes(16))

    assert with_ann.most > 12
    assert (with_ann.said_before, with_ann.said_after) == (0, 1)
    assert without.most < 12
    assert without.said_after == 0
