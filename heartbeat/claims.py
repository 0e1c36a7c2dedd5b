"""Taking the next run, under a token no other runner has (H-22, H-64 to H-70).

A claim is one short transaction: lock the agent, ask every gate again, then move the run from `queued` to
`running` by a conditional update. Runners on other hosts skip what is locked, so they never wait for each other.
"""

from __future__ import annotations

import uuid
from collections.abc import Iterator
from datetime import datetime
from uuid import UUID

from django.db import transaction
from django.db.models import Case, Count, Exists, IntegerField, OuterRef, Q, Value, When

from heartbeat import context as contexts
from heartbeat import drops, events, gates, policy, wakeups
from heartbeat.choices import RunStatus, WakeupStatus
from heartbeat.gates import Facts
from heartbeat.models import Run, Runner, WakeupRequest
from issues import blockers, checkout
from issues.choices import PRIORITY_ORDER, IssueStatus
from issues.models import Issue, Relation
from paperclip.companies.choices import AGENT_NOT_INVOKABLE, AgentStatus
from paperclip.companies.models import Agent

_LOOK_AHEAD = 64


def claim(*, runner: Runner, most: int, now: datetime) -> Iterator[Run]:
    """Yield up to `most` runs, each claimed for `runner` and committed before it is yielded.

    Runs that may not start are ended with their reason on the way; runs of an agent at its limit stay queued.
    """
    claimed = 0
    full = _agents_at_limit()
    for run_id, agent_id in _candidates(full):
        if claimed >= most:
            return
        if agent_id in full:
            continue
        run = _take(run_id, agent_id, runner=runner, now=now, full=full)
        if run is not None:
            claimed += 1
            yield run


def _agents_at_limit() -> set[UUID]:
    """Agents with waiting runs that have as many running ones as their policy allows (H-64)."""
    waiting = Agent.objects.filter(Exists(Run.objects.filter(agent=OuterRef("pk"), status=RunStatus.QUEUED)))
    busy = waiting.annotate(busy=Count("runs", filter=Q(runs__status=RunStatus.RUNNING))).filter(busy__gt=0)
    rows = busy.values_list("id", "runtime_config", "busy")
    return {agent_id for agent_id, config, count in rows if count >= policy.read(config).max_concurrent_runs}


def _candidates(full: set[UUID]) -> list[tuple[UUID, UUID]]:
    """Queued runs of agents that may run: work in progress first, then by priority and age (H-66)."""
    blocked = Relation.objects.filter(related_issue=OuterRef("issue")).exclude(issue__status=IssueStatus.DONE)
    priority = [When(issue__priority=word, then=Value(rank)) for word, rank in PRIORITY_ORDER.items()]
    rank = Case(
        When(issue__isnull=True, then=Value(2)),
        When(Exists(blocked), then=Value(3)),
        When(issue__status=IssueStatus.IN_PROGRESS, then=Value(0)),
        default=Value(1),
        output_field=IntegerField(),
    )
    rows = (
        Run.objects.filter(status=RunStatus.QUEUED)
        .exclude(agent__status__in=AGENT_NOT_INVOKABLE)
        .exclude(agent_id__in=full)
        .annotate(rank=rank, priority=Case(*priority, default=Value(9), output_field=IntegerField()))
        .order_by("rank", "priority", "created_at", "id")
        .values_list("id", "agent_id")
    )
    return list(rows[:_LOOK_AHEAD])


