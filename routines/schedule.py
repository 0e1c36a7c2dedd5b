"""When a cron expression is due in a time zone. Pure: no clock, no database.

The dialect is crontab's: five fields, names, 7 as Sunday, day of month OR day of week when neither starts
with a star. Changes of the clock follow Debian's cron. A fixed time (neither minute nor hour starts with a
star) fires once on every day it names: right after the gap that swallowed it, and at the first of two. Any
other expression fires at every real minute whose wall clock it matches, so that "every ten minutes" stays ten
minutes apart.

The library reads the expression and walks the calendar. It is given plain wall-clock times only: its own
stepping through a change of clock loses minutes where the change is half an hour, and goes back in the hour
that is repeated.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from itertools import islice, takewhile
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from cronsim import CronSim, CronSimError

from paperclip.core.errors import Unprocessable

MAX_EXPRESSION = 255
_FIELDS = ("minute", "hour", "day of month", "month", "day of week")
_VALUE = r"(?:[0-9]{1,2}|[A-Z]{3})"
_TERM = rf"(?:\*|{_VALUE}(?:-{_VALUE})?)(?:/[0-9]{{1,2}})?"
_FIELD = re.compile(rf"{_TERM}(?:,{_TERM})*")
_NO_ZONES = ("localtime", "posixrules", "Factory")
_MINUTE = timedelta(minutes=1)
# No zone changes its clock twice within a day.
_STEP = timedelta(days=1)
_HORIZON = timedelta(days=50 * 366)


def require_valid(expression: str, zone: str) -> None:
    """Raise Unprocessable, naming the fault, unless `expression` can fire in `zone` (R-49, R-51, RW-1)."""
    next_after(expression, zone, datetime(2000, 1, 1, tzinfo=UTC))


def next_after(expression: str, zone: str, moment: datetime, *, as_shown: bool = False) -> datetime:
    """Return the first time strictly after `moment` at which `expression` is due in `zone`, in UTC (R-52).

    `zone` is a name of the IANA database. `as_shown` treats a fixed time like any other: it is left out in a gap
    and fires twice where it is repeated. Raises Unprocessable for an expression or zone that does not exist, and for
    an expression that can never fire.
    """
    return next(upcoming(expression, zone, moment, as_shown=as_shown))


def upcoming(expression: str, zone: str, moment: datetime, *, as_shown: bool = False) -> Iterator[datetime]:
    """Yield the times after `moment`, one after the other. What `next_after` raises, the first time raises."""
    place = _zone(zone)
    fields = _fields(expression)
    moment = moment.astimezone(UTC)
    is_fixed = not fields[0].startswith("*") and not fields[1].startswith("*") and not as_shown
    return _fixed(fields, place, moment) if is_fixed else _real(fields, place, moment)


def missed(
    expression: str, zone: str, *, first: datetime, now: datetime, most: int, as_shown: bool = False
) -> list[datetime]:
    """Return the times from `first`, which is due, through `now`; at most `most` of them (R-57)."""
    following = upcoming(expression, zone, first, as_shown=as_shown)
    later = takewhile(lambda time: time <= now, following)
    return [first, *islice(later, most - 1)]


def names(expression: str, wall: datetime) -> bool:
    """Whether an expression names the time that a clock on the wall shows."""
    wall = wall.replace(tzinfo=None)
    return next(_walk(_fields(expression), wall - _MINUTE), None) == wall


def reading(expression: str) -> str:
    """Return an expression in plain English, such as "At 09:00 every day". Raises Unprocessable."""
    fields = _fields(expression)
    said = _walk(fields, datetime(2000, 1, 1)).explain()  # noqa: DTZ001  a wall-clock time has no zone
    # Days of the month and of the week are alternatives; the library says "and".
    return said.replace(" and on ", " or on ")


# --- Walking ---------------------------------------------------------------------------------------------


def _fixed(fields: list[str], zone: ZoneInfo, moment: datetime) -> Iterator[datetime]:
    for wall in _walk(fields, _wall(moment, zone)):
        while not _exists(wall, zone):
            wall += _MINUTE
        due = wall.replace(tzinfo=zone).astimezone(UTC)
        # The first of two equal wall-clock times may be over, and a gap makes one time of several.
        if due > moment:
            yield due
            moment = due
    raise _never(fields)


def _real(fields: list[str], zone: ZoneInfo, moment: datetime) -> Iterator[datetime]:
    """Walk with the moment's offset; where the clock changes on the way, go on from there with the new."""
    since, wall = moment, _wall(moment, zone)
    while since < moment + _HORIZON:
        offset = _offset(since, zone)
        change = None
        for found in _walk(fields, wall):
            due = (found - offset).replace(tzinfo=UTC)
            change = _first_change(zone, since, due)
            if change is not None:
                break
            yield due
            since = moment = due
        if change is None:
            break
        # The walk looks strictly after its start, and the first minute under the new offset counts.
        since, wall = change, _wall(change, zone) - _MINUTE
    raise _never(fields)


