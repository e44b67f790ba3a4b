"""Which memories a person means by a number, or by words. Pure."""

import re
from collections.abc import Sequence

from chatune_core.memory.answers import number_of
from chatune_core.memory.values import Memory

_WORD = re.compile(r"\w+")
_SMALL = frozenset(
    [
        "a",
        "about",
        "am",
        "an",
        "and",
        "are",
        "as",
        "at",
        "be",
        "been",
        "do",
        "for",
        "from",
        "have",
        "i",
        "i'm",
        "in",
        "is",
        "it",
        "like",
        "live",
        "m",
        "me",
        "my",
        "of",
        "on",
        "or",
        "s",
        "so",
        "that",
        "the",
        "to",
        "was",
        "what",
        "with",
        "you",
        "your",
    ]
)


def meant_by(words: str, memories: Sequence[Memory]) -> list[Memory]:
    """Return the memories that share the most words with `words`, and at least half of them.

    What is forgotten cannot be brought back, so "forget my question about tea" means no memory of tea.
    """
    wanted = telling_words(words)
    shares = [(len(wanted & telling_words(memory.text)), memory) for memory in memories]
    most = max((share for share, _ in shares), default=0)
    if most == 0 or 2 * most < len(wanted):
        return []
    return [memory for share, memory in shares if share == most]


def telling_words(text: str) -> frozenset[str]:
    """Return the words that say something, in one form; all of them if none does."""
    said = frozenset(_stem(word) for word in _WORD.findall(text.lower()))
    return said - _SMALL or said


def _stem(word: str) -> str:
    return word.removesuffix("s") if len(word) > 3 else word


def called(text: str, memories: Sequence[Memory]) -> tuple[list[Memory], bool]:
    """Return the memories that `text` calls by number ("2, 5") or by words, and whether for certain.

    Numbers are certain; where two memories have the same one, and words that several share, are not.
    """
    words = text.replace(",", " ").replace(".", " ").split()
    if words and all(word.isdecimal() for word in words):
        wanted = {int(word) for word in words}
        meant = [memory for memory in memories if number_of(memory.id) in wanted]
        return meant, len(meant) <= len(wanted)
    meant = meant_by(text, memories)
    return meant, len(meant) == 1
