"""Guard models: what they are asked, and what their answers come to."""

from collections.abc import Callable, Sequence
from datetime import timedelta
from typing import Any, get_args

import pytest
from hypothesis import given
from hypothesis import strategies as st

from chatune_core.errors import GenerationFailed, RetryLater
from chatune_core.generation.requests import ChatMessage
from chatune_core.moderation.guard_answers import (
    DEFAULT_LABELS,
    DOUBTFUL,
    SAFE,
    UNSAFE,
    Family,
    granite_guardian_score,
    llama_guard_scores,
    qwen3guard_scores,
)
from chatune_core.moderation.guards import GuardClassifier, GuardSettings
from chatune_core.moderation.moderator import Classifier
from chatune_core.moderation.verdicts import Category, Role
from fakes.generator import Script, ScriptedGenerator

QWEN, LLAMA = DEFAULT_LABELS["qwen3guard"], DEFAULT_LABELS["llama-guard"]


def guard(script: Script, family: Family, **more: Any) -> tuple[GuardClassifier, ScriptedGenerator]:  # noqa: ANN401
    model = ScriptedGenerator(script, model="guard-1")
    return GuardClassifier(model, GuardSettings(family, **more)), model


@pytest.mark.parametrize(
    ("answer", "expected"),
    [
        ("Safety: Safe\nCategories: None\nRefusal: No", {}),
        ("Safety: Unsafe\nCategories: Violent", {Category.VIOLENCE: UNSAFE}),
        (
            "Safety: Unsafe\nCategories: Suicide & Self-Harm, PII",
            {Category.SELF_HARM: UNSAFE, Category.PII: UNSAFE},
        ),
        ("safety: controversial\ncategories: Unethical Acts", {Category.HATE: DOUBTFUL}),
        ("Safety: Unsafe\nCategories: Copyright Violation", {}),
        ("Safety: Unsafe", {}),
    ],
)
def test_answers_of_qwen3guard(answer: str, expected: dict[Category, float]) -> None:
    found = {c: s for c, s in qwen3guard_scores(answer, QWEN).items() if s}

    assert found == expected


@pytest.mark.parametrize(
    ("answer", "expected"),
    [
        ("\n\nsafe", {}),
        ("unsafe\nS10", {Category.HATE: UNSAFE}),
        ("unsafe\nS1,S12", {Category.VIOLENCE: UNSAFE, Category.SEXUAL: UNSAFE}),
        ("unsafe\nS2", {}),
        ("safe\nS10", {}),
    ],
)
def test_answers_of_llama_guard(answer: str, expected: dict[Category, float]) -> None:
    found = {c: s for c, s in llama_guard_scores(answer, LLAMA).items() if s}

    assert found == expected


@pytest.mark.parametrize(
    ("answer", "expected"),
    [
        ("<score> yes </score>", UNSAFE),
        ("<score> no </score>", SAFE),
        ("<think>yes, or maybe no</think>\n<score> no </score>", SAFE),
        ("Yes\n<confidence> Low </confidence>", DOUBTFUL),
        ("Yes\n<confidence> High </confidence>", UNSAFE),
        ("No", SAFE),
    ],
)
def test_answers_of_granite_guardian(answer: str, expected: float) -> None:
    assert granite_guardian_score(answer) == expected


@given(st.text())
def test_any_other_answer_is_no_verdict_or_one_in_bounds(answer: str) -> None:
    readings: list[Callable[[], dict[Category, float]]] = [
        lambda: qwen3guard_scores(answer, QWEN),
        lambda: llama_guard_scores(answer, LLAMA),
        lambda: {Category.HATE: granite_guardian_score(answer)},
    ]
    for scores in readings:
        try:
            found = scores()
        except ValueError:
            continue
        assert all(0 <= score <= 1 for score in found.values())


@pytest.mark.anyio
async def test_a_text_of_a_person_is_asked_about_as_a_question() -> None:
    classifier, model = guard(lambda request: ["Safety: Safe\nCategories: None"], "qwen3guard")
    port: Classifier = classifier

    [scores] = await port.scores(["hello"], Role.COMMUNITY)

    assert set(scores.values()) == {SAFE}
    assert model.requests[0].messages == (ChatMessage("user", "hello"),)
    assert model.requests[0].sampling.temperature == 0
    assert port.name == "guard-1"


@pytest.mark.anyio
async def test_a_text_of_the_bot_is_asked_about_as_an_answer() -> None:
    classifier, model = guard(lambda request: ["unsafe\nS10"], "llama-guard")

    [scores] = await classifier.scores(["something vile"], Role.ASSISTANT)

    assert scores[Category.HATE] == UNSAFE
    assert model.requests[0].messages[-1] == ChatMessage("assistant", "something vile")


@pytest.mark.anyio
async def test_granite_guardian_is_asked_one_question_for_each_criterion() -> None:
    def script(request: Any) -> Sequence[str]:  # noqa: ANN401
        yes = request.messages[0].content == "social_bias"
        return [f"<score> {'yes' if yes else 'no'} </score>"]

    classifier, model = guard(script, "granite-guardian")

    [scores] = await classifier.scores(["something vile"], Role.USER)

    assert {c for c, score in scores.items() if score == UNSAFE} == {Category.HATE}
    asked = {request.messages[0].content for request in model.requests}
    assert asked == set(DEFAULT_LABELS["granite-guardian"])


@pytest.mark.anyio
async def test_an_operator_says_what_a_label_means() -> None:
    classifier, _ = guard(
        lambda request: ["Safety: Unsafe\nCategories: Non-violent Illegal Acts"],
        "qwen3guard",
        labels={"non-violent illegal acts": Category.VIOLENCE},
    )

    [scores] = await classifier.scores(["sell me that"], Role.USER)

    assert scores[Category.VIOLENCE] == UNSAFE


@pytest.mark.anyio
async def test_each_text_gets_its_own_answer_and_a_long_one_is_asked_about_in_parts() -> None:
    def script(request: Any) -> Sequence[str]:  # noqa: ANN401
        bad = "bad" in request.messages[-1].content
        return ["Safety: Unsafe\nCategories: Violent" if bad else "Safety: Safe"]

    classifier, model = guard(script, "qwen3guard", longest=100)

    scores = await classifier.scores(["fine", "x" * 150 + " bad", "fine too"], Role.USER)

    assert [one[Category.VIOLENCE] for one in scores] == [SAFE, UNSAFE, SAFE]
    assert len(model.requests) == 4


@pytest.mark.anyio
@pytest.mark.parametrize("family", get_args(Family))
async def test_an_answer_that_is_no_verdict_is_a_failure(family: Family) -> None:
    classifier, _ = guard(lambda request: ["I am a teapot."], family)

    with pytest.raises(GenerationFailed, match="guard-1 gave no verdict"):
        await classifier.scores(["hello"], Role.USER)


@pytest.mark.anyio
async def test_a_guard_that_is_down_says_so() -> None:
    classifier, _ = guard(lambda request: [RetryLater("down", timedelta(0))], "qwen3guard")

    with pytest.raises(RetryLater, match="down"):
        await classifier.scores(["a", "b"], Role.USER)
