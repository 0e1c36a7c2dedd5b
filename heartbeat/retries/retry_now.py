"""A person does not want to wait for a retry's time: it is due at once, and promoted if the gates allow (H-132)."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Any, Literal
from uuid import UUID

from django.db import transaction

from heartbeat import context as contexts
from heartbeat import events, gates, providers
from heartbeat.choices import RunStatus
from heartbeat.models import Run, WakeupRequest
from heartbeat.retries import promotion
from issues.models import Issue
from paperclip.companies import activity
from paperclip.companies.actors import Actor
from paperclip.companies.models import Agent
from paperclip.core import clock

Word = Literal["promoted", "gate_suppressed", "already_promoted", "no_scheduled_retry"]


@dataclass(frozen=True)
class Outcome:
    """What became of the wish, in a word and a sentence; `run` is the retry as it stands now, None without one."""

    outcome: Word
    message: str
    run: Run | None = None
    code: str | None = None


@transaction.atomic
def issue(*, issue_id: UUID, actor: Actor, now: datetime) -> Outcome:
    """Start the waiting retry of an issue at once; return what became of it. Every answer is logged."""
    waiting = Run.objects.filter(issue_id=issue_id, status=RunStatus.SCHEDULED_RETRY)
    run_id = waiting.order_by("-created_at").values_list("pk", flat=True).first()
    outcome = _start(run_id, actor=actor, now=now) if run_id is not None else None
    if outcome is None:
        outcome = _without_waiting(issue_id)
    company_id = Issue.objects.values_list("company_id", flat=True).get(pk=issue_id)
    activity.record(
        company_id=company_id,
        actor=actor,
        action="issue.scheduled_retry_retry_now",
        entity_type="issue",
        entity_id=issue_id,
        details=_told(outcome),
        now=now,
    )
    return outcome


@transaction.atomic
def run(*, run_id: UUID, actor: Actor, now: datetime) -> Outcome:
    """Start a waiting retry at once, whether it has an issue or not; return what became of it."""
    found = Run.objects.filter(pk=run_id).only("id", "status", "company_id", "issue_id").first()
    if found is None:
        return Outcome("no_scheduled_retry", "There is no such run")
    if found.issue_id is not None and found.status == RunStatus.SCHEDULED_RETRY:
        return issue(issue_id=found.issue_id, actor=actor, now=now)
    outcome = _start(run_id, actor=actor, now=now)
    if outcome is None:
        return _started_or_over(Run.objects.select_related("agent").get(pk=run_id))
    activity.record(
        company_id=found.company_id,
        actor=actor,
        action="heartbeat.retry_now",
        entity_type="heartbeat_run",
        entity_id=run_id,
        details=_told(outcome),
        now=now,
    )
    return outcome


def _start(run_id: UUID, *, actor: Actor, now: datetime) -> Outcome | None:
    """Make the run due and promote it, under the locks of agent, issue and run; None when it no longer waits."""
    run = _locked(run_id)
    if run is None or run.status != RunStatus.SCHEDULED_RETRY:
        return None
    _pull_forward(run, actor=actor, now=now)
    facts = gates.look(
        agent=run.agent,
        context=contexts.read(run.context_snapshot),
        source=run.invocation_source,
        issue=run.issue,
        requester=(actor.type, actor.id),
        run=run,
        now=now,
    )
    refused = promotion.promote(run, facts, now=now)
    run = Run.objects.select_related("agent").get(pk=run_id)
    if refused is not None:
        return Outcome("gate_suppressed", f"The retry was called off: {refused.message}", run, refused.code)
    return Outcome("promoted", _when_it_starts(run, now=now), run)


def _when_it_starts(run: Run, *, now: datetime) -> str:
    """A person brings a retry forward, not what its provider asked for: that is opened at the account itself."""
    gate = providers.closed_for(run.agent, now=now)
    if gate is None:
        return "The retry is queued and starts as soon as a runner is free"
    until = f", not before {gate.not_before:%H:%M} UTC" if gate.not_before else ""
    return f"The retry is queued and starts when {gate.label} takes calls again{until}"


def _locked(run_id: UUID) -> Run | None:
    named = Run.objects.filter(pk=run_id).values_list("agent_id", "issue_id").first()
    if named is None:
        return None
    agent_id, issue_id = named
    agents = Agent.objects.select_for_update(no_key=True, of=("self",)).select_related("company")
    agent = agents.get(pk=agent_id)
    issues = Issue.objects.select_for_update(no_key=True, of=("self",)).select_related("project")
    owner = issues.filter(pk__in=[issue_id]).first()
    run = Run.objects.select_for_update(no_key=True).get(pk=run_id)
    run.agent, run.issue = agent, owner
    return run


def _pull_forward(run: Run, *, actor: Actor, now: datetime) -> None:
    """Write on the run, its context and its request that somebody wants it now."""
    asked: dict[str, Any] = {
        "retryNowRequestedAt": clock.iso(now),
        "retryNowRequestedByActorType": actor.type,
        "retryNowRequestedByActorId": actor.id,
    }
    was_due_at = run.scheduled_retry_at
    when = {**asked, "scheduledRetryAt": clock.iso(now)}
    run.context_snapshot = contexts.read(run.context_snapshot).with_more(**when).to_json()
    run.scheduled_retry_at = now
    Run.objects.filter(pk=run.pk, status=RunStatus.SCHEDULED_RETRY).update(
        scheduled_retry_at=now, context_snapshot=run.context_snapshot, updated_at=now
    )
    request = WakeupRequest.objects.filter(pk__in=[run.wakeup_request_id]).first()
    if request is not None:
        payload = {**(request.payload or {}), **when}
        WakeupRequest.objects.filter(pk=request.pk).update(payload=payload, updated_at=now)
    before = clock.iso(was_due_at) if was_due_at is not None else None
    events.append(run, "Brought forward by hand", now=now, payload={**asked, "scheduledRetryAt": before})


def _without_waiting(issue_id: UUID) -> Outcome:
    """What to say when no retry of the issue waits: one may have been started a moment ago."""
    started = Run.objects.select_related("agent").filter(
        issue_id=issue_id, retry_of_run__isnull=False, status__in=(RunStatus.QUEUED, RunStatus.RUNNING)
    )
    run = started.order_by("-created_at").first()
    return (
        _started_or_over(run)
        if run is not None
        else Outcome("no_scheduled_retry", "No retry of this issue waits for its time")
    )


def _started_or_over(run: Run) -> Outcome:
    if run.status in (RunStatus.QUEUED, RunStatus.RUNNING):
        return Outcome("already_promoted", f"The retry is {run.get_status_display().lower()} already", run)
    return Outcome("no_scheduled_retry", "The run does not wait for its time")


def _told(outcome: Outcome) -> dict[str, Any]:
    run = outcome.run
    told = {
        "outcome": outcome.outcome,
        "code": outcome.code,
        "runId": run.pk if run is not None else None,
        "agentId": run.agent_id if run is not None else None,
        "scheduledRetryAttempt": run.scheduled_retry_attempt if run is not None else None,
        "scheduledRetryReason": run.scheduled_retry_reason if run is not None else None,
    }
    return {key: value for key, value in told.items() if value is not None}
