"""What the model reads: emoji by name, hidden marks gone, long texts in windows."""

from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from chatune_core.embedding.windows import (
    MOST_WINDOWS,
    OVERLAP_TOKENS,
    WINDOW_TOKENS,
    WindowTokenizer,
    window_bounds,
    with_pictures_named,
)
from chatune_core.generation.bundled import bundled_embedding_model


@pytest.fixture(scope="module")
def tokenizer() -> WindowTokenizer:
    return WindowTokenizer.open(bundled_embedding_model())


@pytest.mark.parametrize(
    ("written", "read"),
    [
        ("so 🐷", "so  pig face "),
        ("👍🏿", " thumbs up sign "),
        ("❤️", " heavy black heart "),
        ("🅰🇧", "AB"),
        ("a &amp; b", "a & b"),
        ("plain, 10 € (net)", "plain, 10 € (net)"),
    ],
)
def test_emoji_are_read_by_their_names(written: str, read: str) -> None:
    assert with_pictures_named(written) == read


@given(st.integers(0, 4000))
def test_windows_cover_every_token_and_neighbours_overlap(tokens: int) -> None:
    bounds = window_bounds(tokens)

    assert bounds[0][0] == 0
    assert bounds[-1][1] == tokens
    assert all(end - start <= WINDOW_TOKENS - 2 for start, end in bounds)
    for (_, end), (start, _) in pairwise(bounds):
        assert end - start >= OVERLAP_TOKENS


@given(st.integers(20_000, 10_000_000))
def test_of_an_endless_text_evenly_spread_windows_are_read(tokens: int) -> None:
    bounds = window_bounds(tokens)

    assert len(bounds) == MOST_WINDOWS
    assert bounds[0][0] == 0
    assert bounds[-1][1] == tokens


@given(text=st.text(alphabet=st.characters(codec=None, exclude_categories=()), max_size=300))
def test_any_text_has_a_window(tokenizer: WindowTokenizer, text: str) -> None:
    windows = tokenizer.windows(text)

    assert windows
    assert all(2 <= len(window) <= WINDOW_TOKENS for window in windows)


def test_half_a_surrogate_pair_is_read(tokenizer: WindowTokenizer) -> None:
    assert tokenizer.windows("a \ud83d b")


def test_a_megabyte_is_read_at_its_ends(tokenizer: WindowTokenizer) -> None:
    text = "first " + "word " * 200_000 + "last"

    windows = tokenizer.windows(text)

    assert len(windows) <= MOST_WINDOWS
    [plain] = tokenizer.windows("first last")
    assert windows[0][1] == plain[1]
    assert windows[-1][-2] == plain[2]
