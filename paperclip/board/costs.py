"""What the work cost: by day, agent, project and model, between two days of the reader's choice."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from typing import Any
from uuid import UUID

from django.contrib.admin import AdminSite
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.template.response import TemplateResponse
from django.urls import reverse

from paperclip.board import charts
from paperclip.core import clock
from paperclip.core.scope import scope_of
from paperclip.governance import budget_figures, cost_sums, costs

_MOST_DAYS = 366
_SHOWN = 12


@dataclass(frozen=True)
class Range:
    """The days a reader looks at, both included; `fault` when what was asked for cannot be."""

    first: date
    last: date
    fault: str = ""

    @property
    def start(self) -> datetime:
        """The first moment of the range, in UTC."""
        return datetime.combine(self.first, time.min, UTC)

    @property
    def end(self) -> datetime:
        """The last moment of the range, in UTC."""
        return datetime.combine(self.last, time.max, UTC)

    def days(self) -> list[date]:
        """Return every day of the range."""
        return [self.first + timedelta(days=number) for number in range((self.last - self.first).days + 1)]


@dataclass(frozen=True)
class Line:
    """One bar of a list: what it is for, its cost in cents and its length of the dearest, 0 to 100."""

    name: str
    url: str
    cents: int
    tokens: int
    width: float


def page(request: HttpRequest, site: AdminSite) -> HttpResponse:
    """Show the costs of the chosen company."""
    scope = scope_of(request)
    if scope.company is None:
        return redirect("admin:index")
    now = clock.now()
    span = decide_range(request.GET.get("from", ""), request.GET.get("to", ""), today=now.date())
    asked = {"start": span.start, "end": span.end}
    company_id = scope.company.pk
    by_day = cost_sums.by_day(company_id, **asked)
    by_agent = cost_sums.by_agent(company_id, **asked)
    context = {
        **site.each_context(request),
        "title": "Costs",
        "span": span,
        "presets": _presets(now.date(), span),
        "chart": charts.cost_chart([(day, by_day.get(day.isoformat(), 0)) for day in span.days()]),
        "total_cents": sum(by_day.values()),
        "tokens": sum(_tokens(row) for row in by_agent),
        "agents": _lines(by_agent, "agentName", "agentId", "admin:companies_agent_change"),
        "projects": _lines(
            cost_sums.by_project(company_id, **asked),
            "projectName",
            "projectId",
            "admin:companies_project_change",
        ),
        "models": _models(cost_sums.by_agent_model(company_id, **asked)),
        "month": _month(company_id, scope.company.budget_monthly_cents, now),
        "budget": _budget(company_id, now),
    }
    request.current_app = site.name  # type: ignore[attr-defined]
    return TemplateResponse(request, "board/costs.html", context)


def decide_range(first: str, last: str, *, today: date) -> Range:
    """Return the days asked for as ISO dates; this month so far when nothing, or nothing sensible, is asked."""
    usual = Range(today.replace(day=1), today)
    if not first and not last:
        return usual
    try:
        start = date.fromisoformat(first) if first else usual.first
        end = date.fromisoformat(last) if last else today
    except ValueError:
        return Range(usual.first, usual.last, "These are no dates; this month is shown.")
    if start > end:
        return Range(usual.first, usual.last, "The range ends before it begins; this month is shown.")
    if (end - start).days >= _MOST_DAYS:
        return Range(end - timedelta(days=_MOST_DAYS - 1), end, "At most a year is shown at a time.")
    return Range(start, end)


def _presets(today: date, span: Range) -> list[dict[str, Any]]:
    month = today.replace(day=1)
    before = month - timedelta(days=1)
    ranges = [
        ("This month", month, today),
        ("Last month", before.replace(day=1), before),
        ("30 days", today - timedelta(days=29), today),
        ("90 days", today - timedelta(days=89), today),
    ]
    return [
        {
            "text": text,
            "query": f"?from={first.isoformat()}&to={last.isoformat()}",
            "is_chosen": (first, last) == (span.first, span.last),
        }
        for text, first, last in ranges
    ]


def _lines(rows: Sequence[Mapping[str, Any]], name: str, key: str, page_name: str) -> list[Line]:
    return _drawn(
        (row[name], reverse(page_name, args=[row[key]]), row["costCents"], _tokens(row)) for row in rows
    )


def _models(rows: Sequence[Mapping[str, Any]]) -> list[Line]:
    cents: dict[str, int] = defaultdict(int)
    tokens: dict[str, int] = defaultdict(int)
    for row in rows:
        name = f"{row['model']} · {row['provider']}"
        cents[name] += row["costCents"]
        tokens[name] += _tokens(row)
    names = sorted(cents, key=lambda name: (-cents[name], name))
    return _drawn((name, "", cents[name], tokens[name]) for name in names)


def _drawn(rows: Iterable[tuple[str, str, int, int]]) -> list[Line]:
    kept = list(rows)[:_SHOWN]
    peak = max((cents for _, _, cents, _ in kept), default=0)
    return [
        Line(name, url, cents, tokens, round(100 * cents / peak, 1) if peak else 0)
        for name, url, cents, tokens in kept
    ]


def _tokens(row: Mapping[str, Any]) -> int:
    return int(row["inputTokens"] + row["cachedInputTokens"] + row["outputTokens"])


def _month(company_id: UUID, budget_cents: int, now: datetime) -> dict[str, Any]:
    spent = costs.month_spend(company_id, now=now)
    return {"spent_cents": spent, "budget_cents": budget_cents, "percent": costs.percent(spent, budget_cents)}


def _budget(company_id: UUID, now: datetime) -> dict[str, int]:
    statuses = [budget_figures.status_of(policy, now=now) for policy in budget_figures.of_company(company_id)]
    return {"spent": statuses.count("hard_stop"), "near": statuses.count("warning"), "all": len(statuses)}
