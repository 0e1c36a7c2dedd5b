"""The figures on home. Counted at most once in a few seconds per company, however many people look."""

from __future__ import annotations

from collections.abc import Callable
from datetime import date, datetime
from typing import Any
from uuid import UUID

from django.core.cache import cache
from django.db.models import Count

from heartbeat import queries
from issues.choices import IssueStatus
from issues.models import Issue
from paperclip.board import charts
from paperclip.companies import dashboard
from paperclip.companies.choices import AgentStatus
from paperclip.companies.models import Agent, Company
from paperclip.governance import costs

_FIGURES_SECONDS = 3
_CHART_SECONDS = 30
_SHOWN_STATUSES = (
    IssueStatus.IN_PROGRESS, IssueStatus.IN_REVIEW, IssueStatus.BLOCKED, IssueStatus.TODO,
    IssueStatus.BACKLOG, IssueStatus.DONE, IssueStatus.CANCELLED,
)  # fmt: skip


def of(company: Company, *, now: datetime) -> dict[str, Any]:
    """Return agents, issues by status, and spend of the month in cents."""
    return _kept(company.pk, "figures", _FIGURES_SECONDS, lambda: _count(company, now=now))


def runs(company_id: UUID, *, now: datetime) -> dict[str, Any]:
    """Return the chart of the last 14 days and the share of ended runs that succeeded, None without any."""
    return _kept(company_id, "runs", _CHART_SECONDS, lambda: _count_runs(company_id, now=now))


def _kept(company_id: UUID, name: str, seconds: int, count: Callable[[], dict[str, Any]]) -> dict[str, Any]:
    key = f"board:{name}:{company_id}"
    kept: dict[str, Any] | None = cache.get(key)
    if kept is None:
        kept = count()
        cache.set(key, kept, seconds)
    return kept


def _count(company: Company, *, now: datetime) -> dict[str, Any]:
    issues = Issue.objects.filter(company=company, hidden_at__isnull=True).order_by()
    by_status = dict(issues.values_list("status").annotate(number=Count("id")))
    agents = dashboard.agents_piece(company.pk, now)
    spent = costs.month_spend(company.pk, now=now)
    budget = company.budget_monthly_cents
    return {
        "agents": sum(agents.values()),
        "agents_running": agents["running"],
        "agents_error": agents["error"],
        "agents_paused": agents["paused"],
        "has_agents": any(agents.values()) or _has_agents(company),
        "open": sum(by_status.get(status, 0) for status in _SHOWN_STATUSES[:5]),
        "in_progress": by_status.get(IssueStatus.IN_PROGRESS, 0),
        "blocked": by_status.get(IssueStatus.BLOCKED, 0),
        "total": sum(by_status.values()),
        "by_status": charts.shares([(status, by_status.get(status, 0)) for status in _SHOWN_STATUSES]),
        "spent_cents": spent,
        "budget_cents": budget,
        "spent_percent": round(100 * spent / budget) if budget else None,
    }


def _has_agents(company: Company) -> bool:
    """Whether there is an agent at all; the figures leave out those that wait to be approved."""
    return Agent.objects.filter(company=company).exclude(status=AgentStatus.TERMINATED).exists()


def _count_runs(company_id: UUID, *, now: datetime) -> dict[str, Any]:
    days = queries.run_activity(company_id, now)
    good = sum(day["succeeded"] for day in days)
    ended = good + sum(day["failed"] for day in days)
    return {
        "chart": charts.run_chart([(date.fromisoformat(day["date"]), day) for day in days]),
        "success_percent": round(100 * good / ended) if ended else None,
        "ended": ended,
    }
