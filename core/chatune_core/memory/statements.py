"""What a person's sentence says of themselves, by rules: its kind, its slot, what it replaces. Pure, English."""

import re
from dataclasses import dataclass

from chatune_core.memory.values import Kind

_PREFERENCE = re.compile(
    r"\b(?:prefer\w*|avoid\w*|dislik\w*|hate\w*|aversion|allerg\w*|intoleran\w*|refuse to|gravitate"
    r"|(?:can't|cannot|can not) stand"
    r"|(?:not|never been|isn't|aren't) (?:really )?(?:a |much of a )?(?:big |huge )?fan"
    r"|(?:don't|doesn't|do not|didn't|not) (?:\w+ )?(?:like|enjoy|appeal|interest|align|want)"
    r"|not (?:my|interested|comfortable|into)|my favou?rite|option \d)\b",
    re.IGNORECASE,
)
_STYLE = re.compile(
    r"\b(?:answer|reply|replies|respond|write|speak|talk|address|explain)\b.{0,80}?"
    r"\b(?:to me|me|in|with|briefly|short\w*|long\w*|tone|language)\b"
    r"|\bcall me\b|\b(?:tone|language|style|length|format) of (?:your|the) (?:answers?|repl(?:y|ies))\b"
    r"|\b(?:metric|imperial) units\b",
    re.IGNORECASE,
)
_ORDER = re.compile(
    r"^\W*(?:please|always|never|from (?:now|today)\b|(?:i want|i'd like|change of mind)\b"
    r"|answer|reply|respond|write|speak|talk|address|explain|call)\b",
    re.IGNORECASE,
)
_CHANGE = re.compile(
    r"\b(?:now|no longer|not any ?more|anymore|any longer|switch(?:ed)?|moved|changed?|just (?:started|began|got)"
    r"|new (?:job|position|place|home)|from (?:now|today)|these days|instead|gave up|quit|not the old)\b",
    re.IGNORECASE,
)
_ONE_AT_A_TIME = {
    "self.name": re.compile(r"\b(?:my name is|call me|i(?:'m| am) called)\b", re.IGNORECASE),
    "self.home": re.compile(
        r"\bi(?:'m| am)? (?:now |currently |just |recently )?(?:live|living|moved|reside|am based|based)"
        r" (?:back )?(?:in|to)\b|\bmy (?:home|new home|new place) is\b",
        re.IGNORECASE,
    ),
    "work.editor": re.compile(r"\b(?:my|as my|favou?rite|code) editor\b", re.IGNORECASE),
    "style.tone": re.compile(
        r"\b(?:write|answer|reply|respond|speak|talk)\b.{0,80}?\btone\b|\b(?:formal|informal)ly\b",
        re.IGNORECASE,
    ),
    "style.language": re.compile(
        r"\b(?:reply|answer|respond|write|speak|talk)\b(?: to me)? in (?!an? |the |short|full|bullet|plain)\w+",
        re.IGNORECASE,
    ),
    "style.units": re.compile(r"\b(?:metric|imperial) (?:units|system)\b", re.IGNORECASE),
    "style.length": re.compile(
        r"\b(?:short|long|brief|concise|detailed)\w* (?:answers?|repl(?:y|ies)|responses?|explanations?)\b"
        r"|\b(?:answer|reply|respond|write|explain)\b(?: to me)? (?:briefly|shortly|at length|in detail)\b",
        re.IGNORECASE,
    ),
}
"""Of these a person has one: a newer takes the place of an older."""
_SEVERAL = {
    "work.job": re.compile(
        r"\bi work as\b|\bmy (?:job|profession|occupation)\b|\b(?:new|a) (?:job|position|role) as\b"
        r"|\bstarted (?:working )?as an?\b",
        re.IGNORECASE,
    ),
    "food.diet": re.compile(
        r"\b(?:diet|vegan|vegetarian|pescatarian|keto|paleo|halal|kosher|gluten-free|low-sodium)\b"
        r"(?! (?:restaurants?|places?|recipes?|food))|\b(?:switched|changed) to \S+ eating\b",
        re.IGNORECASE,
    ),
    "home.pet": re.compile(
        r"\b(?:i|we) (?:now )?have an? (?:pet )?\w+ as a pet\b|\bpets?\b", re.IGNORECASE
    ),
    "sport.team": re.compile(
        r"\bi (?:now )?(?:support|root for|cheer for) the\b|\bi(?:'m| am) an? .{1,40}\bfan\b",
        re.IGNORECASE,
    ),
}
"""Of these a person may have several: a newer takes the place of an older where it says that things changed."""


@dataclass(frozen=True, slots=True)
class Statement:
    """What a sentence says.

    slot: what it is about, "" if that is nothing known here.
    replaces: it takes the place of what the person said before in the same slot.
    """

    kind: Kind
    slot: str
    replaces: bool


def read_statement(sentence: str) -> Statement:
    """Return what `sentence` says of the person who says it."""
    slot = _slot_of(sentence)
    replaces = slot in _ONE_AT_A_TIME or (slot != "" and _CHANGE.search(sentence) is not None)
    return Statement(_kind_of(sentence), slot, replaces)


def _kind_of(sentence: str) -> Kind:
    if _ORDER.search(sentence) and _STYLE.search(sentence):
        return Kind.STYLE
    return Kind.PREFERENCE if _PREFERENCE.search(sentence) else Kind.FACT


def _slot_of(sentence: str) -> str:
    for slot, said in (*_ONE_AT_A_TIME.items(), *_SEVERAL.items()):
        if said.search(sentence):
            return slot
    return ""