def _walk(fields: list[str], wall: datetime) -> CronSim:
    try:
        return CronSim(" ".join(fields), wall)
    except CronSimError as error:
        raise _refused(fields, str(error)) from error


def _first_change(zone: ZoneInfo, since: datetime, until: datetime) -> datetime | None:
    """Return the first minute after `since`, through `until`, with another offset than it has, or None."""
    offset = _offset(since, zone)
    before = since
    while before < until:
        after = min(before + _STEP, until)
        if _offset(after, zone) != offset:
            return _bisected(zone, before, after)
        before = after
    return None


def _bisected(zone: ZoneInfo, before: datetime, after: datetime) -> datetime:
    """Return the first minute after `before` that has not its offset, knowing that `after` has not."""
    offset = _offset(before, zone)
    start = before.replace(second=0, microsecond=0)
    low, high = 0, (after - start) // _MINUTE + 1
    while high - low > 1:
        middle = (low + high) // 2
        if _offset(start + middle * _MINUTE, zone) == offset:
            low = middle
        else:
            high = middle
    return start + high * _MINUTE


def _wall(moment: datetime, zone: ZoneInfo) -> datetime:
    return moment.astimezone(zone).replace(tzinfo=None)


def _offset(moment: datetime, zone: ZoneInfo) -> timedelta:
    offset = moment.astimezone(zone).utcoffset()
    assert offset is not None  # a zone of the database knows its offset at any time
    return offset


def _exists(wall: datetime, zone: ZoneInfo) -> bool:
    """Whether a clock on the wall ever shows this time."""
    return _wall(wall.replace(tzinfo=zone).astimezone(UTC), zone) == wall


# --- Reading ---------------------------------------------------------------------------------------------


def _zone(name: str) -> ZoneInfo:
    # What a host keeps beside the database of zones means something else on each.
    if name in _NO_ZONES or name.startswith(("posix/", "right/")):
        raise Unprocessable(f"Invalid timezone: {name}")
    try:
        return ZoneInfo(name)
    except (ZoneInfoNotFoundError, ValueError, OSError) as error:
        raise Unprocessable(f"Invalid timezone: {name}") from error


def _fields(expression: str) -> list[str]:
    """Return the five fields in capitals. Values are the library's to judge."""
    fields = expression.upper().split()
    if len(expression) > MAX_EXPRESSION or len(fields) != len(_FIELDS):
        raise Unprocessable(
            "Invalid cron expression: expected five fields: minute, hour, day of month, month, day of week"
        )
    for name, field in zip(_FIELDS, fields, strict=True):
        if not _FIELD.fullmatch(field):
            raise Unprocessable(f"Invalid cron expression: bad {name} '{field}'")
    return fields


def _refused(fields: list[str], fault: str) -> Unprocessable:
    """Say which field the library refuses. It also refuses days that none of the months has."""
    name = fault.removeprefix("Bad ").replace("-", " ")
    if name not in _FIELDS:
        return Unprocessable(f"Invalid cron expression: {fault}")
    if name == "day of month" and _is_fine_alone(fields[2]):
        return _never(fields)
    return Unprocessable(f"Invalid cron expression: bad {name} '{fields[_FIELDS.index(name)]}'")


def _is_fine_alone(days: str) -> bool:
    try:
        CronSim(f"0 0 {days} * *", datetime(2000, 1, 1))  # noqa: DTZ001  a wall-clock time has no zone
    except CronSimError:
        return False
    return True


def _never(fields: list[str]) -> Unprocessable:
    return Unprocessable(f"Invalid cron expression: '{' '.join(fields)}' can never fire")
