"""How budgets stand, for the interface and the board (C-91, C-94, C-98)."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Any
from uuid import UUID

from paperclip.companies.choices import AgentStatus, PauseReason
from paperclip.companies.models import Agent, Project
from paperclip.governance import costs, incidents, policies, scopes
from paperclip.governance.choices import ApprovalStatus, ApprovalType, BudgetScope
from paperclip.governance.models import Approval, BudgetIncident, BudgetPolicy

_OK, _WARNING, _HARD_STOP = "ok", "warning", "hard_stop"


def of_company(company_id: UUID) -> list[BudgetPolicy]:
    """Return the budgets of a company with what they are for, the newest change first."""
    return list(policies.rows().filter(company_id=company_id).order_by("-updated_at", "-id"))


def observed(policy: BudgetPolicy, *, now: datetime) -> int:
    """Return what is spent of a budget at `now`, in cents; a window that has just ended counts no more."""
    return policy.observed_amount if policy.window_end > now else 0


def status_of(policy: BudgetPolicy, *, now: datetime) -> str:
    """Return `ok`, `warning` or `hard_stop`."""
    spent = observed(policy, now=now)
    if not policy.is_active or spent < policy.warn_at:
        return _OK
    return _HARD_STOP if policy.hard_stop_enabled and spent >= policy.amount else _WARNING


def summary(policy: BudgetPolicy, *, now: datetime) -> dict[str, Any]:
    """Return how a budget stands, by the names of C-94."""
    amount = policy.amount if policy.is_active else 0
    spent = observed(policy, now=now)
    is_paused, reason = scopes.standing(policy)
    return {
        "policyId": policy.pk,
        "companyId": policy.company_id,
        "scopeType": policy.scope_type,
        "scopeId": policy.scope_id,
        "scopeName": str(scopes.of(policy)),
        "metric": policy.metric,
        "windowKind": policy.window_kind,
        "amount": amount,
        "observedAmount": spent,
        "remainingAmount": max(0, amount - spent),
        "utilizationPercent": costs.percent(spent, amount),
        "warnPercent": policy.warn_percent,
        "hardStopEnabled": policy.hard_stop_enabled,
        "notifyEnabled": policy.notify_enabled,
        "isActive": policy.is_active,
        "status": status_of(policy, now=now),
        "paused": is_paused,
        "pauseReason": reason if is_paused else None,
        "windowStart": policy.window_start,
        "windowEnd": policy.window_end,
    }


def incident(row: BudgetIncident) -> dict[str, Any]:
    """Return an incident by the names of C-88 and C-94; it has been read with its policy and approval."""
    policy = row.policy
    return {
        "id": row.pk,
        "companyId": row.company_id,
        "policyId": row.policy_id,
        "scopeType": policy.scope_type,
        "scopeId": policy.scope_id,
        "scopeName": str(scopes.of(policy)),
        "metric": policy.metric,
        "windowKind": policy.window_kind,
        "windowStart": row.window_start,
        "windowEnd": row.window_end,
        "thresholdType": row.threshold_type,
        "amountLimit": row.amount_limit,
        "amountObserved": row.amount_observed,
        "status": row.status,
        "approvalId": row.approval_id,
        "approvalStatus": row.approval.status if row.approval is not None else None,
        "resolvedAt": row.resolved_at,
        "createdAt": row.created_at,
        "updatedAt": row.updated_at,
    }


def overview(company_id: UUID, *, now: datetime) -> dict[str, Any]:
    """Return every budget and every open incident of a company (C-94)."""
    budgets = of_company(company_id)
    active = list(incidents.of_company(company_id))
    asking = [row for row in active if row.approval is not None]
    return {
        "companyId": company_id,
        "policies": [summary(policy, now=now) for policy in budgets],
        "activeIncidents": [incident(row) for row in active],
        "pausedAgentCount": _paused(budgets, BudgetScope.AGENT),
        "pausedProjectCount": _paused(budgets, BudgetScope.PROJECT),
        "pendingApprovalCount": sum(
            row.approval is not None and row.approval.status == ApprovalStatus.PENDING for row in asking
        ),
    }


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
        "activeIncidents": incidents.of_company(company_id).order_by().count(),
        "pendingApprovals": asked.count(),
        "pausedAgents": stopped_agents.count(),
        "pausedProjects": stopped_projects.count(),
    }


def _paused(budgets: Sequence[BudgetPolicy], scope_type: str) -> int:
    stopped = {
        policy.scope_id
        for policy in budgets
        if policy.scope_type == scope_type and scopes.standing(policy)[0]
    }
    return len(stopped)
