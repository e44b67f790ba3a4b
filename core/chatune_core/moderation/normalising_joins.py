"""Letters that were pulled apart or drawn out, put together again."""

import re
from collections import Counter
from collections.abc import Iterator

from chatune_core.moderation.normalising_edits import Edit

_SEPARATOR = r"[.\-_*~|,/\\+=:;^#]"
# Single characters with white space between: "h a t e", and "h a t e  y o u" with wider gaps.
# Punctuation may stand around them, but "it's a C program" spells nothing.
_SPACED = re.compile(
    r"(?:(?<!\S)\S|(?<=[^\w\s]|_)(?<![^\W_](?:[^\w\s]|_))[^\W_])(?:\s{1,4}\S(?!\S))+"
    r"(?:\s{1,4}[^\W_](?![^\w\s]?[^\W_]))?"
)
_GAP = re.compile(r"\s+")
# Either the whole token alternates with one separator: "h.a.t.e", "t.h.e.m..", "i.s"; or three
# letters or more stand inside it with one to three separators between: "(h--a--t--e)".
_SPELLED = re.compile(
    rf"(?<!\S)\S({_SEPARATOR})\S(?:\1\S)*+\1?(?!\S)"
    rf"|(?<![^\W_])[^\W_](?:{_SEPARATOR}{{1,3}}[^\W_](?![^\W_])){{2,}}"
)
_BETWEEN = re.compile(rf"(?<=[^\W_]){_SEPARATOR}{{1,3}}(?=[^\W_])")
_STRETCHED = re.compile(r"([^\W\d_])\1{2,}")


def unspaced(text: str) -> Iterator[Edit]:
    """Close the gaps of spelled-out words; a gap wider than the run's narrowest ends a word."""
    for run in _SPACED.finditer(text):
        if not _is_word(run[0]):
            continue
        gaps = [gap.span() for gap in _GAP.finditer(text, *run.span())]
        narrowest = min(end - start for start, end in gaps)
        for start, end in gaps:
            if end - start == narrowest:
                yield start, end, ""
            else:
                yield start, end, " "


def undotted(text: str) -> Iterator[Edit]:
    """Drop the separators of spelled-out words.

    "e.g" and "p.m" look like a spelled-out "is": two letters are joined only beside a longer one.
    Where three words or more are spelled with one separator, so is everything else.
    """
    found = list(_SPELLED.finditer(text))
    words = Counter(each[1] for each in found if _is_word(each[0]))
    if not words:
        return
    for each in found:
        separator = each[1]
        if separator and (_letters(each[0]) >= 2 or words[separator] >= 3):
            for at in range(each.start() + 1, each.end(), 2):
                yield at, at + 1, ""
        elif not separator and _is_word(each[0]):
            for gap in _BETWEEN.finditer(text, *each.span()):
                yield gap.start(), gap.end(), ""


def unstretched(text: str) -> Iterator[Edit]:
    """Leave one of three or more equal letters: "haaaate" is read as "hate".

    English doubles "e" and "o": exactly six of them are a double one of which each was tripled.
    """
    for run in _STRETCHED.finditer(text):
        doubled = run[1] in "eo" and len(run[0]) == 6
        yield run.start(), run.end(), run[1] * (2 if doubled else 1)


def _is_word(spelled: str) -> bool:
    """Whether three letters or more are spelled, of which digits may stand for some."""
    return _letters(spelled) >= 2 and sum(map(str.isalnum, spelled)) >= 3


def _letters(text: str) -> int:
    return sum(map(str.isalpha, text))
