"""What retrieval reads in a text: its words and the time it speaks of."""

from datetime import date

import pytest
from hypothesis import given
from hypothesis import strategies as st

from chatune_core.memory.dates import Days, days_asked_of
from chatune_core.memory.words import stem, words_of

TODAY = date(2026, 3, 18)


@pytest.mark.parametrize(
    "forms",
    [
        ("plan", "plans", "planned", "planning"),
        ("move", "moved", "moving", "moves"),
        ("city", "cities"),
        ("paint", "painting", "painter", "painted"),
    ],
)
def test_forms_of_a_word_have_one_stem(forms: tuple[str, ...]) -> None:
    assert len({stem(form) for form in forms}) == 1


def test_words_that_say_nothing_are_left_out() -> None:
    assert words_of("Where did I move to, and when?") == [stem("move")]


def test_writing_without_spaces_is_read_in_pairs() -> None:
    assert words_of("我住在东京") == ["我住", "住在", "在东", "东京"]


@given(st.text())
def test_any_text_has_words(text: str) -> None:
    assert all(words_of(text))


@pytest.mark.parametrize(
    ("asked", "first", "last"),
    [
        ("What did I cook on 9 November, 2022?", date(2022, 11, 9), date(2022, 11, 16)),
        ("What happened on November 9th 2022?", date(2022, 11, 9), date(2022, 11, 16)),
        ("Where was I on 9 November?", date(2025, 11, 9), date(2025, 11, 16)),
        ("Where did I go in May?", date(2025, 5, 1), date(2025, 6, 7)),
        ("Where did I go in February 2024?", date(2024, 2, 1), date(2024, 3, 7)),
        ("What did I read in 2024?", date(2024, 1, 1), date(2024, 12, 31)),
        ("What did I say yesterday?", date(2026, 3, 17), TODAY),
        ("What did I do last week?", date(2026, 3, 4), TODAY),
        ("What did I do two weeks ago?", date(2026, 2, 25), date(2026, 3, 11)),
    ],
)
def test_a_time_that_is_named_is_read(asked: str, first: date, last: date) -> None:
    assert days_asked_of(asked, TODAY) == Days(first, last)


@pytest.mark.parametrize(
    "asked",
    ["May I ask you something?", "When did I move?", "We march on.", "On 31 June 2024?", "99 May"],
)
def test_no_time_is_read_where_none_is_named(asked: str) -> None:
    assert days_asked_of(asked, TODAY) is None


@given(st.text(alphabet="0123456789 agolsthdywekmrMJuneFb,", max_size=40), st.dates())
def test_no_text_and_no_day_make_reading_a_time_fail(text: str, today: date) -> None:
    days = days_asked_of(text, today)

    assert days is None or days.first <= days.last


@given(st.sampled_from(["last year", "6 years ago", "99 years ago", "yesterday"]), st.dates())
def test_a_time_before_all_calendars_is_the_first_day(text: str, today: date) -> None:
    days = days_asked_of(text, today)

    assert days is not None
    assert days.first <= days.last <= today
