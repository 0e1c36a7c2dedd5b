"""When an upstream says that its limit is lifted: times of day and dates in words, in the zone they name (A-60, A-67).

A time of day is the next one of that name. Where a wall clock shows no such time, because clocks go forward, it is
the moment they do; a time it shows twice is the first of the two.
"""

from __future__ import annotations

import re
from datetime import UTC, date, datetime, time, timedelta, tzinfo
from functools import cache
from zoneinfo import ZoneInfo, available_timezones

_MONTHS = {
    name: number
    for number, name in enumerate(
        ("jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec"), start=1
    )
}
# Abbreviations that programs write; each is one place's, whatever the season.
_SHORT = {
    "utc": "UTC", "gmt": "UTC", "z": "UTC",
    "pst": "America/Los_Angeles", "pdt": "America/Los_Angeles", "pt": "America/Los_Angeles",
    "mst": "America/Denver", "mdt": "America/Denver", "cst": "America/Chicago", "cdt": "America/Chicago",
    "est": "America/New_York", "edt": "America/New_York", "et": "America/New_York", "bst": "Europe/London",
    "cet": "Europe/Berlin", "cest": "Europe/Berlin",
}  # fmt: skip
_MOMENT = re.compile(
    r"""(?:resets?|again)\s*(?:at|on)?\s*
    (?:(?P<month>jan|feb|mar|apr|may|jun|jul|aug|sep|oct|nov|dec)[a-z]*\.?\s+(?P<day>\d{1,2})(?:st|nd|rd|th)?,?
       (?:\s+(?P<year>\d{4}),?)?\s*(?:at\s+)?)?
    (?:(?P<hour>\d{1,2})(?::(?P<minute>\d{2}))?\s*(?P<half>[ap])\.?\s?m\b\.?|(?P<hour24>\d{1,2}):(?P<minute24>\d{2}))
    \s*(?:\((?P<zone>[A-Za-z_+\-/0-9]{1,64})\)|(?P<short>[A-Za-z]{2,5})\b)?""",
    re.IGNORECASE | re.VERBOSE,
)


def find(text: str, *, now: datetime, local: tzinfo | None = None) -> datetime | None:
    """Return the first reset time `text` names, in UTC and after `now`; None when it names none.

    `local` is the zone of times that name none, or one nobody knows; this host's by default.
    """
    for found in _MOMENT.finditer(text):
        clock_time = _clock(found)
        if clock_time is None:
            continue
        zone = _zone(found["zone"] or found["short"]) or local or _host_zone(now)
        day = _day(found, now=now.astimezone(zone))
        if day is not None:
            moment = _at(day, clock_time, zone)
            return (
                moment if found["month"] or moment > now else _at(day + timedelta(days=1), clock_time, zone)
            )
    return None


def _clock(found: re.Match[str]) -> time | None:
    if found["hour24"] is not None:
        hour, minute = int(found["hour24"]), int(found["minute24"])
        return time(hour, minute) if hour < 24 and minute < 60 else None
    hour, minute = int(found["hour"]), int(found["minute"] or 0)
    if not 1 <= hour <= 12 or minute > 59:
        return None
    return time(hour % 12 + (12 if found["half"].lower() == "p" else 0), minute)


def _day(found: re.Match[str], *, now: datetime) -> date | None:
    """Return the date that is named, today's where none is; one without a year is the next of its name."""
    if not found["month"]:
        return now.date()
    month, day = _MONTHS[found["month"].lower()], int(found["day"])
    try:
        if found["year"]:
            return date(int(found["year"]), month, day)
        named = date(now.year, month, day)
        return named if named >= now.date() else date(now.year + 1, month, day)
    except ValueError:
        return None


def _at(day: date, clock_time: time, zone: tzinfo) -> datetime:
    wall = datetime.combine(day, clock_time, zone)
    # Through UTC and back a wall time that is skipped comes out moved by the gap.
    return wall.astimezone(UTC)


def _zone(name: str | None) -> tzinfo | None:
    if name is None:
        return None
    known = _SHORT.get(name.lower()) or (name if name in _zones() else None)
    return ZoneInfo(known) if known else None


@cache
def _zones() -> frozenset[str]:
    return frozenset(available_timezones())


def _host_zone(now: datetime) -> tzinfo:
    zone = now.astimezone().tzinfo
    assert zone is not None
    return zone
