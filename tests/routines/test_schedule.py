"""When schedules are due: the dialect, and changes of the clock."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from paperclip.core.errors import Unprocessable
from routines import schedule

NEW_YORK, BERLIN, LORD_HOWE = "America/New_York", "Europe/Berlin", "Australia/Lord_Howe"
MINUTE = timedelta(minutes=1)


def following(expression: str, zone: str, moment: str, count: int = 1) -> list[str]:
    """The next times, as a clock in the zone shows them."""
    at, times = datetime.fromisoformat(moment), []
    for _ in range(count):
        at = schedule.next_after(expression, zone, at)
        times.append(at.astimezone(ZoneInfo(zone)).isoformat(timespec="minutes"))
    return times


# --- The dialect -----------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("expression", "expected"),
    [
        pytest.param("0 9 * * *", "2026-11-21T09:00+00:00", id="R-47 daily"),
        pytest.param("0 0 * * *", "2026-11-21T00:00+00:00", id="R-54, RW-2 midnight is hour 0"),
        pytest.param("*/20 * * * *", "2026-11-20T10:20+00:00", id="R-48 steps"),
        pytest.param("5/20 * * * *", "2026-11-20T10:05+00:00", id="R-48 steps from a number"),
        pytest.param("10-30/10 8,10 * * *", "2026-11-20T10:10+00:00", id="R-48 ranges and lists"),
        pytest.param("0 9 * * MON-fri", "2026-11-23T09:00+00:00", id="crontab names of days"),
        pytest.param("0 9 1 feb *", "2027-02-01T09:00+00:00", id="crontab names of months"),
        pytest.param("0 9 * * 7", "2026-11-22T09:00+00:00", id="crontab 7 is Sunday"),
        pytest.param("0 9 * * 0", "2026-11-22T09:00+00:00", id="R-47 0 is Sunday"),
        pytest.param("0 0 13 * 5", "2026-11-27T00:00+00:00", id="crontab the 13th or a Friday"),
        pytest.param("0 0 1-7 * */7", "2026-12-06T00:00+00:00", id="crontab and with a starred day of week"),
        pytest.param("0 0 29 2 *", "2028-02-29T00:00+00:00", id="R-53 leap day"),
        pytest.param("0 0 * 2 */7", "2027-02-07T00:00+00:00", id="R-50 month and day of week"),
        pytest.param("  0\t9 *  * * ", "2026-11-21T09:00+00:00", id="R-47 white space"),
    ],
)
def test_expressions_mean_what_crontab_means(expression, expected):
    assert following(expression, "UTC", "2026-11-20T10:00:00+00:00") == [expected]


@pytest.mark.parametrize(
    ("expression", "named"),
    [
        pytest.param("@daily", "five fields", id="RC-49 nickname"),
        pytest.param("0 0 9 * * *", "five fields", id="R-49 six fields"),
        pytest.param("", "five fields", id="R-49 nothing"),
        pytest.param("1/0 * * * *", "minute '1/0'", id="RC-49 step of none"),
        pytest.param("5-1 * * * *", "minute '5-1'", id="RC-49 reversed range"),
        pytest.param("5x * * * *", "minute '5X'", id="RW-3 trailing letter"),
        pytest.param("1-3-9 * * * *", "minute '1-3-9'", id="RW-3 two dashes"),
        pytest.param("60 * * * *", "minute '60'", id="R-49 minute out of bounds"),
        pytest.param("0 24 * * *", "hour '24'", id="R-49 hour out of bounds"),
        pytest.param("0 0 0 * *", "day of month '0'", id="R-49 no day 0"),
        pytest.param("0 0 32 * *", "day of month '32'", id="R-49 day out of bounds"),
        pytest.param("0 0 * 13 *", "month '13'", id="R-49 month out of bounds"),
        pytest.param("0 0 * JANUARY *", "month 'JANUARY'", id="R-49 no such name"),
        pytest.param("0 0 * * 8", "day of week '8'", id="R-49 day of week out of bounds"),
        pytest.param("0 0 L * *", "day of month 'L'", id="R-49 L"),
        pytest.param("0 0 LW * *", "day of month 'LW'", id="R-49 W"),
        pytest.param("0 0 ? * *", "day of month '?'", id="R-49 question mark"),
        pytest.param("0 0 * * 1#2", "day of week '1#2'", id="R-49 number sign"),
        pytest.param("0 0 * * 5L", "day of week '5L'", id="R-49 last Friday"),
        pytest.param("1,,2 * * * *", "minute '1,,2'", id="R-49 empty element"),
        pytest.param("-1 * * * *", "minute '-1'", id="R-49 negative"),
        pytest.param("٣ * * * *", "minute '٣'", id="R-47 digits of other scripts"),
        pytest.param("1" * 300 + " * * * *", "five fields", id="too long"),
        pytest.param("0 0 30 2 *", "can never fire", id="RW-1 30 February"),
        pytest.param("0 0 31 4,6,9,11 *", "can never fire", id="RW-1 31st of short months"),
        pytest.param("0 0 31 2 MON#6", "day of week 'MON#6'", id="R-49 sixth Monday"),
    ],
)
def test_what_cannot_be_is_refused_by_name(expression, named):
    with pytest.raises(Unprocessable) as refused:
        schedule.next_after(expression, "UTC", datetime(2026, 1, 1, tzinfo=UTC))
    assert refused.value.message.startswith("Invalid cron expression")
    assert named in refused.value.message


@pytest.mark.parametrize(
    ("as_shown", "expected"),
    [
        pytest.param(True, "2028-03-14T06:30+00:00", id="RC-50 as shown: not in the year of the gap"),
        pytest.param(False, "2027-03-14T07:00+00:00", id="RC-50 once: right after the gap"),
    ],
)
def test_a_yearly_time_that_falls_into_a_gap(as_shown, expected):
    asked = datetime(2026, 11, 20, tzinfo=UTC)
    due = schedule.next_after("30 2 14 3 *", NEW_YORK, asked, as_shown=as_shown)
    assert due.isoformat(timespec="minutes") == expected


def test_a_time_that_every_change_of_clock_swallows_is_refused():
    """RW-1: 2 o'clock on the second Sunday of March exists, but not where the clock is changed just then."""
    expression = "*/10 2 8-14 3 */7"
    assert following(expression, "UTC", "2026-01-01T00:00:00+00:00") == ["2026-03-08T02:00+00:00"]
    with pytest.raises(Unprocessable, match="can never fire"):
        schedule.next_after(expression, NEW_YORK, datetime(2026, 1, 1, tzinfo=UTC))


