"""What the work costs: recorded event by event, summed on demand (C-83 to C-85)."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Any
from uuid import UUID

from django.db import transaction
from django.db.models import Count, Q, QuerySet, Sum

from paperclip.companies import activity, queries
from paperclip.companies.actors import Actor
from paperclip.companies.models import Agent, Company, Goal, Project
from paperclip.core.errors import Forbidden, NotFound, Unprocessable
from paperclip.governance import signals
from paperclip.governance.choices import BillingType
from paperclip.governance.models import CostEvent

_SUBSCRIPTION = (BillingType.SUBSCRIPTION_INCLUDED, BillingType.SUBSCRIPTION_OVERAGE)
_ALERT_PERCENT = 80


def record(*, company_id: UUID, fields: Mapping[str, Any], actor: Actor, now: datetime) -> CostEvent:
    """Keep one cost (C-84). All of it commits, or nothing.

    `fields` by column name: `agent_id`, `provider`, `model`, `cost_cents` (cents), `occurred_at`; optionally
    `biller`, `billing_type`, `billing_code`, token counts, `issue_id`, `project_id`, `goal_id`,
    `heartbeat_run_id`. Raises Forbidden for an agent that reports for another, NotFound for an unknown agent,
    Unprocessable for what the company does not have (CW-16).
    """
    if actor.is_agent and actor.agent_id != fields["agent_id"]:
        raise Forbidden("Agent can only report its own costs")
    with transaction.atomic():
        company = _company_of(company_id, fields["agent_id"])
        _require_references(company, fields)
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
        return event


def month_spend(company_id: UUID, *, now: datetime) -> int:
    """Return what a company has spent in this UTC month, in cents."""
    return queries.company_spend([company_id], now=now).get(company_id, 0)


def summary(
    company: Company, *, start: datetime | None = None, end: datetime | None = None
) -> dict[str, Any]:
    """Return what a company has spent between two moments, both included, against its budget (C-85)."""
    spent = _between(company.id, start, end).aggregate(cents=Sum("cost_cents"))["cents"] or 0
    return {
        "companyId": company.id,
        "spendCents": int(spent),
        "budgetCents": company.budget_monthly_cents,
        "utilizationPercent": percent(int(spent), company.budget_monthly_cents),
    }


def by_agent(
    company_id: UUID, *, start: datetime | None = None, end: datetime | None = None
) -> list[dict[str, Any]]:
    """Return the sums of each agent with costs, dearest first, with its runs by kind of billing (C-85)."""
    subscribed = Q(billing_type__in=_SUBSCRIPTION)
    rows = (
        _between(company_id, start, end)
        .values("agent_id", "agent__name", "agent__status")
        .annotate(
            cost=Sum("cost_cents"),
            input=Sum("input_tokens"),
            cached=Sum("cached_input_tokens"),
            output=Sum("output_tokens"),
            api_runs=Count("heartbeat_run", filter=Q(billing_type=BillingType.METERED_API), distinct=True),
            subscription_runs=Count("heartbeat_run", filter=subscribed, distinct=True),
            subscription_input=Sum("input_tokens", filter=subscribed, default=0),
            subscription_cached=Sum("cached_input_tokens", filter=subscribed, default=0),
            subscription_output=Sum("output_tokens", filter=subscribed, default=0),
        )
        .order_by("-cost", "agent_id")
    )
    return [
        {
            "agentId": row["agent_id"],
            "agentName": row["agent__name"],
            "agentStatus": row["agent__status"],
            "costCents": int(row["cost"]),
            "inputTokens": int(row["input"]),
            "cachedInputTokens": int(row["cached"]),
            "outputTokens": int(row["output"]),
            "apiRunCount": row["api_runs"],
            "subscriptionRunCount": row["subscription_runs"],
            "subscriptionCachedInputTokens": int(row["subscription_cached"]),
            "subscriptionInputTokens": int(row["subscription_input"]),
            "subscriptionOutputTokens": int(row["subscription_output"]),
        }
        for row in rows
    ]


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


def _between(company_id: UUID, start: datetime | None, end: datetime | None) -> QuerySet[CostEvent]:
    rows = CostEvent.objects.filter(company_id=company_id)
    if start is not None:
        rows = rows.filter(occurred_at__gte=start)
    return rows if end is None else rows.filter(occurred_at__lte=end)


def _company_of(company_id: UUID, agent_id: UUID) -> Company:
    agent = Agent.objects.select_related("company").filter(pk=agent_id).first()
    if agent is None:
        raise NotFound("Agent not found")
    if agent.company_id != company_id:
        raise Unprocessable("Agent does not belong to company")
    return agent.company


def _require_references(company: Company, fields: Mapping[str, Any]) -> None:
    """Issues and runs live on higher floors; they are reached through the company they belong to."""
    known: list[tuple[str, Any, QuerySet[Any]]] = [
        ("issueId", fields.get("issue_id"), company.issues.all()),
        ("projectId", fields.get("project_id"), Project.objects.filter(company=company)),
        ("goalId", fields.get("goal_id"), Goal.objects.filter(company=company)),
        ("heartbeatRunId", fields.get("heartbeat_run_id"), company.runs.all()),
    ]
    for name, row_id, rows in known:
        if row_id is not None and not rows.filter(pk=row_id).exists():
            raise Unprocessable(f"{name} does not belong to company")
