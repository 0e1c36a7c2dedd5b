"""How the list of issues is narrowed: saved views and filters."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

from django.contrib import admin
from django.db.models import QuerySet
from django.http import HttpRequest

from issues.choices import OPEN, IssueStatus
from issues.models import Label
from paperclip.companies.choices import AgentStatus
from paperclip.companies.models import Agent, Project
from paperclip.core.filters import ScopedFilter

# The tabs above the list: what is in the address, what is on the tab, which statuses it shows.
VIEWS: dict[str, tuple[str, tuple[str, ...]]] = {
    "open": ("Open", OPEN),
    "in_progress": ("In progress", (IssueStatus.IN_PROGRESS,)),
    "blocked": ("Blocked", (IssueStatus.BLOCKED,)),
    "in_review": ("In review", (IssueStatus.IN_REVIEW,)),
    "done": ("Done", (IssueStatus.DONE, IssueStatus.CANCELLED)),
    "all": ("All", tuple(IssueStatus.values)),
}
DEFAULT_VIEW = "open"


class ViewFilter(admin.SimpleListFilter):
    """The saved view in force; the tabs are drawn from it."""

    title = "view"
    parameter_name = "view"
    template = "board/parts/nothing.html"
    is_tabs = True

    def lookups(self, request: HttpRequest, model_admin: Any) -> Sequence[tuple[str, str]]:
        """Return the views."""
        return [(name, title) for name, (title, _) in VIEWS.items()]

    def value(self) -> str:
        """Return the view in force: open issues, unless another one was chosen."""
        return super().value() or DEFAULT_VIEW

    def choices(self, changelist: Any) -> Iterator[Any]:
        """Return the tabs; there is none for no view."""
        for name, title in self.lookup_choices:
            query = changelist.get_query_string({self.parameter_name: name}, ["p", "status"])
            yield {"selected": self.value() == name, "query_string": query, "display": title}

    def queryset(self, request: HttpRequest, queryset: QuerySet[Any]) -> QuerySet[Any]:
        """Return the issues of the view; a filter by status stands above it."""
        view = VIEWS.get(self.value())
        return queryset if view is None or "status" in request.GET else queryset.filter(status__in=view[1])


class AssigneeFilter(ScopedFilter):
    """Whose issues."""

    title = "assignee"
    parameter_name = "assignee"
    model = Agent
    field = "assignee_agent_id"

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, str]]:
        """Return the agents, and nobody."""
        return [("none", "Nobody"), *super().lookups(request, model_admin)]

    def choose(self, rows: QuerySet[Any]) -> QuerySet[Any]:
        """Return the agents that can own an issue."""
        return rows.exclude(status=AgentStatus.TERMINATED).only("id", "name").order_by("name")

    def queryset(self, request: HttpRequest, queryset: QuerySet[Any]) -> QuerySet[Any]:
        """Return the issues of the agent, or those without any owner."""
        if self.value() == "none":
            return queryset.filter(assignee_agent__isnull=True, assignee_user__isnull=True)
        return super().queryset(request, queryset)


class ProjectFilter(ScopedFilter):
    """Of which project."""

    title = "project"
    parameter_name = "project"
    model = Project
    field = "project_id"

    def choose(self, rows: QuerySet[Any]) -> QuerySet[Any]:
        """Return the projects by name."""
        return rows.only("id", "name").order_by("name")


class LabelFilter(ScopedFilter):
    """With which label."""

    title = "label"
    parameter_name = "label"
    model = Label
    field = "label_links__label_id"
