"""Reading the news of companies in such a way that nothing is missed and nothing depends on luck.

Numbers are drawn before the commit, so "everything after number 17" misses what commits late. A reader keeps the
snapshot of its last look instead, and asks for what was not visible in it and is now.
"""

from __future__ import annotations

import re
from collections.abc import Collection
from dataclasses import dataclass
from uuid import UUID

from django.db import connection

CHANNEL = "paperclip_live"
# For so long an event is kept, so late a stream may be taken up again.
KEPT_SECONDS = 300
MOST_ROWS = 2000

_CURSOR = re.compile(r"(\d{1,15})-(\d{1,19}):(\d{1,19}):((?:\d{1,19}(?:,\d{1,19})*)?)")
_LONGEST_CURSOR = 4096


@dataclass(frozen=True)
class Cursor:
    """How far somebody has read: when, by the database's clock in seconds, and what was visible then."""

    at: int
    snapshot: str

    def __str__(self) -> str:
        return f"{self.at}-{self.snapshot}"


@dataclass(frozen=True)
class Event:
    """One event and its frame (K-48), as JSON."""

    company_id: UUID
    type: str
    frame: bytes


@dataclass(frozen=True)
class Reading:
    """What is new, and how far it was read. `is_cut` when it was too much, or too long ago, to be told whole."""

    events: list[Event]
    cursor: Cursor
    is_cut: bool


# What a stream is taken up from that nobody can tell any more what it missed of.
LONG_AGO = Cursor(0, "1:1:")


def parse(text: str) -> Cursor | None:
    """Return the cursor that `text` spells, None for anything else."""
    found = _CURSOR.fullmatch(text) if len(text) <= _LONGEST_CURSOR else None
    if found is None:
        return None
    at, low, high, running = found.groups()
    return Cursor(int(at), text.partition("-")[2]) if _is_snapshot(int(low), int(high), running) else None


def _is_snapshot(low: int, high: int, running: str) -> bool:
    """Whether PostgreSQL would take this for one; its transactions have no number whose lower half is 0."""
    between = [int(each) for each in running.split(",")] if running else []
    in_order = between == sorted(set(between)) and all(low <= each < high for each in between)
    return in_order and 0 < low <= high < 2**63 and bool(low % 2**32) and bool(high % 2**32)


def now() -> Cursor:
    """Return the cursor of somebody who wants only what comes from now on."""
    with connection.cursor() as cursor:
        cursor.execute(f"SELECT {_HERE}")
        at, snapshot = cursor.fetchone()
    return Cursor(at, snapshot)


def read(company_ids: Collection[UUID], *, since: Cursor, until: Cursor | None = None) -> Reading:
    """Return what these companies have had since `since`, and up to `until` where that is given."""
    values = {
        "companies": list(company_ids),
        "since": since.snapshot,
        "until": until.snapshot if until is not None else None,
        "most": MOST_ROWS + 1,
    }
    with connection.cursor() as cursor:
        cursor.execute(_READ, values)
        rows = cursor.fetchall()
    here = until or Cursor(rows[0][0], rows[0][1])
    events = [_event(*row[2:]) for row in rows if row[2] is not None]
    # Numbers from another server, or from before a restore, may lie ahead of ours.
    is_ahead = _highest(since) > _highest(here)
    is_cut = len(events) > MOST_ROWS or is_ahead or here.at - since.at > KEPT_SECONDS
    return Reading([] if is_cut else events, here, is_cut)


_HERE = "extract(epoch FROM clock_timestamp())::bigint, pg_current_snapshot()::text"
_READ = f"""
SELECT {_HERE}, event.id, event.company_id, event.type,
       to_char(event.created_at AT TIME ZONE 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.MS"Z"'), event.payload::text
FROM (SELECT 1) AS always LEFT JOIN (
  SELECT * FROM live_events
  WHERE company_id = ANY(%(companies)s)
    AND xid >= pg_snapshot_xmin(%(since)s::text::pg_snapshot)
    AND NOT pg_visible_in_snapshot(xid, %(since)s::text::pg_snapshot)
    AND (%(until)s::text IS NULL OR pg_visible_in_snapshot(xid, %(until)s::text::pg_snapshot))
  ORDER BY id LIMIT %(most)s
) AS event ON true ORDER BY event.id
"""  # noqa: S608 - made of constants


def _event(number: int, company_id: UUID, kind: str, created_at: str, payload: str) -> Event:
    head = f'"id":{number},"companyId":"{company_id}","type":"{kind}","createdAt":"{created_at}"'
    return Event(company_id, kind, f'{{{head},"payload":{payload}}}'.encode())


def _highest(cursor: Cursor) -> int:
    return int(cursor.snapshot.split(":")[1])
