"""How often somebody may do something: counted in the database, so that all web processes count together."""

from __future__ import annotations

import math
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from django.db import connection

_COUNT = """
INSERT INTO rate_limits (name, window_started_at, used) VALUES (%(name)s, %(now)s, 1)
ON CONFLICT (name) DO UPDATE SET
    used = CASE WHEN rate_limits.window_started_at > %(now)s - %(window)s THEN rate_limits.used + 1 ELSE 1 END,
    window_started_at = CASE WHEN rate_limits.window_started_at > %(now)s - %(window)s
                        THEN rate_limits.window_started_at ELSE %(now)s END
RETURNING used, window_started_at
"""


@dataclass(frozen=True)
class Allowance:
    """How many are left in the present window, and when the count starts again."""

    remaining: int
    retry_after_seconds: int

    @property
    def is_used_up(self) -> bool:
        """Whether this one was one too many."""
        return self.remaining < 0


def spend(name: str, *, limit: int, window: timedelta, now: datetime) -> Allowance:
    """Count one use of `name` and return what is left of `limit` per `window`. One statement, exact under races."""
    with connection.cursor() as cursor:
        values: dict[str, Any] = {"name": name, "now": now, "window": window}
        cursor.execute(_COUNT, values)
        used, started_at = cursor.fetchone()
    left = (started_at + window - now).total_seconds()
    return Allowance(limit - used, max(1, math.ceil(left)))
