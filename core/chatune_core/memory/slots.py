"""Facts that people state of themselves, and the slot each fills. Pure rules over one sentence.

A slot holds one value at a time: who moves to Oslo lives in Lisbon no longer.
"""

import re
from collections.abc import Iterable
from dataclasses import dataclass

from chatune_core.memory.values import Kind

_WORD = re.compile(r"[a-z0-9]+")
_KEPT_WORDS = 3
_SMALL = frozenset(
    [
        "a",
        "an",
        "and",
        "any",
        "are",
        "as",
        "at",
        "be",
        "being",
        "been",
        "by",
        "do",
        "does",
        "for",
        "from",
        "had",
        "has",
        "have",
        "having",
        "i",
        "in",
        "into",
        "is",
        "it",
        "its",
        "just",
        "kind",
        "me",
        "more",
        "most",
        "much",
        "my",
        "no",
        "not",
        "of",
        "on",
        "only",
        "or",
        "other",
        "over",
        "really",
        "so",
        "some",
        "sort",
        "than",
        "that",
        "the",
        "their",
        "them",
        "these",
        "they",
        "this",
        "those",
        "to",
        "too",
        "type",
        "types",
        "up",
        "use",
        "used",
        "using",
        "very",
        "was",
        "were",
        "what",
        "when",
        "where",
        "which",
        "while",
        "who",
        "will",
        "with",
        "without",
        "would",
        "you",
        "your",
        "all",
        "also",
        "am",
        "about",
        "anything",
        "everything",
        "things",
        "thing",
        "stuff",
        "lot",
        "lots",
        "bit",
        "which",
        "rather",
        "instead",
        "especially",
        "mostly",
    ]
)


@dataclass(frozen=True, slots=True)
class Stated:
    """What a sentence states: of which kind, in which slot; `text` is the part that says it."""

    kind: Kind
    slot: str
    text: str
    polarity: int = 0


def slot_name(*parts: str) -> str:
    """Return `parts` as a dotted name; "" if one of them has no letter that a slot may have."""
    named = ["_".join(_WORD.findall(part.lower())) for part in parts]
    return ".".join(named) if all(each[:1].isalpha() for each in named) else ""


def subject_of(words: str) -> str:
    """Return the few words that say what `words` are about, in a fixed order, for a slot's name."""
    content = [_singular(word) for word in _WORD.findall(words.lower()) if word not in _SMALL]
    return "_".join(sorted(dict.fromkeys(content[:_KEPT_WORDS])))


def _singular(word: str) -> str:
    if len(word) > 4 and word.endswith("ies"):
        return word[:-3] + "y"
    if len(word) > 4 and word.endswith(("ches", "shes", "xes", "zes", "sses")):
        return word[:-2]
    if len(word) > 3 and word.endswith("s") and not word.endswith(("ss", "us", "is")):
        return word[:-1]
    return word


# Asked, supposed or reported, not stated: "if I live in", "like I am five".
SUPPOSED = re.compile(
    r"\b(?:if|whether|should|do|does|did|would|could|can|may|might|when|said|says|thinks?|unless|"
    r"suppose|imagine|pretend|wonder|as if|like|why|how|what|which|where|because)\s*$",
    re.IGNORECASE,
)
_I_AM = r"\bi(?:'m| am)(?: now| currently| still| also)?"
_ADVERB = r"(?: now| currently| still| also| just| recently| actually| strictly)?"
_JOB = (
    r"(?:nurse|teacher|engineer|developer|programmer|designer|doctor|physician|lawyer|student|"
    r"accountant|analyst|architect|artist|baker|barista|carpenter|chef|cook|consultant|dentist|driver|"
    r"editor|electrician|farmer|firefighter|florist|gardener|journalist|librarian|manager|mechanic|"
    r"musician|painter|pharmacist|photographer|pilot|plumber|professor|researcher|sailor|scientist|"
    r"secretary|tailor|translator|veterinarian|waiter|welder|writer)"
)
_DIET = (
    r"(?:vegan|vegetarian|keto|ketogenic|paleo|pescatarian|flexitarian|gluten-free|dairy-free|"
    r"lactose-free|halal|kosher|low-sodium|low-carb|low-fat|mediterranean|raw food|plant-based|"
    r"whole-food|sugar-free|omnivor(?:e|ous))"
)
_PET = (
    r"(?:cat|kitten|dog|puppy|parrot|tortoise|turtle|ferret|hamster|gecko|rabbit|bird|budgie|canary|"
    r"goldfish|guinea pig|horse|iguana|lizard|mouse|rat|snake|pet \w+)"
)
_TOOL = (
    r"(?:code editor|text editor|editor|ide|browser|phone|laptop|computer|operating system|os|shell|"
    r"terminal|framework|database|programming language|camera|console|keyboard|bike|bicycle|car)"
)
_TEAM_IS_NOT = r"(?!(?:idea|use|notion|decision|right|view|cause|change|plan|ban)\b)"

