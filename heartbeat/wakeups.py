"""Calling an agent: a wake becomes a run, joins one, waits, or is refused with its reason (H-37 to H-62).

`enqueue` runs in the transaction of its cause, so a wake cannot be lost between a change and the queue, nor
outlive a change that was undone. State of a request: docs/run-states.md.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Literal
from uuid import UUID

from django.db import IntegrityError, connection, transaction
from django.db.models import F

from heartbeat import context as contexts
from heartbeat import drops, gates, sessions
from heartbeat.choices import (
    RUN_LIVE,
    InvocationSource,
    RunStatus,
    TriggerDetail,
    WakeupStatus,
)
from heartbeat.context import WakeContext
from heartbeat.gates import Facts, Refused
from heartbeat.models import Run, WakeupRequest
from issues import blockers, checkout, reopening
from issues.choices import CLOSED
from issues.models import Issue
from paperclip.companies import actors
from paperclip.companies.actors import Actor
from paperclip.companies.choices import ActorType
from paperclip.companies.models import Agent
from paperclip.core import jsonable
from paperclip.core.errors import NotFound

QUEUE_CHANNEL = "paperclip_runs"
_CONTEXT_KEY = "_paperclipWakeContext"
# Repeats of one refusal within this time are counted on its row instead of filling the table.
_REPEAT_WINDOW = timedelta(hours=1)


@dataclass(frozen=True)
class Call:
    """A wish that an agent run: why, for what, and what to tell it."""

    source: str = InvocationSource.ON_DEMAND
    trigger_detail: str | None = None
    reason: str | None = None
    payload: Mapping[str, Any] | None = None
    context: Mapping[str, Any] | None = None
    idempotency_key: str | None = None


@dataclass(frozen=True)
class Outcome:
    """What became of a call. `run` is the run that will carry it out, None when skipped, deferred or refused."""

    kind: Literal["queued", "coalesced", "deferred", "skipped", "refused"]
    request: WakeupRequest
    run: Run | None = None
    refused: Refused | None = None


@transaction.atomic
def enqueue(*, agent_id: UUID, company_id: UUID, call: Call, actor: Actor, now: datetime) -> Outcome:
    """Call `agent_id` for `call` and return what became of it; every refusal leaves a row with its reason.

    A repeated `idempotency_key` returns the first call's outcome and changes nothing. Raises NotFound when the
    company has no such agent.
    """
    agent = Agent.objects.select_related("company").filter(pk=agent_id, company_id=company_id).first()
    if agent is None:
        raise NotFound("Agent not found")
    if not call.idempotency_key:
        return _decide(agent, call, actor=actor, now=now)
    if (earlier := _earlier(agent, call.idempotency_key)) is not None:
        return earlier
    try:
        with transaction.atomic():
            return _decide(agent, call, actor=actor, now=now)
    except IntegrityError as error:
        if "wakeup_one_per_idempotency_key" not in str(error):
            raise
        earlier = _earlier(agent, call.idempotency_key)
        if earlier is None:
            raise
        return earlier


def announce() -> None:
    """Tell waiting runners, once the transaction commits, that the queue has something for them."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_notify(%s, '')", [QUEUE_CHANNEL])


