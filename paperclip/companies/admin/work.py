"""The pages of projects and goals."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from functools import cached_property
from typing import Any
from uuid import UUID

from django import forms
from django.contrib import admin
from django.db.models import QuerySet
from django.http import HttpRequest
from django.urls import reverse
from unfold import widgets

from paperclip.companies import goals, projects, queries
from paperclip.companies.admin import secret_lines
from paperclip.companies.choices import GoalLevel, GoalStatus, ProjectStatus
from paperclip.companies.models import Goal, Project
from paperclip.core import clock, links, naming, panels
from paperclip.core.admin import BoardModelAdmin
from paperclip.core.filters import StatusFilter
from paperclip.core.forms import BoardForm, choice, text
from paperclip.core.links import Link
from paperclip.core.lists import Heading
from paperclip.core.scope import scope_of

_OFFERED = 500


def _agent_choices(company_id: UUID) -> list[tuple[str, str]]:
    rows = queries.agents_of(company_id).values_list("pk", "name")[:_OFFERED]
    return [("", "Nobody"), *((str(pk), name) for pk, name in rows)]


def _goal_choices(company_id: UUID, without: Any = None) -> list[tuple[str, str]]:
    rows = goals.of_company(company_id).exclude(pk=without).values_list("pk", "title")[:_OFFERED]
    return [("", "None"), *((str(pk), title) for pk, title in rows)]


class ProjectForm(BoardForm):
    """What a person says about a project."""

    name = text("Name")
    description = text("What it is about", required=False, wide=True)
    status = choice("Status", ProjectStatus.choices)
    target_date = forms.DateField(
        label="Target date",
        required=False,
        widget=widgets.UnfoldAdminTextInputWidget(attrs={"type": "date"}),
    )
    lead_agent = choice("Lead", required=False)
    goal = choice("Goal it serves", required=False)
    secrets = secret_lines.field()

    halves = ("status", "target_date", "lead_agent", "goal")

    def offer(self) -> None:
        """Offer the company's agents and goals."""
        self.set_choices("lead_agent", _agent_choices(self.scope.company_id))
        self.fields["secrets"].help_text = secret_lines.help_text(self.secret_keys)
        self.set_choices("goal", _goal_choices(self.scope.company_id))

    def values_of(self, row: Any) -> dict[str, Any]:
        """Return what the form shows of a project; plain values of its environment stay on the server."""
        goal_id = next((link.goal_id for link in row.goal_links.all()), None)
        return {
            **super().values_of(row),
            "lead_agent": str(row.lead_agent_id or ""),
            "goal": str(goal_id or ""),
            "secrets": secret_lines.shown(row.env, self.secret_keys),
        }

    @cached_property
    def secret_keys(self) -> dict[str, str]:
        """The keys of the company's secrets, by id."""
        return secret_lines.keys(self.scope.company_id)

    def clean_secrets(self) -> dict[str, Any]:
        """Return the bindings the lines stand for."""
        return secret_lines.read(self.cleaned_data["secrets"], self.secret_keys)


@admin.register(Project)
class ProjectAdmin(BoardModelAdmin):
    """Bodies of work."""

    board_name = "project"
    icon = "folder"
    row_template = "companies/project_row.html"
    page_template = "companies/project_page.html"
    form_class = ProjectForm
    may_add = True
    empty_title = "No projects yet"
    empty_text = "A project gathers issues that belong together and names the folder their agents work in."
    headings = (
        Heading("Project", "name"),
        Heading("Status", "status"),
        Heading("Lead"),
        Heading("Goal", css="grow"),
        Heading("Target", "target_date", css="time"),
        Heading("Updated", "updated_at", css="time"),
    )
    deferred = ("env", "execution_workspace_policy")
    list_filter = (StatusFilter,)
    list_select_related = ("lead_agent",)
    search_fields = ("name",)

    def get_queryset(self, request: HttpRequest) -> QuerySet[Any]:
        """Return projects with their goals."""
        return super().get_queryset(request).prefetch_related("goal_links__goal")

    def page_rows(self, request: HttpRequest, company_ids: Sequence[UUID]) -> QuerySet[Any]:
        """Return projects with their lead and goals."""
        rows = self.rows_of(request, company_ids).select_related("lead_agent")
        return rows.prefetch_related("goal_links__goal")

    def page_context(self, request: HttpRequest, row: Any) -> dict[str, Any]:
        """Return what higher floors show of the project."""
        return {
            "panels": [(panel, panel.context(row, request)) for panel in panels.of("project")],
            "edit_url": reverse("admin:companies_project_edit", args=[row.pk]),
        }

    def create(self, request: HttpRequest, values: dict[str, Any]) -> Project:
        """Start a project."""
        scope = scope_of(request)
        return projects.create(
            company=scope.chosen, fields=_project_fields(values, None), actor=scope.actor, now=clock.now()
        )

    def update(self, request: HttpRequest, row: Any, values: dict[str, Any]) -> Project:
        """Change a project."""
        actor = scope_of(request).actor
        return projects.update(
            project=row, fields=_project_fields(values, row.env), actor=actor, now=clock.now()
        )


