"""A text as the words that retrieval compares: lower case, without function words, light stems. Pure."""

import re

_WORD = re.compile(r"[^\W_]+")
_UNSPACED = re.compile(r"[\u3040-\u30ff\u3400-\u4dbf\u4e00-\u9fff]+")
"""Scripts that put no space between words: Japanese and Chinese."""
_FUNCTION_WORDS = frozenset(
    _WORD.findall(
        "a about also am an and any are as at be been being but by can could d did didn do does doesn don"
        " for from get got had has have he her here him his how i if in into is isn it its just kind ll m"
        " many may me might more most much my no not of on or our out re s she should so some t than that"
        " the their them then there they this to too type up us ve very was we were what when where which"
        " who whose why will with would you your"
    )
)
_SUFFIXES = (
    ("ations", ""), ("ation", ""), ("ments", ""), ("ment", ""), ("ness", ""), ("ingly", ""), ("edly", ""),
    ("ings", ""), ("ing", ""), ("ies", "y"), ("ied", "y"), ("ers", ""), ("er", ""), ("ed", ""), ("es", ""),
    ("ly", ""), ("s", ""),
)  # fmt: skip
_SHORTEST_STEM = 3
_KEPT_DOUBLE = "sle"


def words_of(text: str) -> list[str]:
    """Return the stems of the words in `text`, in order, those that say nothing left out."""
    words: list[str] = []
    for word in _WORD.findall(text.casefold()):
        if _UNSPACED.fullmatch(word) and len(word) > 1:
            words += (word[i : i + 2] for i in range(len(word) - 1))
        elif word not in _FUNCTION_WORDS:
            words.append(stem(word))
    return words


def stem(word: str) -> str:
    """Return what an English word shares with its other forms, roughly: "planning" and "plans".

    Lighter than Porter's: one suffix, a doubled letter, a last "e". Wrong stems do no harm as long
    as both sides are wrong alike.
    """
    for suffix, instead in _SUFFIXES:
        if word.endswith(suffix) and len(word) - len(suffix) >= _SHORTEST_STEM:
            word = word[: -len(suffix)] + instead
            break
    if len(word) > _SHORTEST_STEM and word[-1] == word[-2] and word[-1] not in _KEPT_DOUBLE:
        word = word[:-1]
    if len(word) > _SHORTEST_STEM and word.endswith("e"):
        word = word[:-1]
    return word
