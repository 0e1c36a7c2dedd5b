"""How sessions are kept: one row per task, and one of the agent's own in its runtime state.

With each goes what it was used for and what its program last reported, so that nothing has to be counted up again.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

from heartbeat.adapters.base import Usage
from heartbeat.models import RuntimeState, TaskSession
from paperclip.companies.models import Agent
from paperclip.core import clock

_OWN = "session"  # under which the agent's own session is kept in its state


@dataclass(frozen=True)
class Memory:
    """A session as it is kept. `raw` are its program's token counts as last reported, None before any."""

    params: Mapping[str, Any] | None
    display_id: str | None
    run_count: int = 0
    started_at: datetime | None = None
    raw: Usage | None = None
    last_run_id: UUID | None = None
    set_aside_reason: str | None = None


def load(agent: Agent, key: str | None) -> Memory | None:
    """Return the agent's session of a task, or without a key its own; None when there is none."""
    if key is None:
        return _own(agent)
    row = TaskSession.objects.filter(agent=agent, adapter_type=agent.adapter_type, task_key=key).first()
    if row is None:
        return None
    return Memory(
        params=row.session_params_json,
        display_id=row.session_display_id,
        run_count=row.run_count,
        started_at=row.started_at,
        raw=Usage(
            input_tokens=row.raw_input_tokens,
            cached_input_tokens=row.raw_cached_input_tokens or 0,
            output_tokens=row.raw_output_tokens or 0,
        )
        if row.raw_input_tokens is not None
        else None,
        last_run_id=row.last_run_id,
        set_aside_reason=row.set_aside_reason if row.set_aside_at is not None else None,
    )


def _own(agent: Agent) -> Memory | None:
    """Return the session of the agent's runs without a task; one of another adapter is none."""
    state = RuntimeState.objects.filter(pk=agent.pk, adapter_type=agent.adapter_type).first()
    if state is None or state.session_id is None:
        return None
    kept = state.state_json.get(_OWN) if isinstance(state.state_json, dict) else None
    kept = kept if isinstance(kept, dict) else {}
    raw, since = kept.get("raw"), kept.get("startedAt")
    return Memory(
        params=kept.get("params") or {"sessionId": state.session_id},
        display_id=state.session_id,
        run_count=kept.get("runCount", 0),
        started_at=datetime.fromisoformat(since) if since else None,
        raw=Usage(*raw) if raw else None,
        last_run_id=UUID(kept["lastRunId"]) if kept.get("lastRunId") else None,
        set_aside_reason=kept.get("setAsideReason"),
    )


def own(agent: Agent, memory: Memory) -> dict[str, Any]:
    """Return the columns of the agent's runtime state that keep its own session."""
    raw = memory.raw
    kept = {
        "params": dict(memory.params) if memory.params is not None else None,
        "runCount": memory.run_count,
        "startedAt": clock.iso(memory.started_at) if memory.started_at is not None else None,
        "raw": [raw.input_tokens, raw.output_tokens, raw.cached_input_tokens] if raw is not None else None,
        "lastRunId": str(memory.last_run_id) if memory.last_run_id is not None else None,
        "setAsideReason": memory.set_aside_reason,
    }
    return {
        "session_id": memory.display_id,
        "state_json": {_OWN: kept},
        "adapter_type": agent.adapter_type,
    }


def store(agent: Agent, key: str, memory: Memory, error: str | None, *, now: datetime) -> None:
    """Keep the session of a task."""
    raw = memory.raw
    values = {
        "session_params_json": dict(memory.params) if memory.params is not None else None,
        "session_display_id": memory.display_id,
        "last_run_id": memory.last_run_id,
        "last_error": error,
        "run_count": memory.run_count,
        "started_at": memory.started_at,
        "raw_input_tokens": raw.input_tokens if raw is not None else None,
        "raw_cached_input_tokens": raw.cached_input_tokens if raw is not None else None,
        "raw_output_tokens": raw.output_tokens if raw is not None else None,
        "set_aside_at": now if memory.set_aside_reason is not None else None,
        "set_aside_reason": memory.set_aside_reason,
        "updated_at": now,
    }
    TaskSession.objects.update_or_create(
        company_id=agent.company_id,
        agent=agent,
        adapter_type=agent.adapter_type,
        task_key=key,
        defaults=values,
        create_defaults={**values, "created_at": now},
    )


def forget(agent: Agent, key: str | None, error: str | None, *, now: datetime) -> dict[str, Any]:
    """Drop a session, unless the run failed: then an earlier one is only marked with the error (H-101).

    Returns what changes in the agent's runtime state.
    """
    if key is None:
        return {} if error is not None else {"session_id": None, "state_json": {}}
    rows = TaskSession.objects.filter(agent=agent, adapter_type=agent.adapter_type, task_key=key)
    if error is None:
        rows.delete()
    else:
        rows.update(last_error=error, updated_at=now)
    return {}
