"""How a person wants to be answered: what they say of it, and what follows for an answer. Pure.

A style memory is a sentence of the person's; what follows from it is worked out anew for each answer,
so an edited memory takes effect at once.
"""

import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from types import MappingProxyType

from chatune_core.memory.slots import Stated
from chatune_core.memory.values import Kind, Memory

_LANGUAGES = (
    "Arabic|Bengali|Bulgarian|Catalan|Chinese|Mandarin|Cantonese|Croatian|Czech|Danish|Dutch|English|"
    "Estonian|Finnish|French|German|Greek|Hebrew|Hindi|Hungarian|Icelandic|Indonesian|Irish|Italian|"
    "Japanese|Korean|Latvian|Lithuanian|Malay|Norwegian|Persian|Polish|Portuguese|Punjabi|Romanian|"
    "Russian|Serbian|Slovak|Slovenian|Spanish|Swahili|Swedish|Tamil|Thai|Turkish|Ukrainian|Urdu|"
    "Vietnamese|Welsh"
)
_OWN_NAMES: Mapping[str, str] = MappingProxyType(
    {"deutsch": "German", "français": "French", "español": "Spanish", "italiano": "Italian"}
)
_TONES = (
    "formal|informal|casual|friendly|playful|technical|plain|poetic|neutral|humorous|funny|"
    "professional|polite|warm|serious|simple|direct|encouraging|academic"
)
_SHORT = r"short(?:er|ly)?|brief(?:er|ly)?|concise(?:ly)?|terse(?:ly)?|to the point|succinct(?:ly)?"
_LONG = r"long(?:er)?|detailed|in detail|in depth|in-depth|thorough(?:ly)?|more detail(?:s|ed)?|elaborate"
_NUMBERS: Mapping[str, int] = MappingProxyType(
    {"one": 1, "two": 2, "three": 3, "four": 4, "five": 5, "a single": 1}
)
_COUNT = r"(\d{1,3}|one|two|three|four|five|a single)"
_TELL = r"(?:answer|answers|reply|replies|respond|responses?|write|speak|talk|explain|explanations?|text|texts|messages?)"

_RULES: tuple[tuple[str, re.Pattern[str]], ...] = tuple(
    (slot, re.compile(pattern, re.IGNORECASE))
    for slot, pattern in (
        ("style.address", r"\b(?:call|address) me (?:as )?(?!(?:when|if|back|later|at|on|in|an?|tomorrow|today)\b)[^\s.,;!?]{1,40}(?: [A-Z][^\s.,;!?]{0,40})?"),
        ("style.language", rf"\b(?:{_TELL}|language)\b[^.;!?]{{0,30}}\b(?:in|is|to) (?:{_LANGUAGES}|Deutsch|Français|Español|Italiano)\b"),
        ("style.language", rf"\bi(?:'d)? prefer (?:{_LANGUAGES})\b(?! (?:food|cuisine|wine|music|films?|movies|cars|dishes))"),
        ("style.tone", rf"\b(?:{_TELL}|be|tone)\b[^.;!?]{{0,30}}\b(?:{_TONES})\b(?: (?:tone|style|voice|language|way|with me))?"),
        ("style.tone", r"\bterse tone\b"),
        ("style.length", rf"\b{_TELL}\b[^.;!?]{{0,40}}\b(?:{_SHORT}|{_LONG})\b"),
        ("style.length", rf"\b(?:{_SHORT}|{_LONG}) {_TELL}\b"),
        ("style.length", rf"\b(?:be|keep (?:it|them|things|your \w+)) (?:more |very |really )?(?:{_SHORT}|{_LONG})\b"),
        ("style.length", rf"\b(?:in|at most|no more than|up to|under|within|max(?:imum)?(?: of)?) {_COUNT} (?:words?|sentences?|lines?|paragraphs?)\b"),
        ("style.format", r"\b(?:use|using|with|as|in|prefer|like|want)\b[^.;!?]{0,20}\b(?:bullet points?|bullets|bulleted lists?|numbered lists?|lists?|tables?|headings|plain text|plain prose|prose|paragraphs)\b"),
        ("style.format", r"\b(?:no|don't use|do not use|never use|without|avoid) (?:any )?(?:markdown|bullet points?|bullets|lists?|tables?|headings)\b"),
        ("style.units", r"\b(?:metric|imperial)(?: units?| system)?\b|\b(?:in|use|prefer) (?:celsius|fahrenheit|kilomet(?:er|re)s|miles|kilograms|pounds)\b"),
        ("style.emoji", r"\b(?:no|don't use|do not use|never use|without|avoid|stop using|skip the|use|add|with|love|like) (?:any |more |some )?(?:emoji|emojis|emoticons|smileys)\b"),
    )
)  # fmt: skip
_LASTING = re.compile(
    r"\b(?:from (?:now|today|here) on|from today|going forward|in (?:the )?future|always|never|every time|"
    r"by default|whenever|each time|change of mind|any ?more|no longer|instead)\b",
    re.IGNORECASE,
)
_TO_ME = re.compile(
    r"\b(?:(?:answer|reply|respond|write|speak|talk|explain)(?: \w+)? (?:to me|me)\b|(?:answer|address|call) me\b|"
    r"your (?:answers?|replies|responses?|messages?)|(?:answers|replies|responses|explanations)\b|with me\b)",
    re.IGNORECASE,
)
_MINE = re.compile(r"\bi(?:'d| would)? (?:\w+ )?(?:prefer|like|love|want|hate|dislike)\b|\bmy language\b", re.IGNORECASE)  # fmt: skip


