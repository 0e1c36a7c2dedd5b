"""When to try again: pure reckoning of delays and of the times an upstream names (H-120, H-122)."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from email.utils import parsedate_to_datetime
from typing import Any

BASE_DELAYS_MS = (120_000, 600_000, 1_800_000, 7_200_000)
JITTER = 0.25
LEAST_DELAY_MS = 1000
# No provider closes for longer; what is read as a later time was misread, and would lay the work to rest for good.
LONGEST_WAIT = timedelta(days=35)


@dataclass(frozen=True)
class Delay:
    """How long to wait, in ms: before the jitter and with it."""

    base_ms: int
    delay_ms: int


def delay(attempt: int, *, u: float) -> Delay | None:
    """Return the wait before bounded attempt number `attempt` (from 1); None when there is no such attempt.

    `u` between 0 and 1 spreads it by a quarter to either side, so that failures together do not return together.
    """
    if not 1 <= attempt <= len(BASE_DELAYS_MS):
        return None
    base = BASE_DELAYS_MS[attempt - 1]
    spread = 1 + (2 * min(max(u, 0.0), 1.0) - 1) * JITTER
    return Delay(base, max(LEAST_DELAY_MS, round(base * spread)))


def not_before(result: Mapping[str, Any], *, now: datetime) -> datetime | None:
    """Return the time before which the upstream wants no other try; None when the result names none that is sane."""
    for key in ("retryNotBefore", "transientRetryNotBefore"):
        moment = _moment(result.get(key))
        if moment is not None and moment - now <= LONGEST_WAIT:
            return moment
    return None


def later(first: datetime, second: datetime | None) -> datetime:
    """Return the later of two times: what an upstream names moves a try later, never earlier."""
    return first if second is None else max(first, second)


def _moment(value: Any) -> datetime | None:
    """Read a date in ISO 8601 or as HTTP writes it, or a number of ms, or of seconds, since 1970."""
    try:
        if isinstance(value, int | float) and not isinstance(value, bool):
            seconds = value / 1000 if value > 1e11 else value
            return datetime.fromtimestamp(seconds, UTC)
        if isinstance(value, str) and value.strip():
            return _aware(_parsed(value.strip()))
    except (ValueError, OverflowError, OSError):
        return None
    return None


def _parsed(text: str) -> datetime:
    try:
        return datetime.fromisoformat(text)
    except ValueError:
        return parsedate_to_datetime(text)


def _aware(moment: datetime) -> datetime:
    return moment.astimezone(UTC) if moment.tzinfo is not None else moment.replace(tzinfo=UTC)
