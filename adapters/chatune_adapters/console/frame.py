"""What one growing answer looks like on a terminal; plain values, no input or output."""

from collections.abc import Callable

from prompt_toolkit.utils import get_cwidth

from chatune_core.text import clean

Size = Callable[[], tuple[int, int]]
"""Columns and rows of the terminal."""

_TAB = " " * 4


def printable(text: str) -> str:
    """Return `text` without what a terminal would obey (escape sequences) or measure wrongly.

    The printable form of a beginning of `text` is a beginning of the printable form of `text`.
    """
    return clean(text).replace("\t", _TAB)


class Frame:
    """The text that stands below the prompt, and what to write so that it becomes another."""

    def __init__(self, size: Size) -> None:
        self._size = size
        self._text = ""

    def draw(self, text: str) -> str:
        """Return what to write to make the frame show `text`, and count it as written.

        Text that goes on from what stands is appended, so that nothing flickers. Anything else
        is written over what stands where that is still on the screen, else below it.
        """
        text = printable(text)
        standing, self._text = self._text, text
        if text.startswith(standing):
            return text[len(standing) :]
        return self._erasure(standing) + text

    def leave(self) -> str:
        """Return what to write so that other text may follow below; the frame is empty then."""
        standing, self._text = self._text, ""
        return "\n" if standing else ""

    def _erasure(self, standing: str) -> str:
        columns, rows = self._size()
        height = height_of(standing, columns)
        if height > rows:
            return "\n\n"
        up = f"\x1b[{height - 1}A" if height > 1 else ""
        return f"\r{up}\x1b[J"


def height_of(text: str, columns: int) -> int:
    """Return how many rows `text` takes on a terminal that is `columns` cells wide."""
    rows = 0
    for line in text.split("\n"):
        rows, column = rows + 1, 0
        for character in line:
            width = get_cwidth(character)
            # A wide character that does not fit at the end of a row goes to the next one whole.
            if column + width > columns:
                rows, column = rows + 1, 0
            column += width
    return rows
