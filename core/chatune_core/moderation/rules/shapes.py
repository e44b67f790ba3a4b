"""Things known by their shape: a pattern proposes, a check decides."""

import re
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

from chatune_core.moderation.normalising import Normalised
from chatune_core.moderation.rules.rule import finding
from chatune_core.moderation.verdicts import Category, Finding

Place = tuple[int, int]


def always(_: str) -> bool:
    """Accept whatever has the shape."""
    return True


@dataclass(frozen=True, slots=True)
class Shape:
    """One kind of thing.

    `pattern` must match in time linear in the text; its group `it`, or else the whole match, is
    the thing that `accepts` looks at. With `near`, a match of that must stand in the 40
    characters before it: some numbers are only ids where someone says so.
    """

    rule: str
    pattern: re.Pattern[str]
    accepts: Callable[[str], bool] = always
    near: re.Pattern[str] | None = None

    def places(self, text: str) -> Iterator[Place]:
        """Return where in `text` it stands."""
        group = "it" if "it" in self.pattern.groupindex else 0
        for found in self.pattern.finditer(text):
            start, end = found.span(group)
            if self.near and not self.near.search(text, max(0, start - 40), start):
                continue
            if self.accepts(text[start:end]):
                yield start, end


@dataclass(frozen=True, slots=True)
class Shapes:
    """The rule that finds things of several shapes, all of them personal data or secrets."""

    shapes: Sequence[Shape]
    score: float = 1.0

    def find(self, text: Normalised) -> list[Finding]:
        """See Rule.find."""
        found: list[Finding] = []
        for shape in self.shapes:
            places = shape.places(text.plain.text)
            found += finding(Category.PII, self.score, shape.rule, text.plain, places)
        return found


def digits(text: str) -> str:
    """Return the digits of `text` alone."""
    return "".join(filter(str.isdecimal, text))


def luhn(number: str) -> bool:
    """Whether the last digit of `number` is its Luhn check digit (ISO/IEC 7812-1, annex B)."""
    doubled = [sum(divmod(2 * int(digit), 10)) for digit in number[-2::-2]]
    return (sum(map(int, number[-1::-2])) + sum(doubled)) % 10 == 0
