"""The judge of the storm finds each defect in a record that was broken by hand."""

from dataclasses import replace

import pytest

from platforms.storm.judge import Cause, Said, Shown, judge, unexplained
from platforms.storm.script import answer_to

NEVER = float("inf")
SAID = [
    Said(f"m{number}", "c", f"m{number}: {number + 1} sentences, 40 ms apart", number, number)
    for number in range(3)
]
SHOWN = [Shown("c", 10 + one.at, answer_to(one.question)) for one in SAID]


def causes(said: list[Said], shown: list[Shown]) -> list[Cause]:
    return [deviation.cause for deviation in judge(said, shown)]


def test_a_good_record_has_no_deviation() -> None:
    assert judge(SAID, SHOWN) == []


def test_a_reply_in_two_messages_is_one_reply() -> None:
    first, second = SHOWN[1].text.split(" Sentence 2")
    parts = [replace(SHOWN[1], text=first), Shown("c", 11.5, f"Sentence 2{second}")]

    assert judge(SAID, [SHOWN[0], *parts, SHOWN[2]]) == []


def test_a_reply_that_is_shown_again_is_one_too_many() -> None:
    assert causes(SAID, [*SHOWN, replace(SHOWN[0], position=99)]) == [Cause.TWICE]


def test_a_preview_that_stays_beside_the_reply_is_one_too_many() -> None:
    preview = Shown("c", 11.5, SHOWN[2].text.split(" Sentence 3")[0], finished=False)

    assert causes(SAID, [*SHOWN, preview]) == [Cause.TWICE, Cause.UNFINISHED]


def test_a_reply_that_never_came_is_missing() -> None:
    assert causes(SAID, SHOWN[1:]) == [Cause.MISSING]


def test_half_a_text_is_not_a_reply() -> None:
    half = replace(SHOWN[2], text=SHOWN[2].text[: len(SHOWN[2].text) // 2])

    assert causes(SAID, [*SHOWN[:2], half]) == [Cause.CUT_SHORT]


def test_a_reply_that_can_still_be_stopped_is_not_finished() -> None:
    assert causes(SAID, [*SHOWN[:2], replace(SHOWN[2], finished=False)]) == [Cause.UNFINISHED]


def test_an_apology_is_no_reply() -> None:
    assert causes(SAID, [*SHOWN[:2], replace(SHOWN[2], text="Sorry.")]) == [
        Cause.STRAY,
        Cause.MISSING,
    ]


def test_a_reply_to_what_nobody_said_is_a_stray() -> None:
    assert causes(SAID[:2], SHOWN) == [Cause.STRAY]


def test_a_reply_in_another_conversation_is_misplaced() -> None:
    assert causes(SAID, [*SHOWN[:2], replace(SHOWN[2], conversation="d")]) == [Cause.MISPLACED]


def test_replies_in_another_order_than_their_messages_are_out_of_order() -> None:
    assert causes(SAID, [replace(SHOWN[0], position=11.5), *SHOWN[1:]]) == [Cause.OUT_OF_ORDER]


def test_each_conversation_has_an_order_of_its_own() -> None:
    said, shown = (
        replace(SAID[0], conversation="d"),
        replace(SHOWN[0], conversation="d", position=99),
    )

    assert judge([said, *SAID[1:]], [shown, *SHOWN[1:]]) == []


@pytest.mark.parametrize("taken_at", [1.5, NEVER])
def test_the_order_is_the_platforms_own_where_it_brought_a_message_late(taken_at: float) -> None:
    said = [replace(SAID[0], taken_at=taken_at), *SAID[1:]]

    found = judge(said, [replace(SHOWN[0], position=11.5), *SHOWN[1:]])

    assert [deviation.cause for deviation in found] == [Cause.BROUGHT_LATE]
    assert unexplained(found) == []


def test_a_message_that_the_platform_never_brought_cannot_be_answered() -> None:
    said = [replace(SAID[0], taken_at=NEVER, given_up=True), *SAID[1:]]

    assert causes(said, SHOWN[1:]) == [Cause.NEVER_TOLD]
