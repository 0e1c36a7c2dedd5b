"""What an agent's program needs to go on with a task where it left off (H-17, H-39, H-40, H-79 to H-81).

A session belongs to an agent, its adapter and a task. Runs without a task share one session of the agent itself,
which no task's run ever sees. What a session was used for is counted with it, so that it is replaced in time.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import datetime
from pathlib import Path
from typing import Any
from uuid import UUID

from django.db import transaction

from heartbeat import context as contexts
from heartbeat import rotation, session_store
from heartbeat.adapters.base import Usage
from heartbeat.choices import FRESH_SESSION_REASONS, RunStatus
from heartbeat.context import WakeContext
from heartbeat.models import Run, RuntimeState, TaskSession
from heartbeat.session_store import Memory
from issues.choices import SYSTEM_DOCUMENT
from issues.models import IssueDocument
from paperclip.companies import activity
from paperclip.companies.actors import Actor
from paperclip.companies.models import Agent
from paperclip.core import naming

TIMER_TASK = "__heartbeat__"
RESET = "agent.runtime_session_reset"  # in the log
HANDOFF, ROTATION_REASON, PREVIOUS = (
    "paperclipSessionHandoffMarkdown",
    "paperclipSessionRotationReason",
    "paperclipPreviousSessionId",
)
_EXPLICIT_PARAMS, _EXPLICIT_ID = "resumeSessionParams", "resumeSessionDisplayId"
_FRESH_MODES = ("fresh_session", "fresh_session_safer_invocation")
# Failures that the next run would meet again if it went on with the same session.
_SESSION_CODES = frozenset({"session_not_found", "session_invalid", "context_length_exceeded"})
_SESSION_FAULTS = re.compile(
    r"\bunknown (?:session|thread|chat)\b"
    r"|\b(?:session|thread|conversation|chat|checkpoint)\b[^\n]{0,80}\bnot found\b"
    r"|\bno (?:conversation|rollout) found\b|\b(?:cannot|could not|failed to) resume\b"
    r"|\brequires a valid session id\b|\b(?:prompt|input) is too long\b|\bmaximum context length\b"
    r"|\bcontext (?:length|window)\b[^\n]{0,60}\bexceed|\bexceed\w*\b[^\n]{0,60}\bcontext (?:length|window)\b",
    re.IGNORECASE,
)


@dataclass(frozen=True)
class Resumption:
    """What a run starts with: the session it goes on with, and the context that says so; warnings for its log."""

    context: WakeContext
    params: Mapping[str, Any] | None = None
    display_id: str | None = None
    warnings: tuple[str, ...] = ()


def task_key(context: WakeContext) -> str | None:
    """Return the key a session is kept under; timer wakes without a task share one (H-39)."""
    return context.task_key or (TIMER_TASK if context.wake_source == "timer" else None)


def starts_fresh(context: WakeContext) -> bool:
    """Return whether a wake leaves the saved session alone (H-79)."""
    return (
        context.flag("forceFreshSession")
        or context.wake_reason in FRESH_SESSION_REASONS
        or context.text("codexTransientFallbackMode") in _FRESH_MODES
    )


def is_of_its_task(context: WakeContext) -> bool:
    """Return whether the session a run goes on with is the one saved for its task, not one named for it."""
    is_named = isinstance(context.more.get(_EXPLICIT_PARAMS), dict) or context.text(_EXPLICIT_ID) is not None
    return not is_named and task_key(context) is not None


def of_task(agent: Agent, context: WakeContext) -> TaskSession | None:
    """Return the saved session a wake would go on with, None when it starts fresh (H-79)."""
    key = task_key(context)
    if key is None or starts_fresh(context):
        return None
    saved = TaskSession.objects.filter(agent=agent, adapter_type=agent.adapter_type, task_key=key)
    return saved.filter(set_aside_at__isnull=True).first()


def resume(run: Run, *, now: datetime) -> Resumption:
    """Return what `run`, which carries its agent and issue, starts with (H-79, H-81).

    A session that was named for the run wins over everything; a saved one is replaced when it is used up or was set
    aside, and the fresh one is told of it.
    """
    context = contexts.read(run.context_snapshot).with_more(
        **dict.fromkeys((HANDOFF, ROTATION_REASON, PREVIOUS))
    )
    named, named_id = context.more.get(_EXPLICIT_PARAMS), context.text(_EXPLICIT_ID)
    if isinstance(named, dict) or named_id is not None:
        params = named if isinstance(named, dict) else {"sessionId": named_id}
        return Resumption(context, params, named_id or _id_in(params))
    if starts_fresh(context):
        return Resumption(context)
    memory = session_store.load(run.agent, task_key(context))
    if memory is None:
        return Resumption(context)
    reason = memory.set_aside_reason or rotation.next_reason(
        rotation.limits(run.agent.adapter_type, run.agent.runtime_config), _spent(memory), now=now
    )
    if reason is None:
        return Resumption(context, memory.params, memory.display_id)
    told = rotation.handoff(
        session=memory.display_id,
        issue=run.issue.identifier if run.issue is not None else None,
        reason=reason,
        last_summary=_last_summary(memory),
        continuation_summary=_continuation_summary(run),
    )
    context = context.with_more(
        **{HANDOFF: told, ROTATION_REASON: reason, PREVIOUS: memory.display_id},
    )
    return Resumption(context, warnings=(f"{reason}; a fresh session takes over",))


def moved(resumption: Resumption, *, home: Path, cwd: Path, source: str, workspace: Any | None) -> Resumption:
    """Return a session that was begun in the agent's home, moved to the project's folder now that there is one (H-80).

    `workspace` is the project workspace that `cwd` belongs to. Anything else is returned as it came.
    """
    params = resumption.params
    if params is None or source != "project_primary" or workspace is None or cwd == home:
        return resumption
    saved_id = params.get("workspaceId")
    if params.get("cwd") != str(home) or saved_id not in (None, str(workspace.pk)):
        return resumption
    rewritten = {
        **params,
        "cwd": str(cwd),
        "workspaceId": str(workspace.pk),
        "repoUrl": workspace.repo_url,
        "repoRef": workspace.repo_ref,
    }
    warning = f"Session {resumption.display_id or ''} of {home} goes on in the project's folder {cwd}"
    kept = {key: value for key, value in rewritten.items() if value is not None}
    return replace(resumption, params=kept, warnings=(*resumption.warnings, " ".join(warning.split())))


def begin(run: Run, resumption: Resumption) -> bool:
    """Write on a claimed run what it starts with (H-82); False when the claim is no longer valid."""
    context = resumption.context.to_json()
    if run.session_id_before == resumption.display_id and run.context_snapshot == context:
        return True
    claimed = Run.objects.filter(pk=run.pk, claim_token=run.claim_token, status=RunStatus.RUNNING)
    run.session_id_before, run.context_snapshot = resumption.display_id, context
    return bool(claimed.update(session_id_before=resumption.display_id, context_snapshot=context))


def leave(run: Run) -> bool:
    """Write on a claimed run that its program does not go on with the session it was given (A-22).

    Returns False when the claim is no longer valid.
    """
    run.session_id_before = None
    claimed = Run.objects.filter(pk=run.pk, claim_token=run.claim_token, status=RunStatus.RUNNING)
    return bool(claimed.update(session_id_before=None))


def resume_from_run(agent: Agent, context: WakeContext, payload: Mapping[str, Any] | None) -> WakeContext:
    """Return `context` pointed at the session of the run that `payload.resumeFromRunId` names (H-40)."""
    named = (payload or {}).get("resumeFromRunId")
    run_id = naming.as_field_uuid(named) if isinstance(named, str) else None
    run = Run.objects.filter(pk=run_id, agent=agent, company_id=agent.company_id).first() if run_id else None
    if run is None:
        return context
    display_id = run.session_id_after or run.session_id_before
    old = run.context_snapshot or {}
    filled = {
        key: old[key]
        for key in ("issueId", "taskId", "taskKey")
        if key in old and key not in context.to_json()
    }
    params = _params_of(run, display_id)
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
            **({_EXPLICIT_ID: display_id} if display_id else {}),
            **({_EXPLICIT_PARAMS: params} if params else {}),
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
    usage: Usage | None = None,
) -> dict[str, Any]:
    """Keep the session a run left behind (H-100, H-101, A-45); return what changes in the agent's runtime state.

    `run` carries its outcome. A run that says nothing of a session leaves the one it went on with as it is. One that
    failed over its session sets that aside.
    """
    key = task_key(context)
    reused = run.session_id_before is not None
    if clear or (not reused and display_id is None and params is None):
        if key is not None and not clear and not _passed_one_by(context):
            return {}
        return session_store.forget(agent, key, error if not clear else None, now=now)
    before = session_store.load(agent, key)
    memory = _next(before, run, params, display_id, usage, now=now)
    if reused and came_from_session(run):
        memory = replace(memory, set_aside_reason=f"The run before failed over its session: {run.error_code}")
    if key is None:
        return session_store.own(agent, memory)
    session_store.store(agent, key, memory, error, now=now)
    return {}


def came_from_session(run: Run) -> bool:
    """Return whether a run that failed would fail again with the same session (field note 25)."""
    if run.status != RunStatus.FAILED:
        return False
    return run.error_code in _SESSION_CODES or _SESSION_FAULTS.search(run.error or "") is not None


def reported_before(run: Run, context: WakeContext, display_id: str | None) -> Usage | None:
    """Return what the program of `run` had reported when its session was last left; None for a fresh one (H-98)."""
    memory = session_store.load(run.agent, task_key(context)) if display_id is not None else None
    return memory.raw if memory is not None and memory.display_id == display_id else None


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


@transaction.atomic
def reset(*, agent: Agent, key: str | None, actor: Actor, now: datetime) -> tuple[RuntimeState, int]:
    """Forget the agent's session of one task, or of all; return its state and how many were forgotten (H-167)."""
    sessions = TaskSession.objects.filter(agent=agent)
    if key is not None:
        sessions = sessions.filter(task_key=key)
    cleared, _ = sessions.delete()
    state = runtime_state(agent, now=now)
    if key is None:
        RuntimeState.objects.filter(pk=agent.pk).update(session_id=None, state_json={}, updated_at=now)
        state.refresh_from_db()
    activity.record(
        company_id=agent.company_id,
        actor=actor,
        action=RESET,
        entity_type="agent",
        entity_id=agent.pk,
        details={"taskKey": key},
        now=now,
    )
    return state, cleared


