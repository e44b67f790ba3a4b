"""Texts that tell what somebody likes."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from chatune_core.memory.likings import tells_a_liking


@pytest.mark.parametrize(
    "text",
    [
        "I prefer trains to planes.",
        "I can\u2019t stand horror films.",
        "Honestly, I'm not a big fan of beaches.",
        "I'll go with option 2, thanks.",
        "That doesn't really appeal to me.",
    ],
)
def test_what_somebody_likes_or_chooses_is_told(text: str) -> None:
    assert tells_a_liking(text)


@pytest.mark.parametrize("text", ["", "I live in Leeds.", "What a day!", "Where is the station?"])
def test_other_texts_tell_no_liking(text: str) -> None:
    assert not tells_a_liking(text)


@given(st.text())
def test_any_text_can_be_asked(text: str) -> None:
    assert tells_a_liking(text) in (True, False)