def promote_deferred(*, issue_id: UUID, now: datetime) -> Run | None:
    """Turn the oldest wake that waited for `issue_id` into a run; return it, or None when none could (H-60 to H-62).

    The caller holds the issue's row lock and has made sure that no run executes the issue. Waiting wakes that may
    no longer run are closed with their reason and the next is tried.
    """
    waiting = (
        WakeupRequest.objects.select_related("agent__company")
        .filter(issue_id=issue_id, status=WakeupStatus.DEFERRED)
        .order_by("requested_at", "id")
    )
    rows = list(waiting.select_for_update(no_key=True, of=("self",)))
    issue = Issue.objects.select_related("project").get(pk=issue_id) if rows else None
    for request in rows:
        assert issue is not None
        context = contexts.read((request.payload or {}).get(_CONTEXT_KEY))
        facts = Facts(
            agent=request.agent,
            company=request.agent.company,
            context=context,
            source=request.source,
            issue=issue,
            project=issue.project,
            unresolved_blockers=blockers.readiness(issue.pk).unresolved_blocker_issue_ids,
        )
        refused = gates.at_enqueue(facts)
        if refused is not None:
            _close(request, refused, now=now)
            continue
        context = _reopened(issue, request, context, now=now)
        run = _new_run(request, context, facts, now=now)
        WakeupRequest.objects.filter(pk=request.pk).update(
            status=WakeupStatus.QUEUED, reason="issue_execution_promoted", run=run, updated_at=now
        )
        checkout.stamp_execution(issue_id=issue.pk, run_id=run.pk, agent=request.agent, now=now)
        return run
    return None


def _reopened(issue: Issue, request: WakeupRequest, context: WakeContext, *, now: datetime) -> WakeContext:
    """A person who spoke while the last run closed the issue opens it again; an agent does not (H-61)."""
    speaks = (
        request.requested_by_actor_type == ActorType.USER
        or context.wake_reason == "issue_reopened_via_comment"
    )
    if issue.status not in CLOSED or not context.comment_ids or not speaks:
        return context
    closed_as = issue.status
    reopening.for_waiting_comment(issue=issue, actor=actors.system("heartbeat"), now=now)
    return context.with_more(reopenedFrom=closed_as)


def _decide(agent: Agent, call: Call, *, actor: Actor, now: datetime) -> Outcome:
    context = contexts.enrich(
        call.context,
        reason=call.reason,
        source=call.source,
        trigger_detail=call.trigger_detail,
        payload=call.payload,
    )
    context = sessions.resume_from_run(agent, context, call.payload)
    if actor.run_id is not None:
        context = context.with_more(causedByRunId=str(actor.run_id))
    issue = _locked_issue(agent, context)
    active = _active_run(issue, now=now) if issue is not None else None
    facts = Facts(
        agent=agent,
        company=agent.company,
        context=context,
        source=call.source,
        issue=issue,
        project=issue.project if issue is not None else None,
        unresolved_blockers=blockers.readiness(issue.pk).unresolved_blocker_issue_ids
        if issue is not None
        else (),
        has_active_run=active is not None,
    )
    request = _request(agent, call, issue, actor=actor, now=now)
    refused = gates.at_enqueue(facts)
    if refused is not None:
        return _refuse(request, refused, now=now)
    if facts.unresolved_blockers:
        context = context.with_more(
            dependencyBlockedInteraction=True, **_blocker_context(facts.unresolved_blockers)
        )
    if issue is None:
        return _join_or_queue_free(request, context, facts, now=now)
    if active is None:
        return _queue(request, context, facts, now=now)
    if active.agent_id == agent.pk and not (active.status == RunStatus.RUNNING and context.needs_own_run):
        return _join(request, active, context, reason="issue_execution_same_name", now=now)
    return _defer(request, context, issue, now=now)


def _blocker_context(unresolved: Sequence[UUID]) -> dict[str, Any]:
    """What a wake that passes a blocked issue is told of the blockers (H-47)."""
    return {
        "unresolvedBlockerIssueIds": [str(issue_id) for issue_id in unresolved],
        "unresolvedBlockerCount": len(unresolved),
        "unresolvedBlockerSummaries": jsonable.plain(blockers.summaries(unresolved)),
    }


def _locked_issue(agent: Agent, context: WakeContext) -> Issue | None:
    if context.issue_uuid is None:
        return None
    return (
        Issue.objects.select_for_update(no_key=True, of=("self",))
        .select_related("project")
        .filter(pk=context.issue_uuid, company_id=agent.company_id)
        .first()
    )


