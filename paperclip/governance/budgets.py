"""May this scope spend at all, and the figures that say how much (C-90, C-92)."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

from django.db import transaction

from paperclip.companies import activity
from paperclip.companies.actors import Actor
from paperclip.companies.choices import AgentStatus, CompanyStatus, PauseReason
from paperclip.companies.models import Agent, Company, Project
from paperclip.governance.choices import ApprovalStatus, ApprovalType
from paperclip.governance.models import Approval


@dataclass(frozen=True)
class Block:
    """Why no run may be queued or started, and for which scope."""

    scope_type: str
    scope_id: UUID
    reason: str


def invocation_block(*, company: Company, agent: Agent, project: Project | None = None) -> Block | None:
    """Return the first reason of C-90 against a run of `agent` for `project`, or None when it may run."""
    reason = _company_reason(company)
    if reason:
        return Block("company", company.id, reason)
    if agent.status == AgentStatus.PAUSED and agent.pause_reason == PauseReason.BUDGET:
        return Block("agent", agent.id, "Agent is paused because its budget hard-stop was reached.")
    if project is not None and project.paused_at is not None:
        return Block("project", project.id, "Project is paused because its budget hard-stop was reached.")
    return None


def _company_reason(company: Company) -> str | None:
    if company.status == CompanyStatus.ARCHIVED:
        return "Company is archived and cannot start new work."
    if company.status != CompanyStatus.PAUSED:
        return None
    if company.pause_reason == PauseReason.BUDGET:
        return "Company is paused because its budget hard-stop was reached."
    return "Company is paused and cannot start new work."


def set_company_budget(*, company: Company, cents: int, actor: Actor, now: datetime) -> Company:
    """Write what `company` may spend in a UTC month, in cents; 0 means no limit (C-92)."""
    with transaction.atomic():
        Company.objects.filter(pk=company.pk).update(budget_monthly_cents=cents, updated_at=now)
        activity.record(
            company_id=company.id,
            actor=actor,
            action="company.budget_updated",
            entity_type="company",
            entity_id=company.id,
            details={"budgetMonthlyCents": cents},
            now=now,
        )
        return Company.objects.get(pk=company.pk)


def set_agent_budget(*, agent: Agent, cents: int, actor: Actor, now: datetime) -> Agent:
    """Write what `agent` may spend in a UTC month, in cents; 0 means no limit (C-92)."""
    with transaction.atomic():
        Agent.objects.filter(pk=agent.pk).update(budget_monthly_cents=cents, updated_at=now)
        activity.record(
            company_id=agent.company_id,
            actor=actor,
            action="agent.budget_updated",
            entity_type="agent",
            entity_id=agent.id,
            details={"budgetMonthlyCents": cents},
            now=now,
        )
        return Agent.objects.get(pk=agent.pk)


def dashboard_piece(company_id: UUID, now: datetime) -> dict[str, Any]:
    """Return how many scopes a budget has stopped, and what the board has yet to say about it (C-98)."""
    stopped_agents = Agent.objects.filter(
        company_id=company_id, status=AgentStatus.PAUSED, pause_reason=PauseReason.BUDGET
    )
    stopped_projects = Project.objects.filter(
        company_id=company_id, paused_at__isnull=False, pause_reason=PauseReason.BUDGET
    )
    asked = Approval.objects.filter(
        company_id=company_id, type=ApprovalType.BUDGET_OVERRIDE_REQUIRED, status=ApprovalStatus.PENDING
    )
    return {
        "activeIncidents": 0,
        "pendingApprovals": asked.count(),
        "pausedAgents": stopped_agents.count(),
        "pausedProjects": stopped_projects.count(),
    }
