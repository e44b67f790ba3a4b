"""Digits and signs that stand for letters inside words, told from real numbers."""

import re
from collections.abc import Iterator

from chatune_core.moderation.normalising_edits import Edit

_LETTER = {"0": "o", "1": "i", "3": "e", "4": "a", "5": "s", "7": "t", "8": "b", "9": "g"} | {
    "@": "a",
    "$": "s",
    "!": "i",
    "|": "i",
    "€": "e",
}
_OPEN = frozenset("aeou430")
_VOWELS = frozenset("aeiouy")
# A word with at least one digit or sign in it. The possessive quantifier keeps it linear.
_TOKEN = re.compile(r"(?<![a-z0-9@$!|€])[a-z]*+[0-9@$!|€][a-z0-9@$!|€]*+(?![^\W_])")
_ADDRESS = re.compile(r"\S++")
_QUANTITY = re.compile(
    r"\d+(?:st|nd|rd|th|am|pm|[kmgt]b?|ms|s|secs?|h|hrs?|mins?|d|x|p|i|ppm|pp|pw|yrs?|yo"
    r"|mths?|[cmk]m|[mk]g|lbs?|oz|ft|in|v|w|k?hz|[mg]hz|px|fps|bn|mln|usd|eur|gbp|btc|eth|pounds?"
    r"|u|ever|get|me|real|all|nite)"
    r"|[a-z]\d+|ak47|mp[34]|ps[1-5]|win1[01]|top10|rtx\d+|gpt\d|web3|\d+x\d+"
)
_PRICE = re.compile(r"[$€]\d")
_FIGURE = re.compile(r"[.,:]\d")
# What even a text full of leet does not spell a word with.
_MEASURE = re.compile(r"\d{2,}(?:p?pm|[mg]b|[mk]g|yrs|hrs|mins|px|[cmk]m)")
_RUN = re.compile(r"\d+")
# Whole words in digits, read as words only in a text that spells others so.
_NUMERALS = {
    "0": "o", "1": "i", "4": "a", "15": "is", "17": "it", "175": "its", "45": "as", "47": "at", "50": "so",
    "70": "to", "455": "ass", "533": "see", "700": "too", "717": "tit",
}  # fmt: skip
_ENDINGS = {"7": "t", "5": "s"}
_INSIDE = re.compile(r"[a-z][0134578@$!|€]+[a-z]|^[01345780$]{1,2}[a-z]{2}")


def unleeted(text: str) -> Iterator[Edit]:
    """Read "h4t3", "4n", "a$$" as words; leave "2024", "5pm", "mp3", "$5" and addresses."""
    tokens = [token for token in _TOKEN.finditer(text) if not token[0].isalpha()]
    if not tokens:
        return
    addresses = _addresses(text)
    address = next(addresses, None)
    certain = sum(_is_spelled(token[0]) for token in tokens)
    spaces = text.count(" ")
    mostly = certain >= 1 and len(tokens) >= 2 and 2 * len(tokens) > spaces
    spelled = mostly or (certain >= 2 and certain * 5 >= spaces)
    for token in tokens:
        while address is not None and address[1] <= token.start():
            address = next(addresses, None)
        if address is not None and address[0] <= token.start():
            continue
        figure = _FIGURE.match(text, token.end()) is not None
        word = _word(token[0], spelled and not figure)
        before = text[max(0, token.start() - 2) : token.start()]
        if before[:1].isalpha() and before[1:] in {"'", "\u2019"}:
            word = _ENDINGS.get(word, word)
        for at, (written, read) in enumerate(zip(token[0], word, strict=False), token.start()):
            if written != read:
                yield at, at + 1, read


def _addresses(text: str) -> Iterator[tuple[int, int]]:
    """Where links and e-mail addresses stand: their digits are theirs."""
    if "://" not in text and "@" not in text and "www." not in text:
        return
    for token in _ADDRESS.finditer(text):
        written = token[0]
        after = written.rpartition("@")[2] if "@" in written[1:] else ""
        if "://" in written or "." in after.strip(".,!?") or written.startswith("www."):
            yield token.span()


def _is_spelled(token: str) -> bool:
    return _INSIDE.search(token) is not None and _QUANTITY.fullmatch(token) is None


def _word(token: str, spelled: bool) -> str:
    """Return `token` in letters, or unchanged where it is no word."""
    if token.isdecimal():
        return _NUMERALS.get(token, token) if spelled else token
    core = token.rstrip("!|")
    joined = len(core) > 8 and not set(core).isdisjoint("@!|")
    if joined or not any(map(str.isalpha, core)) or _is_number(core, spelled):
        return token
    return in_letters(core) + token[len(core) :]


def _is_number(token: str, spelled: bool) -> bool:
    """Whether the digits of `token` count something, or are part of a name."""
    if "2" in token or "6" in token or "9" in token[1:] or _PRICE.search(token):
        return True
    if spelled:
        return _MEASURE.fullmatch(token) is not None
    if _QUANTITY.fullmatch(token):
        return True
    return any(_is_count(run) for run in _RUN.finditer(token))


def _is_count(run: re.Match[str]) -> bool:
    """Whether the digits of `run` are more likely a number, by where they stand in the token.

    "4give", "no1", "nhl14" and "msg150p" are; "h4te", "fr33" and "as5" are not.
    """
    token, size = run.string, len(run[0])
    leading, trailing = run.start() == 0, run.end() == len(token)
    if size > 2 or (leading and not any(map(str.isdecimal, token[run.end() :]))):
        return True
    if not trailing:
        return False
    letters = token[: run.start()]
    if not letters.isalpha():
        return False
    return len(set(run[0])) > 1 if size == 2 else run[0] in "14" or len(letters) > 3


def in_letters(token: str) -> str:
    """Return `token` with every digit and sign read as the letter that it may stand for."""
    letters = []
    for at, character in enumerate(token):
        before, after = token[at - 1 : at] if at else "", token[at + 1 : at + 2]
        letters.append(_in_letter(character, before, after))
    return "".join(letters)


def _stands_between(before: str, after: str) -> bool:
    """Whether a vowel is missing here: "h@te" and "sh!t", not "well!and" or "rt@user"."""
    return before.isalnum() and after.isalnum() and not {before, after} & _VOWELS


def _in_letter(character: str, before: str, after: str) -> str:
    if character == "$" and (after.isdecimal() or not before + after):
        return character
    if character in "@!|" and not _stands_between(before, after):
        return character
    if character == "8" and before:
        return character
    if character == "1" and ("1" in (before, after) or (before in _OPEN and after == "l")):
        return "l"
    return _LETTER.get(character, character)
