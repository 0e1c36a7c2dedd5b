"""The list of routines and the page of one."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping, Sequence
from typing import Any
from uuid import UUID
from zoneinfo import ZoneInfo

from django.contrib import admin
from django.core.exceptions import PermissionDenied
from django.db.models import Q, QuerySet
from django.http import HttpRequest, HttpResponse, HttpResponseNotAllowed
from django.shortcuts import render
from django.template.response import TemplateResponse
from django.urls import reverse

from issues.admin.filters import ProjectFilter
from issues.choices import IssuePriority
from paperclip.companies import auth, told
from paperclip.companies.choices import AgentStatus
from paperclip.companies.models import Activity, Agent
from paperclip.core import clock, links, naming
from paperclip.core.admin import BoardModelAdmin, FormPage
from paperclip.core.errors import BadRequest
from paperclip.core.filters import ScopedFilter
from paperclip.core.links import Link
from paperclip.core.lists import Heading
from paperclip.core.scope import scope_of
from routines import lifecycle, queries, strip, templates, variables, words
from routines.admin import trigger_pages
from routines.admin.calendar import CalendarPage
from routines.admin.forms import (
    RoutineForm,
    agent_choices,
    columns,
    goal_choices,
    project_choices,
    variable_forms,
)
from routines.admin.history import history_url, tell
from routines.admin.revision_pages import RevisionPages
from routines.admin.start_pages import StartPages
from routines.admin.trigger_pages import TriggerPages
from routines.choices import RoutineStatus, TriggerKind
from routines.models import Routine, RoutineRevision, Trigger

_RUNS_SHOWN = 15
_REVISIONS_SHOWN = 8
_ACTIVITY_SHOWN = 15
_TRIGGERS_READ = 1000
# The tabs above the list, and which statuses each shows.
_VIEWS: Mapping[str, tuple[str, tuple[str, ...]]] = {
    "current": ("Current", (RoutineStatus.ACTIVE, RoutineStatus.PAUSED)),
    "active": ("Active", (RoutineStatus.ACTIVE,)),
    "paused": ("Paused", (RoutineStatus.PAUSED,)),
    "archived": ("Archived", (RoutineStatus.ARCHIVED,)),
}
_DEFAULT_VIEW = "current"


class ViewFilter(admin.SimpleListFilter):
    """The tab in force."""

    title = "status"
    parameter_name = "status"
    template = "board/parts/nothing.html"
    is_tabs = True

    def lookups(self, request: HttpRequest, model_admin: Any) -> Sequence[tuple[str, str]]:
        """Return the tabs."""
        return [(name, title) for name, (title, _) in _VIEWS.items()]

    def value(self) -> str:
        """Return the tab in force: what is not archived, unless another one was chosen."""
        return super().value() or _DEFAULT_VIEW

    def choices(self, changelist: Any) -> Iterator[Any]:
        """Return the tabs; there is none for no tab."""
        for name, title in self.lookup_choices:
            query = changelist.get_query_string({self.parameter_name: name}, ["p"])
            yield {"selected": self.value() == name, "query_string": query, "display": title}

    def queryset(self, request: HttpRequest, queryset: QuerySet[Any]) -> QuerySet[Any]:
        """Return the routines of the tab."""
        view = _VIEWS.get(self.value())
        return queryset if view is None else queryset.filter(status__in=view[1])


class AgentFilter(ScopedFilter):
    """Whose routines."""

    title = "agent"
    parameter_name = "assignee"
    model = Agent
    field = "assignee_agent_id"

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, str]]:
        """Return the agents, and nobody."""
        return [("none", "Nobody"), *super().lookups(request, model_admin)]

    def choose(self, rows: QuerySet[Any]) -> QuerySet[Any]:
        """Return the agents that can do work."""
        return rows.exclude(status=AgentStatus.TERMINATED).only("id", "name").order_by("name")

    def queryset(self, request: HttpRequest, queryset: QuerySet[Any]) -> QuerySet[Any]:
        """Return the routines of the agent, or the drafts without any."""
        if self.value() == "none":
            return queryset.filter(assignee_agent__isnull=True)
        return super().queryset(request, queryset)


@admin.register(Routine)
class RoutineAdmin(TriggerPages, RevisionPages, StartPages, CalendarPage, BoardModelAdmin):
    """Work that comes again: what is done, by whom, what sets it off, and what came of it."""

    board_name = "routine"
    icon = "event_repeat"
    change_list_template = "routines/list.html"
    row_template = "routines/routine_row.html"
    page_template = "routines/routine_page.html"
    form_class = RoutineForm
    may_add = True
    empty_title = "No routines yet"
    empty_text = (
        "A routine is work that comes again: a nightly check, a report every Monday, an answer to a webhook. Say what"
        " is to be done and who does it; then give it a schedule."
    )
    headings = (
        Heading("Routine", "title", css="grow"),
        Heading("Agent"),
        Heading("Next run"),
        Heading("Last outcomes", css="strip-cell"),
        Heading("Last run", "last_triggered_at", css="time"),
        Heading("Active", "status", css="act"),
    )
    deferred = ("description", "variables")
    list_filter = (ViewFilter, AgentFilter, ProjectFilter)
    list_select_related = ("assignee_agent", "project")
    search_fields = ("title",)
    search_help_text = "Search routines"
    ordering = ("-updated_at",)
    deeds = {
        "update": "change",
        "pause": "pause",
        "resume": "resume",
        "archive": "archive",
        "run": "run",
        "switch-on": "switch_on",
        "switch-off": "switch_off",
        "delete-trigger": "delete_trigger",
        "rotate": "rotate",
        "restore": "restore",
    }

    def get_custom_urls(self) -> tuple[tuple[str, str, Any], ...]:
        """Return the address of the variables' fields beside those every page has."""
        return (
            *super().get_custom_urls(),
            ("variables/", "routines_routine_new_variables", self.variables_view),
            ("<str:object_id>/variables/", "routines_routine_variables", self.variables_view),
        )

    def page_rows(self, request: HttpRequest, company_ids: Sequence[UUID]) -> QuerySet[Any]:
        """Return routines with all their page names."""
        related = (
            "company", "project", "goal", "assignee_agent", "parent_issue", "latest_revision", "created_by_agent",
            "created_by_user",
        )  # fmt: skip
        return self.rows_of(request, company_ids).select_related(*related).defer("latest_revision__snapshot")

    def prepare_rows(self, request: HttpRequest, rows: Sequence[Any]) -> None:
        """Put on each routine what sets it off, when it is due next, and its newest outcomes: two queries."""
        super().prepare_rows(request, rows)
        strips = strip.of([row.pk for row in rows])
        found: dict[UUID, list[Trigger]] = {row.pk: [] for row in rows}
        for trigger in Trigger.objects.filter(routine__in=rows).order_by("next_run_at")[:_TRIGGERS_READ]:
            found[trigger.routine_id].append(trigger)
        for row in rows:
            row.strip = strips.get(row.pk)
            row.set_off_by = _summary(found[row.pk])
            row.next = _next(found[row.pk]) if row.status == RoutineStatus.ACTIVE else None
            row.is_active = row.status == RoutineStatus.ACTIVE
            row.may_switch = row.status != RoutineStatus.ARCHIVED and row.assignee_agent_id is not None

    def may_manage(self, request: HttpRequest, row: Routine) -> bool:
        """Whether the person may set the routine off and change what does (R-107)."""
        may_assign = auth.may_assign(scope_of(request).actor, row.company_id)
        return may_assign and self.has_change_permission(request, row)

    def page_context(self, request: HttpRequest, row: Any) -> dict[str, Any]:
        """Return the triggers with what they do next, the newest runs and revisions, and the activity."""
        now = clock.now()
        runs = list(queries.runs(row.pk).defer("trigger_payload")[:_RUNS_SHOWN])
        tell(runs)
        shown = trigger_pages.shown(row, now=now)
        is_open = row.status != RoutineStatus.ARCHIVED
        may_manage = self.may_manage(request, row)
        return {
            "triggers": shown,
            "kinds": words.KINDS.items(),
            "runs": runs,
            "strip": strip.of([row.pk]).get(row.pk),
            "history_url": history_url(row),
            "revisions": _revisions(row),
            "entries": _entries(row, [each.row.pk for each in shown]),
            "variables": [_told(variable) for variable in row.variables],
            "lacking": variables.without_default(row.variables),
            "may_edit": self.has_change_permission(request, row) and is_open,
            "may_manage": may_manage and is_open,
            "may_clear": may_manage,
            "concurrency": words.CONCURRENCY[row.concurrency_policy],
            "catch_up": words.CATCH_UP[row.catch_up_policy],
            **(_choices(row) if self.has_change_permission(request, row) and is_open else {}),
        }

    # Forms.

    def answer_form(self, request: HttpRequest, row: Any | None, page: FormPage, save: Any) -> HttpResponse:
        """Show the form with the fields of its variables, or save what was posted."""
        response = super().answer_form(request, row, page, save)
        if isinstance(response, TemplateResponse):
            response.template_name = "routines/routine_form.html"
            response.context_data = {
                **(response.context_data or {}),
                "variables_url": self.variables_url(row),
            }
        return response

    def variables_url(self, row: Routine | None) -> str:
        """Return the address that draws the fields of the variables that a text asks for."""
        if row is None:
            return reverse("admin:routines_routine_new_variables")
        return reverse("admin:routines_routine_variables", args=[row.pk])

    def variables_view(
        self, request: HttpRequest, object_id: str | None = None, model_admin: Any = None
    ) -> HttpResponse:
        """Return the fields of the variables that the texts ask for as they are typed. Nothing is kept."""
        if request.method != "POST":
            return HttpResponseNotAllowed(["POST"])
        if object_id is None and not self.has_add_permission(request):
            raise PermissionDenied
        stored = self.find(request, object_id, to_write=True).variables if object_id is not None else []
        names = templates.names(request.POST.get("title", ""), request.POST.get("description", ""))
        drawn = variable_forms(names, stored, request.POST, is_draft=True)
        return render(request, "routines/parts/variables.html", {"variable_forms": drawn})

    def create(self, request: HttpRequest, values: dict[str, Any]) -> Routine:
        """Make a routine."""
        scope = scope_of(request)
        return lifecycle.create(
            company_id=scope.chosen.pk, fields=columns(values), actor=scope.actor, now=clock.now()
        )

    def update(self, request: HttpRequest, row: Any, values: dict[str, Any]) -> Routine:
        """Change a routine, unless somebody changed it since the form was opened."""
        return lifecycle.update(
            routine_id=row.pk,
            fields=columns(values),
            actor=scope_of(request).actor,
            now=clock.now(),
            base_revision_id=naming.as_field_uuid(request.POST.get("base", "")),
        )

    # Deeds.

    def change(self, request: HttpRequest, row: Routine) -> str:
        """Change the properties that were sent, and no other."""
        wanted = _read_changes(request.POST)
        self._update(request, row, wanted)
        return "Saved."

    def pause(self, request: HttpRequest, row: Routine) -> str:
        """Let no trigger set the routine off."""
        self._update(request, row, {"status": RoutineStatus.PAUSED})
        return f"{row.title} is paused. It can still be run by hand."

    def resume(self, request: HttpRequest, row: Routine) -> str:
        """Let its triggers set it off again."""
        self._update(request, row, {"status": RoutineStatus.ACTIVE})
        return f"{row.title} is active."

    def archive(self, request: HttpRequest, row: Routine) -> str:
        """End the routine for good."""
        lifecycle.archive(routine_id=row.pk, actor=scope_of(request).actor, now=clock.now())
        return f"{row.title} is archived. Its history stays."

    def _update(self, request: HttpRequest, row: Routine, fields: Mapping[str, Any]) -> None:
        actor = scope_of(request).actor
        lifecycle.update(routine_id=row.pk, fields=fields, actor=actor, now=clock.now())