# Each pattern is one clause said in the first person; none of them nests a repetition.
_FACTS: tuple[tuple[str, str], ...] = (
    ("person.name", r"\bmy (?:full |first )?name(?:'s| is) [^.,;!?]{1,40}"),
    ("person.home", rf"\bi{_ADVERB} (?:live|reside|am living) (?:in|near|outside) [^.,;!?]{{2,40}}"),
    ("person.home", rf"\bi(?:'ve| have)?{_ADVERB} (?:moved|relocated) (?:back )?to [^.,;!?]{{2,40}}"),
    ("person.home", rf"{_I_AM} (?:living|based|located) (?:in|near|outside) [^.,;!?]{{2,40}}"),
    ("person.origin", rf"(?:{_I_AM}|\bi come) (?:originally )?from [^.,;!?]{{2,40}}"),
    ("person.age", rf"{_I_AM} \d{{1,3}}(?: years old)?(?=[.,;!]|$| and )"),
    ("person.birthday", r"\bmy birthday(?:'s| is)(?: on)? [^.,;!?]{3,30}"),
    ("person.time_zone", r"\bmy time ?zone(?:'s| is) [^.,;!?]{2,30}"),
    ("work.job", rf"\bi{_ADVERB} work as (?:an? |the )?[^.,;!?]{{3,50}}"),
    ("work.job", rf"\bi(?:'ve| have)?{_ADVERB} (?:started|got|took|accepted)(?: an?| the)?(?: new)? (?:job|position|role|post|work|working) as an? [^.,;!?]{{3,50}}"),
    ("work.job", r"\bmy (?:new )?(?:job|profession|occupation)(?:'s| is)(?: being)? [^.,;!?]{3,50}"),
    ("work.job", rf"{_I_AM} an? (?:\w+ ){{0,2}}{_JOB}\b"),
    ("work.employer", rf"\bi{_ADVERB} work (?:at|for) [^.,;!?]{{2,50}}"),
    ("food.diet", rf"\bi{_ADVERB} (?:follow|keep|eat|am on|adhere|stick|am committed)(?: to)?(?: an?| the)?(?: strict(?:ly)?)?(?: \w+)? {_DIET}\b[^.,;!?]{{0,30}}"),
    ("food.diet", rf"\bi(?:'ve| have)?{_ADVERB} (?:switched|gone|went|turned|changed)(?: over)?(?: to)?(?: an?)?(?: strict(?:ly)?)? {_DIET}\b[^.,;!?]{{0,30}}"),
    ("food.diet", rf"{_I_AM}(?: an?)?(?: strict(?:ly)?)? {_DIET}\b"),
    ("pet", rf"\bi{_ADVERB} (?:have|own|keep|adopted|got)(?: now)? an? (?:\w+ )?{_PET}\b"),
    ("pet", r"\bmy pet(?:'s| is) an? [^.,;!?]{3,40}"),
    ("sport.team", rf"\bi{_ADVERB} (?:support|root for|follow|cheer for) the {_TEAM_IS_NOT}[A-Za-z]\w{{2,30}}(?=[.,;!]|$| and | now)"),
    ("sport.team", rf"{_I_AM} (?:an?|the) (?:(?:big|huge) )?(?-i:[A-Z])\w+ (?:\w+ )?(?:fan|supporter)\b"),
    ("tool.operating_system", rf"(?:{_I_AM} (?:on|using|running)|\bi{_ADVERB} (?:use|run)) (?:linux|ubuntu|debian|fedora|arch|mac ?os|windows|android|ios)\b[^.,;!?]{{0,20}}"),
    ("tool.programming_language", rf"\bi{_ADVERB} (?:code|program|develop)(?: mostly| mainly)? in [^.,;!?]{{1,30}}"),
)  # fmt: skip
_FACT_RULES = tuple((slot, re.compile(pattern, re.IGNORECASE)) for slot, pattern in _FACTS)
_NAMED_TOOL = re.compile(rf"\bmy (?:main |new |usual |preferred |default )?({_TOOL}) is (?:now )?[^.,;!?]{{2,40}}", re.IGNORECASE)  # fmt: skip
_TOOL_AS = re.compile(rf"\bi{_ADVERB} use [^.,;!?]{{2,40}} as my (?:main |usual |default )?({_TOOL})\b[^.,;!?]{{0,20}}", re.IGNORECASE)  # fmt: skip
_FAVOURITE = re.compile(r"\bmy (?:all-time |absolute )?favou?rite ((?:\w+ ){0,3}\w+?)(?:'s| is| are) (?:now )?[^.;!?]{2,60}", re.IGNORECASE)  # fmt: skip


def facts_in(sentence: str) -> Iterable[Stated]:
    """Yield what the sentence states as a fact in the first person, by the slots it fills."""
    for slot, rule in _FACT_RULES:
        found = rule.search(sentence)
        if found is not None and not SUPPOSED.search(sentence, 0, found.start()):
            yield Stated(Kind.FACT, slot, found[0])
    for rule in (_NAMED_TOOL, _TOOL_AS):
        found = rule.search(sentence)
        if found is not None:
            yield Stated(Kind.FACT, slot_name("tool", _noun(found[1])), found[0])
    found = _FAVOURITE.search(sentence)
    if found is not None:
        slot = slot_name("favourite", subject_of(found[1]))
        yield Stated(Kind.PREFERENCE, slot, found[0], 1)


def _noun(tool: str) -> str:
    """Return one name for what has several."""
    plain = tool.lower()
    known = {"code editor": "editor", "text editor": "editor", "ide": "editor"}
    return known.get(plain, {"os": "operating system", "bicycle": "bike"}.get(plain, plain))