@pytest.mark.parametrize(
    "zone",
    [
        "Mars/Olympus",
        "",
        "America",
        "../etc/passwd",
        "/etc/passwd",
        "localtime",
        "right/UTC",
        "é",
        "a" * 5_000,
    ],
)
def test_an_unknown_zone_is_refused(zone):
    with pytest.raises(Unprocessable) as refused:
        schedule.next_after("0 9 * * *", zone, datetime(2026, 1, 1, tzinfo=UTC))
    assert refused.value.message == f"Invalid timezone: {zone}"


def test_an_alias_of_a_zone_is_a_zone():
    assert following("0 9 * * *", "EST", "2026-07-01T00:00:00+00:00") == ["2026-07-01T09:00-05:00"]


def test_the_next_time_is_strictly_later():
    assert following("0 9 * * *", "UTC", "2026-11-20T09:00:00+00:00") == ["2026-11-21T09:00+00:00"]
    assert following("0 9 * * *", "UTC", "2026-11-20T08:59:59.999+00:00") == ["2026-11-20T09:00+00:00"]
    assert following("* * * * *", "UTC", "2026-11-20T09:00:00.001+00:00") == ["2026-11-20T09:01+00:00"]


def test_a_rare_time_is_found_at_once():  # RW-1
    assert following("0 0 29 2 */7", "UTC", "2026-01-01T00:00:00+00:00") == ["2032-02-29T00:00+00:00"]


