"""What runs add to pages of lower floors: columns of the agent list, panels of agents and issues."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any
from uuid import UUID

from django.http import HttpRequest
from django.template.loader import render_to_string
from django.urls import reverse

from heartbeat import strip, words
from heartbeat.chains import WIDE
from heartbeat.choices import RUN_LIVE, RunStatus
from heartbeat.models import Run
from issues.choices import OPEN
from issues.models import Issue
from paperclip.companies.models import Agent
from paperclip.core import clock, panels
from paperclip.core.lists import Column, register_column
from paperclip.core.panels import Panel

_RUNS_SHOWN = 20
_ISSUES_OFFERED = 50


def _told(runs: Sequence[Run]) -> list[Run]:
    told = words.tell(runs)
    for run in runs:
        run.told = told[run.pk]  # type: ignore[attr-defined]
        run.followup_line = words.followup(run)  # type: ignore[attr-defined]
        run.is_live = run.status in RUN_LIVE  # type: ignore[attr-defined]
    return list(runs)


def _runs_of(**owner: Any) -> list[Run]:
    rows = Run.objects.filter(**owner).select_related("agent", "issue", "wakeup_request")
    return _told(list(rows.defer(*WIDE).order_by("-created_at", "-id")[:_RUNS_SHOWN]))


def _of_issue(issue: Any, request: HttpRequest) -> dict[str, Any]:
    return {"runs": _runs_of(issue=issue), "of_issue": True}


def _of_agent(agent: Any, request: HttpRequest) -> dict[str, Any]:
    return {
        "runs": _runs_of(agent=agent),
        "all_url": f"{reverse('admin:heartbeat_run_changelist')}?agent={agent.pk}",
    }


def _tools(agent: Any, request: HttpRequest) -> dict[str, Any]:
    rows = Issue.objects.filter(assignee_agent=agent, status__in=OPEN, hidden_at__isnull=True)
    return {
        "wake_url": reverse("admin:heartbeat_wake", args=[agent.pk]),
        "issues": list(
            rows.only("id", "identifier", "title").order_by("-last_activity_at")[:_ISSUES_OFFERED]
        ),
    }


def _now_cells(agents: Sequence[Any], request: HttpRequest) -> Mapping[UUID, Any]:
    """Return what each agent does now: its live runs and their issues."""
    rows = Run.objects.filter(agent_id__in=[agent.pk for agent in agents], status__in=RUN_LIVE)
    rows = rows.select_related("issue").only(
        "id", "agent_id", "status", "started_at", "issue__identifier", "issue__title"
    )
    live: dict[UUID, list[Run]] = {}
    for run in sorted(rows[:500], key=lambda run: run.status != RunStatus.RUNNING):
        live.setdefault(run.agent_id, []).append(run)
    return {
        agent.pk: render_to_string("heartbeat/parts/agent_now.html", {"runs": live.get(agent.pk, [])})
        for agent in agents
    }


def _strip_cells(agents: Sequence[Agent], request: HttpRequest) -> Mapping[UUID, Any]:
    strips = strip.of([agent.pk for agent in agents], now=clock.now())
    empty = strip.Strip()
    return {
        agent.pk: render_to_string("heartbeat/parts/strip.html", {"strip": strips.get(agent.pk, empty)})
        for agent in agents
    }


register_column("agent", Column("now", _now_cells))
register_column("agent", Column("strip", _strip_cells))
panels.register("issue", Panel("runs", "Runs", "heartbeat/parts/runs.html", _of_issue, order=10))
panels.register("agent", Panel("runs", "Runs", "heartbeat/parts/runs.html", _of_agent, order=10))
panels.register("agent-tools", Panel("wake", "Wake", "heartbeat/parts/wake.html", _tools, order=10))
