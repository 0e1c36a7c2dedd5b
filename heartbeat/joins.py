"""Laying a wake onto what is there already: a live run that will see it, or a wake that waits (H-50, H-52, H-54)."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from heartbeat import context as contexts
from heartbeat import events
from heartbeat.choices import InvocationSource, RunStatus, WakeupStatus
from heartbeat.context import WakeContext
from heartbeat.models import Run, WakeupRequest
from issues.models import Issue
from paperclip.companies.choices import ActorType
from paperclip.core import clock

# Where a waiting wake keeps its whole context.
CONTEXT_KEY = "_paperclipWakeContext"


def will_see(run: Run, context: WakeContext) -> bool:
    """Whether a live run of the agent is sure to see the wake: not when it may have looked, or is being stopped."""
    if run.status != RunStatus.RUNNING:
        return True
    return not context.needs_own_run and run.cancel_requested_at is None


def join(
    request: WakeupRequest, run: Run, context: WakeContext, *, reason: str | None, now: datetime
) -> str | None:
    """Lay an unsaved wake onto the locked `run`, and say when that run waits for its time.

    A retry does not make somebody's word wait (HW-10): it starts at once, unless its provider refuses calls until
    later. `run` is read again afterwards.
    """
    before = contexts.read(run.context_snapshot)
    changes = {"context_snapshot": contexts.merge(before, context).to_json(), "updated_at": now}
    note = None
    if run.status == RunStatus.SCHEDULED_RETRY:
        not_before = before.moment("transientRetryNotBefore")
        if not_before is not None and not_before > now:
            note = f"The run waits until {clock.iso(not_before)}: its provider refuses calls before"
        elif _is_pressing(request, context):
            changes["status"] = RunStatus.QUEUED
            note = "The run was to wait for its next try; it starts at once"
        else:
            note = f"The run waits for its next try at {clock.iso(run.scheduled_retry_at or now)}"
    if not Run.objects.filter(pk=run.pk, status=run.status).update(**changes):
        raise AssertionError("a locked run keeps its status")
    if "status" in changes:
        events.append(run, "Brought forward: somebody called", now=now, payload=retry_facts(run))
    request.status = WakeupStatus.COALESCED
    request.reason = reason
    request.coalesced_count = 1
    request.run = run
    request.finished_at = now
    if note is not None:
        request.payload = {**(request.payload or {}), "note": note}
    request.save(force_insert=True)
    run.refresh_from_db()
    return note


def defer(request: WakeupRequest, context: WakeContext, issue: Issue, *, now: datetime) -> WakeupRequest:
    """Keep an unsaved wake until the issue's run has ended and return its row: one per agent and issue (H-52)."""
    waiting = (
        WakeupRequest.objects.select_for_update(no_key=True)
        .filter(agent=request.agent, issue=issue, status=WakeupStatus.DEFERRED)
        .first()
    )
    payload = {**(request.payload or {}), "issueId": str(issue.pk)}
    if waiting is None:
        request.payload = {**payload, CONTEXT_KEY: context.to_json()}
        request.status = WakeupStatus.DEFERRED
        request.reason = "issue_execution_deferred"
        request.save(force_insert=True)
        return request
    merged = contexts.merge(contexts.read((waiting.payload or {}).get(CONTEXT_KEY)), context)
    waiting.payload = {**(waiting.payload or {}), **payload, CONTEXT_KEY: merged.to_json()}
    waiting.coalesced_count += 1
    waiting.updated_at = now
    # A person's word keeps its weight when an agent's is laid on top: only people reopen closed work (H-61).
    if request.requested_by_actor_type == ActorType.USER:
        waiting.requested_by_actor_type = request.requested_by_actor_type
        waiting.requested_by_actor_id = request.requested_by_actor_id
    waiting.save()
    return waiting


def defer_again(run: Run, issue: Issue, *, now: datetime) -> WakeupRequest:
    """Keep what a dropped run was to answer as a wake that waits; `run` carries its request."""
    before = run.wakeup_request
    request = WakeupRequest(
        company_id=run.company_id,
        agent_id=run.agent_id,
        issue=issue,
        source=run.invocation_source,
        trigger_detail=run.trigger_detail,
        payload=dict(before.payload or {}) if before is not None else {},
        requested_by_actor_type=before.requested_by_actor_type if before is not None else None,
        requested_by_actor_id=before.requested_by_actor_id if before is not None else None,
        requested_at=now,
        created_at=now,
        updated_at=now,
    )
    return defer(request, contexts.read(run.context_snapshot), issue, now=now)


def retry_facts(run: Run) -> dict[str, Any]:
    """Return what an event says of a run that waits for its next try."""
    return {
        "scheduledRetryAttempt": run.scheduled_retry_attempt,
        "scheduledRetryAt": clock.iso(run.scheduled_retry_at) if run.scheduled_retry_at else None,
        "scheduledRetryReason": run.scheduled_retry_reason,
    }


def _is_pressing(request: WakeupRequest, context: WakeContext) -> bool:
    """Whether somebody speaks, or a person calls the agent by hand."""
    by_hand = request.source == InvocationSource.ON_DEMAND
    return bool(context.comment_ids) or (by_hand and request.requested_by_actor_type == ActorType.USER)
