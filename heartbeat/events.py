"""The steps of a run's life, in order and bounded (H-14, H-92)."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Any
from uuid import UUID

from django.db import connection

from heartbeat.choices import EventLevel, EventType, Stream
from heartbeat.models import Run
from paperclip.core import redaction
from paperclip.core.api.rendering import dumps

MAX_TEXT = 16_384
MAX_ITEMS = 50
MAX_KEYS = 100
MAX_DEPTH = 6


def append(
    run: Run,
    message: str,
    *,
    now: datetime,
    event_type: str = EventType.LIFECYCLE,
    level: str = EventLevel.INFO,
    payload: dict[str, Any] | None = None,
) -> None:
    """Add an event to `run`. The number is drawn from the run's own counter, so two writers never share one."""
    values = values_of(run, message, now=now, event_type=event_type, level=level, payload=payload)
    with connection.cursor() as cursor:
        cursor.execute(f"WITH {APPEND} SELECT 1", values)


def values_of(
    run: Run,
    message: str,
    *,
    now: datetime,
    event_type: str = EventType.LIFECYCLE,
    level: str = EventLevel.INFO,
    payload: dict[str, Any] | None = None,
) -> dict[str, Any]:
    """Return the values for APPEND, bounded and without secrets."""
    return {
        "run": run.pk,
        "type": event_type,
        "stream": Stream.SYSTEM,
        "level": level,
        "message": message[:MAX_TEXT],
        "payload": dumps(redaction.data(bounded(payload))).decode() if payload else None,
        "now": now,
    }


# Draws the number and stores the event, as a part of a statement that may do more at once; the run's row lock holds
# the number until the commit.
APPEND = """counted AS (
  UPDATE heartbeat_runs SET next_event_seq = next_event_seq + 1 WHERE id = %(run)s
  RETURNING id, company_id, agent_id, next_event_seq - 1 AS seq
), told AS (
  INSERT INTO heartbeat_run_events
    (company_id, run_id, agent_id, seq, event_type, stream, level, message, payload, created_at)
  SELECT company_id, id, agent_id, seq, %(type)s, %(stream)s, %(level)s, %(message)s, %(payload)s::jsonb, %(now)s
  FROM counted
)"""


def append_many(entries: Sequence[tuple[Run, str, str, dict[str, Any]]], *, now: datetime) -> None:
    """Add one event each to different runs: run, message, level, payload; in one statement."""
    if not entries:
        return
    values: dict[str, Any] = {
        "runs": [run.pk for run, _, _, _ in entries],
        "messages": [message[:MAX_TEXT] for _, message, _, _ in entries],
        "levels": [str(level) for _, _, level, _ in entries],
        "payloads": [dumps(redaction.data(bounded(payload))).decode() for _, _, _, payload in entries],
        "type": EventType.LIFECYCLE.value,
        "stream": Stream.SYSTEM.value,
        "now": now,
    }
    with connection.cursor() as cursor:
        cursor.execute(_APPEND_MANY, values)


_APPEND_MANY = """
WITH told AS (
  SELECT * FROM unnest(%(runs)s::uuid[], %(messages)s::text[], %(levels)s::text[], %(payloads)s::text[])
    AS given (run_id, message, level, payload)
), counted AS (
  UPDATE heartbeat_runs AS run SET next_event_seq = next_event_seq + 1 FROM told WHERE run.id = told.run_id
  RETURNING run.id, run.company_id, run.agent_id, run.next_event_seq - 1 AS seq,
            told.message, told.level, told.payload
)
INSERT INTO heartbeat_run_events
  (company_id, run_id, agent_id, seq, event_type, stream, level, message, payload, created_at)
SELECT company_id, id, agent_id, seq, %(type)s, %(stream)s, level, message, payload::jsonb, %(now)s FROM counted
"""


def bounded(value: Any, *, depth: int = 0) -> Any:
    """Return `value` cut to what an event may hold (H-92); ids become text."""
    if isinstance(value, str):
        return value if len(value) <= MAX_TEXT else value[:MAX_TEXT] + "…"
    if value is None or isinstance(value, bool | int | float):
        return value
    if isinstance(value, UUID):
        return str(value)
    if depth >= MAX_DEPTH:
        return "…"
    if isinstance(value, dict):
        return {str(key): bounded(item, depth=depth + 1) for key, item in list(value.items())[:MAX_KEYS]}
    if isinstance(value, list | tuple):
        return [bounded(item, depth=depth + 1) for item in value[:MAX_ITEMS]]
    return str(value)[:MAX_TEXT]
