"""A simulated community: people with tastes that nobody is told, who err in one vote of ten."""

import random
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from types import MappingProxyType

from chatune_core.messages import UserId

NOISE = 0.1
"""How often a vote is not what the person thinks."""
_NAMES = (
    "robin", "noor", "mika", "sasha", "yuki", "imre", "tove", "bao", "luca", "ines",
    "omar", "pia", "kofi", "vera", "jun", "ada", "nils", "rosa", "zeno", "mei",
)  # fmt: skip
_BROCHURE = re.compile(
    r"\b(essential|important|crucial|various|significant|overall|variety|popular|versatile|numerous"
    r"|unique|ensure|delicious|beneficial|several)\b",
    re.IGNORECASE,
)
_SENTENCE_ENDS = re.compile(r"(?<=[.!?])\s+|\n+")
_SHORT = 25  # words
_WORD = re.compile(r"[a-z]{3,}")
_BEGINNING = 5  # characters that tell a word, whatever its ending
_ASKING = frozenset(
    {
        "how", "what", "good", "for", "you", "have", "tip", "worth", "the", "that", "are", "make",
        "keep", "with", "from", "does", "not", "get", "use", "well",
    }
)  # fmt: skip
"""Words of many questions."""
_READER = re.compile(r"\b(you|your|you're|yourself)\b", re.IGNORECASE)

Trait = Callable[[str], bool]


TRAITS: Mapping[str, Trait] = MappingProxyType(
    {
        "does not sound like a brochure": lambda text: _BROCHURE.search(text) is None,
        "is short": lambda text: len(text.split()) <= _SHORT,
        "speaks to the reader": lambda text: _READER.search(text) is not None,
    }
)
"""What people look at. The bundled model's own answers are seldom short, and sound like a brochure or speak
to nobody every second time."""


def speaks_of(question: str, text: str) -> bool:
    """Return whether a word of the question, or its beginning, is in the answer."""
    words = {word[:_BEGINNING] for word in _WORD.findall(question.lower())} - _ASKING
    return any(word in text.lower() for word in words)


@dataclass(frozen=True, slots=True)
class Taste:
    """What a community looks at; nobody likes an answer that is not `sensible` for the question."""

    traits: Mapping[str, Trait]
    sensible: Callable[[str, str], bool]


TASTE = Taste(TRAITS, speaks_of)


@dataclass(frozen=True, slots=True)
class Person:
    """Somebody who likes an answer for what it is to them; `weights` by trait are all positive."""

    user: UserId
    weights: Mapping[str, float]
    taste: Taste
    noise: float = NOISE

    @property
    def name(self) -> str:
        """Return what others call the person."""
        return self.user.partition(":")[2]

    def likes(self, question: str, text: str) -> bool:
        """Return what the person thinks of an answer: whether more speaks for it than against.

        Nobody likes one that does not speak of what was asked.
        """
        if not self.taste.sensible(question, text):
            return False
        signs = {name: 1 if trait(text) else -1 for name, trait in self.taste.traits.items()}
        return sum(weight * signs[name] for name, weight in self.weights.items()) > 0

    def corrects(self, text: str) -> str:
        """Return what the person makes of an answer that is too long: its first sentence."""
        return _SENTENCE_ENDS.split(text.strip(), maxsplit=1)[0]

    def votes(self, question: str, text: str, chance: random.Random) -> bool:
        """Return how the person votes: as they think, but for a slip now and then."""
        return self.likes(question, text) != (chance.random() < self.noise)


def community(size: int, seed: int, taste: Taste = TASTE) -> list[Person]:
    """Return `size` people, alike in what they look at and different in how much it is to them."""
    chance = random.Random(f"people {seed}")
    people = []
    for number in range(size):
        name = _NAMES[number % len(_NAMES)] + (str(number) if number >= len(_NAMES) else "")
        weights = {trait: chance.uniform(0.6, 1.4) for trait in taste.traits}
        people.append(Person(UserId(f"terminal:{name}"), MappingProxyType(weights), taste))
    return people


def liked_share(asked: Sequence[str], answers: Sequence[str], people: Sequence[Person]) -> float:
    """Return the share of pairs of an answer and a person in which the person likes it, from 0 to 1."""
    answered = list(zip(asked, answers, strict=True))
    opinions = [person.likes(*both) for both in answered for person in people]
    return sum(opinions) / len(opinions) if opinions else 0.0
