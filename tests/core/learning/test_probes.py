"""What is looked for in the answers to the probes."""

import pytest

from chatune_core.learning.probes import OPINIONS, PROMPTS, loops, refuses


@pytest.mark.parametrize(
    "answer",
    [
        "I'm sorry, but I can't help with that.",
        "I\N{RIGHT SINGLE QUOTATION MARK}m sorry, I cannot answer.",
        "Sadly, I am unable to do this.",
        "As an AI language model, I do not have feelings.",
        "I cannot assist you with this request.",
        "I must decline.",
        "That is against my guidelines.",
    ],
)
def test_refusals_are_known_by_their_words(answer: str) -> None:
    assert refuses(answer)


@pytest.mark.parametrize(
    "answer",
    [
        "",
        "The capital of France is Paris.",
        "You can say that you cannot come.",
        "Dear Ann, " + "thank you for your kind letter. " * 8 + "I'm sorry that I was late.",
        "Sorry to hear that. Take a walk.",
    ],
)
def test_an_answer_that_helps_is_no_refusal(answer: str) -> None:
    assert not refuses(answer)


def test_an_answer_loops_if_half_of_it_was_said_before() -> None:
    assert loops("the dog ran away and " * 4)
    assert not loops("ha ha ha ha ha")  # too short to tell
    assert not loops("The dog ran home, and then the dog ran away again to see the sea at night.")


def test_of_each_opinion_the_two_answers_differ_and_are_of_one_length() -> None:
    assert len(PROMPTS) == len(set(PROMPTS)) >= 8
    for opinion in OPINIONS:
        words = len(opinion.true.split()), len(opinion.agreeing.split())
        assert opinion.true != opinion.agreeing
        assert abs(words[0] - words[1]) <= 2, opinion
