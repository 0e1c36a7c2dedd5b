"""What routines add to pages of lower floors: those of an agent or a project, and where an issue comes from."""

from __future__ import annotations

from typing import Any

from django.db.models import Min, Q
from django.http import HttpRequest
from django.urls import reverse

from issues.choices import OriginKind
from paperclip.core import naming, panels
from paperclip.core.panels import Panel
from routines import words
from routines.choices import RoutineStatus
from routines.models import Routine, RoutineRun

_SHOWN = 10
_TEMPLATE = "routines/parts/panel.html"


def _routines(query: str, **owner: Any) -> dict[str, Any]:
    """Return the routines of an owner, the one due next first: one query."""
    is_on = Q(triggers__enabled=True, status=RoutineStatus.ACTIVE)
    rows = Routine.objects.filter(**owner).exclude(status=RoutineStatus.ARCHIVED)
    rows = rows.annotate(next_run_at=Min("triggers__next_run_at", filter=is_on)).only("id", "title", "status")
    url = reverse("admin:routines_routine_changelist")
    return {
        "routines": list(rows.order_by("next_run_at", "title")[:_SHOWN]),
        "all_url": f"{url}?{query}",
    }


def _of_agent(agent: Any, request: HttpRequest) -> dict[str, Any]:
    return _routines(f"assignee={agent.pk}", assignee_agent=agent)


def _of_project(project: Any, request: HttpRequest) -> dict[str, Any]:
    return _routines(f"project={project.pk}", project=project)


def _of_issue(issue: Any, request: HttpRequest) -> dict[str, Any]:
    """Return the run that made an issue; one query, and only for issues that a routine made."""
    run_id = naming.as_field_uuid(issue.origin_run_id or "")
    if issue.origin_kind != OriginKind.ROUTINE_EXECUTION or run_id is None:
        return {"reason": None}
    rows = RoutineRun.objects.filter(pk=run_id, company_id=issue.company_id)
    run = rows.select_related("routine", "trigger").defer("trigger_payload", "routine__description").first()
    if run is None:
        return {"reason": None}
    said = words.of_source(run)
    return {"reason": {"run": run, "set_off_by": f"{said[0].lower()}{said[1:]}"}}


panels.register("agent", Panel("routines", "Routines", _TEMPLATE, _of_agent, order=8))
panels.register("project", Panel("routines", "Routines", _TEMPLATE, _of_project, order=8))
panels.register("issue-head", Panel("routine", "Routine", "routines/parts/origin.html", _of_issue, order=50))
