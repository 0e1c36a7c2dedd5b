"""Home: what needs me, what is live, what happened, what it costs."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime
from typing import Any

from django.conf import settings
from django.contrib.admin import AdminSite
from django.http import Http404, HttpRequest, HttpResponse
from django.template.response import TemplateResponse

from heartbeat.choices import RunStatus
from heartbeat.models import Run
from heartbeat.runner.rundir import RunDir
from issues.models import Issue
from paperclip.board import attention, figures
from paperclip.companies import told
from paperclip.companies.models import Activity, Company
from paperclip.core import clock, fragments
from paperclip.core.scope import Scope, scope_of

_LIVE_SHOWN = 20
_ACTIVITY_SHOWN = 12
_TAIL_BYTES = 400
_LINE_CHARS = 160


def page(request: HttpRequest, site: AdminSite) -> HttpResponse:
    """Show home; without a company, or in a company without agents, what to do first."""
    scope = scope_of(request)
    context: dict[str, Any] = {**site.each_context(request), "title": "Home"}
    request.current_app = site.name  # type: ignore[attr-defined]
    if scope.company is None:
        return TemplateResponse(request, "board/welcome.html", context)
    now = clock.now()
    for name in _PARTS:
        context |= _PARTS[name](scope, now)
    context |= _steps(scope.company, context)
    context["may_write"] = scope.may_write
    return TemplateResponse(request, "board/home.html", context)


def part(request: HttpRequest, part: str) -> HttpResponse:
    """Return one part of home, as the page asks for it again and again."""
    scope = scope_of(request)
    if part not in _PARTS or scope.company is None:
        raise Http404("There is no such part.")
    context = {**_PARTS[part](scope, clock.now()), "may_write": scope.may_write}
    return fragments.answer(request, f"board/home_{part}.html", context)


def _attention(scope: Scope, now: datetime) -> dict[str, Any]:
    assert scope.company is not None
    return {"attention": attention.items(scope.company.pk, now=now)}


def _live(scope: Scope, now: datetime) -> dict[str, Any]:
    rows = Run.objects.filter(company=scope.company, status__in=(RunStatus.RUNNING, RunStatus.QUEUED))
    rows = rows.select_related("agent", "issue").only(
        "id", "status", "started_at", "created_at", "cancel_requested_at", "agent__name", "issue__identifier",
        "issue__title",
    )  # fmt: skip
    runs = sorted(rows.order_by("created_at")[:_LIVE_SHOWN], key=lambda run: run.status != RunStatus.RUNNING)
    for run in runs:
        run.last_line = _last_line(run) if run.status == RunStatus.RUNNING else ""  # type: ignore[attr-defined]
    return {"live_runs": runs}


def _last_line(run: Run) -> str:
    """Return the newest line of a run's output, empty when its log lies on another host."""
    rundir = RunDir.open(settings.RUNS_ROOT, str(run.pk))
    if rundir is None:
        return ""
    lines = rundir.tail_excerpt("stdout", _TAIL_BYTES).strip().splitlines()
    return lines[-1][-_LINE_CHARS:] if lines else ""


def _figures(scope: Scope, now: datetime) -> dict[str, Any]:
    assert scope.company is not None
    return {"figures": figures.of(scope.company, now=now), "runs": figures.runs(scope.company.pk, now=now)}


def _activity(scope: Scope, now: datetime) -> dict[str, Any]:
    assert scope.company is not None
    rows = (
        Activity.objects.filter(company=scope.company).select_related("agent").order_by("-created_at", "-id")
    )
    rows = rows.defer("agent__adapter_config", "agent__runtime_config", "agent__metadata")
    return {"entries": told.tell(list(rows[:_ACTIVITY_SHOWN]), company_id=scope.company.pk)}


def _steps(company: Company, context: dict[str, Any]) -> dict[str, Any]:
    """Return the first steps while one is missing: an agent, an issue."""
    has_agents = context["figures"]["has_agents"]
    has_issues = context["figures"]["total"] > 0 or Issue.objects.filter(company=company).exists()
    return {
        "first_steps": None if has_agents and has_issues else {"agents": has_agents, "issues": has_issues}
    }


_PARTS: dict[str, Callable[[Scope, datetime], dict[str, Any]]] = {
    "attention": _attention,
    "live": _live,
    "figures": _figures,
    "activity": _activity,
}
