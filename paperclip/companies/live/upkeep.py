"""Events are kept for minutes, not for ever."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from django.db import connection

from paperclip.companies.live import tail

NAME = "live.events"
MOST_EVENTS = 50_000


@dataclass(frozen=True)
class Pass:
    """What one pass removed."""

    events: int


def prune(*, now: datetime) -> Pass:
    """Remove events nobody can ask for any more, and the oldest of more than there may be."""
    with connection.cursor() as cursor:
        cursor.execute(_PRUNE, {"now": now, "kept": 2 * tail.KEPT_SECONDS, "most": MOST_EVENTS})
        removed: int = cursor.rowcount
        cursor.execute("DELETE FROM live_listeners WHERE until < %s", [now])
    return Pass(removed)


# Twice as long as promised: an event is as old as its writing, which may lie well before its commit.
_PRUNE = """
DELETE FROM live_events
WHERE created_at < %(now)s - make_interval(secs => %(kept)s)
   OR id <= (SELECT max(id) FROM live_events) - %(most)s
"""
