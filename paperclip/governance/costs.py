"""What the work costs: recorded event by event, each held against the budgets at once (C-83, C-84)."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import datetime
from typing import Any
from uuid import UUID

from django.db import transaction
from django.db.models import QuerySet

from paperclip.companies import activity, ledger, queries
from paperclip.companies.actors import Actor
from paperclip.companies.models import Agent, Company, Goal, Project
from paperclip.core.errors import Conflict, Forbidden, NotFound, Unprocessable
from paperclip.governance import signals, thresholds
from paperclip.governance.models import CostEvent

# What a repeated report must say again to be the same report.
_SAME = ("agent_id", "provider", "model", "cost_cents", "occurred_at")
_ALERT_PERCENT = 80


def record(*, company_id: UUID, fields: Mapping[str, Any], actor: Actor, now: datetime) -> CostEvent:
    """Keep one cost (C-84) and what it brings about (C-89). All of it commits, or nothing.

    `fields` by column name: `agent_id`, `provider`, `model`, `cost_cents` (cents), `occurred_at`; optionally
    `biller`, `billing_type`, `billing_code`, token counts, `issue_id`, `project_id`, `goal_id`,
    `heartbeat_run_id`, `idempotency_key`. A report that comes again under its key returns what the first one made
    and counts nothing (CW-26). Raises Forbidden for an agent that reports for another, NotFound for an unknown
    agent, Unprocessable for what the company does not have (CW-16), Conflict for a key that named another cost.
    """
    if actor.is_agent and actor.agent_id != fields["agent_id"]:
        raise Forbidden("Agent can only report its own costs")
    with transaction.atomic():
        company = _company_of(company_id, fields["agent_id"])
        require_references(company, fields)
        if fields["cost_cents"] or fields.get("idempotency_key"):
            ledger.lock(company_id)
        earlier = _earlier(fields)
        if earlier is not None:
            return earlier
        values = {name: value for name, value in fields.items() if value is not None}
        values.setdefault("biller", fields["provider"])
        event = CostEvent.objects.create(company=company, **values, created_at=now)
        activity.record(
            company_id=company_id,
            actor=actor,
            action="cost.reported",
            entity_type="cost_event",
            entity_id=event.id,
            details={"costCents": event.cost_cents, "model": event.model},
            now=now,
        )
        signals.cost_recorded.send(sender=CostEvent, event=event, actor=actor, now=now)
        if event.cost_cents:
            thresholds.count(event, now=now)
        return event


def month_spend(company_id: UUID, *, now: datetime) -> int:
    """Return what a company has spent in this UTC month, in cents."""
    return queries.company_spend([company_id], now=now).get(company_id, 0)


def percent(spent: int, budget: int) -> float:
    """Return how much of a budget is spent, in per cent with two decimals; 0 without a budget (C-98)."""
    return round(spent * 100 / budget, 2) if budget else 0


def dashboard_piece(company_id: UUID, now: datetime) -> dict[str, Any]:
    """Return this UTC month's spend against the budget (C-98)."""
    spent = month_spend(company_id, now=now)
    budget = Company.objects.values_list("budget_monthly_cents", flat=True).get(pk=company_id)
    return {
        "monthSpendCents": spent,
        "monthBudgetCents": budget,
        "monthUtilizationPercent": percent(spent, budget),
    }


def budget_alerts(company_id: UUID, now: datetime) -> int:
    """Return 1 when the company has spent most of its month's budget, else 0 (C-99)."""
    return int(dashboard_piece(company_id, now)["monthUtilizationPercent"] >= _ALERT_PERCENT)


def _company_of(company_id: UUID, agent_id: UUID) -> Company:
    agent = Agent.objects.select_related("company").filter(pk=agent_id).first()
    if agent is None:
        raise NotFound("Agent not found")
    if agent.company_id != company_id:
        raise Unprocessable("Agent does not belong to company")
    return agent.company


def _earlier(fields: Mapping[str, Any]) -> CostEvent | None:
    key = fields.get("idempotency_key")
    if not key:
        return None
    earlier = CostEvent.objects.filter(agent_id=fields["agent_id"], idempotency_key=key).first()
    if earlier is not None and any(getattr(earlier, name) != fields[name] for name in _SAME):
        raise Conflict("This idempotency key was used for another cost")
    return earlier


def require_references(company: Company, fields: Mapping[str, Any]) -> None:
    """Raise Unprocessable for a reference to what the company does not have (CW-16).

    Issues and runs live on higher floors; they are reached through the company they belong to.
    """
    known: list[tuple[str, Any, QuerySet[Any]]] = [
        ("issueId", fields.get("issue_id"), company.issues.all()),
        ("projectId", fields.get("project_id"), Project.objects.filter(company=company)),
        ("goalId", fields.get("goal_id"), Goal.objects.filter(company=company)),
        ("heartbeatRunId", fields.get("heartbeat_run_id"), company.runs.all()),
    ]
    require_known(known)


def require_known(named: Iterable[tuple[str, Any, QuerySet[Any]]]) -> None:
    """Raise Unprocessable for an id that is none of the rows it should be one of; `(name, id or None, rows)` each."""
    for name, row_id, rows in named:
        if row_id is not None and not rows.filter(pk=row_id).exists():
            raise Unprocessable(f"{name} does not belong to company")
