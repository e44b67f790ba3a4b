"""Which days a question speaks of: "in May", "on 9 November, 2022", "last week". English. Pure."""

import re
from dataclasses import dataclass
from datetime import date, timedelta

_MONTHS = (
    "january", "february", "march", "april", "may", "june", "july", "august", "september", "october",
    "november", "december",
)  # fmt: skip
_NUMBERS = {"a": 1, "an": 1, "one": 1, "two": 2, "three": 3, "four": 4, "five": 5, "six": 6}
_MONTH = rf"(?P<month>{'|'.join(_MONTHS)})"
_DAY = r"(?P<day>[0-3]?\d)(?:st|nd|rd|th)?"
_YEAR = r"(?P<year>(?:19|20)\d\d)"
_NAMED = (
    re.compile(rf"\b{_DAY}(?: of)? {_MONTH}\b(?:,? {_YEAR}\b)?", re.IGNORECASE),
    re.compile(rf"\b{_MONTH} {_DAY}\b(?!:)(?:,? {_YEAR}\b)?", re.IGNORECASE),
    re.compile(rf"\b{_MONTH},? {_YEAR}\b", re.IGNORECASE),
    # A month alone needs a word before it, for "may" and "march" are words of their own.
    re.compile(rf"\b(?:in|during|since|of|last|this|early|late|mid) {_MONTH}\b", re.IGNORECASE),
    re.compile(rf"\b(?:in|during|since|of) {_YEAR}\b", re.IGNORECASE),
)
_RELATIVE = re.compile(
    r"\b(?:(?P<near>today|yesterday)|(?P<which>last|this|past) (?P<unit>week|weekend|month|year)"
    r"|(?P<number>\d{1,2}|a|an|one|two|three|four|five|six) (?P<ago>day|week|month|year)s? ago)\b",
    re.IGNORECASE,
)
_DAYS = {"day": 1, "week": 7, "weekend": 7, "month": 31, "year": 366}
_TELLING = timedelta(days=7)
"""People tell what happened on a day on that day or in the week after it."""


@dataclass(frozen=True, slots=True)
class Days:
    """The days from `first` to `last`, both included."""

    first: date
    last: date

    def __contains__(self, day: date) -> bool:
        return self.first <= day <= self.last


def days_asked_of(text: str, today: date) -> Days | None:
    """Return when that what `text` speaks of was told, or None if it names no time.

    A day or month without a year is the latest that is not after `today`.
    """
    for pattern in _NAMED:
        if match := pattern.search(text):
            return _named(match.groupdict(), today)
    match = _RELATIVE.search(text)
    return _relative(match.groupdict(), today) if match else None


def _named(found: dict[str, str | None], today: date) -> Days | None:
    day, month, year = found.get("day"), found.get("month"), found.get("year")
    if month is None:
        assert year is not None
        return Days(date(int(year), 1, 1), date(int(year), 12, 31))
    number = _MONTHS.index(month.lower()) + 1
    years = [int(year)] if year else [today.year, today.year - 1]
    starts = [start for at in years if (start := _date(at, number, int(day or 1))) is not None]
    if not starts:
        return None
    first = next((start for start in starts if start <= today), starts[0])
    return Days(first, (first if day else _end_of_month(first)) + _TELLING)


def _relative(found: dict[str, str | None], today: date) -> Days:
    said = {part: (text or "").lower() for part, text in found.items()}
    if said["near"]:
        return Days(_back(today, said["near"] == "yesterday"), today)
    if said["unit"]:
        # "Last week" may be the calendar's or the seven days up to now: two units back hold both.
        units = 1 if said["which"] == "this" else 2
        return Days(_back(today, units * _DAYS[said["unit"]]), today)
    count = _NUMBERS.get(said["number"]) or int(said["number"])
    length = _DAYS[said["ago"]]
    return Days(_back(today, (count + 1) * length), _back(today, (count - 1) * length))


def _back(day: date, days: int) -> date:
    return date.fromordinal(max(1, day.toordinal() - days))


def _date(year: int, month: int, day: int) -> date | None:
    try:
        return date(year, month, day)
    except ValueError:
        return None


def _end_of_month(first: date) -> date:
    return (first.replace(day=28) + timedelta(days=4)).replace(day=1) - timedelta(days=1)