def _summary(found: Sequence[Trigger]) -> str:
    """Return what sets a routine off, in a few words."""
    on = [trigger for trigger in found if trigger.enabled]
    if not on:
        return "by hand only"
    kinds = [words.KINDS[kind] for kind in words.KINDS if any(trigger.kind == kind for trigger in on)]
    return ", ".join([kinds[0], *(kind.lower() for kind in kinds[1:])])


def _next(found: Sequence[Trigger]) -> dict[str, Any] | None:
    """Return when the first of a routine's schedules is due, with the words of its zone; they come in that order."""
    for trigger in found:
        if trigger.kind == TriggerKind.SCHEDULE and trigger.enabled and trigger.next_run_at is not None:
            local = trigger.next_run_at.astimezone(ZoneInfo(trigger.timezone or "UTC"))
            return {
                "at": trigger.next_run_at,
                "wall": f"{local:%a} {local.day} {local:%b, %H:%M}",
                "zone": (trigger.timezone or "").replace("_", " "),
            }
    return None


def _told(variable: Mapping[str, Any]) -> dict[str, Any]:
    return {**variable, "kind": words.VARIABLE_TYPES[variable["type"]]}


def _revisions(row: Routine) -> list[RoutineRevision]:
    rows = RoutineRevision.objects.filter(routine=row).select_related("created_by_agent", "created_by_user")
    return list(rows.defer("snapshot").order_by("-revision_number")[:_REVISIONS_SHOWN])


