"""When work is due: at times of the wall clock, or every so often.

Both fit APScheduler's triggers, and keep two rules of ours. After a night off there is one run and not
one for each that was missed. And each time is due once, also when the clocks change.
"""

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from itertools import chain
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from apscheduler.triggers.base import BaseTrigger  # type: ignore[import-untyped]
from apscheduler.triggers.cron import CronTrigger  # type: ignore[import-untyped]

_DAYS = ("sun", "mon", "tue", "wed", "thu", "fri", "sat", "sun")
_NEVER_BEFORE = datetime(2026, 1, 1, tzinfo=UTC)


class Due(BaseTrigger):  # type: ignore[misc] # APScheduler has no types
    """Fulfils APScheduler's trigger; `str` of it is the same as long as the times are."""

    def __init__(self, words: str, after: Callable[[datetime], datetime | None]) -> None:
        self._words, self._after = words, after

    def __str__(self) -> str:
        """Return when it is due, in words."""
        return self._words

    def after(self, moment: datetime) -> datetime | None:
        """Return the first time after `moment`, in UTC."""
        return self._after(moment)

    def get_next_fire_time(self, previous: datetime | None, now: datetime) -> datetime | None:
        """Return the next time, which is not yet past: what was missed is made up for once."""
        return self.after(now if previous is None else max(previous, now))


def every(period: timedelta) -> Due:
    """Return what is due each time `period` has passed, from the first look on."""
    return Due(f"every {period}", lambda moment: moment.astimezone(UTC) + period)


def on_request() -> Due:
    """Return what is never due by itself."""
    return Due("on request", lambda moment: None)


def cron(expression: str, timezone: str) -> Due:
    """Return what is due when the wall clock of `timezone` says so.

    `expression` is minute, hour, day of month, month, day of week, as crontab(5) has them: 0 and 7 are
    Sunday. A time that the clocks leap over is due as long after the last hour before it as ever (02:30
    comes at 03:30). One that comes twice is due the first time, unless the hour is `*` or `*/n`: then
    time goes on.

    Raises:
        ValueError: saying what is wrong, for people.
    """
    fields = expression.split()
    if len(fields) != 5:
        raise ValueError(
            f"{expression!r} has {len(fields)} fields, not the five of a cron expression: "
            "minute, hour, day of month, month, day of week"
        )
    if fields[2] != "*" and fields[4] != "*":
        raise ValueError(
            f"{expression!r} names days of the month and of the week; cron programs do not agree on "
            "what both mean, so leave one of them '*'"
        )
    zone = _zone(timezone)
    fields[4] = _weekdays(fields[4])
    try:
        times = CronTrigger.from_crontab(" ".join(fields), timezone=zone)
    except ValueError as error:
        raise ValueError(f"{expression!r} is no cron expression: {error}") from error
    if times.get_next_fire_time(None, _NEVER_BEFORE) is None:
        raise ValueError(f"{expression!r} never comes")
    flows = fields[1].startswith("*")

    def after(moment: datetime) -> datetime | None:
        here = moment.astimezone(zone)
        while True:
            # It would give a moment again that is on time to the microsecond.
            here = _next(times, here)
            if flows or not here.fold:
                return here.astimezone(UTC)

    return Due(f"{expression} {timezone}", after)


def _next(times: CronTrigger, here: datetime) -> datetime:
    found = times.get_next_fire_time(here, here)
    assert isinstance(found, datetime)
    return found


def _zone(name: str) -> ZoneInfo:
    try:
        return ZoneInfo(name)
    except (ZoneInfoNotFoundError, ValueError, OSError) as error:
        raise ValueError(f"{name!r} is no time zone; one looks like 'Europe/Berlin'") from error


def _weekdays(field: str) -> str:
    """Return the days by name: APScheduler counts them from Monday, crontab from Sunday."""
    if field == "*":
        return field
    days = chain.from_iterable(_some_days(part.lower()) for part in field.split(","))
    return ",".join(sorted({_DAYS[day] for day in days}))


def _some_days(part: str) -> range:
    days, _, step = part.partition("/")
    first, _, last = ("0-6" if days == "*" else days).partition("-")
    try:
        begin = _day(first)
        end = _day(last) if last else begin
        if end < begin and last == "sun":
            end = 7
        if end < begin:
            raise ValueError(f"{days} begins after it ends")
        return range(begin, end + 1, int(step or 1))
    except ValueError as error:
        raise ValueError(
            f"{part!r} is no day of the week; write 0 to 7 (Sunday is both), or sun to sat"
        ) from error


def _day(name: str) -> int:
    number = int(name) if name.isdecimal() else _DAYS.index(name)
    if number > 7:
        raise ValueError(name)
    return number
