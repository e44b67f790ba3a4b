"""What a growing answer looks like; checked on a small terminal of our own."""

import pytest
from hypothesis import given
from hypothesis import strategies as st
from prompt_toolkit.utils import get_cwidth

from chatune_adapters.console.frame import Frame, height_of, printable, wrapped

COLUMNS, ROWS = 10, 6


class Screen:
    """Obeys the few things that a frame writes: text, line ends, cursor up, erase below."""

    def __init__(self) -> None:
        self.lines: list[list[str]] = [[]]
        self.row = self.column = 0

    def show(self, written: str) -> None:
        while written:
            if written.startswith("\x1b["):
                end = next(i for i, c in enumerate(written) if c.isalpha())
                self._obey(written[2:end], written[end])
                written = written[end + 1 :]
            else:
                self._put(written[0])
                written = written[1:]

    def _obey(self, argument: str, name: str) -> None:
        if name == "A":
            self.row -= int(argument)
        elif name == "J":
            self.lines = [*self.lines[: self.row], self.lines[self.row][: self.column]]

    def _put(self, character: str) -> None:
        width = get_cwidth(character)
        if character == "\r":
            self.column = 0
        elif character == "\n" or self.column + width > COLUMNS:
            self.row, self.column = self.row + 1, 0
            self.lines += [[] for _ in range(self.row + 1 - len(self.lines))]
        if character in "\r\n":
            return
        cells = self.lines[self.row]
        if width == 0:
            if cells:  # a terminal has nowhere to put an accent on nothing
                cells[self.column - 1] += character
            return
        cells[self.column : self.column + width] = [character, *[""] * (width - 1)]
        self.column += width

    @property
    def text(self) -> str:
        return "\n".join(map("".join, self.lines))


def _shown(*texts: str) -> str:
    frame, screen = Frame(lambda: (COLUMNS, ROWS)), Screen()
    for text in texts:
        screen.show(frame.draw(text))
    return screen.text


def test_text_that_grows_is_appended_and_nothing_is_written_again() -> None:
    frame = Frame(lambda: (80, 24))

    written = [frame.draw(text) for text in ("Hel", "Hello", "Hello", "Hello you")]

    assert written == ["Hel", "lo", "", " you"]


def test_text_that_is_replaced_leaves_no_trace_of_what_stood_there() -> None:
    assert _shown("Something long that wraps\nand more", "No.") == "No."


def test_a_line_that_just_fills_the_row_is_replaced_as_cleanly() -> None:
    assert _shown("0123456789", "No.") == "No."


def test_what_has_scrolled_away_stays_and_the_new_text_comes_below() -> None:
    shown = _shown("\n".join("abcdefgh"), "No.")

    assert shown.endswith("g\nh\n\nNo.")


@given(st.text("ab \n", max_size=40), st.text("ab \n", max_size=40))
def test_whatever_stood_there_the_new_text_alone_is_shown(before: str, after: str) -> None:
    if height_of(before, COLUMNS) <= ROWS:
        assert _shown(before, after) == _shown(after)


@given(
    st.lists(
        st.text("ab", max_size=COLUMNS) | st.sampled_from(["日本", "e\u0301", "\t", "\n", "。"])
    ),
    st.data(),
)
def test_however_the_text_grows_what_stands_is_the_wrapped_text(
    words: list[str], data: st.DataObject
) -> None:
    text = " ".join(words)
    ends = data.draw(st.lists(st.integers(0, len(text))).map(sorted))

    assert _shown(*(text[:end] for end in ends), text) == wrapped(printable(text), COLUMNS)


@given(st.text("ab 日e\u0301。\n"), st.data())
def test_however_a_text_with_long_words_grows_the_whole_is_shown(
    text: str, data: st.DataObject
) -> None:
    ends = data.draw(st.lists(st.integers(0, len(text))).map(sorted))

    assert _shown(*(text[:end] for end in ends), text) == _shown(text)


@given(st.text("ab 日e\u0301。\n"))
def test_wrapping_changes_white_space_only(text: str) -> None:
    assert "".join(wrapped(text, COLUMNS).split()) == "".join(text.split())


@pytest.mark.parametrize(
    ("text", "rows"),
    [
        ("one two three four", ["one two", "three four"]),
        ("exactly 10 and", ["exactly 10", "and"]),
        ("  indented line", ["  indented", "line"]),
        ("a 0123456789x", ["a", "0123456789x"]),
        ("日本 日本日本", ["日本 日本", "日本"]),
        ("日本日本日。", ["日本日本", "日。"]),
        ("cafe\u0301 cafe\u0301s", ["cafe\u0301 cafe\u0301s"]),
    ],
)
def test_rows_end_where_words_do(text: str, rows: list[str]) -> None:
    assert wrapped(text, COLUMNS).split("\n") == rows


def test_a_word_that_outgrows_its_row_moves_to_the_next() -> None:
    frame = Frame(lambda: (COLUMNS, ROWS))

    written = [frame.draw(text) for text in ("one two th", "one two three", "one two three!")]

    assert written == ["one two th", "\r\x1b[Jone two\nthree", "!"]


def test_after_a_resize_the_whole_is_drawn_again() -> None:
    columns = [20, 10]
    frame = Frame(lambda: (columns[0], ROWS))
    frame.draw("one two three four")
    columns.pop(0)

    assert frame.draw("one two three four five") == ("\r\x1b[1A\x1b[Jone two\nthree four\nfive")


@pytest.mark.parametrize(
    ("text", "rows"),
    [
        ("", 1),
        ("a" * 10, 1),
        ("a" * 11, 2),
        ("a\nb", 2),
        ("日" * 5, 1),
        ("日" * 6, 2),
        ("a" * 9 + "日", 2),
    ],
)
def test_the_height_counts_wrapped_rows_and_wide_characters(text: str, rows: int) -> None:
    assert height_of(text, COLUMNS) == rows


def test_nothing_that_a_model_says_can_command_the_terminal() -> None:
    assert printable("a\x1b[2Jb\x07\x9bc\ud800") == "a[2Jbc\ufffd"


@given(st.text(), st.text())
def test_the_printable_form_of_a_beginning_is_a_beginning(start: str, rest: str) -> None:
    # A carriage return at the very end may yet become half of a line end.
    assert printable(start + rest).startswith(printable(start.rstrip("\r")))
