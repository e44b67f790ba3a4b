"""Unfinished markdown made whole, so that a preview does not show its marks."""

import re
import unicodedata
from dataclasses import dataclass

from chatune_adapters.fences import Fence, fence_after

# What may begin or end something: code, an escaped sign, emphasis, strike, spoiler.
_TOKEN = re.compile(r"`+|\\.|\*+|_+|~+|\|+", re.DOTALL)
_TICKS = re.compile(r"`+")
_BLOCK = re.compile(r"\s*(?:[-*+] |\d+[.)] |#|$)")
_IN_PAIRS = "~|"  # one alone stands for itself
_LONGEST = 3  # a longer run is a line or a blank to fill in


def healed(text: str) -> str:
    """Return `text` with what is open at its end closed; finished text unchanged.

    Closes fences, inline code, bold, italics, strike and spoilers. Marks with nothing behind them
    yet go, and a link whose address is unfinished shows its words alone.
    """
    start, fence_at, fence = _last_block(text)
    if fence is not None:
        code = text[fence_at:].partition("\n")[2]
        if code.strip(" \t\n`"):
            return _with_code_closed(text, fence)
        if not text[:fence_at].strip():
            return f"{fence.opening}\n{fence.mark}"
        return healed(text[:fence_at].rstrip())
    whole = text[:start] + _Block(text[start:]).healed()
    if not whole.strip():
        return text
    opened = _last_block(whole)[2]
    return f"{whole}\n{opened.mark}" if opened else whole


def _last_block(text: str) -> tuple[int, int, Fence | None]:
    """Return where the last block begins, where the last fence does, and if that is open."""
    block = fence_at = at = 0
    fence: Fence | None = None
    for line in text.split("\n"):
        before, fence = fence, fence_after(line, fence)
        end = at + len(line) + 1
        if fence is not None and before is None:
            fence_at = at
        elif before is not None and fence is None:
            block = min(end, len(text))
        elif fence is None and _BLOCK.match(line):
            block = at
        at = end
    return min(block, len(text)), fence_at, fence


def _with_code_closed(text: str, fence: Fence) -> str:
    code, newline, last = text.rpartition("\n")
    if last.strip() and not last.strip(" \t`") and len(last.strip()) < len(fence.mark):
        text = code + newline  # the closing line, half written
    ending = "" if text.endswith("\n") else "\n"
    return f"{text}{ending}{fence.mark}"


def _without_address(body: str, start: int) -> str:
    """Return `body` with the words alone of a link, begun after `start`, that is unfinished."""
    word = max(map(body.rfind, " \t\n")) + 1
    at = body.find("](", max(word, start))
    while at >= 0:
        end = _end_of_address(body, at + 2)
        if end is None:
            first = body.rfind("[", 0, at)
            words = body[first + 1 : at]
            if first < 0 or not any(map(str.isalnum, words)):
                return body
            return body[: first - body.startswith("!", first - 1)] + words
        at = body.find("](", end)
    return body


def _end_of_address(body: str, start: int) -> int | None:
    depth = 1
    for index in range(start, len(body)):
        depth += {"(": 1, ")": -1}.get(body[index], 0)
        if depth == 0:
            return index + 1
    return None


@dataclass(slots=True)
class _Mark:
    """A run of `sign` in the text; `left` of it have no partner yet, if it opens something."""

    sign: str
    start: int
    end: int
    left: int = 0
    closes: bool = False


