"""Time as the interface writes it: UTC, milliseconds, `Z`."""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta

from django.db import connection

_ZULU = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d(:\d\d(\.\d+)?)?Z")


def now() -> datetime:
    """Return the current moment in UTC. Doors call this once and pass it down as `now`."""
    return datetime.now(UTC)


def shared_now() -> datetime:
    """Return the moment by the database's clock: the one clock all hosts share, for leases and what is due."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT clock_timestamp()")
        moment: datetime = cursor.fetchone()[0]
    return moment


def iso(moment: datetime) -> str:
    """Return `moment` as `2026-01-31T08:15:00.000Z`."""
    return moment.astimezone(UTC).isoformat(timespec="milliseconds")[:-6] + "Z"


def parse_zulu(text: str) -> datetime:
    """Return the moment that `text` names; only the `Z` offset is accepted (C-7). Raises ValueError."""
    if not _ZULU.fullmatch(text):
        raise ValueError("Invalid datetime")
    return datetime.fromisoformat(text)


def month_start(moment: datetime) -> datetime:
    """Return the first instant of the UTC month that holds `moment` (C-88)."""
    return moment.astimezone(UTC).replace(day=1, hour=0, minute=0, second=0, microsecond=0)


def next_month_start(moment: datetime) -> datetime:
    """Return the first instant of the UTC month after the one that holds `moment`."""
    return month_start(month_start(moment) + timedelta(days=32))
