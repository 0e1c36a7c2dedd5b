"""The steps of a run's life, in order and bounded (H-14, H-92)."""

from __future__ import annotations

from datetime import datetime
from typing import Any
from uuid import UUID

from django.db import connection

from heartbeat.choices import EventLevel, EventType, Stream
from heartbeat.models import Run, RunEvent
from paperclip.core import redaction

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
) -> RunEvent:
    """Add an event to `run`. The number is drawn from the run's own counter, so two writers never share one."""
    return RunEvent.objects.create(
        company_id=run.company_id,
        run_id=run.pk,
        agent_id=run.agent_id,
        seq=_next_seq(run),
        event_type=event_type,
        stream=Stream.SYSTEM,
        level=level,
        message=message[:MAX_TEXT],
        payload=redaction.data(bounded(payload)) if payload else None,
        created_at=now,
    )


def _next_seq(run: Run) -> int:
    """Draw the next number in one statement; the run's row lock holds it until the transaction ends."""
    with connection.cursor() as cursor:
        cursor.execute(
            "UPDATE heartbeat_runs SET next_event_seq = next_event_seq + 1 WHERE id = %s RETURNING next_event_seq - 1",
            [run.pk],
        )
        return int(cursor.fetchone()[0])


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
