"""What is on record of a budget that came near its end: opened, closed, asked for (C-88, C-89)."""

from __future__ import annotations

from collections.abc import Collection
from datetime import datetime
from uuid import UUID

from django.db.models import QuerySet

from paperclip.companies import activity, actors
from paperclip.companies.actors import Actor
from paperclip.governance import asked, notices, scopes
from paperclip.governance.choices import (
    APPROVAL_OPEN,
    ApprovalStatus,
    BudgetThreshold,
    IncidentStatus,
    NoticeKind,
)
from paperclip.governance.models import Approval, BudgetIncident, BudgetPolicy

SERVICE = actors.system("budget_service")
_ASKS = " Its work was stopped, and a question waits for an answer: raise the budget, or keep it paused."


def rows() -> QuerySet[BudgetIncident]:
    """Return all incidents, each with its budget, what that is for, and the question it asked."""
    related = ("policy__company", "policy__agent", "policy__project", "approval")
    return BudgetIncident.objects.select_related(*related)


def of_company(company_id: UUID) -> QuerySet[BudgetIncident]:
    """Return the open incidents of a company, newest first, with what their budgets are for (C-94)."""
    found = rows().filter(company_id=company_id, status=IncidentStatus.OPEN)
    return found.order_by("-created_at", "-id")


def is_known(policy: BudgetPolicy, threshold: str) -> bool:
    """Return whether somebody was told that this amount came near its end in this window, whatever they answered."""
    known = _of_window(policy, threshold).filter(amount_limit=policy.amount)
    return known.exists()


def standing(policy: BudgetPolicy) -> BudgetIncident | None:
    """Return the incident that tells why the scope stands still: open, or answered with "keep paused" (CW-7)."""
    hard = _of_window(policy, BudgetThreshold.HARD).order_by("-created_at", "-id")
    found = hard.filter(status=IncidentStatus.OPEN).first()
    if found is None and scopes.is_stopped(policy):
        found = hard.filter(status=IncidentStatus.DISMISSED).first()
    return found


def open_new(
    policy: BudgetPolicy, threshold: str, *, now: datetime, approval: Approval | None = None
) -> BudgetIncident:
    """Put on record, and tell people, that a budget came near its end (`soft`) or to it (`hard`)."""
    incident = BudgetIncident.objects.create(
        company_id=policy.company_id,
        policy=policy,
        window_start=policy.window_start,
        window_end=policy.window_end,
        threshold_type=threshold,
        amount_limit=policy.amount,
        amount_observed=policy.observed_amount,
        approval=approval,
        created_at=now,
        updated_at=now,
    )
    details = {
        "scopeType": policy.scope_type,
        "scopeId": policy.scope_id,
        "amountObserved": policy.observed_amount,
        "amountLimit": policy.amount,
    }
    _log(
        incident,
        f"budget.{threshold}_threshold_crossed",
        now,
        details if approval is None else {**details, "approvalId": approval.pk},
    )
    return incident


def tell(incident: BudgetIncident, *, now: datetime) -> None:
    """Tell people outside the board; last in the transaction, as `notices.tell` asks.

    A question that the incident asks is told with it, also to those who only want to hear of questions.
    """
    name = str(scopes.of(incident.policy))
    hard, question = incident.threshold_type == BudgetThreshold.HARD, incident.approval_id
    spent, limit = _money(incident.amount_observed), _money(incident.amount_limit)
    notices.tell(
        company_id=incident.company_id,
        kind=NoticeKind.BUDGET_INCIDENT,
        key=str(incident.pk),
        title=f"{name} has used up its budget" if hard else f"{name} has used most of its budget",
        body=f"{spent} of {limit} is spent." + (_ASKS if question else ""),
        path=asked.path(question) if question else "/admin/governance/budgetpolicy/",
        also=[NoticeKind.APPROVAL_WAITING] if question else (),
        now=now,
    )


def close(
    policy: BudgetPolicy,
    *,
    status: str,
    approval_status: str,
    note: str | None,
    actor: Actor,
    now: datetime,
    thresholds: Collection[str] = BudgetThreshold.values,
) -> list[BudgetIncident]:
    """Close the open incidents of a budget with the questions they asked; return those that were open."""
    still = BudgetIncident.objects.filter(policy=policy, status=IncidentStatus.OPEN)
    found = list(still.filter(threshold_type__in=thresholds).order_by("created_at", "id"))
    for incident in found:
        BudgetIncident.objects.filter(pk=incident.pk).update(status=status, resolved_at=now, updated_at=now)
        incident.status, incident.resolved_at, incident.updated_at = status, now, now
        if incident.approval_id is not None:
            _answer(incident.approval_id, approval_status, note, actor, now)
        notices.settle(
            company_id=policy.company_id, kind=NoticeKind.BUDGET_INCIDENT, key=str(incident.pk), now=now
        )
    return found


def _of_window(policy: BudgetPolicy, threshold: str) -> QuerySet[BudgetIncident]:
    return BudgetIncident.objects.filter(
        policy=policy, window_start=policy.window_start, threshold_type=threshold
    )


def _answer(approval_id: UUID, status: str, note: str | None, actor: Actor, now: datetime) -> None:
    """Answer the question of an incident; one that was answered on its own page is left as it is."""
    moved = Approval.objects.filter(pk=approval_id, status__in=APPROVAL_OPEN).update(
        status=status, decision_note=note, decided_by_user_id=actor.user_id, decided_at=now, updated_at=now
    )
    if not moved:
        return
    approval = Approval.objects.get(pk=approval_id)
    asked.is_settled(approval, now=now)
    activity.record(
        company_id=approval.company_id,
        actor=actor,
        action=f"approval.{ApprovalStatus(status).value}",
        entity_type="approval",
        entity_id=approval_id,
        details={"type": approval.type},
        now=now,
    )


def _log(incident: BudgetIncident, action: str, now: datetime, details: dict[str, object]) -> None:
    activity.record(
        company_id=incident.company_id,
        actor=SERVICE,
        action=action,
        entity_type="budget_incident",
        entity_id=incident.pk,
        details=details,
        now=now,
    )


def _money(cents: int) -> str:
    return f"${cents / 100:,.2f}"
