"""What one growing answer looks like on a terminal; plain values, no input or output."""

import unicodedata
from collections.abc import Callable, Iterator

from prompt_toolkit.utils import get_cwidth

from chatune_core.text import clean

Size = Callable[[], tuple[int, int]]
"""Columns and rows of the terminal."""

_TAB = " " * 4
_JOINER = "\u200d"


def printable(text: str) -> str:
    """Return `text` without what a terminal would obey (escape sequences) or measure wrongly.

    The printable form of a beginning of `text` is a beginning of the printable form of `text`.
    """
    return clean(text).replace("\t", _TAB)


class Frame:
    """The text that stands below the prompt, and what to write so that it becomes another."""

    def __init__(self, size: Size) -> None:
        self._size = size
        self._standing = ""
        self._columns = 0

    def draw(self, text: str) -> str:
        """Return what to write to make the frame show `text`, and count it as written.

        Text that goes on from what stands is appended, so that nothing flickers; a word that
        has outgrown its row moves to the next. Anything else is written over what stands where
        that is still on the screen, else below it.
        """
        columns, rows = self._size()
        drawn, standing = wrapped(printable(text), columns), self._standing
        resized, self._columns, self._standing = columns != self._columns, columns, drawn
        if drawn.startswith(standing):
            return drawn[len(standing) :]
        common = 0 if resized else _in_common(standing, drawn)
        changed = standing.rfind("\n", 0, common) + 1
        height = height_of(standing[changed:], columns)
        if height > rows:
            return f"\n\n{drawn}"
        up = f"\x1b[{height - 1}A" if height > 1 else ""
        return f"\r{up}\x1b[J{drawn[changed:]}"

    def leave(self) -> str:
        """Return what to write so that other text may follow below; the frame is empty then."""
        standing, self._standing = self._standing, ""
        return "\n" if standing else ""


def _in_common(first: str, second: str) -> int:
    """Return how many characters both begin with."""
    pairs = enumerate(zip(first, second, strict=False))
    return next((at for at, (one, other) in pairs if one != other), min(len(first), len(second)))


def wrapped(text: str, columns: int) -> str:
    """Return `text` with line ends where a row of `columns` cells is full and a word begins.

    The white space there goes. A word that fits no row has one to begin with, and goes on over
    the next; the terminal cuts it.
    """
    return "\n".join("".join(_wrapped_line(line, columns)) for line in text.split("\n"))


def _wrapped_line(line: str, columns: int) -> Iterator[str]:
    column, space = 0, ""
    for piece in _pieces(line):
        if piece.isspace():
            space = piece
            continue
        width = _width(piece)
        if column and column + len(space) + width > columns:
            yield "\n"
            column, space = 0, ""
        if not column:
            space = space[: max(columns - width, 0)]  # indentation gives way to a wide word
        yield space + piece
        # What a long word has left of its last row may hold the next word.
        _, column = _place_after(space + piece, column, columns)
        space = ""
    yield space[: max(columns - column, 0)]


def _pieces(line: str) -> Iterator[str]:
    """Yield words, white space and single wide characters, between which a row may end."""
    piece = ""
    for character in line:
        if piece and not _together(piece[-1], character):
            yield piece
            piece = ""
        piece += character
    if piece:
        yield piece


def _together(first: str, second: str) -> bool:
    width = get_cwidth(second)
    if not width or first == _JOINER:
        return True
    if width > 1 and unicodedata.category(second) in {"Pe", "Pf", "Po"}:
        return not first.isspace()  # a row does not begin with a full stop
    return first.isspace() == second.isspace() and width == 1 and get_cwidth(first) <= 1


def _width(piece: str) -> int:
    return sum(map(get_cwidth, piece))


def height_of(text: str, columns: int) -> int:
    """Return how many rows `text` takes on a terminal that is `columns` cells wide."""
    return sum(1 + _place_after(line, 0, columns)[0] for line in text.split("\n"))


def _place_after(text: str, column: int, columns: int) -> tuple[int, int]:
    """Return the rows further down and the column at which the terminal stands after `text`."""
    rows = 0
    for character in text:
        width = get_cwidth(character)
        # A wide character that does not fit at the end of a row goes to the next one whole.
        if column + width > columns:
            rows, column = rows + 1, 0
        column += width
    return rows, column