@transaction.atomic
def _take(run_id: UUID, agent_id: UUID, *, runner: Runner, now: datetime, full: set[UUID]) -> Run | None:
    agent = (
        Agent.objects.select_for_update(no_key=True, of=("self",), skip_locked=True)
        .select_related("company")
        .filter(pk=agent_id)
        .first()
    )
    if agent is None:
        return None  # another runner or a person holds the agent; the run is looked at again at once
    if (
        Run.objects.filter(agent=agent, status=RunStatus.RUNNING).count()
        >= policy.of(agent).max_concurrent_runs
    ):
        full.add(agent_id)
        return None
    run = Run.objects.filter(pk=run_id, status=RunStatus.QUEUED).first()
    if run is None:
        return None
    issue = (
        Issue.objects.select_for_update(no_key=True, of=("self",))
        .select_related("project")
        .filter(pk=run.issue_id)
        .first()
        if run.issue_id
        else None
    )
    context = contexts.read(run.context_snapshot)
    facts = Facts(
        agent=agent,
        company=agent.company,
        context=context,
        source=run.invocation_source,
        issue=issue,
        project=issue.project if issue is not None else None,
        unresolved_blockers=blockers.readiness(issue.pk).unresolved_blocker_issue_ids
        if issue is not None
        else (),
    )
    refused = gates.at_claim(facts)
    if refused is not None:
        _drop(run, refused, issue, now=now)
        return None
    return _start(run, agent, issue, context, runner=runner, now=now)


def _start(
    run: Run,
    agent: Agent,
    issue: Issue | None,
    context: contexts.WakeContext,
    *,
    runner: Runner,
    now: datetime,
) -> Run | None:
    token = uuid.uuid4()
    if issue is not None:
        context = _with_issue(run, agent, issue, context, now=now)
    taken = Run.objects.filter(pk=run.pk, status=RunStatus.QUEUED).update(
        status=RunStatus.RUNNING,
        runner=runner,
        claim_token=token,
        started_at=now,
        updated_at=now,
        context_snapshot=context.to_json(),
    )
    if not taken:
        transaction.set_rollback(True)  # cancelled at this very moment: nothing of the claim may stand
        return None
    WakeupRequest.objects.filter(pk__in=[run.wakeup_request_id]).update(
        status=WakeupStatus.CLAIMED, claimed_at=now, updated_at=now
    )
    if agent.status != AgentStatus.RUNNING:
        Agent.objects.filter(pk=agent.pk, status=agent.status).update(
            status=AgentStatus.RUNNING, updated_at=now
        )
    events.append(run, "Run started", now=now, payload={"runner": runner.name})
    run.status, run.runner, run.claim_token, run.started_at = RunStatus.RUNNING, runner, token, now
    run.context_snapshot = context.to_json()
    run.agent, run.issue = agent, issue
    return run


def _with_issue(
    run: Run, agent: Agent, issue: Issue, context: contexts.WakeContext, *, now: datetime
) -> contexts.WakeContext:
    """Give the run its issue: checked out where it is the agent's to work on, else only the lock (H-22, H-74)."""
    if _checks_out(context):
        taken = checkout.take_for_run(issue_id=issue.pk, run_id=run.pk, agent=agent, now=now)
        context = context.with_more(paperclipHarnessCheckedOut=taken)
        if taken:
            issue.refresh_from_db(fields=["status", "checkout_run_id", "execution_run_id"])
            return context
    checkout.stamp_execution(issue_id=issue.pk, run_id=run.pk, agent=agent, now=now)
    return context


def _checks_out(context: contexts.WakeContext) -> bool:
    """Whether the run takes its issue out by itself: not when merely mentioned or asked to judge (H-74)."""
    reason = context.wake_reason
    return reason is not None and reason != "issue_comment_mentioned" and not reason.startswith("execution_")


def _drop(run: Run, refused: gates.Refused, issue: Issue | None, *, now: datetime) -> None:
    """End a run that may not start, and let wakes that waited behind it go on (beats HW-9)."""
    moot = refused.code in gates.MOOT
    drops.end(
        run,
        code=refused.code if moot else "cancelled",
        message=refused.message,
        now=now,
        request_status=WakeupStatus.SKIPPED if moot else WakeupStatus.CANCELLED,
        details=refused.details,
    )
    if issue is not None:
        wakeups.promote_deferred(issue_id=issue.pk, now=now)