def latest(agent_id: UUID) -> TaskSession | None:
    """Return the agent's most recently used session."""
    return TaskSession.objects.filter(agent_id=agent_id).order_by("-updated_at").first()


def _next(
    before: Memory | None,
    run: Run,
    params: Mapping[str, Any] | None,
    display_id: str | None,
    usage: Usage | None,
    *,
    now: datetime,
) -> Memory:
    """Return the session after `run`: the one it names, else the one it went on with."""
    if display_id is None and params is not None:
        display_id = _id_in(params)
    if display_id is None and params is None:
        display_id = run.session_id_before
        params = before.params if before is not None and before.display_id == display_id else None
    same = before is not None and before.display_id == display_id
    raw = usage if usage is not None else before.raw if same and before is not None else None
    return Memory(
        params=params if params is not None else {"sessionId": display_id},
        display_id=display_id,
        run_count=(before.run_count if same and before is not None else 0) + 1,
        started_at=before.started_at if same and before is not None and before.started_at else now,
        raw=raw,
        last_run_id=run.pk,
    )


def _spent(memory: Memory) -> rotation.Spent:
    raw = memory.raw.input_tokens if memory.raw is not None else 0
    return rotation.Spent(runs=memory.run_count, raw_input_tokens=raw, since=memory.started_at)