def _active_run(issue: Issue, *, now: datetime) -> Run | None:
    """Return the live run of the issue, dropping what may not stand for it any more (H-45, H-46)."""
    run = Run.objects.select_for_update(no_key=True).filter(issue_id=issue.pk, status__in=RUN_LIVE).first()
    if run is None:
        return None
    if run.status != RunStatus.SCHEDULED_RETRY:
        return run
    if issue.status == "cancelled":
        code = "issue_cancelled"
    elif run.agent_id != issue.assignee_agent_id:
        code = "issue_reassigned"
    else:
        return run
    drops.end(run, code=code, message="A newer wake of the issue takes its place", now=now)
    return None


def _request(agent: Agent, call: Call, issue: Issue | None, *, actor: Actor, now: datetime) -> WakeupRequest:
    return WakeupRequest(
        company_id=agent.company_id,
        agent=agent,
        issue=issue,
        source=call.source,
        trigger_detail=call.trigger_detail,
        reason=call.reason,
        payload=dict(call.payload) if call.payload is not None else None,
        requested_by_actor_type=actor.type,
        requested_by_actor_id=actor.id,
        idempotency_key=call.idempotency_key or None,
        requested_at=now,
        created_at=now,
        updated_at=now,
    )


def _refuse(request: WakeupRequest, refused: Refused, *, now: datetime) -> Outcome:
    """Keep the refusal on a row; the same one again within the hour is only counted."""
    kind: Literal["refused", "skipped"] = "refused" if refused.is_error else "skipped"
    repeated = (
        WakeupRequest.objects.filter(
            agent=request.agent,
            issue=request.issue,
            source=request.source,
            reason=refused.code,
            status=WakeupStatus.SKIPPED,
            requested_at__gt=now - _REPEAT_WINDOW,
        )
        .order_by("-requested_at")
        .first()
    )
    if repeated is not None and request.idempotency_key is None:
        WakeupRequest.objects.filter(pk=repeated.pk).update(
            coalesced_count=F("coalesced_count") + 1, updated_at=now, finished_at=now
        )
        return Outcome(kind, repeated, refused=refused)
    request.payload = {**(request.payload or {}), "requestedReason": request.reason, **refused.details}
    request.status = WakeupStatus.SKIPPED
    request.reason = refused.code
    request.error = refused.message
    request.finished_at = now
    request.save(force_insert=True)
    return Outcome(kind, request, refused=refused)


def _join(
    request: WakeupRequest, run: Run, context: WakeContext, *, reason: str | None, now: datetime
) -> Outcome:
    """Lay the wake onto a run that will see it (H-50). A person's word does not wait for a retry's due time (HW-10)."""
    merged = contexts.merge(contexts.read(run.context_snapshot), context)
    changes: dict[str, Any] = {"context_snapshot": merged.to_json(), "updated_at": now}
    if run.status == RunStatus.SCHEDULED_RETRY and context.needs_own_run:
        changes["status"] = RunStatus.QUEUED
        announce()
    Run.objects.filter(pk=run.pk, status=run.status).update(**changes)
    request.status = WakeupStatus.COALESCED
    request.reason = reason
    request.coalesced_count = 1
    request.run = run
    request.finished_at = now
    request.save(force_insert=True)
    run.refresh_from_db()
    return Outcome("coalesced", request, run=run)


def _defer(request: WakeupRequest, context: WakeContext, issue: Issue, *, now: datetime) -> Outcome:
    """Keep the wake until the issue's run has ended: one row per agent and issue (H-52)."""
    waiting = (
        WakeupRequest.objects.select_for_update(no_key=True)
        .filter(agent=request.agent, issue=issue, status=WakeupStatus.DEFERRED)
        .first()
    )
    payload = {**(request.payload or {}), "issueId": str(issue.pk)}
    if waiting is None:
        request.payload = {**payload, _CONTEXT_KEY: context.to_json()}
        request.status = WakeupStatus.DEFERRED
        request.reason = "issue_execution_deferred"
        request.save(force_insert=True)
        return Outcome("deferred", request)
    merged = contexts.merge(contexts.read((waiting.payload or {}).get(_CONTEXT_KEY)), context)
    waiting.payload = {**(waiting.payload or {}), **payload, _CONTEXT_KEY: merged.to_json()}
    waiting.coalesced_count += 1
    waiting.updated_at = now
    # A person's word keeps its weight when an agent's is laid on top: only people reopen closed work (H-61).
    if request.requested_by_actor_type == ActorType.USER:
        waiting.requested_by_actor_type = request.requested_by_actor_type
        waiting.requested_by_actor_id = request.requested_by_actor_id
    waiting.save()
    return Outcome("deferred", waiting)


