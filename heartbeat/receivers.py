"""What the run engine does on news from lower floors. Inside the transaction of the cause; own rows only."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Any
from uuid import UUID

from django.db import transaction
from django.db.models import Q
from django.dispatch import receiver
from django_q.tasks import async_task

from heartbeat import hire_hooks, lifecycle, tree_stops, wakeups
from heartbeat.choices import (
    RUN_LIVE,
    WAKEUP_WAITING,
    InvocationSource,
    RunStatus,
    TriggerDetail,
    WakeupStatus,
)
from heartbeat.models import Run, WakeupRequest
from heartbeat.runner import folders
from heartbeat.wakeups import Call
from issues import signals as issue_signals
from issues.models import Issue, TreeHold
from issues.wakes import Wake
from paperclip.companies import activity
from paperclip.companies import signals as company_signals
from paperclip.companies.actors import Actor
from paperclip.companies.models import Agent, Company, Project
from paperclip.core.errors import Conflict
from paperclip.governance import signals as governance_signals
from paperclip.governance.models import Approval


@receiver(issue_signals.agents_called)
def call_agents(*, wakes: Sequence[Wake], actor: Actor, now: datetime, **_: Any) -> list[str | None]:
    """Write a wakeup for each agent a change of an issue calls (I-89). A refusal is a row, never a failure.

    Return the refusals' codes, None for the wakes that were taken.
    """
    refusals: list[str | None] = []
    agents = {
        agent.pk: agent.company_id for agent in Agent.objects.filter(pk__in={wake.agent_id for wake in wakes})
    }
    for wake in wakes:
        outcome = wakeups.enqueue(
            agent_id=wake.agent_id,
            company_id=agents[wake.agent_id],
            call=Call(
                source=wake.source,
                trigger_detail=wake.trigger_detail,
                reason=wake.reason,
                payload=wake.payload,
                context=wake.context,
                idempotency_key=wake.idempotency_key,
                is_write=True,
            ),
            actor=actor,
            now=now,
        )
        refusals.append(outcome.refused.code if outcome.refused is not None else None)
        if wake.reason == "issue_tree_restored" and outcome.run is not None:
            _tell_restored(outcome.run, wake, actor=actor, now=now)
    return refusals


def _tell_restored(run: Run, wake: Wake, *, actor: Actor, now: datetime) -> None:
    """Log that an agent was called for work that came back with its tree (I-130)."""
    activity.record(
        company_id=run.company_id,
        actor=actor,
        action="issue.tree_restore_wakeup_requested",
        entity_type="heartbeat_run",
        entity_id=run.pk,
        details={
            "issueId": wake.issue_id,
            "agentId": wake.agent_id,
            "holdId": wake.payload["restoreHoldId"],
            "rootIssueId": wake.payload["rootIssueId"],
        },
        now=now,
    )


@receiver(governance_signals.approval_approved)
def call_requester(
    *, approval: Approval, linked_issue_ids: Sequence[UUID], actor: Actor, now: datetime, **_: Any
) -> None:
    """Wake the agent whose question was approved, and log what became of the wake (C-81)."""
    if approval.requested_by_agent_id is None:
        return
    issue_ids = [str(issue_id) for issue_id in linked_issue_ids]
    told = {
        "approvalId": str(approval.pk),
        "approvalStatus": approval.status,
        "issueId": issue_ids[0] if issue_ids else None,
        "issueIds": issue_ids,
    }
    outcome = wakeups.enqueue(
        agent_id=approval.requested_by_agent_id,
        company_id=approval.company_id,
        call=Call(
            source=InvocationSource.AUTOMATION,
            trigger_detail=TriggerDetail.SYSTEM,
            reason="approval_approved",
            payload=told,
            context={"source": "approval.approved", **told},
        ),
        actor=actor,
        now=now,
    )
    details: dict[str, Any] = {
        "requesterAgentId": approval.requested_by_agent_id,
        "linkedIssueIds": issue_ids,
    }
    if outcome.refused is None:
        action, details["wakeRunId"] = (
            "approval.requester_wakeup_queued",
            outcome.run.pk if outcome.run else None,
        )
    else:
        action, details["error"] = "approval.requester_wakeup_failed", outcome.refused.message
    activity.record(
        company_id=approval.company_id,
        actor=actor,
        action=action,
        entity_type="approval",
        entity_id=approval.pk,
        details=details,
        now=now,
    )


@receiver(governance_signals.agent_hired)
def tell_adapter(*, agent: Agent, approval: Approval, **_: Any) -> None:
    """Let the scheduler tell an agent's adapter that it was hired, once that is kept (C-80)."""
    if hire_hooks.of(agent) is not None:
        transaction.on_commit(
            lambda: async_task("heartbeat.tasks.tell_hired", str(agent.pk), str(approval.pk))
        )