def _params_of(run: Run, display_id: str | None) -> Mapping[str, Any] | None:
    """Return how to go on with the session of a run: as it is saved, if it still is that one (H-40)."""
    saved = TaskSession.objects.filter(agent_id=run.agent_id).order_by("-updated_at")
    session = saved.filter(last_run_id=run.pk).first()
    if session is None and display_id is not None:
        session = saved.filter(session_display_id=display_id).first()
    if session is not None:
        return session.session_params_json
    return {"sessionId": display_id} if display_id else None


def _id_in(params: Mapping[str, Any]) -> str | None:
    named = params.get("sessionId")
    return named if isinstance(named, str) and named.strip() else None


def _last_summary(memory: Memory) -> str | None:
    row = Run.objects.filter(pk__in=[memory.last_run_id]).values_list("result_json__summary", flat=True)
    found = row.first()
    return found if isinstance(found, str) else None


def _passed_one_by(context: WakeContext) -> bool:
    """Whether a saved session may be there although the run began without one."""
    return starts_fresh(context) or context.text(ROTATION_REASON) is not None


def _continuation_summary(run: Run) -> str | None:
    if run.issue_id is None:
        return None
    rows = IssueDocument.objects.filter(issue_id=run.issue_id, key=SYSTEM_DOCUMENT)
    return rows.values_list("document__latest_body", flat=True).first()
