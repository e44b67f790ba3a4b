"""A long text in parts that a platform accepts, cut where it reads well."""

import re
import unicodedata
from bisect import bisect_right
from collections.abc import Callable, Sequence
from itertools import accumulate

from chatune_adapters.fences import Fence, fence_after

Measure = Callable[[str], int]
"""How long a platform finds a text: never more than its characters one by one."""

_SPACE = re.compile(r"\s+")
_SENTENCE = re.compile(r"(?<=[.!?…])(?=\s)|(?<=[\u3002\uff01\uff1f])(?=.)")
_JOINER = "\u200d"
_LONGEST_CLUSTER = 32  # characters of one sign; more is noise, and may be cut


def split(text: str, limit: int, measure: Measure = len) -> list[str]:
    """Return `text` in parts of at most `limit`, none of them blank; a blank text has no parts.

    Cuts at the end of a block where the part is at least half full, else of a line, a sentence,
    else at the end of a word, else between signs. White space at a cut goes. A block of code that
    is cut is closed and opened again with its language, where `limit` leaves room for that.

    Raises:
        ValueError: if one character is longer than `limit`.
    """
    if not text.strip():
        return []
    if measure(text) <= limit:
        return [text]
    cutter = _Cutter(text, limit, measure)
    parts, start = [], 0
    while start < len(text):
        part, start = cutter.part_from(start)
        if part.strip():
            parts.append(part)
    return parts


class _Cutter:
    """Where `text` may be cut, found once."""

    def __init__(self, text: str, limit: int, measure: Measure) -> None:
        self._text, self._limit, self._measure = text, limit, measure
        self._sizes = list(accumulate(map(measure, text), initial=0))
        self._widest = max(map(measure, set(text)))
        if self._widest > limit:
            raise ValueError(f"limit must hold every character, got {limit!r}")
        self._lines: list[int] = []
        self._standing: list[Fence | None] = []
        self._blocks: list[int] = []
        self._line_ends: list[int] = []
        self._fence_lines: set[int] = set()
        self._openings: set[int] = set()
        self._read_lines()
        words = [match.start() for match in _SPACE.finditer(text)]
        sentences = [match.start() for match in _SENTENCE.finditer(text)]
        self._words = [at for at in words if self._may_cut(at)]
        self._sentences = [at for at in sentences if self._may_cut(at)]
        self._reserve = max(map(self._closing_size, set(self._standing)))

    def part_from(self, start: int) -> tuple[str, int]:
        """Return the part that begins at `start`, and where the next one begins."""
        text, fence = self._text, self._fence_at(start)
        opening = f"{fence.opening}\n" if fence else ""
        room = self._limit - self._measure(opening)
        if self._sizes[-1] - self._sizes[start] <= room:
            return opening + text[start:], len(text)
        cut = self._cut(start, self._fitting(start, room - self._reserve))
        fence = self._fence_at(cut)
        closing = f"\n{fence.mark}" if fence else ""
        return opening + text[start:cut].rstrip() + closing, self._resumed(cut)

    def _read_lines(self) -> None:
        """Note the lines, what code stands open at their beginnings, and the ends of blocks."""
        start: int = 0
        standing: Fence | None = None
        for line in self._text.split("\n"):
            after = fence_after(line, standing)
            self._lines.append(start)
            self._standing.append(standing)
            end = start + len(line)
            if after is not standing:
                self._fence_lines.add(len(self._lines) - 1)
            opens, closes = standing is None, after is None
            if opens and (not closes or not line.strip()):
                self._blocks.append(start - 1)
            if closes and not opens:
                self._blocks.append(end)
            if opens and not closes:
                self._openings.add(end)
            else:
                self._line_ends.append(end)
            start, standing = end + 1, after
        self._lines.append(start)
        self._standing.append(standing)

    def _may_cut(self, at: int) -> bool:
        """Return whether a cut at `at` leaves a line that opens or closes code whole."""
        line = self._line_of(at)
        ends = at + 1 == self._lines[line + 1]
        return at not in self._openings if ends else line not in self._fence_lines

    def _fitting(self, start: int, room: int) -> int:
        """Return the last place where the text from `start` still fits `room`."""
        return bisect_right(self._sizes, self._sizes[start] + room) - 1

    def _cut(self, start: int, end: int) -> int:
        half = start + (end - start) // 2
        for places, after in (
            (self._blocks, half),
            (self._line_ends, half),
            (self._sentences, half),
            (self._words, start),
        ):
            at = _last(places, end)
            if at > after and self._text[start:at].strip():
                return at
        return self._between_signs(start, end)

    def _between_signs(self, start: int, end: int) -> int:
        for at in range(end, max(start, end - _LONGEST_CLUSTER), -1):
            if not _belong_together(self._text[at - 1], self._text[at]):
                return at
        return end

    def _resumed(self, cut: int) -> int:
        """Return where the text goes on after `cut`, indentation of a line kept."""
        space = _SPACE.match(self._text, cut)
        if space is None:
            return cut
        if space.end() == len(self._text):
            return space.end()
        newline = self._text.rfind("\n", cut, space.end())
        start = space.end() if newline < 0 else newline + 1
        line = self._line_of(start)
        closes = line in self._fence_lines and self._standing[line] is not None
        if closes and start == self._lines[line] and self._fence_at(cut):
            return self._resumed(self._lines[line + 1] - 1)
        return start

    def _fence_at(self, at: int) -> Fence | None:
        """Return the code that is open at `at`, if there is room to close and open it again."""
        line = self._line_of(at)
        ends = at + 1 == self._lines[line + 1]
        fence = self._standing[line + 1 if ends else line]
        return self._worn(fence)

    def _worn(self, fence: Fence | None) -> Fence | None:
        for known in (fence, Fence(fence.mark)) if fence else ():
            longest = max(self._measure(f"{known.opening}\n"), self._measure(f"\n{known.mark}"))
            if 2 * longest <= self._limit - self._widest:
                return known
        return None

    def _closing_size(self, fence: Fence | None) -> int:
        worn = self._worn(fence)
        return self._measure(f"\n{worn.mark}") if worn else 0

    def _line_of(self, at: int) -> int:
        return bisect_right(self._lines, at, hi=len(self._lines) - 1) - 1


def _last(places: Sequence[int], end: int) -> int:
    """Return the last of `places` that is not after `end`, -1 if there is none."""
    index = bisect_right(places, end) - 1
    return places[index] if index >= 0 else -1


def _belong_together(first: str, second: str) -> bool:
    """Return whether two characters show as one sign: an accent, a skin tone, a joined emoji."""
    return (
        first == _JOINER
        or second == _JOINER
        or unicodedata.category(second) in {"Mn", "Me", "Mc"}
        or "\U0001f3fb" <= second <= "\U0001f3ff"
    )
