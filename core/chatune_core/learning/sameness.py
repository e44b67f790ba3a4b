"""When two prompts, and two answers, are the same for the purposes of learning. Pure."""

import hashlib
import unicodedata
import zlib
from collections.abc import Sequence
from typing import NewType

from chatune_core.generation.requests import ChatMessage
from chatune_core.learning.rows import Row, Thumb

PromptKey = NewType("PromptKey", bytes)
_RUN = 5
"""Characters in a shingle; so it works for writing without spaces, too."""
_READ = 2000
_KEPT = 128
_ALIKE = 0.8
_SHORTEST = 40
"""Characters below which a word more or less makes another answer."""


def prompt_key(prompt: Sequence[ChatMessage]) -> PromptKey:
    """Return what is equal for prompts that ask the same.

    Case, spacing and punctuation make no difference, nor do the bot's instructions and what it
    remembers of the person: the same question to a bot with another persona is the same question.
    """
    digest = hashlib.sha256()
    for message in prompt:
        if message.role != "system":
            said = f"{message.role}\n{_plain(message.content)}\n"
            digest.update(said.encode(errors="surrogatepass"))
    return PromptKey(digest.digest())


class Print:
    """A text reduced to what tells whether another one is nearly the same.

    That is the smallest hashes of its shingles, by which the resemblance of two texts (what they share of
    all their shingles) is estimated without bias.

    Source: Broder 1997, "On the resemblance and containment of documents", section 4.
    """

    __slots__ = ("_sketch", "_text")

    def __init__(self, text: str) -> None:
        self._text = _plain(text[:_READ])
        whole = self._text.encode(errors="surrogatepass")
        runs = {whole[at : at + _RUN] for at in range(max(1, len(whole) - _RUN + 1))}
        self._sketch = frozenset(sorted(map(zlib.crc32, runs))[:_KEPT])

    def like(self, other: "Print") -> bool:
        """Return whether a reader would call both texts the same."""
        if self._text == other._text:
            return True
        if min(len(self._text), len(other._text)) < _SHORTEST:
            return False
        both = sorted(self._sketch | other._sketch)[:_KEPT]
        shared = sum(each in self._sketch and each in other._sketch for each in both)
        return shared >= _ALIKE * len(both)


def prints_of(row: Row) -> tuple[Print, ...]:
    """Return the prints of what was answered, in one order for each kind of row."""
    if isinstance(row, Thumb):
        return (Print(row.completion),)
    return (Print(row.chosen), Print(row.rejected))


def _plain(text: str) -> str:
    small = unicodedata.normalize("NFKC", text).casefold()
    words = "".join(letter if letter.isalnum() else " " for letter in small).split()
    # What has no letters at all ("?!", an emoji) is told apart by what it is.
    return " ".join(words) if words else small.strip()
