"""A simulated community: people with tastes that nobody is told, who err in one vote of ten."""

import random
import re
from collections.abc import Callable, Mapping
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


@dataclass(frozen=True, slots=True)
class Person:
    """Somebody who likes an answer for what it is to them; `weights` by trait are all positive."""

    user: UserId
    weights: Mapping[str, float]
    traits: Mapping[str, Trait]
    noise: float = NOISE

    @property
    def name(self) -> str:
        """Return what others call the person."""
        return self.user.partition(":")[2]

    def likes(self, text: str) -> bool:
        """Return what the person thinks of an answer: whether more speaks for it than against."""
        if not text.strip():
            return False
        signs = {name: 1 if trait(text) else -1 for name, trait in self.traits.items()}
        return sum(weight * signs[name] for name, weight in self.weights.items()) > 0

    def corrects(self, text: str) -> str:
        """Return what the person makes of an answer that is too long: its first sentence."""
        return _SENTENCE_ENDS.split(text.strip(), maxsplit=1)[0]

    def votes(self, text: str, chance: random.Random) -> bool:
        """Return how the person votes: as they think, but for a slip now and then."""
        return self.likes(text) != (chance.random() < self.noise)


def community(size: int, seed: int, traits: Mapping[str, Trait] = TRAITS) -> list[Person]:
    """Return `size` people, alike in what they look at and different in how much it is to them."""
    chance = random.Random(f"people {seed}")
    people = []
    for number in range(size):
        name = _NAMES[number % len(_NAMES)] + (str(number) if number >= len(_NAMES) else "")
        weights = {trait: chance.uniform(0.6, 1.4) for trait in traits}
        people.append(Person(UserId(f"terminal:{name}"), MappingProxyType(weights), traits))
    return people


def liked_share(texts: list[str], people: list[Person]) -> float:
    """Return the share of pairs of an answer and a person in which the person likes it, from 0 to 1."""
    opinions = [person.likes(text) for text in texts for person in people]
    return sum(opinions) / len(opinions) if opinions else 0.0
