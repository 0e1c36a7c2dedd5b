"""What may be spent: set, shown, and asked before anything runs (C-90 to C-92, C-94)."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

from django.db import transaction

from paperclip.companies import activity, ledger
from paperclip.companies.actors import Actor
from paperclip.companies.choices import AgentStatus, CompanyStatus, PauseReason
from paperclip.companies.models import Agent, Company, Project
from paperclip.governance import budget_decisions, policies, relief, scopes, thresholds, windows
from paperclip.governance.choices import BudgetMetric, BudgetScope, BudgetWindow
from paperclip.governance.models import BudgetPolicy
from paperclip.governance.policies import Scope, Spent

_FLAGS = ("warn_percent", "hard_stop_enabled", "notify_enabled")


@dataclass(frozen=True)
class Block:
    """Why no run may be queued or started, and for which scope."""

    scope_type: str
    scope_id: UUID
    reason: str


# --- Asking ----------------------------------------------------------------------------------------------


def invocation_block(*, company: Company, agent: Agent, project: Project | None = None) -> Block | None:
    """Return the first reason of C-90 against a run of `agent` for `project`, or None when it may run."""
    spent = policies.spent_scopes([company.pk])
    return decide_block(company=company, agent=agent, project=project, spent=spent)


def decide_block(
    *, company: Company, agent: Agent, project: Project | None = None, spent: Spent
) -> Block | None:
    """Return what `invocation_block` does, for a caller that has read once what is spent."""
    reason = _company_reason(company)
    if reason is None and (BudgetScope.COMPANY, company.pk) in spent:
        reason = "Company cannot start new work because its budget hard-stop is exceeded."
    if reason is not None:
        return Block(BudgetScope.COMPANY.value, company.pk, reason)
    if agent.status == AgentStatus.PAUSED and agent.pause_reason == PauseReason.BUDGET:
        reason = "Agent is paused because its budget hard-stop was reached."
    elif (BudgetScope.AGENT, agent.pk) in spent:
        reason = "Agent cannot start because its budget hard-stop is still exceeded."
    if reason is not None:
        return Block(BudgetScope.AGENT.value, agent.pk, reason)
    if project is None:
        return None
    if (BudgetScope.PROJECT, project.pk) in spent:
        reason = "Project cannot start work because its budget hard-stop is still exceeded."
    elif project.paused_at is not None:
        reason = "Project is paused because its budget hard-stop was reached."
    return Block(BudgetScope.PROJECT.value, project.pk, reason) if reason is not None else None


def _company_reason(company: Company) -> str | None:
    if company.status == CompanyStatus.ARCHIVED:
        return "Company is archived and cannot start new work."
    if company.status != CompanyStatus.PAUSED:
        return None
    if company.pause_reason == PauseReason.BUDGET:
        return "Company is paused because its budget hard-stop was reached."
    return "Company is paused and cannot start new work."


# --- Setting ---------------------------------------------------------------------------------------------


def upsert(*, company: Company, fields: Mapping[str, Any], actor: Actor, now: datetime) -> BudgetPolicy:
    """Set what a scope may spend (C-91).

    `fields`: `scope_type`, `scope_id`, `amount` (cents; 0 switches the budget off), optionally `metric`,
    `window_kind`, `warn_percent`, `hard_stop_enabled`, `notify_enabled`, `is_active`; what is left out stays as it
    is (CW-25). A budget that stops nothing any more lets its scope go on; one that is used up stops it at once.
    Raises NotFound and Unprocessable for the scope.
    """
    with transaction.atomic():
        ledger.lock(company.pk)
        scope = scopes.find(company, fields["scope_type"], fields["scope_id"])
        policy = _write(company, scope, fields, actor, now)
        policies.recount(policy, now=now)
        budget_decisions.mirror(policy, now=now)
        details = {
            "scopeType": policy.scope_type,
            "scopeId": policy.scope_id,
            "amount": policy.amount,
            "windowKind": policy.window_kind,
        }
        _log(company.pk, "budget.policy_upserted", "budget_policy", policy.pk, details, actor, now)
        if not policy.is_spent:
            relief.lift(policy, note=relief.VIA_UPDATE, actor=actor, now=now)
        if policy.is_active and policy.observed_amount >= policy.amount:
            thresholds.apply(policy, now=now)
        return policies.rows().get(pk=policy.pk)


def follow_figure(*, company: Company, agent: Agent | None, cents: int, actor: Actor, now: datetime) -> None:
    """Make a monthly budget of a figure that was written to a company or an agent (CW-12, CW-13).

    The caller has taken the ledger's lock before any row.
    """
    scope_type = BudgetScope.COMPANY if agent is None else BudgetScope.AGENT
    scope: Company | Agent = company if agent is None else agent
    policy = policies.of_scope(scope).filter(window_kind=BudgetWindow.CALENDAR_MONTH_UTC).first()
    allowed = policy.amount if policy is not None and policy.is_active else 0
    if allowed == cents:
        return
    fields = {"scope_type": scope_type, "scope_id": scope.pk, "amount": cents, "is_active": cents > 0}
    upsert(company=company, fields=fields, actor=actor, now=now)


def set_company_budget(*, company: Company, cents: int, actor: Actor, now: datetime) -> Company:
    """Write what `company` may spend in a UTC month, in cents; 0 means no limit (C-92)."""
    with transaction.atomic():
        ledger.lock(company.pk)
        Company.objects.filter(pk=company.pk).update(budget_monthly_cents=cents, updated_at=now)
        details = {"budgetMonthlyCents": cents}
        _log(company.pk, "company.budget_updated", "company", company.pk, details, actor, now)
        follow_figure(company=company, agent=None, cents=cents, actor=actor, now=now)
        return Company.objects.get(pk=company.pk)


def set_agent_budget(*, agent: Agent, cents: int, actor: Actor, now: datetime) -> Agent:
    """Write what `agent` may spend in a UTC month, in cents; 0 means no limit (C-92)."""
    with transaction.atomic():
        ledger.lock(agent.company_id)
        Agent.objects.filter(pk=agent.pk).update(budget_monthly_cents=cents, updated_at=now)
        details = {"budgetMonthlyCents": cents}
        _log(agent.company_id, "agent.budget_updated", "agent", agent.pk, details, actor, now)
        follow_figure(company=agent.company, agent=agent, cents=cents, actor=actor, now=now)
        return Agent.objects.get(pk=agent.pk)


def _write(
    company: Company, scope: Scope, fields: Mapping[str, Any], actor: Actor, now: datetime
) -> BudgetPolicy:
    """Make the policy or change it; the caller holds the ledger's lock, so nobody else makes it meanwhile."""
    window_kind = str(fields.get("window_kind") or BudgetWindow.CALENDAR_MONTH_UTC)
    metric = str(fields.get("metric") or BudgetMetric.BILLED_CENTS)
    values: dict[str, Any] = {name: fields[name] for name in _FLAGS if fields.get(name) is not None}
    values |= {
        "amount": fields["amount"],
        "is_active": fields.get("is_active") is not False and fields["amount"] > 0,
        "updated_by_user_id": actor.user_id,
        "updated_at": now,
    }
    known = policies.of_scope(scope).filter(metric=metric, window_kind=window_kind)
    found = known.first()
    if found is not None:
        BudgetPolicy.objects.filter(pk=found.pk).update(**values)
        return policies.rows().get(pk=found.pk)
    window = windows.of(window_kind, now)
    made = BudgetPolicy.objects.create(
        company=company,
        scope_type=fields["scope_type"],
        agent=scope if isinstance(scope, Agent) else None,
        project=scope if isinstance(scope, Project) else None,
        metric=metric,
        window_kind=window_kind,
        window_start=window.start,
        window_end=window.end,
        created_by_user_id=actor.user_id,
        created_at=now,
        **values,
    )
    return policies.rows().get(pk=made.pk)


def _log(
    company_id: UUID,
    action: str,
    entity_type: str,
    entity_id: UUID,
    details: Mapping[str, Any],
    actor: Actor,
    now: datetime,
) -> None:
    activity.record(
        company_id=company_id,
        actor=actor,
        action=action,
        entity_type=entity_type,
        entity_id=entity_id,
        details=details,
        now=now,
    )
