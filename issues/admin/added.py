"""What issues add to pages of lower floors: the work of an agent, a project or a goal, what an approval is about."""

from __future__ import annotations

from typing import Any

from django.http import HttpRequest
from django.urls import reverse

from issues.choices import OPEN
from issues.models import Issue
from paperclip.core import panels
from paperclip.core.panels import Panel

_SHOWN = 15
_TEMPLATE = "issues/parts/panel.html"


def _open_issues(**owner: Any) -> list[Issue]:
    rows = Issue.objects.filter(**owner, status__in=OPEN, hidden_at__isnull=True).select_related(
        "assignee_agent"
    )
    rows = rows.only("id", "identifier", "title", "status", "assignee_agent__name")
    return list(rows.order_by("-last_activity_at")[:_SHOWN])


def _list_url(query: str) -> str:
    return f"{reverse('admin:issues_issue_changelist')}?{query}"


def _of_agent(agent: Any, request: HttpRequest) -> dict[str, Any]:
    return {
        "issues": _open_issues(assignee_agent=agent),
        "all_url": _list_url(f"assignee={agent.pk}&view=all"),
    }


def _of_project(project: Any, request: HttpRequest) -> dict[str, Any]:
    return {"issues": _open_issues(project=project), "all_url": _list_url(f"project={project.pk}&view=all")}


def _of_goal(goal: Any, request: HttpRequest) -> dict[str, Any]:
    return {"issues": _open_issues(goal=goal)}


def _of_approval(approval: Any, request: HttpRequest) -> dict[str, Any]:
    rows = Issue.objects.filter(approval_links__approval=approval).select_related("assignee_agent")
    rows = rows.only("id", "identifier", "title", "status", "assignee_agent__name")
    return {"issues": list(rows.order_by("issue_number")[:_SHOWN])}


panels.register("agent", Panel("issues", "Open issues", _TEMPLATE, _of_agent, order=5))
panels.register("project", Panel("issues", "Open issues", _TEMPLATE, _of_project, order=5))
panels.register("goal", Panel("issues", "Open issues", _TEMPLATE, _of_goal, order=5))
panels.register("approval", Panel("issues", "Issues it is about", _TEMPLATE, _of_approval, order=5))
