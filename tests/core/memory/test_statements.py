"""What a sentence says of the person who says it."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from chatune_core.memory.statements import Statement, read_statement
from chatune_core.memory.values import SLOT, Kind


@pytest.mark.parametrize(
    ("sentence", "kind"),
    [
        ("I can't stand horror films.", Kind.PREFERENCE),
        ("I'm not a big fan of beaches.", Kind.PREFERENCE),
        ("I prefer trains to planes.", Kind.PREFERENCE),
        ("Please answer me in French.", Kind.STYLE),
        ("From now on keep the tone of your answers formal.", Kind.STYLE),
        ("Call me Sam.", Kind.STYLE),
        ("I live in Leeds.", Kind.FACT),
        ("My sister wrote to me in May.", Kind.FACT),
    ],
)
def test_a_sentence_has_a_kind(sentence: str, kind: Kind) -> None:
    assert read_statement(sentence).kind is kind


@pytest.mark.parametrize(
    ("older", "newer", "slot"),
    [
        ("I live in Leeds.", "We had luck: I moved to York in May.", "self.home"),
        ("My name is Samuel.", "Just call me Sam.", "self.name"),
        ("Reply to me in Spanish.", "Please answer in German.", "style.language"),
        ("Please give me short answers.", "I want detailed answers.", "style.length"),
        ("Write in a formal tone.", "Answer in a playful tone from now on.", "style.tone"),
        ("I work as a nurse.", "I just started a new job as a teacher.", "work.job"),
        ("I am vegetarian.", "I am no longer on any diet.", "food.diet"),
    ],
)
def test_a_newer_sentence_replaces_an_older_in_its_slot(older: str, newer: str, slot: str) -> None:
    assert read_statement(older).slot == slot
    assert read_statement(newer).slot == slot
    assert read_statement(newer).replaces


@pytest.mark.parametrize(
    "sentence", ["I have a pet parrot.", "I am vegan.", "I work as a nurse.", "I am a Leeds fan."]
)
def test_what_one_may_have_several_of_replaces_nothing_unless_it_says_so(sentence: str) -> None:
    statement = read_statement(sentence)

    assert statement.slot
    assert not statement.replaces


@pytest.mark.parametrize(
    "sentence", ["", "Thank you!", "My sister plays the cello.", "The dog moved to the sofa."]
)
def test_other_sentences_have_no_slot_and_replace_nothing(sentence: str) -> None:
    assert read_statement(sentence) == Statement(Kind.FACT, "", replaces=False)


@given(st.text())
def test_any_text_can_be_read(text: str) -> None:
    statement = read_statement(text)

    assert SLOT.fullmatch(statement.slot)
    assert statement.slot or not statement.replaces


def test_a_very_long_text_is_read_in_time() -> None:
    read_statement("answer not i want please i am a " * 3_000)
