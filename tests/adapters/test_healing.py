"""Unfinished markdown made whole."""

import re
from time import perf_counter

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from chatune_adapters.fences import fence_after
from chatune_adapters.healing import healed

MARKED = st.text("ab `*_~|[]()!\\\n-日", max_size=60)
WORDS = st.text("abcd", min_size=1, max_size=6)


def _spans(inner: st.SearchStrategy[str]) -> st.SearchStrategy[str]:
    forms = ["**{}**", "*{}*", "__{}__", "_{}_", "~~{}~~", "||{}||", "[{}](http://a.b/c_(d))"]
    return st.builds(str.format, st.sampled_from(forms), inner)


SPANS = st.one_of(WORDS, WORDS.map("`{}`".format), _spans(WORDS))
PARAGRAPHS = st.lists(SPANS, min_size=1, max_size=5).map(" ".join)
BLOCKS = st.one_of(
    PARAGRAPHS,
    PARAGRAPHS.map("- {}".format),
    PARAGRAPHS.map("* {}".format),
    st.builds("```{}\n{} * _\n```".format, st.sampled_from(["", "py"]), WORDS),
    st.just("| a | b |\n|---|---|\n| 2 * 3 | snake_case_name |"),
)
FINISHED = st.lists(BLOCKS, max_size=5).map("\n\n".join)


def _fence_open_at_end(text: str) -> bool:
    standing = None
    for line in text.split("\n"):
        standing = fence_after(line, standing)
    return standing is not None


@given(FINISHED)
def test_finished_text_is_unchanged(text: str) -> None:
    assert healed(text) == text


@given(FINISHED, st.integers(0, 300))
def test_what_a_beginning_of_a_text_opens_is_closed(text: str, end: int) -> None:
    whole = healed(text[:end])

    assert not _fence_open_at_end(whole)
    assert healed(whole) == whole


@given(MARKED)
@example("x ```\n``")
@example("||a |")
@example("*a ****")
@example("*[ \\")
@example("[[](`")
@example("[x](a [**](b")
def test_whatever_the_text_its_fences_are_balanced_and_a_second_healing_changes_nothing(
    text: str,
) -> None:
    whole = healed(text)

    assert not _fence_open_at_end(whole)
    assert healed(whole) == whole


@given(st.text(st.characters(exclude_characters="`[")))
def test_no_words_are_lost(text: str) -> None:
    words = re.sub(r"[\W_]", "", text)

    assert re.sub(r"[\W_]", "", healed(text)).startswith(words)


@given(MARKED)
def test_text_that_shows_something_never_becomes_blank(text: str) -> None:
    assert bool(healed(text).strip()) == bool(text.strip())


@pytest.mark.parametrize(
    ("text", "whole"),
    [
        ("Some **bold", "Some **bold**"),
        ("Some **bold ", "Some **bold**"),
        ("Some **bold*", "Some **bold**"),
        ("Some **", "Some"),
        ("Some *it and **bo", "Some *it and **bo***"),
        ("Some _it", "Some _it_"),
        ("~~gone", "~~gone~~"),
        ("~~gone~", "~~gone~~"),
        ("||secret", "||secret||"),
        ("Say `x", "Say `x`"),
        ("Say ``x`", "Say ``x``"),
        ("Say `", "Say"),
        ("**Say `x", "**Say `x`**"),
        ("中文**粗", "中文**粗**"),
    ],
)
def test_what_is_half_open_is_closed(text: str, whole: str) -> None:
    assert healed(text) == whole


@pytest.mark.parametrize(
    "text",
    [
        "2 * 3 = 6",
        "2*3 = 6",
        "snake_case_name",
        "a || b",
        "about ~5 minutes",
        "\\*not italic",
        "* one\n* two",
        "**an earlier paragraph\n\nthe next",
        "`a * b`",
        "Name: ____",
        "a [1] note",
    ],
)
def test_signs_that_open_nothing_are_left_alone(text: str) -> None:
    assert healed(text) == text


@pytest.mark.parametrize(
    ("text", "whole"),
    [
        ("So:\n```py\nx = 1", "So:\n```py\nx = 1\n```"),
        ("So:\n```py\nx = 1\n", "So:\n```py\nx = 1\n```"),
        ("So:\n```py\nx = 1\n``", "So:\n```py\nx = 1\n```"),
        ("So:\n```py", "So:"),
        ("So:\n```py\n", "So:"),
        ("```py", "```py\n```"),
        ("````\n```\nx", "````\n```\nx\n````"),
        ("```\n**x\n```\nand **y", "```\n**x\n```\nand **y**"),
    ],
)
def test_code_is_closed_once_it_has_a_line(text: str, whole: str) -> None:
    assert healed(text) == whole


@pytest.mark.parametrize(
    ("text", "whole"),
    [
        ("See [the page](http://exam", "See the page"),
        ("See ![the cat](http://exam", "See the cat"),
        ("See **[the page](http://a.b/c_(d)", "See **the page**"),
        ("See [the page](http://a.b/c_(d))", "See [the page](http://a.b/c_(d))"),
        ("`f[i](x`", "`f[i](x`"),
    ],
)
def test_a_link_shows_its_words_until_its_address_is_there(text: str, whole: str) -> None:
    assert healed(text) == whole


@pytest.mark.parametrize(
    "piece", ["*a ", "[](", "](", "`", "` `` ", "_*", "\n", "```\n", "~~a", " ", "\\", "* "]
)
def test_the_time_grows_with_the_text_and_not_faster(piece: str) -> None:
    started = perf_counter()
    healed(piece * (200_000 // len(piece)))

    assert perf_counter() - started < 5
