"""The prompt budget."""

import itertools
from dataclasses import replace
from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from chatune_core.errors import InvalidInput
from chatune_core.generation.requests import ChatMessage
from chatune_core.messages import ConversationId, EventKey, Turn, UserId
from chatune_core.prompt import Prompt, build_prompt

AT = datetime(2026, 1, 1, tzinfo=UTC)
words = st.integers(min_value=1, max_value=40).map(lambda count: " ".join(["w"] * count))
turns = st.lists(st.tuples(st.sampled_from(["user", "assistant"]), words), max_size=12)


def turn(role: str, text: str) -> Turn:
    return Turn(EventKey("e"), ConversationId("c"), UserId("u"), role, text, AT)


def count(message: ChatMessage) -> int:
    return len(message.content.split()) + 3


def build(
    history: list[tuple[str, str]], message: str, context: int = 100, wanted: int = 20
) -> Prompt:
    spoken = [turn(role, text) for role, text in history]
    return build_prompt(
        "be kind", spoken, message, count=count, context_tokens=context, completion_tokens=wanted
    )


def test_everything_is_there_when_it_fits() -> None:
    prompt = build([("user", "hi"), ("assistant", "hello")], "how are you")

    assert [(item.role, item.content) for item in prompt.messages] == [
        ("system", "be kind"),
        ("user", "hi"),
        ("assistant", "hello"),
        ("user", "how are you"),
    ]


def test_the_oldest_turns_go_first() -> None:
    history = [("user", f"q{n} " * 20) if n % 2 == 0 else ("assistant", f"a{n}") for n in range(8)]

    prompt = build(history, "now")

    texts = " ".join(item.content for item in prompt.messages)
    assert "q6" in texts
    assert "q0" not in texts


def test_only_people_whose_turns_fit_are_heard() -> None:
    people = ["ann", "ben", "ann", "cat"]
    spoken = [
        replace(turn("user", f"q{n} " * 20), user=UserId(name)) for n, name in enumerate(people)
    ]

    def heard(context: int) -> tuple[UserId, ...]:
        return build_prompt(
            "be kind", spoken, "now", count=count, context_tokens=context, completion_tokens=20
        ).heard

    assert heard(1000) == ("ann", "ben", "cat")
    assert heard(80) == ("ann", "cat")
    assert heard(30) == ()


def test_turns_of_one_role_in_a_row_are_joined() -> None:
    prompt = build([("user", "one"), ("user", "two")], "three")

    assert prompt.messages[1:] == (ChatMessage("user", "one\ntwo\nthree"),)


def test_an_empty_persona_is_no_message() -> None:
    prompt = build_prompt("", (), "hi", count=count, context_tokens=50, completion_tokens=5)

    assert prompt.messages == (ChatMessage("user", "hi"),)


def test_a_message_that_cannot_fit_is_refused_with_the_limit() -> None:
    with pytest.raises(InvalidInput, match="I have room for 80"):
        build([], "word " * 100)


@given(turns, words, st.integers(60, 300), st.integers(1, 400))
def test_prompt_and_answer_always_fit_the_context(
    history: list[tuple[str, str]], message: str, context: int, wanted: int
) -> None:
    try:
        prompt = build(history, message, context, wanted)
    except InvalidInput:
        assert count(ChatMessage("user", message)) + 5 > context - min(wanted, context // 2)
        return

    used = sum(map(count, prompt.messages))
    assert used + prompt.completion_tokens <= context
    assert prompt.completion_tokens >= min(wanted, context // 2)
    assert prompt.messages[0] == ChatMessage("system", "be kind")
    assert prompt.messages[-1].content.endswith(message)
    roles = [item.role for item in prompt.messages[1:]]
    assert roles[0] == "user"
    assert all(one != two for one, two in itertools.pairwise(roles))


@given(turns, words)
def test_what_is_kept_is_the_newest_without_a_gap(
    history: list[tuple[str, str]], message: str
) -> None:
    numbered = [(role, f"{index} {text}") for index, (role, text) in enumerate(history)]

    prompt = build(numbered, message, 150)

    lines = [line for item in prompt.messages[1:] for line in item.content.split("\n")][:-1]
    kept = [int(line.split()[0]) for line in lines]
    assert kept == list(range(len(history) - len(kept), len(history)))
