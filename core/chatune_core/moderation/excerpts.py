"""Passages of somebody's text that show what was found, and break out of nothing. Pure."""

import unicodedata
from collections.abc import Iterable, Iterator

AROUND = 120
"""Characters shown on both sides of what was found in a long text."""
_OPEN, _CLOSE, _MORE = "»", "«", "…"
_COSTS = {"&": 5, "<": 4, ">": 4}
_REPLACED = {"`": "ˋ", _OPEN: "›", _CLOSE: "‹", "\n": "⏎", "\t": " "}  # noqa: RUF001
_INVISIBLE = "·"


def cost(text: str) -> int:
    """Return how long `text` is where it is longest: Slack escapes three characters."""
    return len(text) + sum(text.count(one) * (size - 1) for one, size in _COSTS.items())


def defused(text: str) -> str:
    """Return `text` on one line, without backticks and marks of ours; one character for each.

    Characters that nobody sees, and those that turn the direction of writing, become visible.
    """
    return "".join(map(_defused, text))


def code(text: str, most: int) -> str:
    """Return the beginning of `text` as inline code, in which nothing has a meaning."""
    return f"`{_begun(defused(text.strip()), most) or '-'}`"


def block(text: str, spans: Iterable[tuple[int, int]], most: int) -> str:
    """Return `marked` text as a block of code, in which nothing has a meaning."""
    return f"```\n{marked(text, spans, most)}\n```"


def marked(text: str, spans: Iterable[tuple[int, int]], most: int) -> str:
    """Return `text`, defused, with each of `spans` between » and «; it costs at most `most`.

    Of a text that costs more there is what is around the spans, as far as it goes, or else the
    beginning.
    """
    places = _merged(spans, len(text))
    fits = len(text) + 2 * len(places) <= most and cost(text) + 2 * len(places) <= most
    shown = [(0, len(text))] if fits or not places else _around(places, len(text))
    room, inside, pieces = most, False, list[str]()
    for piece in _pieces(text, places, shown):
        room -= cost(piece)
        if room < (0 if fits else 2):  # a mark to close, and that there is more
            pieces.append(_CLOSE * inside + _MORE)
            break
        inside = piece == _OPEN or (inside and piece != _CLOSE)
        pieces.append(piece)
    return "".join(pieces)


def _pieces(
    text: str, places: list[tuple[int, int]], shown: list[tuple[int, int]]
) -> Iterator[str]:
    """Yield characters and marks of the `shown` passages, in order."""
    opens, closes = {start for start, _ in places}, {end for _, end in places}
    end = 0
    for start, until in shown:
        if start > end:
            yield _MORE
        for at in range(start, until):
            if at in opens:
                yield _OPEN
            yield _defused(text[at])
            if at + 1 in closes:
                yield _CLOSE
        end = until
    if end < len(text):
        yield _MORE


def _merged(spans: Iterable[tuple[int, int]], length: int) -> list[tuple[int, int]]:
    """Return the parts of the text that the spans cover, in order and apart from one another."""
    return _joined((max(0, start), min(end, length)) for start, end in spans)


def _around(places: list[tuple[int, int]], length: int) -> list[tuple[int, int]]:
    return _joined((max(0, start - AROUND), min(end + AROUND, length)) for start, end in places)


def _joined(places: Iterable[tuple[int, int]]) -> list[tuple[int, int]]:
    joined: list[tuple[int, int]] = []
    for start, end in sorted(place for place in places if place[0] < place[1]):
        if joined and start <= joined[-1][1]:
            joined[-1] = (joined[-1][0], max(end, joined[-1][1]))
        else:
            joined.append((start, end))
    return joined


def _begun(text: str, most: int) -> str:
    if cost(text) <= most:
        return text
    kept, room = list[str](), most - 1
    for character in text:
        room -= cost(character)
        if room < 0:
            break
        kept.append(character)
    return "".join(kept) + _MORE


def _defused(character: str) -> str:
    if character in _REPLACED:
        return _REPLACED[character]
    return _INVISIBLE if unicodedata.category(character) in ("Cc", "Cf", "Zl", "Zp") else character
