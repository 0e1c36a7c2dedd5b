"""What was spent, by agent, model, provider, biller, project, day and window (C-85). One query each."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

from django.db.models import Count, Max, Min, Q, QuerySet, Sum
from django.db.models.functions import Coalesce, TruncDate

from paperclip.companies.models import Company
from paperclip.governance import costs
from paperclip.governance.choices import BillingType
from paperclip.governance.models import CostEvent

_SUBSCRIPTION = (BillingType.SUBSCRIPTION_INCLUDED, BillingType.SUBSCRIPTION_OVERAGE)
WINDOWS = {"5h": 5, "24h": 24, "7d": 168}  # hours
_MIXED = "mixed"

_SUMS = {
    "costCents": Sum("cost_cents"),
    "inputTokens": Sum("input_tokens"),
    "cachedInputTokens": Sum("cached_input_tokens"),
    "outputTokens": Sum("output_tokens"),
}
_SUBSCRIBED = Q(billing_type__in=_SUBSCRIPTION)
_RUNS = {
    "apiRunCount": Count("heartbeat_run", filter=Q(billing_type=BillingType.METERED_API), distinct=True),
    "subscriptionRunCount": Count("heartbeat_run", filter=_SUBSCRIBED, distinct=True),
    "subscriptionCachedInputTokens": Sum("cached_input_tokens", filter=_SUBSCRIBED, default=0),
    "subscriptionInputTokens": Sum("input_tokens", filter=_SUBSCRIBED, default=0),
    "subscriptionOutputTokens": Sum("output_tokens", filter=_SUBSCRIBED, default=0),
}
_WHOLE = frozenset([*_SUMS, *_RUNS])
# Each cost belongs to one project: its own, else that of what it was spent on (CW-22).
_PROJECT = ("project", "issue__project", "heartbeat_run__project", "heartbeat_run__issue__project")


def summary(
    company: Company, *, now: datetime, start: datetime | None = None, end: datetime | None = None
) -> dict[str, Any]:
    """Return what a company has spent between two moments, both included, of all time without them (C-85).

    The percentage is of a monthly budget: of a range what was spent in it, else what this UTC month cost (CW-22).
    """
    spent = int(between(company.id, start, end).aggregate(cents=Sum("cost_cents"))["cents"] or 0)
    is_range = start is not None or end is not None
    against = spent if is_range else costs.month_spend(company.id, now=now)
    return {
        "companyId": company.id,
        "spendCents": spent,
        "budgetCents": company.budget_monthly_cents,
        "utilizationPercent": costs.percent(against, company.budget_monthly_cents),
    }


def by_agent(
    company_id: UUID, *, start: datetime | None = None, end: datetime | None = None
) -> list[dict[str, Any]]:
    """Return the sums of each agent with costs, dearest first, with its runs by kind of billing."""
    names = {"agent_id": "agentId", "agent__name": "agentName", "agent__status": "agentStatus"}
    rows: Any = between(company_id, start, end).values(*names).annotate(**_SUMS, **_RUNS)
    return [_row(row, names) for row in rows.order_by("-costCents", "agent_id")]


def by_agent_model(
    company_id: UUID, *, start: datetime | None = None, end: datetime | None = None
) -> list[dict[str, Any]]:
    """Return the sums of each agent by provider, biller, kind of billing and model, in that order."""
    names = {"agent_id": "agentId", "agent__name": "agentName", "billing_type": "billingType"}
    rows: Any = between(company_id, start, end).values(*names, "provider", "biller", "model")
    found = rows.annotate(**_SUMS).order_by("provider", "biller", "billing_type", "model", "agent_id")
    return [_row(row, names) for row in found]


def by_provider(
    company_id: UUID, *, start: datetime | None = None, end: datetime | None = None
) -> list[dict[str, Any]]:
    """Return the sums by provider, biller, kind of billing and model, dearest first."""
    names = {"billing_type": "billingType"}
    rows: Any = between(company_id, start, end).values("provider", "biller", "billing_type", "model")
    found = rows.annotate(**_SUMS, **_RUNS).order_by("-costCents", "provider", "biller", "model")
    return [_row(row, names) for row in found]


def by_biller(
    company_id: UUID, *, start: datetime | None = None, end: datetime | None = None
) -> list[dict[str, Any]]:
    """Return the sums of each biller, dearest first, with how many providers and models it bills."""
    counts = {
        "providerCount": Count("provider", distinct=True),
        "modelCount": Count("model", distinct=True),
    }
    rows: Any = between(company_id, start, end).values("biller")
    return [
        _row(row, {}) for row in rows.annotate(**_SUMS, **_RUNS, **counts).order_by("-costCents", "biller")
    ]


def by_project(
    company_id: UUID, *, start: datetime | None = None, end: datetime | None = None
) -> list[dict[str, Any]]:
    """Return the sums of each project, dearest first; costs that belong to none are left out."""
    of_project = Coalesce(*[f"{path}_id" for path in _PROJECT])
    named = Coalesce(*[f"{path}__name" for path in _PROJECT])
    rows: Any = between(company_id, start, end).annotate(projectId=of_project, projectName=named)
    rows = rows.filter(projectId__isnull=False).values("projectId", "projectName")
    return [_row(row, {}) for row in rows.annotate(**_SUMS).order_by("-costCents", "projectId")]


def by_day(company_id: UUID, *, start: datetime, end: datetime) -> dict[str, int]:
    """Return what each UTC day cost, in cents by ISO date; days without costs are left out."""
    rows = between(company_id, start, end).annotate(day=TruncDate("occurred_at")).values("day")
    return {row["day"].isoformat(): int(row["cents"]) for row in rows.annotate(cents=Sum("cost_cents"))}


def windows(company_id: UUID, *, now: datetime) -> list[dict[str, Any]]:
    """Return the sums of each provider over the last 5 hours, day and week, dearest first in each."""
    longest = now - timedelta(hours=max(WINDOWS.values()))
    rows: Any = between(company_id, longest, now).values("provider")
    wanted: dict[str, Any] = {}
    for window, hours in WINDOWS.items():
        since = Q(occurred_at__gte=now - timedelta(hours=hours))
        wanted[f"{window}:number"] = Count("id", filter=since)
        wanted[f"{window}:first"] = Min("biller", filter=since)
        wanted[f"{window}:last"] = Max("biller", filter=since)
        for name, column in _COLUMNS.items():
            wanted[f"{window}:{name}"] = Sum(column, filter=since)
    found = list(rows.annotate(**wanted).order_by("provider"))
    return [row for window in WINDOWS for row in _of_window(found, window)]


_COLUMNS = {
    "costCents": "cost_cents",
    "inputTokens": "input_tokens",
    "cachedInputTokens": "cached_input_tokens",
    "outputTokens": "output_tokens",
}


def between(company_id: UUID, start: datetime | None, end: datetime | None) -> QuerySet[CostEvent]:
    """Return the costs of a company between two moments, both included."""
    rows = CostEvent.objects.filter(company_id=company_id)
    if start is not None:
        rows = rows.filter(occurred_at__gte=start)
    return rows if end is None else rows.filter(occurred_at__lte=end)


def _of_window(found: list[dict[str, Any]], window: str) -> list[dict[str, Any]]:
    rows = [
        {
            "provider": row["provider"],
            "biller": row[f"{window}:first"] if row[f"{window}:first"] == row[f"{window}:last"] else _MIXED,
            "window": window,
            "windowHours": WINDOWS[window],
            **{name: int(row[f"{window}:{name}"]) for name in _COLUMNS},
        }
        for row in found
        if row[f"{window}:number"]
    ]
    return sorted(rows, key=lambda row: -row["costCents"])


def _row(row: Mapping[str, Any], names: Mapping[str, str]) -> dict[str, Any]:
    """Return a row under its wire names, its sums as whole numbers."""
    return {names.get(key, key): int(value) if key in _WHOLE else value for key, value in row.items()}
