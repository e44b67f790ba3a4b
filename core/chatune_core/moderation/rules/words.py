"""Words that an operator does not want, and words that only look like them."""

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from itertools import groupby, product

from chatune_core.moderation.normalising import Normalised, normalised
from chatune_core.moderation.normalising_leet import in_letters
from chatune_core.moderation.normalising_letters import folded
from chatune_core.moderation.rules.automaton import Automaton
from chatune_core.moderation.rules.rule import finding
from chatune_core.moderation.verdicts import Category, Finding, Span

_WORD = re.compile(r"[^\W_]+")
_WITH_DIGITS = re.compile(r"(?<![^\W_])(?:[a-z]++\d|\d++[a-z])[a-z\d]*+(?![^\W_])")
_LONGEST = 200
_MOST_DOUBLES = 3


@dataclass(frozen=True, slots=True)
class _Entry:
    """One spelling of a listed word; `stretched` are its letters that must be drawn out."""

    open_start: bool
    open_end: bool
    allowed: bool
    stretched: tuple[int, ...] = ()


@dataclass(frozen=True, slots=True)
class _Hit:
    start: int
    end: int
    allowed: bool


class WordList:
    """Finds listed words and phrases, whole, however they are dressed up.

    An entry is a word or a phrase; a star at an end leaves that end open: `spam*` finds
    "spammer", `*spam*` finds it anywhere. A hit inside a hit of `allow` does not count. Thousands
    of entries cost no more time than one.

    Raises:
        ValueError: if an entry has no letter or digit, or is longer than 200 characters.
    """

    def __init__(
        self,
        name: str,
        words: Iterable[str],
        *,
        category: Category,
        allow: Iterable[str] = (),
        score: float = 1.0,
    ) -> None:
        self._rule = f"words.{name}"
        self._category = category
        self._score = score
        self._automaton: Automaton[_Entry] = Automaton(
            entry
            for entries, allowed in ((words, False), (allow, True))
            for written in entries
            for entry in _entries(written, allowed)
        )

    def find(self, text: Normalised) -> list[Finding]:
        """See Rule.find."""
        places = [place for place, excused in self._hits(text) if not excused]
        return finding(self._category, self._score, self._rule, text.matching, places)

    def exempted(self, text: Normalised) -> tuple[Span, ...]:
        """Return the places that would have counted but for the allow-list."""
        return tuple(
            Span(*text.matching.place(*place), self._rule)
            for place, excused in self._hits(text)
            if excused
        )

    def _hits(self, text: Normalised) -> Iterator[tuple[tuple[int, int], bool]]:
        hits = sorted(self._all_hits(text), key=lambda hit: (hit.start, -hit.end, not hit.allowed))
        allowed_until, counted_until = -1, -1
        for hit in hits:
            if hit.allowed:
                allowed_until = max(allowed_until, hit.end)
            elif hit.end > counted_until or hit.end <= allowed_until:
                excused = hit.end <= allowed_until
                counted_until = counted_until if excused else hit.end
                yield (hit.start, hit.end), excused

    def _all_hits(self, text: Normalised) -> Iterator[_Hit]:
        words = _Words(text)
        for end, length, entry in self._automaton.matches(words.letters):
            start = end - length
            if words.fits(start, end, entry):
                first, last = words.whole(start, end, entry)
                yield _Hit(words.at[first], words.at[last - 1] + 1, entry.allowed)


class _Words:
    """The words of a text with one space around each, and where each character stands."""

    def __init__(self, text: Normalised) -> None:
        self._text = text
        pieces, at = [" "], [0]
        for word in _WORD.finditer(text.text):
            pieces += word[0], " "
            at += range(word.start(), word.end())
            at.append(word.end())
        # "5hit" may be a quantity to a reader who does not look for it; a list does look.
        for word in _WITH_DIGITS.finditer(text.text):
            pieces += " ", in_letters(word[0]), " "
            at += [word.start(), *range(word.start(), word.end()), word.end()]
        self.letters = "".join(pieces)
        self.at = at

    def fits(self, start: int, end: int, entry: _Entry) -> bool:
        return (
            (entry.open_start or self._is_edge(start))
            and (entry.open_end or self._is_edge(end))
            and all(self._is_drawn_out(start + at) for at in entry.stretched)
        )

    def whole(self, start: int, end: int, entry: _Entry) -> tuple[int, int]:
        """Return the hit with the rest of the word at its open ends, as far as that is bounded."""
        if entry.open_start:
            start = max(
                self.letters.rfind(" ", max(0, start - _LONGEST), start) + 1, start - _LONGEST
            )
        if entry.open_end and (space := self.letters.find(" ", end, end + _LONGEST)) >= 0:
            end = space
        return start, end

    def _is_edge(self, at: int) -> bool:
        """Whether a word may begin or end before character `at`."""
        before, after = self.letters[at - 1], self.letters[at]
        return (
            " " in (before, after) or before.isdecimal() != after.isdecimal() or self._is_seam(at)
        )

    def _is_seam(self, at: int) -> bool:
        """Whether a space stood here that was taken for spelling: "a b a d w o r d"."""
        starts = self._text.matching.starts
        before, after = self.at[at - 1], self.at[at]
        return any(map(str.isspace, self._text.original[starts[before] : starts[after]][:8]))

    def _is_drawn_out(self, at: int) -> bool:
        start, end = self._text.matching.place(self.at[at], self.at[at] + 1)
        return len(normalised_letters(self._text.original[start : min(end, start + 64)])) >= 3


def normalised_letters(text: str) -> str:
    """Return the letters, digits and signs of `text` that can be seen."""
    return "".join(folded(each) for each in text if not each.isspace())


def _entries(written: str, allowed: bool) -> Iterator[tuple[str, _Entry]]:
    """Return the spellings under which a listed word is looked for."""
    if len(written) > _LONGEST:
        raise ValueError(f"a listed word has at most {_LONGEST} characters, got {len(written)}")
    bare = written.strip()
    open_start, open_end = bare.startswith("*"), bare.endswith("*")
    plain = "".join(map(folded, bare.strip("*"))).lower()
    words = _WORD.findall(plain)
    if not words:
        raise ValueError(f"a listed word needs a letter or a digit, got {written!r}")
    seen = set()
    for letters, drawn_out in _spellings(" ".join(map(_read, words))):
        if (letters, drawn_out) not in seen:
            seen.add((letters, drawn_out))
            yield letters, _Entry(open_start, open_end, allowed, drawn_out)


def _read(word: str) -> str:
    """Return `word` as the normaliser reads it, but for drawn-out letters, which stay."""
    runs = [(letter, len(list(run))) for letter, run in groupby(word)]
    if any(length > 2 for _, length in runs):
        return word
    return normalised(word).text


def _spellings(word: str) -> Iterator[tuple[str, tuple[int, ...]]]:
    """Return `word`, and the ways it reads when drawing out a double letter has left one of it."""
    runs = [(letter, len(list(run))) for letter, run in groupby(word)]
    doubled = [at for at, (letter, size) in enumerate(runs) if size == 2 and letter.isalpha()]
    singled = {at for at, (letter, size) in enumerate(runs) if size > 2 and letter.isalpha()}
    for choice in product((False, True), repeat=min(len(doubled), _MOST_DOUBLES)):
        single = singled | {at for at, chosen in zip(doubled, choice, strict=False) if chosen}
        letters, drawn_out = "", []
        for at, (letter, size) in enumerate(runs):
            if at in single:
                drawn_out.append(len(letters))
            letters += letter * (1 if at in single else size)
        yield letters, tuple(drawn_out)
