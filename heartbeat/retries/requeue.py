"""The next run of a chain, made from the one that ended: the only place that makes one.

Issue, task, session and every counter travel along (H-135), so no cycle of mechanisms can start from zero.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime
from typing import Any

from django.db.models import F

from heartbeat import context as contexts
from heartbeat import events, wakeups
from heartbeat.choices import RUN_LIVE, InvocationSource, RunStatus, TriggerDetail, WakeupStatus
from heartbeat.context import WakeContext
from heartbeat.models import Run, WakeupRequest
from heartbeat.retries import riders
from heartbeat.retries.decisions import Requeue
from issues import checkout
from paperclip.companies import actors
from paperclip.companies.models import Agent
from paperclip.core import clock, due, jsonable

ACTOR = actors.system("heartbeat_service")
MENTIONED = "issue_comment_mentioned"
_CARRIED = (
    "company_id",
    "agent_id",
    "issue_id",
    "project_id",
    "task_key",
    "provider_key",
    "process_loss_retry_count",
    "diagnostic_retry_count",
    "comment_retry_count",
    "handoff_attempt",
    "recovery_attempt",
    "continuation_attempt",
    "scheduled_retry_attempt",
)
# What a mechanism tells its own retry in the context: it means nothing to the next one, which writes its own.
_TOLD_ONCE = (
    "paperclipHarnessCheckedOut",
    "errorFamily",
    "scheduledRetryAttempt",
    "scheduledRetryAt",
    "transientRetryNotBefore",
    "codexTransientFallbackMode",
    "failedRunId",
    "diagnosticRetryCount",
    "category",
    "analysis",
    "originalError",
    "missingIssueCommentForRunId",
    "missingIssueCommentInstruction",
    "retryNowRequestedAt",
    "retryNowRequestedByActorType",
    "retryNowRequestedByActorId",
)


def make(run: Run, spec: Requeue, *, now: datetime) -> Run:
    """Store and return the run that follows the ended `run`; the unique index allows one.

    The caller holds the locks of the run's agent and issue. The issue's lock moves when the old run held it, or
    whenever `spec.takes_lock`. Asked twice with the same idempotency key, it returns the first answer (H-126).
    """
    if (
        spec.idempotency_key is not None
        and (earlier := _earlier(run, spec.idempotency_key, now=now)) is not None
    ):
        return earlier
    waits = spec.due_at is not None
    request = _request(run, spec, now=now)
    request.save(force_insert=True)
    retry = _retry(run, spec, request, now=now)
    retry.save(force_insert=True)
    WakeupRequest.objects.filter(pk=request.pk).update(run=retry)
    _move_lock(run, retry, spec, now=now)
    if spec.event is not None:
        events.append(
            retry, spec.event.message, now=now, level=spec.event.level, payload=dict(spec.event.payload)
        )
    if spec.told is not None:
        told = {"retryRunId": retry.pk, **spec.told.payload}
        events.append(run, spec.told.message, now=now, level=spec.told.level, payload=told)
    if waits and not riders.take_along(retry, now=now):
        due.announce()
    else:
        wakeups.announce()
    return retry


def make_many(wanted: Sequence[tuple[Run, Requeue]], *, now: datetime) -> list[Run]:
    """Store and return the runs that follow ended ones, at once, in a fixed number of statements.

    As `make`, for specs that take the lock and wait for no time; the caller holds the locks of agents and issues,
    which are no routine's. `run.agent` is read.
    """
    assert all(spec.takes_lock and spec.due_at is None for _, spec in wanted)
    requests = [_request(run, spec, now=now) for run, spec in wanted]
    retries = [
        _retry(run, spec, request, now=now) for (run, spec), request in zip(wanted, requests, strict=True)
    ]
    for request, retry in zip(requests, retries, strict=True):
        request.run = retry  # each names the other, which is checked at the commit only
    WakeupRequest.objects.bulk_create(requests)
    Run.objects.bulk_create(retries)
    owners = {
        run.issue_id: (retry.pk, run.agent)
        for (run, _), retry in zip(wanted, retries, strict=True)
        if run.issue_id is not None
    }
    checkout.stamp_many(owners, now=now)
    told = [
        (retry, spec.event)
        for (_, spec), retry in zip(wanted, retries, strict=True)
        if spec.event is not None
    ]
    events.append_many(
        [(retry, note.message, note.level, dict(note.payload)) for retry, note in told], now=now
    )
    wakeups.announce()
    return retries


def _request(run: Run, spec: Requeue, *, now: datetime) -> WakeupRequest:
    return WakeupRequest(
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


def _retry(run: Run, spec: Requeue, request: WakeupRequest, *, now: datetime) -> Run:
    carried = {name: getattr(run, name) for name in _CARRIED}
    carried["session_id_before"] = run.session_id_after or run.session_id_before
    return Run(
        **{**carried, **spec.counters},
        status=RunStatus.SCHEDULED_RETRY if spec.due_at is not None else RunStatus.QUEUED,
        scheduled_retry_at=spec.due_at,
        invocation_source=InvocationSource.AUTOMATION,
        trigger_detail=TriggerDetail.SYSTEM,
        wakeup_request=request,
        retry_of_run=run,
        context_snapshot=_context(run, spec).to_json(),
        created_at=now,
        updated_at=now,
    )


def _earlier(run: Run, key: str, *, now: datetime) -> Run | None:
    """Return the live run that was made for `run` under `key` before, and count that it was asked for again."""
    request = (
        WakeupRequest.objects.select_related("run")
        .filter(agent_id=run.agent_id, idempotency_key=key, run__retry_of_run=run, run__status__in=RUN_LIVE)
        .exclude(status=WakeupStatus.CANCELLED)
        .first()
    )
    if request is None:
        return None
    WakeupRequest.objects.filter(pk=request.pk).update(
        coalesced_count=F("coalesced_count") + 1, updated_at=now
    )
    events.append(run, "Goes on already", now=now, payload={"retryRunId": request.run_id})
    return request.run


def _context(run: Run, spec: Requeue) -> WakeContext:
    old = contexts.read(run.context_snapshot)
    if spec.is_fresh:
        old = WakeContext(issue_id=old.issue_id, task_id=old.issue_id, task_key=old.task_key)
    more: dict[str, Any] = {
        "retryOfRunId": str(run.pk),
        "retryReason": spec.retry_reason,
        **spec.context,
    }
    kept = old.with_more(**{**dict.fromkeys(_TOLD_ONCE), **jsonable.plain(more)})
    return replace(kept, wake_reason=wake_reason(old, spec.wake_reason))


def wake_reason(old: WakeContext, wanted: str) -> str:
    """Return why a retry is called: as its mechanism says, unless the agent was called by name.

    Who is named need not be the assignee, and could not start for any other reason (H-7).
    """
    is_mention = old.wake_reason == MENTIONED and bool(old.comment_ids)
    return MENTIONED if is_mention else wanted


def _payload(run: Run, spec: Requeue) -> dict[str, Any]:
    named = {"issueId": str(run.issue_id)} if run.issue_id else {}
    when = {"scheduledRetryAt": clock.iso(spec.due_at)} if spec.due_at is not None else {}
    return {"retryOfRunId": str(run.pk), **named, **when, **spec.payload}


def _move_lock(run: Run, retry: Run, spec: Requeue, *, now: datetime) -> None:
    if run.issue_id is None:
        return
    if spec.takes_lock:
        checkout.clear_lock(run_id=run.pk)
        agent = Agent.objects.get(pk=retry.agent_id)
        checkout.stamp_execution(issue_id=run.issue_id, run_id=retry.pk, agent=agent, now=now)
    else:
        checkout.move_lock(from_run_id=run.pk, to_run_id=retry.pk, now=now)
