"""When scheduled work is due, by APScheduler's arithmetic and our own rules."""

import re
from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest

from chatune_bots.triggers import Due, cron, every, on_request

BERLIN = ZoneInfo("Europe/Berlin")
MINUTE = timedelta(minutes=1)


def berlin(month: int, day: int, hour: int = 0, minute: int = 0) -> datetime:
    return datetime(2026, month, day, hour, minute, tzinfo=BERLIN)


def times(due: Due, start: datetime, number: int) -> list[str]:
    """The next times after `start` as a clock on a wall in Berlin shows them, and their offset."""
    found = []
    for _ in range(number):
        moment = due.after(start)
        assert moment is not None
        assert moment > start
        start = moment
        found.append(moment.astimezone(BERLIN).strftime("%d.%m. %H:%M %z"))
    return found


def test_a_nightly_job_comes_each_night_at_the_hour_of_the_wall_clock() -> None:
    nightly = cron("30 3 * * *", "Europe/Berlin")

    assert times(nightly, berlin(3, 27, 12), 4) == [
        "28.03. 03:30 +0100", "29.03. 03:30 +0200", "30.03. 03:30 +0200", "31.03. 03:30 +0200",
    ]  # fmt: skip


def test_what_is_due_in_the_hour_that_does_not_exist_comes_once_after_it() -> None:
    nightly = cron("30 2 * * *", "Europe/Berlin")

    assert times(nightly, berlin(3, 28), 3) == [
        "28.03. 02:30 +0100", "29.03. 03:30 +0200", "30.03. 02:30 +0200",
    ]  # fmt: skip
    # Also for who begins to look in the hour after the leap.
    assert times(nightly, berlin(3, 29, 3, 31), 1) == ["30.03. 02:30 +0200"]


def test_what_is_due_in_the_hour_that_comes_twice_comes_the_first_time() -> None:
    nightly = cron("30 2 * * *", "Europe/Berlin")

    assert times(nightly, berlin(10, 24), 3) == [
        "24.10. 02:30 +0200", "25.10. 02:30 +0200", "26.10. 02:30 +0100",
    ]  # fmt: skip
    # Also for who begins to look between the two.
    again = datetime(2026, 10, 25, 2, 10, tzinfo=BERLIN, fold=1)
    assert times(nightly, again, 1) == ["26.10. 02:30 +0100"]


def test_an_hourly_job_comes_each_hour_that_passes() -> None:
    hourly = cron("0 * * * *", "Europe/Berlin")

    assert times(hourly, berlin(10, 25, 1), 4) == [
        "25.10. 02:00 +0200", "25.10. 02:00 +0100", "25.10. 03:00 +0100", "25.10. 04:00 +0100",
    ]  # fmt: skip
    assert times(hourly, berlin(3, 29, 0, 30), 3) == [
        "29.03. 01:00 +0100", "29.03. 03:00 +0200", "29.03. 04:00 +0200",
    ]  # fmt: skip


def test_the_zone_of_the_settings_counts_and_not_that_of_the_machine() -> None:
    moment = datetime(2026, 7, 1, tzinfo=UTC)

    assert cron("0 4 * * *", "Asia/Tokyo").after(moment) == moment.replace(hour=19)
    assert cron("0 4 * * *", "UTC").after(moment) == moment.replace(hour=4)


def test_a_time_is_due_once_to_the_microsecond() -> None:
    nightly = cron("0 4 * * *", "UTC")
    at = datetime(2026, 7, 1, 4, tzinfo=UTC)

    assert nightly.after(at - timedelta(microseconds=1)) == at
    assert nightly.after(at) == at + timedelta(days=1)
    assert nightly.after(at + timedelta(microseconds=1)) == at + timedelta(days=1)


@pytest.mark.parametrize(
    ("days", "found"),
    [
        ("0", "Sun"),
        ("7", "Sun"),
        ("sun", "Sun"),
        ("SAT", "Sat"),
        ("1-5", "Mon Tue Wed Thu Fri"),
        ("mon-fri/2", "Mon Wed Fri"),
        ("5-7", "Fri Sat Sun"),
        ("fri-sun", "Fri Sat Sun"),
        ("0-1", "Mon Sun"),
        ("1,3", "Mon Wed"),
        ("*/3", "Wed Sat Sun"),
    ],
)
def test_weekdays_are_counted_as_cron_counts_them(days: str, found: str) -> None:
    monday = datetime(2026, 6, 1, tzinfo=UTC)
    due, moment, seen = cron(f"0 4 * * {days}", "UTC"), monday, []
    while (moment := due.after(moment) or monday) < monday + timedelta(days=7):
        seen.append(moment.strftime("%a"))

    assert " ".join(seen) == found


@pytest.mark.parametrize(
    ("expression", "zone", "said"),
    [
        ("", "UTC", "'' has 0 fields, not the five of a cron expression"),
        ("* * * * * *", "UTC", "has 6 fields"),
        ("61 * * * *", "UTC", "'61 * * * *' is no cron expression: "),
        ("*/0 * * * *", "UTC", "Increment must be higher than 0"),
        ("0 4 1 * 1", "UTC", "names days of the month and of the week"),
        ("0 4 31 2 *", "UTC", "'0 4 31 2 *' never comes"),
        ("0 4 * * 8", "UTC", "'8' is no day of the week; write 0 to 7"),
        ("0 4 * * fri-mon", "UTC", "'fri-mon' is no day of the week"),
        ("0 4 * * x", "UTC", "'x' is no day of the week"),
        ("0 4 * * 1/0", "UTC", "'1/0' is no day of the week"),
        ("0 4 * * *", "Berlin", "'Berlin' is no time zone; one looks like 'Europe/Berlin'"),
        ("0 4 * * *", "../etc/passwd", "is no time zone"),
        ("0 4 * * *", "", "'' is no time zone"),
    ],
)
def test_what_is_no_schedule_is_refused_with_one_line(
    expression: str, zone: str, said: str
) -> None:
    with pytest.raises(ValueError, match=re.escape(said)):
        cron(expression, zone)


def test_after_a_night_off_the_timer_finds_one_run_and_then_the_next_time() -> None:
    often, missed = cron("*/10 * * * *", "UTC"), datetime(2026, 7, 1, 22, 10, tzinfo=UTC)
    morning = missed + timedelta(hours=9, minutes=3)

    assert often.get_next_fire_time(missed, morning) == morning + 7 * MINUTE
    assert every(10 * MINUTE).get_next_fire_time(missed, morning) == morning + 10 * MINUTE


def test_what_is_on_request_is_never_due() -> None:
    assert on_request().after(datetime(2026, 7, 1, tzinfo=UTC)) is None


def test_the_words_of_a_trigger_change_with_its_times() -> None:
    words = {
        str(due)
        for due in (
            cron("0 4 * * *", "UTC"), cron("0 4 * * *", "Asia/Tokyo"), cron("0 5 * * *", "UTC"),
            every(MINUTE), every(2 * MINUTE), on_request(),
        )
    }  # fmt: skip

    assert len(words) == 6
    assert str(cron("0 4 * * *", "UTC")) in words
