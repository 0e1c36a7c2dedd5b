"""The coming days of a company's schedules, laid out by day. Pure."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import date, datetime, timedelta
from zoneinfo import ZoneInfo

from routines import previews
from routines.models import Trigger
from routines.previews import Preview

DAYS = 7
# More times of one schedule on a day are said in one line.
_APART = 3


@dataclass(frozen=True)
class Entry:
    """What one schedule does on one day, by the clock of the reader: once at `first`, or `count` times until `last`."""

    trigger: Trigger
    first: datetime
    last: datetime
    count: int = 1


@dataclass(frozen=True)
class Day:
    """One day with what fires on it, in order."""

    day: date
    entries: list[Entry] = field(default_factory=list)


@dataclass(frozen=True)
class Week:
    """Seven days from today on. `often` are schedules that fire too often to be told by the day, `late` those that have
    missed times to make up for now, `broken` those that cannot be read.
    """

    days: list[Day]
    often: list[Preview]
    late: list[Preview]
    broken: list[Preview]

    @property
    def is_empty(self) -> bool:
        """Whether nothing at all will fire."""
        return not (self.often or self.late or any(day.entries for day in self.days))


def arrange(told: Sequence[Preview], *, zone: ZoneInfo, now: datetime) -> Week:
    """Return the week of schedules, told for `DAYS` days from `now`, as a clock in `zone` shows it."""
    today = now.astimezone(zone).date()
    days = {today + timedelta(days=number): list[Entry]() for number in range(DAYS)}
    often = [row for row in told if len(row.times) >= previews.PER_TRIGGER]
    for row in told:
        if row in often:
            continue
        for day, entries in _by_day(row, zone).items():
            if day in days:
                days[day] += entries
    return Week(
        days=[Day(day, sorted(entries, key=lambda entry: entry.first)) for day, entries in days.items()],
        often=often,
        late=[row for row in told if row.made_up],
        broken=[row for row in told if row.fault is not None],
    )


def _by_day(row: Preview, zone: ZoneInfo) -> dict[date, list[Entry]]:
    shown: dict[date, list[datetime]] = defaultdict(list)
    for time in row.times:
        local = time.at.astimezone(zone)
        shown[local.date()].append(local)
    return {
        day: [Entry(row.trigger, at, at) for at in times]
        if len(times) <= _APART
        else [Entry(row.trigger, times[0], times[-1], len(times))]
        for day, times in shown.items()
    }
