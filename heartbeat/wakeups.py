"""Calling an agent: a wake becomes a run, joins one, waits, or is refused with its reason (H-37 to H-62).

`enqueue` runs in the transaction of its cause, so a wake cannot be lost between a change and the queue, nor
outlive a change that was undone. State of a request: docs/run-states.md.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Literal
from uuid import UUID

from django.db import IntegrityError, connection, transaction

from heartbeat import context as contexts
from heartbeat import drops, gates, joins, sessions, skips, stops
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


@dataclass(frozen=True)
class Call:
    """A wish that an agent run: why, for what, and what to tell it."""

    source: str = InvocationSource.ON_DEMAND
    trigger_detail: str | None = None
    reason: str | None = None
    payload: Mapping[str, Any] | None = None
    context: Mapping[str, Any] | None = None
    idempotency_key: str | None = None
    is_write: bool = False  # a change of an issue calls, not somebody who asks for the agent


@dataclass(frozen=True)
class Outcome:
    """What became of a call. `run` is the run that will carry it out, None when skipped, deferred or refused.

    `note` says what the caller could not guess, such as until when the run waits.
    """

    kind: Literal["queued", "coalesced", "deferred", "skipped", "refused"]
    request: WakeupRequest
    run: Run | None = None
    refused: Refused | None = None
    note: str | None = None


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
        facts = gates.look(
            agent=request.agent,
            context=contexts.read((request.payload or {}).get(joins.CONTEXT_KEY)),
            source=request.source,
            issue=issue,
            requester=_requester(request),
            now=now,
        )
        refused = gates.at_enqueue(facts)
        if refused is not None:
            _close(request, refused, now=now)
            continue
        context = _reopened(issue, request, gates.held_context(facts.context, facts.hold), now=now)
        run = _new_run(request, context, facts, now=now)
        WakeupRequest.objects.filter(pk=request.pk).update(
            status=WakeupStatus.QUEUED, reason="issue_execution_promoted", run=run, updated_at=now
        )
        checkout.stamp_execution(issue_id=issue.pk, run_id=run.pk, agent=request.agent, now=now)
        return run
    return None


def drop_waiting(
    run: Run, refused: Refused, *, now: datetime, request_status: str = WakeupStatus.CANCELLED
) -> bool:
    """End a run that has not started for the reason of a gate, and let the wakes behind it go on (beats HW-9).

    False when it has started or ended meanwhile. The caller holds the locks of its agent and issue.
    """
    dropped = drops.end(
        run,
        code=refused.code,
        message=refused.message,
        now=now,
        request_status=request_status,
        details=refused.details,
    )
    if dropped and run.issue_id is not None:
        promote_deferred(issue_id=run.issue_id, now=now)
    return dropped


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
    if actor.is_board:
        reason = "A person called the agent"
        stops.lift(agent=agent, issue_id=issue.pk if issue else None, actor=actor, reason=reason, now=now)
    active, has_dropped = _active_run(issue, agent, now=now) if issue is not None else (None, False)
    facts = gates.look(
        agent=agent,
        context=context,
        source=call.source,
        issue=issue,
        requester=(actor.type, actor.id),
        has_active_run=active is not None,
        is_own_write=call.is_write and _is_own_write(agent, issue, context, actor),
        now=now,
    )
    request = _request(agent, call, issue, actor=actor, now=now)
    outcome = _place(request, facts, active, actor=actor, now=now)
    if has_dropped and outcome.run is None and issue is not None:
        promote_deferred(issue_id=issue.pk, now=now)
    return outcome


def _place(
    request: WakeupRequest, facts: Facts, active: Run | None, *, actor: Actor, now: datetime
) -> Outcome:
    """Refuse the wake, or find it the run that will carry it out (H-41, H-44 to H-55)."""
    refused = gates.at_enqueue(facts)
    if refused is not None:
        kept = skips.record(request, refused, actor=actor, now=now)
        return Outcome("refused" if refused.is_error else "skipped", kept, refused=refused)
    context, issue = gates.held_context(facts.context, facts.hold), facts.issue
    if facts.unresolved_blockers:
        context = context.with_more(
            dependencyBlockedInteraction=True, **_blocker_context(facts.unresolved_blockers)
        )
    if issue is None:
        return _join_or_queue_free(request, context, facts, now=now)
    if active is None:
        return _queue(request, context, facts, now=now)
    if active.agent_id == facts.agent.pk and joins.will_see(active, context):
        return _join(request, active, context, reason="issue_execution_same_name", now=now)
    return Outcome("deferred", joins.defer(request, context, issue, now=now))


def _join(
    request: WakeupRequest, run: Run, context: WakeContext, *, reason: str | None, now: datetime
) -> Outcome:
    waited = run.status == RunStatus.SCHEDULED_RETRY
    note = joins.join(request, run, context, reason=reason, now=now)
    if waited and run.status == RunStatus.QUEUED:
        announce()
    return Outcome("coalesced", request, run=run, note=note)


def _is_own_write(agent: Agent, issue: Issue | None, context: WakeContext, actor: Actor) -> bool:
    """Whether the agent's own run on this issue made the change, and did not ask to be called for it."""
    if issue is None or actor.agent_id != agent.pk or actor.run_id is None or context.flag("resumeIntent"):
        return False
    return Run.objects.filter(pk=actor.run_id, issue=issue).exists()


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