def _join_or_queue_free(
    request: WakeupRequest, context: WakeContext, facts: Facts, *, now: datetime
) -> Outcome:
    """A wake without an issue joins the agent's live run of the same task, else gets a run of its own (H-55)."""
    # Two such wakes at once must see each other: the agent's row is the meeting point.
    Agent.objects.select_for_update(no_key=True).filter(pk=facts.agent.pk).values_list("pk").first()
    live = Run.objects.select_for_update(no_key=True).filter(
        agent=facts.agent, issue__isnull=True, status__in=RUN_LIVE, task_key=context.task_key
    )
    if context.task_key is None:
        live = Run.objects.select_for_update(no_key=True).filter(
            agent=facts.agent, issue__isnull=True, status__in=RUN_LIVE, task_key__isnull=True
        )
    by_status = {run.status: run for run in live.order_by("created_at")}
    found = by_status.get(RunStatus.QUEUED) or by_status.get(RunStatus.SCHEDULED_RETRY)
    if found is None and not context.needs_own_run:
        found = by_status.get(RunStatus.RUNNING)
    if found is not None:
        return _join(request, found, context, reason=request.reason, now=now)
    return _queue(request, context, facts, now=now)


def _queue(request: WakeupRequest, context: WakeContext, facts: Facts, *, now: datetime) -> Outcome:
    """Store a request and the run that carries it out. Each names the other, which is checked at the commit only."""
    request.run = _new_run(request, context, facts, now=now)
    request.save(force_insert=True)
    return Outcome("queued", request, run=request.run)


def _new_run(request: WakeupRequest, context: WakeContext, facts: Facts, *, now: datetime) -> Run:
    session = sessions.of_task(facts.agent, context)
    run = Run.objects.create(
        company_id=facts.agent.company_id,
        agent=facts.agent,
        issue=facts.issue,
        project=facts.project,
        task_key=context.task_key,
        invocation_source=request.source,
        trigger_detail=request.trigger_detail,
        wakeup_request=request,
        session_id_before=session.session_display_id if session is not None else None,
        context_snapshot=context.to_json(),
        created_at=now,
        updated_at=now,
    )
    announce()
    return run


def _close(request: WakeupRequest, refused: Refused, *, now: datetime) -> None:
    status = WakeupStatus.FAILED if refused.is_error else WakeupStatus.CANCELLED
    WakeupRequest.objects.filter(pk=request.pk).update(
        status=status, error=refused.message, finished_at=now, updated_at=now
    )


def _earlier(agent: Agent, key: str) -> Outcome | None:
    request = WakeupRequest.objects.select_related("run").filter(agent=agent, idempotency_key=key).first()
    if request is None:
        return None
    match request.status:
        case WakeupStatus.SKIPPED:
            refused = Refused(request.reason or "skipped", request.error or "The wake was skipped")
            return Outcome("skipped", request, refused=refused)
        case WakeupStatus.DEFERRED:
            return Outcome("deferred", request)
        case WakeupStatus.COALESCED:
            return Outcome("coalesced", request, run=request.run)
        case _:
            return Outcome("queued", request, run=request.run)


def manual(reason: str | None = None, payload: Mapping[str, Any] | None = None) -> Call:
    """Return the call of a person who presses "wake"."""
    return Call(trigger_detail=TriggerDetail.MANUAL, reason=reason, payload=payload)
