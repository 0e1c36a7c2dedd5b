"""What an agent's program needs to go on with a task where it left off (H-17, H-39, H-40, H-79)."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Any
from uuid import UUID

from heartbeat.choices import FRESH_SESSION_REASONS
from heartbeat.context import WakeContext
from heartbeat.models import Run, RuntimeState, TaskSession
from paperclip.companies.models import Agent
from paperclip.core import naming

TIMER_TASK = "__heartbeat__"


def task_key(context: WakeContext) -> str | None:
    """Return the key a session is kept under; timer wakes without a task share one (H-39)."""
    return context.task_key or (TIMER_TASK if context.wake_source == "timer" else None)


def of_task(agent: Agent, context: WakeContext) -> TaskSession | None:
    """Return the session a wake goes on with, None when it starts fresh (H-79)."""
    key = task_key(context)
    if key is None or context.flag("forceFreshSession") or context.wake_reason in FRESH_SESSION_REASONS:
        return None
    return TaskSession.objects.filter(agent=agent, adapter_type=agent.adapter_type, task_key=key).first()


def resume_from_run(agent: Agent, context: WakeContext, payload: Mapping[str, Any] | None) -> WakeContext:
    """Return `context` pointed at the session of the run that `payload.resumeFromRunId` names (H-40)."""
    named = (payload or {}).get("resumeFromRunId")
    run_id = naming.as_field_uuid(named) if isinstance(named, str) else None
    run = Run.objects.filter(pk=run_id, agent=agent, company_id=agent.company_id).first() if run_id else None
    if run is None:
        return context
    display_id = run.session_id_after or run.session_id_before
    session = TaskSession.objects.filter(agent=agent, last_run_id=run.pk).first()
    params = (
        session.session_params_json
        if session is not None
        else {"sessionId": display_id}
        if display_id
        else None
    )
    old = run.context_snapshot or {}
    filled = {
        key: old[key]
        for key in ("issueId", "taskId", "taskKey")
        if key in old and key not in context.to_json()
    }
    return WakeContext(
        wake_reason=context.wake_reason,
        wake_source=context.wake_source,
        wake_trigger_detail=context.wake_trigger_detail,
        issue_id=context.issue_id or filled.get("issueId"),
        task_id=context.task_id or filled.get("taskId"),
        task_key=context.task_key or filled.get("taskKey"),
        comment_ids=context.comment_ids,
        more={
            **context.more,
            "resumeFromRunId": str(run.pk),
            **({"resumeSessionDisplayId": display_id} if display_id else {}),
            **({"resumeSessionParams": params} if params else {}),
        },
    )


def keep(
    *,
    run: Run,
    agent: Agent,
    context: WakeContext,
    params: Mapping[str, Any] | None,
    display_id: str | None,
    clear: bool,
    error: str | None,
    now: datetime,
) -> None:
    """Store the session a run left behind under its task; forget it when there is none or `clear` (H-100)."""
    key = task_key(context)
    if key is None:
        return
    where = {
        "company_id": agent.company_id,
        "agent": agent,
        "adapter_type": agent.adapter_type,
        "task_key": key,
    }
    if clear or (params is None and display_id is None):
        if error is None or clear:
            TaskSession.objects.filter(**where).delete()
        return
    TaskSession.objects.update_or_create(
        **where,
        defaults={
            "session_params_json": dict(params) if params is not None else None,
            "session_display_id": display_id,
            "last_run_id": run.pk,
            "last_error": error,
            "updated_at": now,
        },
        create_defaults={
            "session_params_json": dict(params) if params is not None else None,
            "session_display_id": display_id,
            "last_run_id": run.pk,
            "last_error": error,
            "created_at": now,
            "updated_at": now,
        },
    )


def runtime_state(agent: Agent, *, now: datetime) -> RuntimeState:
    """Return the agent's runtime state, made on first look; many at once get the same row (H-16)."""
    RuntimeState.objects.bulk_create(
        [
            RuntimeState(
                agent=agent,
                company_id=agent.company_id,
                adapter_type=agent.adapter_type,
                created_at=now,
                updated_at=now,
            )
        ],
        ignore_conflicts=True,
    )
    return RuntimeState.objects.get(pk=agent.pk)


def reset(*, agent: Agent, key: str | None, now: datetime) -> tuple[RuntimeState, int]:
    """Forget the agent's session of one task, or of all; return its state and how many were forgotten (H-167)."""
    sessions = TaskSession.objects.filter(agent=agent)
    if key is not None:
        sessions = sessions.filter(task_key=key)
    cleared, _ = sessions.delete()
    state = runtime_state(agent, now=now)
    if key is None:
        RuntimeState.objects.filter(pk=agent.pk).update(session_id=None, state_json={}, updated_at=now)
        state.refresh_from_db()
    return state, cleared


def latest(agent_id: UUID) -> TaskSession | None:
    """Return the agent's most recently used session."""
    return TaskSession.objects.filter(agent_id=agent_id).order_by("-updated_at").first()
