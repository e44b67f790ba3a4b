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
_SIGNS = frozenset("@$!|€")
# A word with at least one digit or sign in it. The possessive quantifier keeps it linear.
_TOKEN = re.compile(r"(?<![a-z0-9@$!|€])[a-z]*+[0-9@$!|€][a-z0-9@$!|€]*+(?![^\W_])")
_ADDRESS = re.compile(r"\S++")
_QUANTITY = re.compile(
    r"\d+(?:st|nd|rd|th|am|pm|[kmgt]b?|ms|s|secs?|h|hrs?|mins?|d|x|p|i|ppm|pp|pw|yrs?|yo"
    r"|[cmk]m|kg|lbs?|oz|ft|in|v|w|k?hz|[mg]hz|px|fps|bn|mln|usd|eur|gbp|btc|eth|pounds?"
    r"|u|ever|get|me|real|all|nite)"
    r"|[a-z]\d+|ak47|mp[34]|ps[1-5]|win1[01]|top10|rtx\d+|gpt\d|web3|\d+x\d+"
)
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
    spelled = sum(_is_spelled(token[0]) for token in tokens) >= 2
    for token in tokens:
        while address is not None and address[1] <= token.start():
            address = next(addresses, None)
        if address is not None and address[0] <= token.start():
            continue
        word = _word(token[0], spelled)
        if text[token.start() - 2 : token.start()][1:] in {"'", "\u2019"}:
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
    if not any(map(str.isalpha, core)) or _is_number(core, spelled):
        return token
    return _in_letters(core) + token[len(core) :]


def _is_number(token: str, spelled: bool) -> bool:
    """Whether the digits of `token` count something, or are part of a name."""
    digits = sum(map(str.isdecimal, token))
    letters = sum(map(str.isalpha, token))
    if "2" in token or "6" in token or "9" in token[1:]:
        return True
    if spelled or not digits:
        return False
    if _QUANTITY.fullmatch(token):
        return True
    leading = len(token) - len(token.lstrip("0123456789")) >= 2
    if leading and token.lstrip("0123456789").isalpha():
        return True
    trailing = token.rstrip("0123456789").isalpha()
    return digits >= 4 or (trailing and (digits > 2 or (letters >= 4 and digits == 1)))


def _in_letters(token: str) -> str:
    letters = []
    for at, character in enumerate(token):
        before, after = token[at - 1 : at] if at else "", token[at + 1 : at + 2]
        letters.append(_in_letter(character, before, after))
    return "".join(letters)


def _in_letter(character: str, before: str, after: str) -> str:
    if character == "@" and not before:
        return character
    if character == "$" and after.isdecimal() and not before:
        return character
    if character in _SIGNS and not (before and (after or character in "@$")) and character != "$":
        return character
    if character == "8" and before:
        return character
    if character == "1" and ("1" in (before, after) or (before in _OPEN and after == "l")):
        return "l"
    return _LETTER.get(character, character)
