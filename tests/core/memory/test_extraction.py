"""What is taken from a message, and what is left alone."""

import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from chatune_core.memory.explicit import RememberThis
from chatune_core.memory.extraction import MOST_FROM_ONE, asked_for, extracted
from chatune_core.memory.values import SLOT, Kind

STATED = [
    ("I live in Lisbon.", "I live in Lisbon.", Kind.FACT, "person.home", 0),
    ("Oh, and I've just moved to Oslo!", "I've just moved to Oslo.", Kind.FACT, "person.home", 0),
    ("I work as a welder, it is loud", "I work as a welder.", Kind.FACT, "work.job", 0),
    ("i started a new position as a florist", "I started a new position as a florist.", Kind.FACT, "work.job", 0),
    ("I follow a keto diet now.", "I follow a keto diet now.", Kind.FACT, "food.diet", 0),
    ("I switched to vegan eating.", "I switched to vegan eating.", Kind.FACT, "food.diet", 0),
    ("My editor is Helix.", "My editor is Helix.", Kind.FACT, "tool.editor", 0),
    ("I use Vim as my code editor.", "I use Vim as my code editor.", Kind.FACT, "tool.editor", 0),
    ("I have a pet gecko.", "I have a pet gecko.", Kind.FACT, "pet", 0),
    ("My favourite band is Low.", "My favourite band is Low.", Kind.PREFERENCE, "favourite.band", 1),
    ("I love long train rides.", "I love long train rides.", Kind.PREFERENCE, "taste.long_ride_train", 1),
    ("I can't stand loud bars because of the noise", "I can't stand loud bars.", Kind.PREFERENCE, "taste.bar_loud", -1),
    ("I prefer to avoid crowded beaches.", "I prefer to avoid crowded beaches.", Kind.PREFERENCE, "taste.beach_crowded", -1),
    ("I'm not a fan of musicals, so what else is on?", "I'm not a fan of musicals.", Kind.PREFERENCE, "taste.musical", -1),
    ("As someone who avoids caffeine, what do I drink?", "I avoid caffeine.", Kind.PREFERENCE, "taste.caffeine", -1),
    ("Please write to me in a formal tone.", "Please write to me in a formal tone.", Kind.STYLE, "style.tone", 0),
    ("Always answer in German.", "Always answer in German.", Kind.STYLE, "style.language", 0),
    ("I prefer short answers.", "I prefer short answers.", Kind.STYLE, "style.length", 0),
    ("Call me Robin.", "Call me Robin.", Kind.STYLE, "style.address", 0),
    ("I prefer metric units.", "I prefer metric units.", Kind.STYLE, "style.units", 0),
]  # fmt: skip
LEFT_ALONE = [
    "Where do I live?",
    "What should I eat if I like spicy food?",
    "Do you think I like jazz?",
    "I love it!",
    "I like that idea.",
    "I'd like to know more about Rome.",
    "I'm not in the mood for jazz tonight.",
    "Explain it like I'm 5 years old.",
    "Write this in French.",
    "Be brief.",
    "Translate: \"I love the sea and I live in Rome\"",
    "> I hate mornings\nWhat does that mean?",
    "```\nI love tabs\n```",
    "My wife prefers tea, and I love my wife.",
    "She said I like to complain.",
    "I prefer option 2.",
    "I'm interested in learning about bees.",
    "",
    "🙂🙂🙂",
]  # fmt: skip
UNASKED = [
    "I hate my medication.",
    "I hate voting for conservatives.",
    "I love my boyfriend's cooking.",
    "I'm allergic to peanuts.",
    "My name is Ann and I live in 4111 1111 1111 1111.",
    "I always use hunter22isMyPassw0rd for it.",
    "I love going to church.",
]


@pytest.mark.parametrize(("message", "text", "kind", "slot", "polarity"), STATED)
def test_what_people_state_of_themselves_is_taken(
    message: str, text: str, kind: Kind, slot: str, polarity: int
) -> None:
    [found] = extracted(message)

    assert (found.text, found.kind, found.slot, found.polarity) == (text, kind, slot, polarity)
    assert not found.explicit
    assert 0 < found.confidence < 1


@pytest.mark.parametrize("message", LEFT_ALONE)
def test_questions_quotations_and_passing_words_state_nothing(message: str) -> None:
    assert extracted(message) == ()


@pytest.mark.parametrize("message", UNASKED)
def test_others_protected_traits_and_secrets_are_left_out(message: str) -> None:
    assert extracted(message) == ()


def test_the_reason_for_a_taste_is_not_remembered() -> None:
    [found] = extracted("I prefer short walks because of my chronic knee pain.")

    assert found.text == "I prefer short walks."


def test_one_message_may_state_several_things() -> None:
    found = extracted("I live in Perth. By the way, I love surfing but I hate cold water!")

    assert [each.text for each in found] == [
        "I live in Perth.",
        "I love surfing.",
        "I hate cold water.",
    ]


def test_opposite_tastes_share_a_slot() -> None:
    [before] = extracted("I love spicy food.")
    [after] = extracted("I don't like spicy food any more.")

    assert before.slot == after.slot
    assert (before.polarity, after.polarity) == (1, -1)


def test_what_was_asked_for_is_kept_as_it_is_even_if_nobody_would_have_asked() -> None:
    [found] = asked_for(RememberThis("I am allergic to peanuts"))

    assert (found.text, found.kind, found.explicit) == (
        "I am allergic to peanuts.",
        Kind.FACT,
        True,
    )


def test_what_is_to_hold_from_now_on_is_a_style_with_its_slot() -> None:
    [found] = asked_for(RememberThis("answer in Dutch", lasting=True))
    [other] = asked_for(RememberThis("end every answer with a proverb", lasting=True))

    assert (found.text, found.kind, found.slot) == (
        "Answer in Dutch.",
        Kind.STYLE,
        "style.language",
    )
    assert (other.kind, other.slot) == (Kind.STYLE, "")


@given(st.text(max_size=300))
def test_any_text_gives_few_whole_candidates(message: str) -> None:
    found = extracted(message)

    assert len(found) <= MOST_FROM_ONE
    for each in found:
        assert SLOT.fullmatch(each.slot)
        assert each.text.strip() == each.text != ""
        assert "\n" not in each.text


@pytest.mark.parametrize(
    "message",
    [
        "I " * 50_000,
        "I really " * 12_000,
        "my favourite " * 8_000,
        "as someone who " * 7_000,
        "remember that " * 7_000,
        "`" * 100_000,
        '"' * 100_000,
        "answer in " * 10_000,
        "a" * 100_000,
    ],
)
def test_a_hundred_kilobytes_take_a_moment(message: str) -> None:
    started = time.process_time()

    extracted(message)

    assert time.process_time() - started < 1.0
