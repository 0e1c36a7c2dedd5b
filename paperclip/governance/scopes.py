"""What a budget is for: a company, an agent or a project; how it is stopped, and how it goes on (C-89).

Only what works is stopped, and only what a budget stopped goes on again: a person's pause is left alone.
"""

from __future__ import annotations

from datetime import datetime
from uuid import UUID

from django.db.models import QuerySet

from paperclip.companies import activity
from paperclip.companies import signals as company_signals
from paperclip.companies.actors import Actor
from paperclip.companies.agents import BUDGET_TEXT
from paperclip.companies.choices import AGENT_READY, AgentStatus, CompanyStatus, PauseReason
from paperclip.companies.models import Agent, Company, Project
from paperclip.core.errors import NotFound, Unprocessable
from paperclip.governance import signals
from paperclip.governance.choices import BudgetScope
from paperclip.governance.models import BudgetPolicy
from paperclip.governance.policies import Scope


def find(company: Company, scope_type: str, scope_id: UUID) -> Scope:
    """Return what a budget is to be for; NotFound when there is none, Unprocessable in another company (C-91)."""
    row: Scope | None
    match scope_type:
        case BudgetScope.AGENT:
            row = Agent.objects.filter(pk=scope_id).first()
        case BudgetScope.PROJECT:
            row = Project.objects.filter(pk=scope_id).first()
        case _:
            row = Company.objects.filter(pk=scope_id).first()
    if row is None:
        raise NotFound("Budget scope not found")
    owner_id = row.pk if isinstance(row, Company) else row.company_id
    if owner_id != company.pk:
        raise Unprocessable("Budget scope does not belong to company")
    return row


def of(policy: BudgetPolicy) -> Scope:
    """Return what a budget is for; the policy has been read with it (see `policies.rows`)."""
    return policy.agent or policy.project or policy.company


def standing(policy: BudgetPolicy) -> tuple[bool, str | None]:
    """Return whether the scope is paused, and why."""
    scope = of(policy)
    if isinstance(scope, Project):
        return scope.paused_at is not None, scope.pause_reason
    return scope.status in (AgentStatus.PAUSED, CompanyStatus.PAUSED), scope.pause_reason


def is_stopped(policy: BudgetPolicy) -> bool:
    """Return whether a budget has paused the scope."""
    is_paused, reason = standing(policy)
    return is_paused and reason == PauseReason.BUDGET


def stop(policy: BudgetPolicy, *, actor: Actor, now: datetime) -> bool:
    """Pause the scope for its budget and have its work cancelled; False when it was at rest already."""
    scope = of(policy)
    if isinstance(scope, Agent):
        return _stop_agent(scope, actor, now)
    return (
        _stop_company(scope, actor, now) if isinstance(scope, Company) else _stop_project(scope, actor, now)
    )


def resume(policy: BudgetPolicy, *, actor: Actor, now: datetime) -> bool:
    """Let the scope go on if a budget paused it; return whether it did."""
    scope = of(policy)
    stopped: QuerySet[Agent] | QuerySet[Company] | QuerySet[Project]
    values: dict[str, str]
    if isinstance(scope, Project):
        stopped = Project.objects.filter(pk=scope.pk, paused_at__isnull=False)
        values = {}
    elif isinstance(scope, Agent):
        stopped = Agent.objects.filter(pk=scope.pk, status=AgentStatus.PAUSED)
        values = {"status": AgentStatus.IDLE}
    else:
        stopped = Company.objects.filter(pk=scope.pk, status=CompanyStatus.PAUSED)
        values = {"status": CompanyStatus.ACTIVE}
    moved = stopped.filter(pause_reason=PauseReason.BUDGET).update(
        **values, pause_reason=None, paused_at=None, updated_at=now
    )
    scope.refresh_from_db()
    if moved:
        _log(scope, "resumed", actor, now)
    return bool(moved)


def _stop_agent(agent: Agent, actor: Actor, now: datetime) -> bool:
    moved = Agent.objects.filter(pk=agent.pk, status__in=AGENT_READY).update(
        status=AgentStatus.PAUSED, pause_reason=PauseReason.BUDGET, paused_at=now, updated_at=now
    )
    agent.refresh_from_db()
    if moved:
        _log(agent, "paused", actor, now)
        company_signals.agent_stopped.send(
            sender=Agent, agent=agent, reason=BUDGET_TEXT, actor=actor, now=now
        )
    return bool(moved)


def _stop_company(company: Company, actor: Actor, now: datetime) -> bool:
    moved = Company.objects.filter(pk=company.pk, status=CompanyStatus.ACTIVE).update(
        status=CompanyStatus.PAUSED, pause_reason=PauseReason.BUDGET, paused_at=now, updated_at=now
    )
    company.refresh_from_db()
    if moved:
        _log(company, "paused", actor, now)
        company_signals.company_stopped.send(
            sender=Company, company=company, reason=BUDGET_TEXT, actor=actor, now=now
        )
    return bool(moved)


def _stop_project(project: Project, actor: Actor, now: datetime) -> bool:
    moved = Project.objects.filter(pk=project.pk, paused_at__isnull=True).update(
        pause_reason=PauseReason.BUDGET, paused_at=now, updated_at=now
    )
    project.refresh_from_db()
    if moved:
        _log(project, "paused", actor, now)
        signals.project_stopped.send(
            sender=Project, project=project, reason=BUDGET_TEXT, actor=actor, now=now
        )
    return bool(moved)


def _log(scope: Scope, verb: str, actor: Actor, now: datetime) -> None:
    kind = type(scope).__name__.lower()
    activity.record(
        company_id=scope.pk if isinstance(scope, Company) else scope.company_id,
        actor=actor,
        action=f"{kind}.{verb}",
        entity_type=kind,
        entity_id=scope.pk,
        details={"reason": PauseReason.BUDGET},
        now=now,
    )
