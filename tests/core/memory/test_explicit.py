"""What people ask of the memory in plain words."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from chatune_core.memory.explicit import (
    LONGEST_REQUEST,
    ForgetEverything,
    ForgetThis,
    RememberThis,
    Request,
    request_in,
)

ASKED: list[tuple[str, Request]] = [
    ("Remember that I park on level 3.", RememberThis("I park on level 3")),
    ("please remember: my locker is 12", RememberThis("my locker is 12")),
    ("Can you remember that I like tea?", RememberThis("I like tea")),
    ("Keep in mind that I am vegan", RememberThis("I am vegan")),
    ("Don't forget that I hate olives!", RememberThis("I hate olives")),
    ("Remember to call me Robin", RememberThis("call me Robin")),
    ("From now on, answer in French.", RememberThis("answer in French", lasting=True)),
    ("in future use bullet points", RememberThis("use bullet points", lasting=True)),
    ("Forget that I like tea.", ForgetThis("I like tea")),
    ("forget what I said about Rome", ForgetThis("Rome")),
    ("Please forget my address", ForgetThis("my address")),
    ("Forget everything about me.", ForgetEverything()),
    ("forget all you know about me", ForgetEverything()),
]
NOT_ASKED = [
    "Do you remember that film with the boat?",
    "Remember when we talked about Rome?",
    "I remember that day well.",
    "Remember the Alamo",
    "Forget it.",
    "Don't forget to breathe",
    "What do you remember about me?",
    "",
]


@pytest.mark.parametrize(("message", "request_"), ASKED)
def test_a_request_to_the_memory_is_understood(message: str, request_: Request) -> None:
    assert request_in(message) == request_


@pytest.mark.parametrize("message", NOT_ASKED)
def test_talk_of_remembering_asks_for_nothing(message: str) -> None:
    assert request_in(message) is None


def test_a_document_to_remember_is_cut_to_a_sentence() -> None:
    found = request_in("Remember that " + "I like long walks " * 10_000)

    assert isinstance(found, RememberThis)
    assert len(found.what) <= LONGEST_REQUEST + 2


@given(st.text(max_size=400))
def test_any_text_is_a_request_or_none(message: str) -> None:
    found = request_in(f"remember that {message}")

    assert found is None or isinstance(found, RememberThis | ForgetThis | ForgetEverything)