def _active_run(issue: Issue, agent: Agent, *, now: datetime) -> tuple[Run | None, bool]:
    """Return the live run of the issue, and whether one was dropped that may not stand for it (H-45, H-46).

    What waits for an agent whose issue it is no longer would be dropped when it starts; nobody has to wait for that.
    A retry of a word to another agent makes way for a wake of the issue, and waits behind it. Wakes that waited
    behind the dropped run are the caller's to let in, should the new wake come to nothing.
    """
    live = Run.objects.select_for_update(no_key=True, of=("self",)).select_related("wakeup_request")
    run = live.filter(issue_id=issue.pk, status__in=RUN_LIVE).first()
    if run is None:
        return None, False
    is_word = gates.speaks_to_agent(contexts.read(run.context_snapshot))
    code = _why_stale(run, issue, agent, is_word=is_word)
    if code is None:
        return run, False
    details = {
        "issueId": str(issue.pk),
        "issueStatus": issue.status,
        "previousRetryAgentId": str(run.agent_id),
        "currentAssigneeAgentId": str(issue.assignee_agent_id) if issue.assignee_agent_id else None,
        **joins.retry_facts(run),
    }
    message = "A newer wake of the issue takes its place"
    dropped = drops.end(run, code=code, message=message, now=now, details=details)
    if dropped and is_word:
        joins.defer_again(run, issue, now=now)
    return None, dropped


def _why_stale(run: Run, issue: Issue, agent: Agent, *, is_word: bool) -> str | None:
    """Return why a live run makes way for a wake of `agent`, None when it stays."""
    is_strangers = run.agent_id != issue.assignee_agent_id
    match run.status:
        case RunStatus.SCHEDULED_RETRY if is_word and run.agent_id == agent.pk:
            return None
        case RunStatus.SCHEDULED_RETRY if issue.status == "cancelled":
            return "issue_cancelled"
        case RunStatus.SCHEDULED_RETRY if is_strangers:
            return "issue_reassigned"
        case RunStatus.QUEUED if is_strangers and not is_word:
            return "issue_assignee_changed"
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


def _requester(request: WakeupRequest) -> gates.Requester:
    return request.requested_by_actor_type, request.requested_by_actor_id


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
    running = by_status.get(RunStatus.RUNNING)
    if found is None and running is not None and joins.will_see(running, context):
        found = running
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
        continuation_attempt=context.continuation_attempt,
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
    requests = WakeupRequest.objects.select_related("run").filter(agent=agent, idempotency_key=key)
    request = requests.exclude(status=WakeupStatus.CANCELLED).first()
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
