"""National identity numbers that carry a check digit or rules of their own."""

import re
from datetime import date

from chatune_core.moderation.rules.shapes import Shape, digits, luhn

_DNI_LETTERS = "TRWAGMYFPDXBNJZSQVHLCKE"
# Italy's values of the characters at odd places, of "0" to "9" and "A" to "Z".
_ODD_LETTERS = (
    1, 0, 5, 7, 9, 13, 15, 17, 19, 21, 2, 4, 18, 20, 11, 3, 6, 8, 12, 14, 16, 10, 22, 25, 24, 23,
)  # fmt: skip
_ODD_VALUES = {
    character: _ODD_LETTERS[int(character, 36) - (10 if character.isalpha() else 0)]
    for character in "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZ"
}


def us_ssn(number: str) -> bool:
    """United States: areas 000, 666 and 900 up, group 00 and serial 0000 are never given out."""
    area, group, serial = digits(number)[:3], digits(number)[3:5], digits(number)[5:]
    return area not in {"000", "666"} and area < "900" and group != "00" and serial != "0000"


def es_dni(number: str) -> bool:
    """Spain: the letter of a DNI or NIE is its number modulo 23."""
    written = number.upper().replace("-", "").replace(" ", "").replace(".", "")
    value = int(written[:-1].translate(str.maketrans("XYZ", "012")))
    return _DNI_LETTERS[value % 23] == written[-1]


def nl_bsn(number: str) -> bool:
    """The Netherlands: nine digits that pass the eleven test."""
    figures = [int(each) for each in digits(number)]
    weights = (9, 8, 7, 6, 5, 4, 3, 2, -1)
    return any(figures) and sum(map(int.__mul__, figures, weights)) % 11 == 0


def de_tax_id(number: str) -> bool:
    """Germany: one digit of the first ten stands twice or thrice; ISO 7064 mod 11,10."""
    figures = digits(number)
    counts = sorted(figures[:10].count(each) for each in set(figures[:10]))
    if figures[0] == "0" or counts[-1] not in {2, 3} or counts[:-1] != [1] * (len(counts) - 1):
        return False
    product = 10
    for each in figures[:10]:
        product = (int(each) + product) % 10 or 10
        product = product * 2 % 11
    return (11 - product) % 10 == int(figures[10])


def fr_nir(number: str) -> bool:
    """France: sex, year, month, department; 97 less the number modulo 97."""
    written = "".join(filter(str.isalnum, number)).upper()
    body = written[:13].replace("2A", "19").replace("2B", "18")
    month = int(body[3:5])
    known_month = 1 <= month <= 12 or 20 <= month <= 42 or month >= 50
    return known_month and 97 - int(body) % 97 == int(written[13:])


def it_codice_fiscale(number: str) -> bool:
    """Italy: the last letter is a weighted sum modulo 26."""
    written = number.upper()
    odd = sum(_ODD_VALUES[each] for each in written[:15:2])
    even = sum(int(each) if each.isdecimal() else ord(each) - 65 for each in written[1:15:2])
    return chr(65 + (odd + even) % 26) == written[15]


def br_cpf(number: str) -> bool:
    """Brazil: two check digits modulo 11."""
    figures = [int(each) for each in digits(number)]
    for length in (9, 10):
        total = sum(each * (length + 1 - at) for at, each in enumerate(figures[:length]))
        if total * 10 % 11 % 10 != figures[length]:
            return False
    return len(set(figures)) > 1


def ca_sin(number: str) -> bool:
    """Canada: nine digits with a Luhn digit, the first of them not 0 or 8."""
    return number[0] not in "08" and luhn(digits(number))


def se_personnummer(number: str) -> bool:
    """Sweden: a date of birth and a Luhn digit over the last ten digits."""
    figures = digits(number)[-10:]
    return _is_date(f"20{figures[:2]}", figures[2:4], figures[4:6]) and luhn(figures)


def pl_pesel(number: str) -> bool:
    """Poland: a date whose month tells the century, and a weighted digit."""
    figures = [int(each) for each in number]
    weights = (1, 3, 7, 9, 1, 3, 7, 9, 1, 3, 1)
    month = f"{int(number[2:4]) % 20:02}"
    return (
        _is_date(f"20{number[:2]}", month, number[4:6])
        and sum(map(int.__mul__, figures, weights)) % 10 == 0
    )


def ch_ahv(number: str) -> bool:
    """Switzerland: thirteen digits from 756 on with an EAN-13 digit."""
    figures = [int(each) for each in digits(number)]
    return (sum(figures[::2]) + 3 * sum(figures[1::2])) % 10 == 0


def _is_date(year: str, month: str, day: str) -> bool:
    try:
        date(int(year), int(month), int(day))
    except ValueError:
        return False
    return True


def _near(words: str) -> re.Pattern[str]:
    return re.compile(words, re.IGNORECASE)


_BEFORE, _AFTER = r"(?<![\w\-.#])", r"(?![\w\-])"


def _id(rule: str, pattern: str) -> tuple[str, re.Pattern[str]]:
    return f"pii.{rule}", re.compile(f"{_BEFORE}(?:{pattern}){_AFTER}", re.IGNORECASE)


NATIONAL_IDS = (
    Shape(*_id("us_ssn", r"\d{3}-\d{2}-\d{4}|\d{3} \d{2} \d{4}"), us_ssn),
    Shape(*_id("us_ssn", r"\d{9}"), us_ssn, _near(r"\bssn\b|social security")),
    Shape(*_id("es_dni", r"(?:\d{8}|[XYZ]-?\d{7}|\d{2}\.\d{3}\.\d{3})[- ]?[A-Z]"), es_dni),
    Shape(
        *_id("nl_bsn", r"\d{9}|\d{4}\.\d{2}\.\d{3}"), nl_bsn, _near(r"\bbsn\b|burgerservice|sofi")
    ),
    Shape(*_id("de_tax_id", r"\d{2} \d{3} \d{3} \d{3}"), de_tax_id),
    Shape(
        *_id("de_tax_id", r"\d{11}"),
        de_tax_id,
        _near(r"steuer|tax id|\bidnr|\btin\b|identifikationsnummer"),
    ),
    Shape(
        *_id("fr_nir", r"[12][ .]?\d\d[ .]?\d\d[ .]?(?:\d\d|2[AB])[ .]?\d{3}[ .]?\d{3}[ .]?\d\d"),
        fr_nir,
    ),
    Shape(
        *_id("it_codice_fiscale", r"[A-Z]{6}\d{2}[ABCDEHLMPRST]\d{2}[A-Z]\d{3}[A-Z]"),
        it_codice_fiscale,
    ),
    Shape(*_id("br_cpf", r"\d{3}\.\d{3}\.\d{3}-\d{2}"), br_cpf),
    Shape(*_id("ca_sin", r"\d{3}-\d{3}-\d{3}|\d{3} \d{3} \d{3}"), ca_sin),
    Shape(*_id("se_personnummer", r"(?:19|20)?\d{6}[-+]\d{4}"), se_personnummer),
    Shape(*_id("pl_pesel", r"\d{11}"), pl_pesel, _near(r"pesel")),
    Shape(*_id("ch_ahv", r"756\.?\d{4}\.?\d{4}\.?\d{2}"), ch_ahv),
)
"""Shapes for a `Shapes` rule."""