class _Block:
    """One paragraph or list item, read once from left to right."""

    def __init__(self, text: str) -> None:
        self._text, self._body = text, text.rstrip()
        self._marks: list[_Mark] = []
        self._open: list[_Mark] = []
        self._open_of = dict.fromkeys("*_~|", 0)
        self._code: _Mark | None = None
        self._coded_until = 0

    def healed(self) -> str:
        """Return the block with what is open closed, or exactly as it was."""
        at = 0
        while match := (_TICKS if self._code else _TOKEN).search(self._body, at):
            at = match.end()
            if match[0][0] == "`":
                self._read_ticks(match.start(), at)
            elif match[0][0] != "\\":
                self._read_mark(match.start(), at)
        body = self._without_dangling_marks()
        if not self._code:
            linked, body = body, _without_address(body, self._coded_until)
            if body != linked:
                return _Block(body).healed()
        closing = self._closing(body)
        return body + closing if closing or body != self._body else self._text

    def _read_ticks(self, start: int, end: int) -> None:
        if self._code is None:
            self._code = _Mark("`", start, end, end - start)
            self._marks.append(self._code)
        elif end - start == self._code.left:
            self._code.closes, self._code = True, None
            self._coded_until = end

    def _read_mark(self, start: int, end: int) -> None:
        """Pair the run with what is open, else open something (CommonMark 6.2, made simpler)."""
        sign, left = self._body[start], end - start
        before, after = self._around(start, end)
        if sign in _IN_PAIRS and left == 1 and not (end == len(self._body) and self._open_of[sign]):
            return
        mark = _Mark(sign, start, end)
        self._marks.append(mark)
        if not before.isspace() and not (sign == "_" and _in_word(after)):
            paired = self._paired(sign, left)
            left, mark.closes = left - paired, paired > 0
        if left and not after.isspace() and not _in_word(before):
            mark.left = left
            self._open.append(mark)
            self._open_of[sign] += 1

    def _around(self, start: int, end: int) -> tuple[str, str]:
        before = self._body[start - 1] if start else " "
        return before, self._body[end] if end < len(self._body) else " "

    def _paired(self, sign: str, left: int) -> int:
        """Close up to `left` open signs, and return how many; what is open inside is no mark."""
        paired = 0
        while paired < left and self._open_of[sign]:
            mark = self._open[-1]
            if mark.sign == sign:
                taken = min(left - paired, mark.left)
                paired, mark.left = paired + taken, mark.left - taken
            else:
                mark.left = 0
            if not mark.left:
                self._open_of[self._open.pop().sign] -= 1
        return paired

    def _without_dangling_marks(self) -> str:
        """Return the text without marks at its end that have nothing behind them yet."""
        end = len(self._body)
        while True:
            if self._open and not self._code and _ends_half_escaped(self._body, end):
                end -= 1  # it would escape the first closing mark
            elif self._marks and self._marks[-1].end == end and self._dangles(self._marks[-1]):
                end = self._marks[-1].start
                self._forget(self._marks.pop())
            else:
                return self._body[:end]
            while end and self._body[end - 1].isspace():
                end -= 1

    def _forget(self, mark: _Mark) -> None:
        if mark is self._code:
            self._code = None
        elif mark.left:
            self._open_of[self._open.pop().sign] -= 1

    def _dangles(self, mark: _Mark) -> bool:
        if mark.closes:
            return False
        short = mark.end - mark.start <= _LONGEST or self._open_of.get(mark.sign, 0) > 0
        before, _ = self._around(mark.start, mark.end)
        return mark.left > 0 or (short and not _in_word(before))

    def _closing(self, body: str) -> str:
        closing = ""
        if self._code:
            ticks = len(body) - len(body.rstrip("`"))
            closing = "`" * (self._code.left - ticks)
            if ticks > self._code.left:
                closing = " " + "`" * self._code.left
        return closing + "".join(mark.sign * mark.left for mark in reversed(self._open))


def _ends_half_escaped(body: str, end: int) -> bool:
    slashes = 0
    while slashes < end and body[end - 1 - slashes] == "\\":
        slashes += 1
    return slashes % 2 == 1


def _in_word(character: str) -> bool:
    """Return whether a mark beside it is inside a word; scripts without spaces have no inside."""
    return character.isalnum() and unicodedata.east_asian_width(character) not in "WF"
