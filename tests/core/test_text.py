"""Text from outside is safe to store and to show."""

import unicodedata

import pytest
from hypothesis import given
from hypothesis import strategies as st

from chatune_core.text import clean

any_text = st.text(alphabet=st.characters(codec=None, exclude_categories=()))


@pytest.mark.parametrize(
    ("dirty", "expected"),
    [
        ("plain", "plain"),
        ("a\r\nb\rc", "a\nb\nc"),
        ("tab\tand\nline", "tab\tand\nline"),
        ("\x00\x1b[2J\x07bell\x7f", "[2Jbell"),
        ("half \ud83d of a pair", "half \ufffd of a pair"),
        ("👩‍👩‍👧 é 日本", "👩‍👩‍👧 é 日本"),
    ],
)
def test_examples(dirty: str, expected: str) -> None:
    assert clean(dirty) == expected


@given(any_text)
def test_clean_text_can_be_encoded_and_holds_no_control_character(text: str) -> None:
    cleaned = clean(text)

    cleaned.encode()
    assert all(unicodedata.category(c) != "Cc" or c in "\n\t" for c in cleaned)
    assert clean(cleaned) == cleaned
