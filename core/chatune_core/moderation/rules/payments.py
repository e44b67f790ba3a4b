"""Payment cards and bank accounts."""

import re
from collections.abc import Iterator
from itertools import accumulate

from chatune_core.moderation.normalising import Normalised
from chatune_core.moderation.rules.rule import finding
from chatune_core.moderation.rules.shapes import Place, luhn
from chatune_core.moderation.verdicts import Category, Finding

# Issuer ranges and lengths: Visa, Mastercard (two), American Express, Discover, JCB, Diners,
# UnionPay, Maestro.
_ISSUERS = re.compile(
    r"4(?:\d{12}|\d{15}|\d{18})|5[1-5]\d{14}|2(?:22[1-9]|2[3-9]\d|[3-6]\d\d|7[01]\d|720)\d{12}"
    r"|3[47]\d{13}|(?:6011|64[4-9]\d|65\d\d)\d{12}|35(?:2[89]|[3-8]\d)\d{12}"
    r"|3(?:0[0-5]|[689]\d)\d{11}|62\d{14,17}|(?:5018|5020|5038|5893|6304|6759|676[1-3])\d{8,15}"
)
_DIGIT_RUN = re.compile(r"(?<![\w#])\d(?:[ .\-]?\d){11,}(?![\w])")
_GROUP = re.compile(r"\d+")
_LENGTHS = frozenset({12, 13, 14, 15, 16, 17, 18, 19})
_MOST_GROUPS = 5

# Lengths by country from the SWIFT IBAN registry, release 99.
_IBAN_LENGTHS = {
    country: length
    for length, countries in {
        15: "NO", 16: "BE", 18: "DK FK FI FO GL NL SD", 19: "MK SI", 20: "AT BA EE KZ LT LU MN XK",
        21: "HR LV LI CH", 22: "BH BG CR GE DE IE ME RS GB VA", 23: "GI IQ IL OM SO TL AE",
        24: "AD CZ MD PK RO SA SK ES SE TN VG", 25: "PT ST LY", 26: "IS TR",
        27: "FR GR IT MC MR SM BI DJ", 28: "AL AZ BY CY DO SV GT HU LB NI PL", 29: "BR EG PS QA UA",
        30: "JO KW MU", 31: "MT SC", 32: "LC", 33: "RU",
    }.items()
    for country in countries.split()
}  # fmt: skip
_IBAN_HEAD = re.compile(r"(?<![^\W_])[A-Za-z]{2}\d{2}(?=[ \-.]?[A-Za-z0-9])")
_IBAN_BODIES = {
    length: re.compile(rf"(?:[ \-.]?[A-Za-z0-9]){{{length - 4}}}(?![^\W_])")
    for length in set(_IBAN_LENGTHS.values())
}


class Payments:
    """Finds card numbers by issuer and Luhn digit, and IBANs by country, length and mod 97."""

    def find(self, text: Normalised) -> list[Finding]:
        """See Rule.find."""
        plain = text.plain
        return finding(Category.PII, 1.0, "pii.card", plain, cards(plain.text)) + finding(
            Category.PII, 1.0, "pii.iban", plain, ibans(plain.text)
        )


def cards(text: str) -> Iterator[Place]:
    """Return where card numbers stand, whole or in groups, or digit by digit."""
    for run in _DIGIT_RUN.finditer(text):
        groups = [group.span() for group in _GROUP.finditer(text, *run.span())]
        at = 0
        while at < len(groups):
            taken = _card_groups(text, groups, at)
            if taken:
                yield groups[at][0], groups[at + taken - 1][1]
            at += taken or 1


def _card_groups(text: str, groups: list[Place], at: int) -> int:
    """Return how many groups from `at` on make up a card number; 0 where none do."""
    single = groups[at][1] - groups[at][0] == 1
    if single and at and groups[at - 1][1] - groups[at - 1][0] == 1:
        return 0
    some = groups[at : at + (max(_LENGTHS) if single else _MOST_GROUPS)]
    sizes = accumulate(end - start for start, end in some)
    best = 0
    for taken, size in enumerate(sizes, 1):
        if size > max(_LENGTHS):
            break
        if size in _LENGTHS and _is_card(text, some[:taken]):
            best = taken
    return best


def _is_card(text: str, groups: list[Place]) -> bool:
    number = "".join(text[start:end] for start, end in groups)
    return (
        _ISSUERS.fullmatch(number) is not None
        and luhn(number)
        and _is_grouped_so([end - start for start, end in groups])
        and len(set(number)) > 1
    )


def _is_grouped_so(sizes: list[int]) -> bool:
    """Whether people and issuers write a card's digits in groups of these sizes."""
    return (
        len(sizes) == 1
        or set(sizes) == {1}
        or sizes in ([4, 6, 5], [4, 6, 4], [4, 4, 4, 1], [8, 8], [6, 10])
        or (set(sizes[:-1]) == {4} and sizes[-1] <= 4)
    )


def ibans(text: str) -> Iterator[Place]:
    """Return where IBANs stand, whole or in groups."""
    for head in _IBAN_HEAD.finditer(text):
        length = _IBAN_LENGTHS.get(head[0][:2].upper())
        if length is None:
            continue
        body = _IBAN_BODIES[length].match(text, head.end())
        if body and _mod_97(head[0] + body[0]) == 1:
            yield head.start(), body.end()


def _mod_97(written: str) -> int:
    """Return the remainder of ISO 7064 mod 97-10, which is 1 for a valid IBAN."""
    letters = "".join(filter(str.isalnum, written)).upper()
    return int("".join(str(int(each, 36)) for each in letters[4:] + letters[:4])) % 97
