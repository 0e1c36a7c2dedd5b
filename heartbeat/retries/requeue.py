"""The next run of a chain, made from the one that ended: the only place that makes one.

Issue, task, session and every counter travel along (H-135), so no cycle of mechanisms can start from zero.
"""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime
from typing import Any

from heartbeat import context as contexts
from heartbeat import events, wakeups
from heartbeat.choices import InvocationSource, RunStatus, TriggerDetail, WakeupStatus
from heartbeat.context import WakeContext
from heartbeat.models import Run, WakeupRequest
from heartbeat.retries.decisions import Requeue
from issues import checkout
from paperclip.companies import actors
from paperclip.companies.models import Agent
from paperclip.core import clock, jsonable

ACTOR = actors.system("heartbeat_service")
_CARRIED = (
    "company_id",
    "agent_id",
    "issue_id",
    "project_id",
    "task_key",
    "session_id_before",
    "provider_key",
    "process_loss_retry_count",
    "diagnostic_retry_count",
    "comment_retry_count",
    "handoff_attempt",
    "recovery_attempt",
    "continuation_attempt",
    "scheduled_retry_attempt",
    "scheduled_retry_reason",
)


def make(run: Run, spec: Requeue, *, now: datetime) -> Run:
    """Store and return the run that follows the ended `run`; the unique index allows one.

    The caller holds the locks of the run's agent and issue. The issue's lock moves when the old run held it, or
    whenever `spec.takes_lock`.
    """
    waits = spec.due_at is not None
    context = _context(run, spec)
    request = WakeupRequest.objects.create(
        company_id=run.company_id,
        agent_id=run.agent_id,
        issue_id=run.issue_id,
        source=InvocationSource.AUTOMATION,
        trigger_detail=TriggerDetail.SYSTEM,
        reason=spec.wake_reason,
        payload=jsonable.plain(_payload(run, spec)),
        status=WakeupStatus.QUEUED,
        requested_by_actor_type=ACTOR.type,
        requested_by_actor_id=ACTOR.id,
        idempotency_key=spec.idempotency_key,
        requested_at=now,
        created_at=now,
        updated_at=now,
    )
    retry = Run.objects.create(
        **{**{name: getattr(run, name) for name in _CARRIED}, **spec.counters},
        status=RunStatus.SCHEDULED_RETRY if waits else RunStatus.QUEUED,
        scheduled_retry_at=spec.due_at,
        invocation_source=InvocationSource.AUTOMATION,
        trigger_detail=TriggerDetail.SYSTEM,
        wakeup_request=request,
        retry_of_run=run,
        context_snapshot=context.to_json(),
        created_at=now,
        updated_at=now,
    )
    WakeupRequest.objects.filter(pk=request.pk).update(run=retry)
    _move_lock(run, retry, spec, now=now)
    if spec.event is not None:
        events.append(
            retry, spec.event.message, now=now, level=spec.event.level, payload=dict(spec.event.payload)
        )
    if not waits:
        wakeups.announce()
    return retry


def _context(run: Run, spec: Requeue) -> WakeContext:
    old = contexts.read(run.context_snapshot)
    if spec.is_fresh:
        old = WakeContext(issue_id=old.issue_id, task_id=old.issue_id, task_key=old.task_key)
    more: dict[str, Any] = {"retryOfRunId": str(run.pk), "retryReason": spec.retry_reason, **spec.context}
    # The notes of the start belong to the run that started.
    kept = old.with_more(paperclipHarnessCheckedOut=None, **jsonable.plain(more))
    return replace(kept, wake_reason=spec.wake_reason)


def _payload(run: Run, spec: Requeue) -> dict[str, Any]:
    named = {"issueId": str(run.issue_id)} if run.issue_id else {}
    due = {"scheduledRetryAt": clock.iso(spec.due_at)} if spec.due_at is not None else {}
    return {"retryOfRunId": str(run.pk), **named, **due, **spec.payload}


def _move_lock(run: Run, retry: Run, spec: Requeue, *, now: datetime) -> None:
    if run.issue_id is None:
        return
    if spec.takes_lock:
        checkout.clear_lock(run_id=run.pk)
        agent = Agent.objects.get(pk=retry.agent_id)
        checkout.stamp_execution(issue_id=run.issue_id, run_id=retry.pk, agent=agent, now=now)
    else:
        checkout.move_lock(from_run_id=run.pk, to_run_id=retry.pk, now=now)