def _project_fields(values: dict[str, Any], env: dict[str, Any] | None) -> dict[str, Any]:
    given = secret_lines.laid_over(env, values["secrets"])
    goal_id = naming.as_field_uuid(values["goal"])
    return {
        "name": values["name"],
        "description": values["description"] or None,
        "status": values["status"],
        "lead_agent_id": naming.as_field_uuid(values["lead_agent"]),
        "goal_ids": [goal_id] if goal_id else [],
        "target_date": values["target_date"],
        **({"env": given} if given != (env or {}) else {}),
    }


class GoalForm(BoardForm):
    """What a person says about a goal."""

    title = text("Goal")
    description = text("How one sees that it is reached", required=False, wide=True)
    level = choice("Whose goal it is", GoalLevel.choices)
    status = choice("Status", GoalStatus.choices)
    parent = choice("Part of", required=False)
    owner_agent = choice("Owner", required=False)

    halves = ("level", "status", "parent", "owner_agent")

    def offer(self) -> None:
        """Offer the company's agents and its other goals."""
        own = None if self.row is None else self.row.pk
        self.set_choices("parent", _goal_choices(self.scope.company_id, own))
        self.set_choices("owner_agent", _agent_choices(self.scope.company_id))

    def values_of(self, row: Any) -> dict[str, Any]:
        """Return what the form shows of a goal."""
        return {
            **super().values_of(row),
            "parent": str(row.parent_id or ""),
            "owner_agent": str(row.owner_agent_id or ""),
        }


@admin.register(Goal)
class GoalAdmin(BoardModelAdmin):
    """What the company wants to reach."""

    board_name = "goal"
    icon = "flag"
    row_template = "companies/goal_row.html"
    page_template = "companies/goal_page.html"
    form_class = GoalForm
    may_add = True
    empty_title = "No goals yet"
    empty_text = (
        "Agents read the goal behind an issue before they start. One sentence is enough to begin with."
    )
    headings = (
        Heading("Goal", "title"),
        Heading("Level", "level"),
        Heading("Status", "status"),
        Heading("Owner"),
        Heading("Part of", css="grow"),
        Heading("Updated", "updated_at", css="time"),
    )
    list_filter = (StatusFilter, "level")
    list_select_related = ("parent", "owner_agent")
    search_fields = ("title",)

    def page_rows(self, request: HttpRequest, company_ids: Sequence[UUID]) -> QuerySet[Any]:
        """Return goals with what they belong to."""
        return self.rows_of(request, company_ids).select_related("parent", "owner_agent")

    def page_context(self, request: HttpRequest, row: Any) -> dict[str, Any]:
        """Return the parts of the goal and the projects that serve it."""
        return {
            "children": list(Goal.objects.filter(parent=row).order_by("created_at")[:100]),
            "projects": list(Project.objects.filter(goal_links__goal=row).order_by("created_at")[:100]),
            "panels": [(panel, panel.context(row, request)) for panel in panels.of("goal")],
            "edit_url": reverse("admin:companies_goal_edit", args=[row.pk]),
        }

    def create(self, request: HttpRequest, values: dict[str, Any]) -> Goal:
        """Set a goal."""
        scope = scope_of(request)
        return goals.create(
            company=scope.chosen, fields=_goal_fields(values), actor=scope.actor, now=clock.now()
        )

    def update(self, request: HttpRequest, row: Any, values: dict[str, Any]) -> Goal:
        """Change a goal."""
        return goals.update(
            goal=row, fields=_goal_fields(values), actor=scope_of(request).actor, now=clock.now()
        )


def _goal_fields(values: dict[str, Any]) -> dict[str, Any]:
    return {
        "title": values["title"],
        "description": values["description"] or None,
        "level": values["level"],
        "status": values["status"],
        "parent_id": naming.as_field_uuid(values["parent"]),
        "owner_agent_id": naming.as_field_uuid(values["owner_agent"]),
    }


def _project_links(company_id: UUID, ids: Collection[UUID]) -> dict[UUID, Link]:
    rows = Project.objects.filter(company_id=company_id, pk__in=ids).only("id", "name")
    return {row.pk: Link(row.name, reverse("admin:companies_project_change", args=[row.pk])) for row in rows}


def _goal_links(company_id: UUID, ids: Collection[UUID]) -> dict[UUID, Link]:
    rows = Goal.objects.filter(company_id=company_id, pk__in=ids).only("id", "title")
    return {row.pk: Link(row.title, reverse("admin:companies_goal_change", args=[row.pk])) for row in rows}


links.register("project", _project_links)
links.register("goal", _goal_links)