# --- Changes of the clock --------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("expression", "zone", "moment", "expected"),
    [
        pytest.param(
            "30 2 * * *",
            NEW_YORK,
            "2027-03-13T12:00:00+00:00",
            ["2027-03-14T03:00-04:00", "2027-03-15T02:30-04:00"],
            id="RW-4 New York gap: right after it, once",
        ),
        pytest.param(
            "0 2,3 * * *",
            NEW_YORK,
            "2027-03-14T05:00:00+00:00",
            ["2027-03-14T03:00-04:00", "2027-03-15T02:00-04:00"],
            id="RW-4 New York gap: two times that meet fire once",
        ),
        pytest.param(
            "30 1 * * *",
            NEW_YORK,
            "2026-10-31T12:00:00+00:00",
            ["2026-11-01T01:30-04:00", "2026-11-02T01:30-05:00"],
            id="RW-4 New York repeat: the first of two",
        ),
        pytest.param(
            "45 1 * * *",
            NEW_YORK,
            "2026-11-01T06:30:00+00:00",
            ["2026-11-02T01:45-05:00"],
            id="RW-4 New York repeat: asked within the second hour, never goes back",
        ),
        pytest.param(
            "*/30 * * * *",
            NEW_YORK,
            "2026-11-01T05:00:00+00:00",
            [
                "2026-11-01T01:30-04:00",
                "2026-11-01T01:00-05:00",
                "2026-11-01T01:30-05:00",
                "2026-11-01T02:00-05:00",
            ],
            id="R-52 New York repeat: every half hour stays so",
        ),
        pytest.param(
            "*/30 * * * *",
            NEW_YORK,
            "2027-03-14T06:00:00+00:00",
            ["2027-03-14T01:30-05:00", "2027-03-14T03:00-04:00", "2027-03-14T03:30-04:00"],
            id="R-52 New York gap: every half hour stays so",
        ),
        pytest.param(
            "30 2 * * *",
            BERLIN,
            "2026-03-28T12:00:00+00:00",
            ["2026-03-29T03:00+02:00", "2026-03-30T02:30+02:00"],
            id="RW-4 Berlin gap",
        ),
        pytest.param(
            "30 2 * * *",
            BERLIN,
            "2026-10-24T12:00:00+00:00",
            ["2026-10-25T02:30+02:00", "2026-10-26T02:30+01:00"],
            id="RW-4 Berlin repeat",
        ),
        pytest.param(
            "15 2 * * *",
            LORD_HOWE,
            "2026-10-03T00:00:00+00:00",
            ["2026-10-04T02:30+11:00", "2026-10-05T02:15+11:00"],
            id="RW-4 Lord Howe gap of half an hour",
        ),
        pytest.param(
            "45 1 * * *",
            LORD_HOWE,
            "2026-04-04T00:00:00+00:00",
            ["2026-04-05T01:45+11:00", "2026-04-06T01:45+10:30"],
            id="RW-4 Lord Howe repeat of half an hour",
        ),
        pytest.param(
            "*/15 2 * * *",
            LORD_HOWE,
            "2026-04-04T14:00:00+00:00",
            ["2026-04-05T02:00+10:30", "2026-04-05T02:15+10:30"],
            id="R-52 Lord Howe: nothing is lost after the repeat",
        ),
        pytest.param(
            "0 0 * * *",
            "America/Sao_Paulo",
            "2018-11-03T12:00:00+00:00",
            ["2018-11-04T01:00-02:00", "2018-11-05T00:00-02:00"],
            id="RW-4 Sao Paulo: a day without midnight",
        ),
    ],
)
def test_changes_of_the_clock(expression, zone, moment, expected):
    assert following(expression, zone, moment, len(expected)) == expected


def oracle(matches: Callable[[datetime], bool], zone: str, start: datetime, end: datetime) -> list[datetime]:
    """Every real minute after `start`, through `end`, whose wall clock matches: found by looking at each."""
    place, times, at = ZoneInfo(zone), [], start
    while at < end:
        at += MINUTE
        if matches(at.astimezone(place)):
            times.append(at)
    return times


def fired(expression: str, zone: str, start: datetime, end: datetime) -> list[datetime]:
    times, at = [], start
    while (at := schedule.next_after(expression, zone, at)) <= end:
        times.append(at)
    return times


