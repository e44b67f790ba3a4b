"""Twenty people who want to be answered in ways of their own, and judges of whether they were.

Everything here is written for this benchmark. A judge looks at the answer alone and says whether it
follows one preference; it is strict enough that an answer to nobody in particular seldom does.
"""

import random
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

PEOPLE = 20
_NAMES = (
    "Robin", "Noor", "Mika", "Sasha", "Yuki", "Imre", "Tove", "Bao", "Luca", "Ines",
    "Omar", "Pia", "Kofi", "Vera", "Jun", "Ada", "Nils", "Rosa", "Zeno", "Mei",
)  # fmt: skip
_COMMON_WORDS: Mapping[str, frozenset[str]] = {
    "French": frozenset(
        [
            "le",
            "la",
            "les",
            "des",
            "est",
            "et",
            "une",
            "un",
            "dans",
            "que",
            "pour",
            "avec",
            "sur",
            "sont",
            "qui",
            "du",
            "au",
        ]
    ),
    "Spanish": frozenset(
        [
            "el",
            "la",
            "los",
            "las",
            "es",
            "y",
            "una",
            "un",
            "en",
            "que",
            "para",
            "con",
            "por",
            "son",
            "del",
            "se",
            "como",
        ]
    ),
    "German": frozenset(
        [
            "der",
            "die",
            "das",
            "ist",
            "und",
            "ein",
            "eine",
            "in",
            "zu",
            "mit",
            "für",
            "auf",
            "sind",
            "von",
            "den",
            "nicht",
        ]
    ),
    "Italian": frozenset(
        [
            "il",
            "la",
            "le",
            "gli",
            "è",
            "e",
            "una",
            "un",
            "di",
            "che",
            "per",
            "con",
            "sono",
            "del",
            "nel",
            "come",
            "si",
        ]
    ),
}
_ENGLISH = frozenset(
    [
        "the",
        "is",
        "and",
        "a",
        "in",
        "to",
        "of",
        "that",
        "for",
        "with",
        "are",
        "it",
        "on",
        "as",
        "by",
        "you",
        "can",
    ]
)
_WORD = re.compile(r"[^\W\d_]+")
_ITEM = re.compile(r"^\s*(?:[-*•]|\d+[.)])\s+\S", re.MULTILINE)
SHORT_WORDS, DETAILED_WORDS = 40, 80

ANYTHING = (
    "What is a lighthouse for?",
    "How do I make tea?",
    "Why does it rain?",
    "What does a library do?",
    "How do bicycles stay upright?",
)
_DISTANCES = (
    "How long is a marathon?",
    "How far is the Moon from the Earth?",
    "How tall is Mount Everest?",
    "How long is the river Nile?",
)


@dataclass(frozen=True, slots=True)
class Preference:
    """One wish: of which kind, how it is told, what is asked to see, and who judges the answer."""

    kind: str
    told: str
    questions: Sequence[str]
    follows: Callable[[str], bool]


@dataclass(frozen=True, slots=True)
class Person:
    """Somebody with a few wishes of different kinds."""

    name: str
    preferences: tuple[Preference, ...]


def people(seed: int) -> list[Person]:
    """Return the same twenty people for the same seed, each with three wishes."""
    chance = random.Random(seed)
    return [Person(name, _wishes(name, chance)) for name in _NAMES[:PEOPLE]]


def _wishes(name: str, chance: random.Random) -> tuple[Preference, ...]:
    language = chance.choice(sorted(_COMMON_WORDS))
    of_kind = {
        "length": [
            Preference("length", "keep your answers short", ANYTHING, is_short),
            Preference("length", "give me detailed answers", ANYTHING, is_detailed),
        ],
        "language": [
            Preference("language", f"answer in {language}", ANYTHING, in_language(language))
        ],
        "format": [
            Preference("format", "use bullet points", ANYTHING, has_bullets),
            Preference("format", "don't use lists", ANYTHING, has_no_bullets),
        ],
        "address": [Preference("address", f"call me {name}", ANYTHING, calls(name))],
        "units": [
            Preference("units", "use metric units", _DISTANCES, in_units("metric")),
            Preference("units", "use imperial units", _DISTANCES, in_units("imperial")),
        ],
    }
    kinds = chance.sample(sorted(of_kind), 3)
    return tuple(chance.choice(of_kind[kind]) for kind in kinds)


def is_short(answer: str) -> bool:
    """Whether it has at most 40 words."""
    return 0 < len(_WORD.findall(answer)) <= SHORT_WORDS


def is_detailed(answer: str) -> bool:
    """Whether it has at least 80 words."""
    return len(_WORD.findall(answer)) >= DETAILED_WORDS


def has_bullets(answer: str) -> bool:
    """Whether it has at least two items of a list."""
    return len(_ITEM.findall(answer)) >= 2


def has_no_bullets(answer: str) -> bool:
    """Whether it says something without a list."""
    return bool(answer.strip()) and not _ITEM.search(answer)


def calls(name: str) -> Callable[[str], bool]:
    """Return a judge of whether the answer calls the person by name."""
    said = re.compile(rf"\b{re.escape(name)}\b")
    return lambda answer: said.search(answer) is not None


def in_language(language: str) -> Callable[[str], bool]:
    """Return a judge of whether more of its common words are of `language` than English."""
    common = _COMMON_WORDS[language]

    def judge(answer: str) -> bool:
        words = [word.lower() for word in _WORD.findall(answer)]
        theirs = sum(word in common for word in words)
        return theirs >= 3 and theirs > 2 * sum(word in _ENGLISH for word in words)

    return judge


def in_units(system: str) -> Callable[[str], bool]:
    """Return a judge of whether it measures in `system`, "metric" or "imperial", and not the other."""
    units = {
        "metric": re.compile(r"\b(?:km|kilomet(?:er|re)s?|met(?:er|re)s?)\b", re.IGNORECASE),
        "imperial": re.compile(r"\b(?:miles?|feet|foot|yards?)\b", re.IGNORECASE),
    }
    [other] = set(units) - {system}

    def judge(answer: str) -> bool:
        return bool(units[system].search(answer)) and not units[other].search(answer)

    return judge