def _entries(row: Routine, trigger_ids: Sequence[UUID]) -> list[told.Told]:
    of_triggers = Q(entity_type="routine_trigger", entity_id__in=[str(pk) for pk in trigger_ids])
    rows = Activity.objects.filter(Q(entity_type="routine", entity_id=str(row.pk)) | of_triggers)
    newest = rows.select_related("agent").order_by("-created_at", "-id")[:_ACTIVITY_SHOWN]
    return told.tell(list(newest), company_id=row.company_id)


def _choices(row: Routine) -> dict[str, Any]:
    return {
        "assignee_choices": agent_choices(row.company_id, row.assignee_agent),
        "assignee_value": str(row.assignee_agent_id or ""),
        "project_choices": project_choices(row.company_id, row.project),
        "project_value": str(row.project_id or ""),
        "goal_choices": goal_choices(row.company_id, row.goal),
        "goal_value": str(row.goal_id or ""),
        "priority_choices": IssuePriority.choices,
        "concurrency_choices": list(words.CONCURRENCY.items()),
        "catch_up_choices": list(words.CATCH_UP.items()),
    }


# The properties that are saved in place: their name in the form, the column, and what may be chosen.
_REFERENCES = {"assignee": "assignee_agent_id", "project": "project_id", "goal": "goal_id"}
_WORDS: Mapping[str, Collection[str]] = {
    "priority": IssuePriority.values,
    "concurrency_policy": words.CONCURRENCY,
    "catch_up_policy": words.CATCH_UP,
}


