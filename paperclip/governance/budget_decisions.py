"""What a person decides about a budget that is used up: allow more, or leave things stopped (C-93, CW-6)."""

from __future__ import annotations

from datetime import datetime
from typing import Literal
from uuid import UUID

from django.db import transaction

from paperclip.companies import activity, ledger
from paperclip.companies.actors import Actor
from paperclip.companies.models import Agent, Company
from paperclip.core.errors import BadRequest, Conflict, NotFound, Unprocessable
from paperclip.governance import incidents, policies, relief
from paperclip.governance.choices import (
    ApprovalStatus,
    BudgetScope,
    BudgetWindow,
    IncidentStatus,
)
from paperclip.governance.models import Approval, BudgetIncident, BudgetPolicy

Action = Literal["raise_budget_and_resume", "keep_paused"]
RAISE: Action = "raise_budget_and_resume"
KEEP: Action = "keep_paused"
_DOLLAR = 100


def next_amount(policy: BudgetPolicy) -> int:
    """Return what one click raises a budget to, in cents: a quarter above limit and spend, in whole dollars."""
    base = max(policy.amount, policy.observed_amount)
    return -(-base * 5 // (4 * _DOLLAR)) * _DOLLAR


def resolve(
    *,
    company: Company,
    incident_id: UUID,
    action: Action,
    amount: int | None = None,
    note: str | None = None,
    actor: Actor,
    now: datetime,
) -> BudgetIncident:
    """Answer an open incident (C-93); `amount` in cents is what may be spent from now on.

    Raises NotFound for an incident the company does not have, Conflict for one that is closed, BadRequest and
    Unprocessable for an amount that is missing or not above the spend of this moment.
    """
    with transaction.atomic():
        ledger.lock(company.pk)
        incident = BudgetIncident.objects.filter(company=company, pk=incident_id).first()
        if incident is None:
            raise NotFound("Budget incident not found")
        if incident.status != IncidentStatus.OPEN:
            raise Conflict(f"Budget incident is {incident.status} already")
        policy = policies.rows().get(pk=incident.policy_id)
        if action == RAISE and amount is None:
            raise BadRequest("amount is required when raising a budget")
        if action == RAISE and amount is not None:
            _raise(policy, amount, note=note, actor=actor, now=now)
        else:
            _keep(policy, incident, note=note, actor=actor, now=now)
        _log(policy, incident, action, amount if action == RAISE else None, actor, now)
        return incidents.rows().get(pk=incident.pk)


def carry_out(approval: Approval, *, actor: Actor, now: datetime) -> None:
    """Do what an approved question about a budget asks: allow as much as it proposed, or more by now (CW-6)."""
    incident = _asking(approval)
    if incident is None:
        return
    policy = policies.rows().get(pk=incident.policy_id)
    amount = max(next_amount(policy), _proposed(approval))
    _raise(policy, amount, note=approval.decision_note, actor=actor, now=now)
    _log(policy, incident, RAISE, amount, actor, now)


def turn_down(approval: Approval, *, actor: Actor, now: datetime) -> None:
    """Leave the scope of a rejected question stopped, and stop asking (CW-6)."""
    incident = _asking(approval)
    if incident is None:
        return
    policy = policies.rows().get(pk=incident.policy_id)
    _keep(policy, incident, note=approval.decision_note, actor=actor, now=now)
    _log(policy, incident, KEEP, None, actor, now)


def mirror(policy: BudgetPolicy, *, now: datetime) -> None:
    """Write what a month allows to the row that shows it: `budgetMonthlyCents` of company or agent (C-91)."""
    if policy.window_kind != BudgetWindow.CALENDAR_MONTH_UTC:
        return
    cents = policy.amount if policy.is_active else 0
    if policy.scope_type == BudgetScope.COMPANY:
        shown = Company.objects.filter(pk=policy.company_id)
        shown.exclude(budget_monthly_cents=cents).update(budget_monthly_cents=cents, updated_at=now)
    elif policy.scope_type == BudgetScope.AGENT:
        of_agent = Agent.objects.filter(pk=policy.scope_id)
        of_agent.exclude(budget_monthly_cents=cents).update(budget_monthly_cents=cents, updated_at=now)


def _raise(policy: BudgetPolicy, amount: int, *, note: str | None, actor: Actor, now: datetime) -> None:
    if amount <= policy.observed_amount:
        raise Unprocessable("New budget must exceed current observed spend")
    policy.amount, policy.is_active = amount, True
    BudgetPolicy.objects.filter(pk=policy.pk).update(
        amount=amount, is_active=True, updated_by_user_id=actor.user_id, updated_at=now
    )
    mirror(policy, now=now)
    relief.lift(policy, note=note, actor=actor, now=now)


def _keep(
    policy: BudgetPolicy, incident: BudgetIncident, *, note: str | None, actor: Actor, now: datetime
) -> None:
    incidents.close(
        policy,
        status=IncidentStatus.DISMISSED,
        approval_status=ApprovalStatus.REJECTED,
        note=note,
        actor=actor,
        now=now,
        thresholds=[incident.threshold_type],
    )


def _asking(approval: Approval) -> BudgetIncident | None:
    """Return the open incident a question is about; it may have been answered, or its month may be over."""
    return approval.budget_incidents.filter(status=IncidentStatus.OPEN).first()


def _proposed(approval: Approval) -> int:
    amount = approval.payload.get("proposedAmount")
    return amount if isinstance(amount, int) else 0


def _log(
    policy: BudgetPolicy,
    incident: BudgetIncident,
    action: str,
    amount: int | None,
    actor: Actor,
    now: datetime,
) -> None:
    activity.record(
        company_id=policy.company_id,
        actor=actor,
        action="budget.incident_resolved",
        entity_type="budget_incident",
        entity_id=incident.pk,
        details={
            "action": action,
            "amount": amount,
            "scopeType": policy.scope_type,
            "scopeId": policy.scope_id,
        },
        now=now,
    )