@receiver(issue_signals.work_stopped)
def stop_work(
    *, issue: Issue, actor: Actor, source: str, reason: str, now: datetime, **_: Any
) -> UUID | None:
    """Cancel the run that works on an issue (I-46, I-77); return its id, None when none is running.

    With an issue that goes away the wakes that wait for it go too.
    """
    if source == "issue_deleted":
        WakeupRequest.objects.filter(issue=issue, status=WakeupStatus.DEFERRED).update(
            status=WakeupStatus.CANCELLED, error=reason, finished_at=now, updated_at=now
        )
    run = Run.objects.filter(issue_id=issue.pk, status=RunStatus.RUNNING).first()
    if run is None:
        return None
    lifecycle.cancel(run_id=run.pk, reason=reason, actor=actor, now=now)
    return run.pk


@receiver(issue_signals.tree_stopped)
def stop_tree(*, hold: TreeHold, issue_ids: Sequence[UUID], actor: Actor, now: datetime, **_: Any) -> None:
    """Stop what runs and waits for a tree of issues (I-128)."""
    tree_stops.stop(hold=hold, issue_ids=issue_ids, actor=actor, now=now)


@receiver(issue_signals.tree_resumed)
def resume_tree(*, hold: TreeHold, issue_ids: Sequence[UUID], actor: Actor, now: datetime, **_: Any) -> None:
    """Call whom an ended pause had stopped."""
    tree_stops.go_on(hold=hold, issue_ids=issue_ids, actor=actor, now=now)


@receiver(company_signals.agent_stopped)
def stop_agent(*, agent: Agent, reason: str, actor: Actor, now: datetime, **_: Any) -> None:
    """Cancel what an agent runs or waits for when it is paused or terminated (H-157)."""
    _stop(
        Run.objects.filter(agent=agent),
        WakeupRequest.objects.filter(agent=agent),
        reason,
        actor=actor,
        now=now,
    )


@receiver(company_signals.company_stopped)
def stop_company(*, company: Company, reason: str, actor: Actor, now: datetime, **_: Any) -> None:
    """Cancel what a company runs or waits for when it is paused or archived (beats CW-34)."""
    runs, waiting = Run.objects.filter(company=company), WakeupRequest.objects.filter(company=company)
    _stop(runs, waiting, reason, actor=actor, now=now)


@receiver(company_signals.company_leaves)
def let_company_go(*, company: Company, **_: Any) -> None:
    """Refuse while a program of the company runs; take its run folders of this host along after the commit."""
    runs = Run.objects.filter(company=company)
    busy = runs.filter(status=RunStatus.RUNNING).count()
    if busy:
        raise Conflict(
            "The company is archived and its runs are being stopped; delete it when they have ended",
            details={"runs": busy},
        )
    run_ids = set(runs.values_list("pk", flat=True))
    transaction.on_commit(lambda: folders.forget(run_ids), robust=True)


@receiver(governance_signals.project_stopped)
def stop_project(*, project: Project, reason: str, actor: Actor, now: datetime, **_: Any) -> None:
    """Cancel what runs or waits for a project whose budget is used up (H-158)."""
    named = Q(project=project) | Q(issue__project=project) | Q(context_snapshot__projectId=str(project.pk))
    asked = Q(issue__project=project) | Q(payload__projectId=str(project.pk))
    requests = WakeupRequest.objects.filter(asked, company_id=project.company_id)
    runs = Run.objects.filter(named, company_id=project.company_id)
    _stop(runs, requests, reason, actor=actor, now=now)


def _stop(runs: Any, requests: Any, reason: str, *, actor: Actor, now: datetime) -> None:
    requests.filter(status=WakeupStatus.DEFERRED).update(
        status=WakeupStatus.FAILED, error=reason, finished_at=now, updated_at=now
    )
    live = runs.filter(status__in=RUN_LIVE).order_by("agent_id", "issue_id", "id")
    for run_id in list(live.values_list("pk", flat=True)):
        lifecycle.cancel(run_id=run_id, reason=reason, actor=actor, now=now)
    requests.filter(status__in=WAKEUP_WAITING, run__isnull=True).update(
        status=WakeupStatus.CANCELLED, error=reason, finished_at=now, updated_at=now
    )
