"""What a question asks of a memory, read off its words. Pure."""

import re
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import date

from chatune_core.memory.dates import Days, days_asked_of
from chatune_core.memory.words import words_of

_OF_THE_PAST = re.compile(
    r"\b(?:do|did|am|was|have|had)\s+(?:i|we)\b|\b(?:is|are|was|were|what's|who's|where's|when's)\s+my\b",
    re.IGNORECASE,
)
_AS_SAID = "I avoid "
"""Before a wish or a remark, when it is turned into a vector: what people say of themselves that bears on it
begins so. In the tests "I prefer" finds fewer, and no word before it fewer still."""


@dataclass(frozen=True, slots=True)
class Question:
    """A question, or anything else that a person says and memories may bear on.

    recalls: it asks for what was said or is so ("Where do I live?", "When did Ada move?"). Otherwise
        it wants or remarks something, and what the person likes bears on it.
    words: stems, without the names in `speakers`.
    speakers: who it asks of, of those who speak in the memories.
    to_encode: what the vector is made of.
    days: the time it asks of, if it names one.
    """

    recalls: bool
    words: Sequence[str]
    speakers: frozenset[str]
    to_encode: str
    days: Days | None


def read_question(text: str, speakers: Collection[str], today: date | None) -> Question:
    """Return what `text` asks.

    Args:
        speakers: the names of those who speak in the memories.
        today: the day it is asked; without one no time is read.
    """
    named = {name: form for name in speakers if (form := _mention(name, text)) is not None}
    nameless = text
    to_encode = text
    for form in named.values():
        nameless = form.sub(" ", nameless)
        # They spoke of themselves as "I", and what means the same should read the same.
        to_encode = form.sub(lambda match: "my" if match["of"] else "I", to_encode)
    recalls = bool(named) or _OF_THE_PAST.search(text) is not None
    return Question(
        recalls=recalls,
        words=words_of(nameless),
        speakers=frozenset(named),
        to_encode=to_encode if recalls else _AS_SAID + text,
        days=days_asked_of(text, today) if today else None,
    )


def _mention(name: str, text: str) -> re.Pattern[str] | None:
    """Return what finds `name` in `text`, whole or the first name alone; None if it is not there."""
    for form in dict.fromkeys((name, *name.split()[:1])):
        pattern = re.compile(rf"\b{re.escape(form)}(?P<of>['\u2019]s)?(?!\w)")
        if form and pattern.search(text):
            return pattern
    return None
