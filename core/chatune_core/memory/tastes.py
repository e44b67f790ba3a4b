"""What people say they like, want or avoid, with the way it points. Pure rules over one sentence."""

import re
from collections.abc import Iterator

from chatune_core.memory.slots import SUPPOSED, Stated, slot_name, subject_of
from chatune_core.memory.values import Kind

_ADVERB = (
    r"(?:really|strongly|absolutely|usually|generally|always|especially|particularly|also|still|just|"
    r"truly|greatly|much|deeply|quite|totally|definitely|typically|mostly|mainly|now|personally|highly|"
    r"firmly|simply|strictly|adamantly|do|very|often|normally|exclusively|only|actively|completely|tend to|try to|kind of|"
    r"sort of)"
)
_AM = r"(?:'m|'ve been| am| have been)"
_LIKES = (
    rf"(?: {_ADVERB}){{0,3}} (?:prefer|love|like|enjoy|adore|favou?r|appreciate|value)(?: to)?(?! to (?:know|see|ask|hear)\b)"
    rf"|{_AM}(?: {_ADVERB}){{0,2}} (?:fond of|into|keen on|passionate about|interested in|drawn to|"
    r"an? (?:(?:big|huge|great|avid|massive) )?fan of|an? (?:big |huge |great )?lover of)"
    rf"|(?: {_ADVERB}){{0,2}} (?:go for|gravitate towards?|opt for|stick to|insist on|believe in)"
    rf"|(?: {_ADVERB}){{0,2}} have (?:an? )?(?:\w+ )?(?:preference|love|passion|weakness) for"
    r"|(?: also)? (?:only|exclusively|always|tend to|usually) (?:use|wear|read|drive|buy|eat|drink|watch|choose|book|play|"
    r"listen to|shop at|stay in|travel by)"
)
_DISLIKES = (
    rf"(?: {_ADVERB}){{0,3}} (?:dislike|hate|detest|loathe|despise|avoid|refuse|stay away from|steer clear of|"
    r"keep away from|shy away from|prefer (?:to avoid|not to)|can't stand|cannot stand|can't bear|"
    r"cannot bear|can't tolerate|cannot tolerate|can't handle|cannot handle)"
    rf"|(?: {_ADVERB}){{0,2}} (?:don't|do not|never|no longer|will not|won't)(?: {_ADVERB}){{0,2}} "
    r"(?:like|enjoy|eat|drink|use|wear|buy|consume|watch|read|support|care for|tolerate|believe in)"
    rf"|{_AM}(?: {_ADVERB}){{0,2}} (?:averse to|opposed to|against|uncomfortable with|bothered by|"
    r"sensitive to|tired of|not (?:really |very |particularly |comfortable |interested |keen |fond )?"
    r"(?:an? (?:big |huge )?fan of|into|with|in|on|of))"
    rf"|(?: {_ADVERB}){{0,2}} have (?:an? )?(?:\w+ )?(?:aversion to|distaste for|dislike (?:for|of)|hatred (?:for|of)|no interest in|phobia of|fear of)"
)
_TASTE = re.compile(rf"\bi(?:(?P<against>{_DISLIKES})|(?P<like>{_LIKES})) (?P<what>[^.;!?]{{3,200}})", re.IGNORECASE)  # fmt: skip
_FOUND = re.compile(
    rf"\bi(?: {_ADVERB})? find (?P<what>[^.,;!?]{{3,120}}?) (?:to be )?(?:(?:very|too|really|quite|deeply|rather) )?"
    r"(?:(?P<like>relaxing|enjoyable|soothing|inspiring|fascinating|comforting)|(?P<against>unsettling|boring|"
    r"distracting|overwhelming|annoying|unappealing|stressful|demotivating|off-putting|irritating|"
    r"uncomfortable|tedious|disturbing|exhausting))",
    re.IGNORECASE,
)
# Said of this moment or this talk, not of the person.
_PASSING = re.compile(
    r"(?:it|that|this|these|those|them|him|her|you|your|how|what|the (?:idea|sound|look|way|part|first|second|"
    r"third|one|ones|option|suggestion|fact)|option|to (?:know|ask|say|see|hear|be sure))\b"
    r"|.*\b(?:tonight|today|right now|at the moment|for now|this (?:time|trip|week|weekend|evening))\b",
    re.IGNORECASE,
)
_CURIOUS = re.compile(
    r"(?:trying|learning|exploring|setting|experiencing|hearing|seeing|knowing|finding|getting|buying|"
    r"starting|making|doing|taking|visiting)\b",
    re.IGNORECASE,
)
_AS_SOMEONE = re.compile(r"\bas (?:someone|somebody|a person) who (?:(?:usually|generally|always|also|strictly|really) )?(\w{2,20}?)s (?!not\b)", re.IGNORECASE)  # fmt: skip
# The reason is not the preference, and often nobody's business.
_TAIL = re.compile(
    r", (?=(?:it|they|that's|this|we|you|what|how|which|where|can|could|do|is|are)\b)|,? (?:because|since|due to|owing to|as (?=i\b|it\b|they\b)|but\b|so (?=i\b|that\b|do\b|what\b)|although|though|"
    r"and (?=i\b|would\b|do you|what|how|can you|am\b|was\b)|which (?=is\b|are\b|makes\b)|after i\b)",
    re.IGNORECASE,
)


def tastes_in(sentence: str) -> Iterator[Stated]:
    """Yield what the sentence says the person likes (+1) or is against (-1)."""
    sentence = _AS_SOMEONE.sub(r"I \1 ", sentence)
    at = 0
    while (found := _TASTE.search(sentence, at)) is not None:
        stated = _stated(sentence, found)
        if stated is not None:
            yield stated
        at = found.start() + 2 if stated is None else found.start() + len(stated.text)
    found = _FOUND.search(sentence)
    if found is not None and not SUPPOSED.search(sentence, 0, found.start()):
        yield _taste(found[0], found["what"], against=bool(found["against"]))


def _stated(sentence: str, found: re.Match[str]) -> Stated | None:
    if SUPPOSED.search(sentence, max(0, found.start() - 12), found.start()):
        return None
    tail = _TAIL.search(sentence, found.start("what"), found.end())
    end = tail.start() if tail is not None else found.end()
    what = sentence[found.start("what") : end].strip(" ,")
    against = found["against"] is not None
    if len(what) < 3 or _PASSING.match(what) or (not against and _CURIOUS.match(what)):
        return None
    return _taste(sentence[found.start() : end], what, against=against)


def _taste(text: str, what: str, *, against: bool) -> Stated:
    # "only vegan food over meat" and "vegan food" speak of the same thing.
    about = re.split(r"\b(?:over|rather than|instead of|than|as opposed to)\b", what, maxsplit=1)[0]
    subject = subject_of(about)
    slot = slot_name("taste", subject) if subject else ""
    return Stated(Kind.PREFERENCE, slot, text.strip(" ,"), -1 if against else 1)