CHANGES = {
    NEW_YORK: [datetime(2026, 11, 1, tzinfo=UTC), datetime(2027, 3, 14, tzinfo=UTC)],
    BERLIN: [datetime(2026, 3, 29, tzinfo=UTC), datetime(2026, 10, 25, tzinfo=UTC)],
    LORD_HOWE: [datetime(2026, 4, 4, tzinfo=UTC), datetime(2026, 10, 3, tzinfo=UTC)],
    "America/Sao_Paulo": [datetime(2018, 11, 4, tzinfo=UTC), datetime(2019, 2, 17, tzinfo=UTC)],
    "UTC": [datetime(2026, 11, 1, tzinfo=UTC)],
}
EVERY: dict[str, Callable[[datetime], bool]] = {
    "* * * * *": lambda wall: True,
    "*/7 * * * *": lambda wall: wall.minute % 7 == 0,
    "* 1-3 * * *": lambda wall: 1 <= wall.hour <= 3,
    "*/20 0 * * *": lambda wall: wall.hour == 0 and wall.minute % 20 == 0,
    "30 * * * *": lambda wall: wall.minute == 30,
    "10,50 */2 * * 0,6": lambda wall: (
        wall.minute in (10, 50) and wall.hour % 2 == 0 and wall.isoweekday() in (6, 7)
    ),
}


@pytest.mark.parametrize("zone", CHANGES)
@pytest.mark.parametrize("expression", EVERY)
def test_no_minute_is_lost_or_doubled_around_a_change(zone, expression):
    for change in CHANGES[zone]:
        start, end = change - timedelta(hours=18), change + timedelta(hours=42)
        assert fired(expression, zone, start, end) == oracle(EVERY[expression], zone, start, end)


@pytest.mark.parametrize("zone", CHANGES)
@pytest.mark.parametrize("time", ["0 0", "30 0", "45 1", "0 2", "15 2", "30 2", "0 3"])
def test_a_fixed_time_fires_once_on_every_day_of_a_year(zone, time):  # RW-4
    year = CHANGES[zone][0].year
    start = datetime(year, 1, 1, tzinfo=ZoneInfo(zone)).astimezone(UTC) - MINUTE
    end = datetime(year + 1, 1, 1, tzinfo=ZoneInfo(zone)).astimezone(UTC) - MINUTE
    times = fired(f"{time} * * *", zone, start, end)
    days = [at.astimezone(ZoneInfo(zone)).date() for at in times]
    assert len(days) == len(set(days)) == 365
    minute, hour = (int(word) for word in time.split())
    shown = [(wall.hour, wall.minute) for at in times if (wall := at.astimezone(ZoneInfo(zone)))]
    moved = [wall for wall in shown if wall != (hour, minute)]
    assert len(moved) <= 1
    assert all(wall > (hour, minute) for wall in moved), "only ever put off"


@given(
    moment=st.datetimes(datetime(2020, 1, 1), datetime(2035, 1, 1), timezones=st.just(UTC)),
    zone=st.sampled_from(list(CHANGES)),
    expression=st.sampled_from(
        ["30 2 * * *", "*/5 3 * * *", "0 0 * * 1", "59 23 31 * *", "*/10 1 * * *", "0 */6 1 * *"]
    ),
)
def test_whenever_asked_the_answer_is_later_and_a_whole_minute(moment, zone, expression):
    due = schedule.next_after(expression, zone, moment)
    assert due > moment
    assert (due.second, due.microsecond) == (0, 0)
    assert schedule.next_after(expression, zone, due - timedelta(microseconds=1)) == due


def test_missed_times_are_counted_up_to_a_cap():
    first = datetime(2026, 11, 20, 9, tzinfo=UTC)
    now = first + timedelta(minutes=10, seconds=30)
    times = schedule.missed("* * * * *", "UTC", first=first, now=now, most=25)
    assert times == [first + number * MINUTE for number in range(11)]
    assert schedule.missed("* * * * *", "UTC", first=first, now=now, most=3) == times[:3]
    assert schedule.missed("0 0 * * *", "UTC", first=first, now=now, most=25) == [first]
