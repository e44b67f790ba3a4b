"""What a growing answer looks like; checked on a small terminal of our own."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from chatune_adapters.console.frame import Frame, height_of, printable

COLUMNS, ROWS = 10, 6


class Screen:
    """Obeys the few things that a frame writes: text, line ends, cursor up, erase below."""

    def __init__(self) -> None:
        self.lines, self.row, self.column = [""], 0, 0

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
        if character == "\r":
            self.column = 0
            return
        if character == "\n" or self.column == COLUMNS:
            self.row, self.column = self.row + 1, 0
            self.lines += [""] * (self.row + 1 - len(self.lines))
        if character != "\n":
            line = self.lines[self.row]
            self.lines[self.row] = line[: self.column] + character + line[self.column + 1 :]
            self.column += 1

    @property
    def text(self) -> str:
        return "\n".join(self.lines)


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