def styles_in(sentence: str) -> Iterator[Stated]:
    """Yield what the sentence says about answers in general, by the slots it fills.

    "Write this in French" is about one text and yields nothing; "write to me in French", "always
    answer in French" and "I prefer short answers" are about all of them.
    """
    if not (_LASTING.search(sentence) or _TO_ME.search(sentence) or _MINE.search(sentence)):
        return
    seen = set[str]()
    for slot, rule in _RULES:
        found = rule.search(sentence)
        if found is None or slot in seen:
            continue
        if slot == "style.address" or _LASTING.search(sentence) or _about_answers(sentence, slot):
            seen.add(slot)
            yield Stated(Kind.STYLE, slot, sentence.rstrip(" .!"))


def _about_answers(sentence: str, slot: str) -> bool:
    if slot == "style.units":
        return _MINE.search(sentence) is not None or _TO_ME.search(sentence) is not None
    return _TO_ME.search(sentence) is not None


@dataclass(frozen=True, slots=True)
class Style:
    """What follows for an answer: lines for the prompt, and the most tokens it may have.

    `max_tokens` is None where nobody asked for short answers.
    """

    lines: tuple[str, ...] = ()
    max_tokens: int | None = None


_SHORT_TOKENS = 120
_TOKENS_A_WORD, _TOKENS_A_SENTENCE = 2, 45


def style_of(memories: Iterable[Memory]) -> Style:
    """Return what the style memories among `memories` ask of an answer.

    The lines are ours but for the name that somebody wants to be called by, which is one word or
    two; so nothing that a memory says can pass for an instruction of the operator.
    """
    lines: list[str] = []
    most: int | None = None
    for memory in memories:
        if memory.kind is not Kind.STYLE or not memory.current:
            continue
        line, tokens = _MEANINGS.get(memory.slot, _nothing)(memory.text)
        if line and line not in lines:
            lines.append(line)
        if tokens is not None:
            most = tokens if most is None else min(most, tokens)
    return Style(tuple(lines), most)


def _nothing(text: str) -> tuple[str, int | None]:
    return "", None


def _address(text: str) -> tuple[str, int | None]:
    found = re.search(r"\b(?:call|address) me (?:as )?([^\s.,;!?]{1,40}(?: [A-Z][^\s.,;!?]{0,40})?)", text, re.IGNORECASE)  # fmt: skip
    name = found[1].strip("\"'<>`") if found else ""
    return (f"Call the person {name}." if name else ""), None


def _language(text: str) -> tuple[str, int | None]:
    named = re.findall(
        rf"\b(?:{_LANGUAGES}|deutsch|français|español|italiano)\b", text, re.IGNORECASE
    )
    if not named:
        return "", None
    last = named[-1]
    return f"Answer in {_OWN_NAMES.get(last.lower(), last.capitalize())}.", None


def _tone(text: str) -> tuple[str, int | None]:
    found = re.findall(rf"\b(?:{_TONES}|terse(?= tone))\b", text, re.IGNORECASE)
    return (f"Write in a {found[-1].lower()} tone." if found else ""), None


def _length(text: str) -> tuple[str, int | None]:
    counted = re.search(rf"\b{_COUNT} (word|sentence|line|paragraph)", text, re.IGNORECASE)
    if counted:
        said = counted[1].lower()
        count = _NUMBERS.get(said) or int(said)
        unit = counted[2].lower()
        each = (
            _TOKENS_A_WORD
            if unit == "word"
            else _TOKENS_A_SENTENCE * (4 if unit == "paragraph" else 1)
        )
        plural = "" if count == 1 else "s"
        return f"Answer in at most {count} {unit}{plural}.", max(16, count * each)
    if re.search(rf"\b(?:{_SHORT})\b", text, re.IGNORECASE):
        return "Keep answers short: one or two sentences.", _SHORT_TOKENS
    if re.search(rf"\b(?:{_LONG})\b", text, re.IGNORECASE):
        return "Answer in detail.", None
    return "", None


def _format(text: str) -> tuple[str, int | None]:
    lowered = text.lower()
    against = re.search(r"\b(?:no|don't|do not|never|without|avoid)\b", lowered) is not None
    for words, name in (("markdown", "markdown"), ("bullet", "bullet points"), ("numbered", "numbered lists"), ("table", "tables"), ("heading", "headings"), ("list", "lists")):  # fmt: skip
        if words in lowered:
            return (f"Do not use {name}." if against else f"Use {name} where it helps."), None
    return (
        "Write plain prose without lists."
        if re.search(r"prose|paragraph|plain text", lowered)
        else ""
    ), None


def _units(text: str) -> tuple[str, int | None]:
    imperial = re.search(r"imperial|fahrenheit|miles|pounds", text, re.IGNORECASE) is not None
    return f"Use {'imperial' if imperial else 'metric'} units.", None


def _emoji(text: str) -> tuple[str, int | None]:
    against = re.search(
        r"\b(?:no|don't|do not|never|without|avoid|stop|skip)\b", text, re.IGNORECASE
    )
    return ("Do not use emoji." if against else "You may use emoji."), None


_MEANINGS = MappingProxyType(
    {
        "style.address": _address,
        "style.language": _language,
        "style.tone": _tone,
        "style.length": _length,
        "style.format": _format,
        "style.units": _units,
        "style.emoji": _emoji,
    }
)
