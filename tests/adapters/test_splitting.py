"""Long texts in parts: nothing lost, nothing too long, code still code."""

import re
from collections.abc import Callable

import pytest
from hypothesis import given
from hypothesis import strategies as st

from chatune_adapters.fences import fence_after
from chatune_adapters.splitting import split


def utf16(text: str) -> int:
    return len(text.encode("utf-16-le", "surrogatepass")) // 2


def utf8(text: str) -> int:
    return len(text.encode("utf-8", "surrogatepass"))


def escaped(text: str) -> int:
    return len(text.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;"))


MEASURES = st.sampled_from([len, utf16, utf8, escaped])
PROSE = st.text("ab.! \n日é\u0301👍&", max_size=60)
CODE = st.lists(st.text("xy ={}.", max_size=30), max_size=6).map("\n".join)
LANGUAGE = st.sampled_from(["", "py", "python", "c++"])


@st.composite
def documents(draw: st.DrawFn) -> str:
    """Return prose and closed blocks of code in turns."""
    pieces = []
    for _ in range(draw(st.integers(0, 4))):
        pieces.append(draw(PROSE))
        mark = draw(st.sampled_from(["```", "````"]))
        pieces.append(f"{mark}{draw(LANGUAGE)}\n{draw(CODE)}\n{mark}")
    return "\n".join([*pieces, draw(PROSE)])


def _without_fences(text: str) -> str:
    return re.sub(r"\s", "", re.sub(r"(?m)^[ \t]*`{3,}.*$", "", text))


def _open_at_end(text: str) -> bool:
    standing = None
    for line in text.split("\n"):
        standing = fence_after(line, standing)
    return standing is not None


@given(st.text(), st.integers(4, 50), MEASURES)
def test_no_part_is_too_long_or_blank_however_it_is_measured(
    text: str, limit: int, measure: Callable[[str], int]
) -> None:
    # A character that the platform escapes takes up to five.
    parts = split(text, limit + 1, measure)

    assert all(part.strip() and measure(part) <= limit + 1 for part in parts)


@given(documents(), st.integers(5, 80), MEASURES)
def test_no_part_of_a_document_with_code_is_too_long_or_blank(
    text: str, limit: int, measure: Callable[[str], int]
) -> None:
    assert all(part.strip() and measure(part) <= limit for part in split(text, limit, measure))


@given(st.text("a b\n.`", max_size=200), st.integers(1, 40))
def test_a_text_without_code_keeps_every_character_but_white_space(text: str, limit: int) -> None:
    text = re.sub("`{3,}", "``", text)

    assert re.sub(r"\s", "", "".join(split(text, limit))) == re.sub(r"\s", "", text)


@given(documents(), st.integers(40, 120))
def test_code_is_closed_and_opened_again_and_nothing_else_is_added(text: str, limit: int) -> None:
    parts = split(text, limit)

    assert not any(map(_open_at_end, parts))
    assert "".join(map(_without_fences, parts)) == _without_fences(text)


@given(st.text())
def test_a_text_that_fits_stays_as_it_is(text: str) -> None:
    assert split(text, max(len(text), 1)) == ([text] if text.strip() else [])


def test_a_part_ends_with_a_paragraph_where_that_is_late_enough() -> None:
    assert split("One two three.\n\nFour. Five", 21) == ["One two three.", "Four. Five"]


def test_a_part_ends_with_a_line_before_it_ends_with_a_sentence() -> None:
    assert split("One, two, six,\nten. Four", 20) == ["One, two, six,", "ten. Four"]


def test_a_part_ends_with_a_sentence_before_it_ends_with_a_word() -> None:
    assert split("One two three. Four five", 20) == ["One two three.", "Four five"]


def test_a_word_stays_whole_where_it_fits_a_part() -> None:
    assert split("a incomprehensible", 17) == ["a", "incomprehensible"]


def test_a_word_that_fits_no_part_is_cut_between_signs() -> None:
    assert split("e\u0301" * 4, 5) == ["e\u0301" * 2, "e\u0301" * 2]


def test_code_that_is_cut_keeps_its_language_and_its_indentation() -> None:
    text = "```python\nif true:\n    return one\n    return two\n```"

    assert split(text, 40) == [
        "```python\nif true:\n    return one\n```",
        "```python\n    return two\n```",
    ]


def test_code_that_fits_the_next_part_is_not_cut() -> None:
    text = "Here is how it goes:\n```py\none()\ntwo()\n```"

    assert split(text, 35) == ["Here is how it goes:", "```py\none()\ntwo()\n```"]


def test_code_whose_last_line_fills_the_part_is_not_followed_by_an_empty_block() -> None:
    text = f"```\n{'a' * 12}\n```\n\nDone and dusted."

    assert split(text, 22) == [f"```\n{'a' * 12}\n```", "Done and dusted."]


def test_a_limit_below_one_character_is_refused() -> None:
    with pytest.raises(ValueError, match="limit must hold every character"):
        split("ab👍", 1, utf16)


def test_the_work_grows_with_the_text_and_not_faster() -> None:
    measured = 0

    def counted(text: str) -> int:
        nonlocal measured
        measured += len(text)
        return len(text)

    text = "```py\n" + "some words. " * 20_000 + "x" * 50_000 + "\n```" + "\n" * 50_000 + "end"
    parts = split(text, 2_000, counted)

    assert len(parts) > 100
    assert measured < 4 * len(text)
