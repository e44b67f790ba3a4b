"""Listed words are found whole, however they are dressed up, and innocent ones pass."""

# ruff: noqa: RUF001 - look-alike letters are what is tested.

from collections.abc import Sequence

import pytest
from hypothesis import given
from hypothesis import strategies as st

from chatune_core.moderation.normalising import normalised
from chatune_core.moderation.rules.automaton import Automaton
from chatune_core.moderation.rules.default_words import SCAM_PHRASES
from chatune_core.moderation.rules.rule import Rule
from chatune_core.moderation.rules.words import WordList
from chatune_core.moderation.verdicts import Category


def listed(words: Sequence[str], allow: Sequence[str] = ()) -> WordList:
    return WordList("test", words, category=Category.HARASSMENT, allow=allow)


def found_in(text: str, words: WordList) -> list[str]:
    rule: Rule = words
    return [
        text[span.start : span.end]
        for finding in rule.find(normalised(text))
        for span in finding.spans
    ]


@pytest.mark.parametrize(
    "written",
    [
        "badword",
        "BADWORD",
        "b4dw0rd",
        "b@dword",
        "bаdwоrd",
        "b\u200badword",
        "b.a.d.w.o.r.d",
        "b a d w o r d",
        "baaadwooord",
        "bádwörd",
        "ｂａｄｗｏｒｄ",
        "%62adword",
    ],
)
def test_a_listed_word_is_found_in_any_dress(written: str) -> None:
    words = listed(["badword"])

    for text in (written, f"you, {written}!", f"*{written}*", f"_{written}_"):
        assert found_in(text, words) == [written]


@pytest.mark.parametrize("text", ["badwords", "unbadword", "bad word", "bad-word", "badwor"])
def test_a_word_is_only_found_whole(text: str) -> None:
    assert found_in(text, listed(["badword"])) == []


def test_a_star_opens_an_end_of_a_word() -> None:
    words = listed(["spam*", "*phish*", "*bait"])

    text = "spam spammers antispam; phishing antiphishers; clickbait baiting"

    assert found_in(text, words) == ["spam", "spammers", "phishing", "antiphishers", "clickbait"]


def test_a_phrase_is_found_over_any_gap_between_its_words() -> None:
    words = listed(["free money"])

    for text in ("free money", "FREE   money", "free-money", "free,\nmoney", "fr33 m0ney"):
        assert found_in(text, words) == [text]
    assert found_in("freemoney, free my money", words) == []


def test_words_of_innocent_places_pass_the_allow_list() -> None:
    words = listed(["*horpe*", "*ass*"], allow=["scunthorpe", "class*", "passage"])

    assert found_in("Scunthorpe has classes and a passage", words) == []
    assert found_in("Scunthorpes of no class, grasshopper", words) == ["Scunthorpes", "grasshopper"]


def test_what_the_allow_list_excused_is_told() -> None:
    words = listed(["*horpe*"], allow=["scunthorpe"])
    text = "from Scunthorpe"

    (span,) = words.exempted(normalised(text))

    assert text[span.start : span.end] == "Scunthorpe"
    assert span.rule == "words.test"


def test_a_whole_word_does_not_match_inside_another_without_any_allow_list() -> None:
    assert found_in("class, assess, Sussex, cockpit", listed(["ass", "sex", "cock"])) == []


def test_drawn_out_double_letters_are_found_and_single_ones_are_not() -> None:
    words = listed(["boo", "xxx"])

    assert found_in("boo booooo bo", words) == ["boo", "booooo"]
    assert found_in("xxx, xxxxx; x: xx", words) == ["xxx", "xxxxx"]


def test_a_spelled_out_word_after_a_single_letter_is_found() -> None:
    assert found_in("what a b a d w o r d that is", listed(["badword"])) == ["b a d w o r d"]


def test_digits_beside_a_word_do_not_hide_it() -> None:
    assert found_in("say badword99 or rather 77badword to me", listed(["badword"])) == [
        "badword",
        "badword",
    ]


def test_digits_that_may_be_a_quantity_are_letters_to_a_list() -> None:
    words = listed(["sbad", "bait"])

    text = "they said 5bad things and then the ba17 was gone"

    assert normalised(text).text == text
    assert found_in(text, words) == ["5bad", "ba17"]


def test_a_number_can_be_listed() -> None:
    assert found_in("in 1312 and 13123", listed(["1312"])) == ["1312"]


def test_other_scripts_can_be_listed() -> None:
    assert found_in("это плохослово, да", listed(["плохослово"])) == ["плохослово"]
    assert found_in("זה מילה רעה כאן", listed(["מילה רעה"])) == ["מילה רעה"]


@pytest.mark.parametrize("written", ["", "  ", "*", "***", "!?", "x" * 201])
def test_an_entry_that_could_match_nothing_is_refused(written: str) -> None:
    with pytest.raises(ValueError, match="a listed word"):
        listed([written])


def test_the_shipped_phrases_find_a_scam_and_leave_talk_about_it() -> None:
    words = WordList("scam", SCAM_PHRASES, category=Category.SPAM)

    assert found_in("@everyone FR€E N1TRO here", words) != []
    assert found_in("does anyone have nitro? mods, ban that gift bot", words) == []


@given(
    text=st.text("ab ", max_size=60),
    strings=st.lists(st.text("ab ", min_size=1, max_size=5), max_size=8, unique=True),
)
def test_every_occurrence_of_every_string_is_found(text: str, strings: list[str]) -> None:
    automaton = Automaton((each, each) for each in strings)

    found = {(end, value) for end, _, value in automaton.matches(text)}

    assert found == {
        (at + len(each), each)
        for each in strings
        for at in range(len(text))
        if text.startswith(each, at)
    }


@given(st.text(st.sampled_from("abdorw4@. \u200bа*é_")))
def test_any_text_can_be_searched(text: str) -> None:
    words = listed(["badword", "*bad*", "a b"], allow=["abad*"])

    for finding in words.find(normalised(text)):
        assert all(0 <= span.start < span.end <= len(text) for span in finding.spans)
