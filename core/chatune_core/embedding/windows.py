"""From a text to the tokens that the model reads: emoji by name, long texts in windows."""

from __future__ import annotations

import html
import re
import unicodedata
from collections.abc import Iterable, Iterator
from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from tokenizers import Tokenizer

Window = list[int]
"""Token ids of one passage, the model's two special tokens included."""

WINDOW_TOKENS = 160
"""Longest passage scored at once, special tokens included: some 600 characters of English."""
OVERLAP_TOKENS = 32
MOST_WINDOWS = 96
"""Windows of one text; together they hold the longest message of any platform, 40,000 characters."""
BATCH_TOKENS = 2048
"""Tokens computed at once, which bounds memory whatever the number and length of texts."""
MOST_CHARACTERS = 60_000
"""Of a text that is longer, the beginning and the end are read, half of this each."""

_PICTURES = re.compile("[\u2190-\u21ff\u2300-\u27bf\u2b00-\u2bff\u3030\u303d\U0001f000-\U0001faff]")
_INVISIBLE = re.compile("[\u200d\ufe0e\ufe0f\U0001f3fb-\U0001f3ff]")
_LETTER = re.compile(r"(?:LETTER|SYMBOL) ([A-Z])$")


def with_pictures_named(text: str) -> str:
    """Return `text` with every emoji replaced by its Unicode name, and letter-like ones by a letter.

    The tokenizer knows no emoji; unnamed, "women are <pig face>" would read "women are <unknown>".
    """
    # The tokenizer refuses half a surrogate pair.
    text = html.unescape(text).encode(errors="replace").decode()
    text = _INVISIBLE.sub("", text)
    return _PICTURES.sub(lambda match: _named(match.group()), text)


@lru_cache(maxsize=4096)
def _named(picture: str) -> str:
    name = unicodedata.name(picture, "")
    letter = _LETTER.search(name)
    return letter.group(1) if letter else f" {name.lower()} "


class WindowTokenizer:
    """Cuts texts into windows of tokens. Safe to use from several threads."""

    def __init__(self, tokenizer: Tokenizer) -> None:
        """Take a BERT tokenizer; its own truncation and padding are switched off."""
        tokenizer.no_truncation()
        tokenizer.no_padding()
        self._tokenizer = tokenizer
        self._first, self._last = tokenizer.encode("").ids

    @classmethod
    def open(cls, folder: Path) -> WindowTokenizer:
        """Read `tokenizer.json` in the folder of the embedding model."""
        from tokenizers import Tokenizer

        return cls(Tokenizer.from_file(str(folder / "tokenizer.json")))

    def windows(self, text: str) -> list[Window]:
        """Return the windows of `text`, one at least and `MOST_WINDOWS` at most, of even length.

        Neighbours share at least `OVERLAP_TOKENS`. A text with more windows than that keeps those
        that lie evenly over it, the first and the last among them.
        """
        readable = _ends_of(with_pictures_named(_ends_of(text)))
        ids = self._tokenizer.encode(readable, add_special_tokens=False).ids
        return [
            [self._first, *ids[start:end], self._last] for start, end in window_bounds(len(ids))
        ]


def _ends_of(text: str) -> str:
    if len(text) > MOST_CHARACTERS:
        half = MOST_CHARACTERS // 2
        text = f"{text[:half]} {text[-half:]}"
    return text


def window_bounds(tokens: int) -> list[tuple[int, int]]:
    """Return where the windows over `tokens` tokens start and end, special tokens not counted."""
    inner = WINDOW_TOKENS - 2
    if tokens <= inner:
        return [(0, tokens)]
    count = -(-(tokens - OVERLAP_TOKENS) // (inner - OVERLAP_TOKENS))
    length = -(-(tokens + (count - 1) * OVERLAP_TOKENS) // count)
    kept = min(count, MOST_WINDOWS)
    starts = (round(i * (tokens - length) / (kept - 1)) for i in range(kept))
    return [(start, start + length) for start in starts]


def batches(windows: Iterable[tuple[int, Window]]) -> Iterator[list[tuple[int, Window]]]:
    """Yield the windows, each with the number of its text, in order, `BATCH_TOKENS` at a time."""
    batch: list[tuple[int, Window]] = []
    tokens = 0
    for i, window in windows:
        if batch and tokens + len(window) > BATCH_TOKENS:
            yield batch
            batch, tokens = [], 0
        batch.append((i, window))
        tokens += len(window)
    if batch:
        yield batch