def _read_changes(sent: Mapping[str, str]) -> dict[str, Any]:
    """Return the columns that the properties in `sent` stand for, or raise BadRequest naming the wrong one."""
    wanted: dict[str, Any] = {}
    for name, column in _REFERENCES.items():
        if name in sent:
            wanted[column] = naming.as_field_uuid(sent[name])
            if sent[name] and wanted[column] is None:
                raise BadRequest(f"{name}: choose one of those on offer")
    for name, known in _WORDS.items():
        if name in sent:
            if sent[name] not in known:
                raise BadRequest(f"{name.replace('_', ' ')}: choose one of {', '.join(known)}")
            wanted[name] = sent[name]
    if not wanted:
        raise BadRequest("Nothing to change")
    return wanted


def _links(company_id: UUID, ids: Collection[UUID]) -> dict[UUID, Link]:
    rows = Routine.objects.filter(company_id=company_id, pk__in=ids).only("id", "title")
    return {row.pk: Link(row.title, reverse("admin:routines_routine_change", args=[row.pk])) for row in rows}


def _trigger_links(company_id: UUID, ids: Collection[UUID]) -> dict[UUID, Link]:
    rows = Trigger.objects.filter(company_id=company_id, pk__in=ids).select_related("routine")
    return {
        row.pk: Link(
            f"{words.KINDS[row.kind].lower()} {row.label or row.cron_expression or ''}".strip(),
            reverse("admin:routines_routine_change", args=[row.routine_id]),
            row.routine.title,
        )
        for row in rows
    }


links.register("routine", _links)
links.register("routine_trigger", _trigger_links)
