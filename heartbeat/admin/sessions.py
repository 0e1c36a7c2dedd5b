"""The pages of what agents' programs remember: a session per agent and task, and forgetting one."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any
from uuid import UUID

from django.contrib import admin
from django.db.models import QuerySet
from django.http import HttpRequest, HttpResponseRedirect
from django.urls import reverse

from heartbeat import sessions
from heartbeat.admin.runs import RunAgentFilter
from heartbeat.models import Run, TaskSession
from issues.models import Issue
from paperclip.companies import auth, rights, told
from paperclip.companies.models import Activity
from paperclip.core import clock, naming, panels
from paperclip.core.admin import BoardModelAdmin
from paperclip.core.lists import Heading
from paperclip.core.panels import Panel
from paperclip.core.scope import scope_of

_SHOWN = 10
_ENTRIES_SHOWN = 20


@admin.register(TaskSession)
class TaskSessionAdmin(BoardModelAdmin):
    """Task sessions: what an agent's program goes on with when it comes back to a task."""

    board_name = "session"
    icon = "history_edu"
    row_template = "heartbeat/session_row.html"
    page_template = "heartbeat/session_page.html"
    intro = "What each agent's program goes on with when it comes back to a task. Forgetting one makes it start afresh."
    empty_title = "No session yet"
    empty_text = (
        "A program that can be resumed, such as Claude Code or Codex, leaves one for each task it worked on."
    )
    headings = (
        Heading("Task", css="grow"),
        Heading("Agent", "agent__name"),
        Heading("State"),
        Heading("Session"),
        Heading("Runs", "run_count", css="num"),
        Heading("Last used", "updated_at", css="time"),
    )
    list_filter = (RunAgentFilter,)
    list_select_related = ("agent",)
    deferred = ("session_params_json",)
    ordering = ("-updated_at",)
    search_fields = ("task_key", "session_display_id")
    search_help_text = "Search tasks and sessions"
    deeds = {"reset": "reset"}

    def page_rows(self, request: HttpRequest, company_ids: Sequence[UUID]) -> QuerySet[Any]:
        """Return sessions with their agent."""
        return self.rows_of(request, company_ids).select_related("agent").defer(*self.deferred)

    def has_change_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        """Whether the person may forget sessions: who manages the agents of the company."""
        if not super().has_change_permission(request, obj):
            return False
        scope = scope_of(request)
        company_id = scope.company_id if obj is None else self.company_id_of(obj)
        return company_id is not None and auth.may_manage_agents(scope.actor, company_id)

    def prepare_rows(self, request: HttpRequest, rows: Sequence[Any]) -> None:
        """Put on each session the issue it is about and its last run."""
        super().prepare_rows(request, rows)
        _prepare(rows)

    def page_context(self, request: HttpRequest, row: TaskSession) -> dict[str, Any]:
        """Return the session's issue and last run, and when the agent's sessions were forgotten."""
        _prepare([row])
        entries = Activity.objects.filter(
            entity_type="agent", entity_id=str(row.agent_id), action=sessions.RESET
        ).select_related("agent")
        return {
            "title": f"{row.agent.name} on {row.issue.identifier if row.issue else row.task_key}",  # type: ignore[attr-defined]
            "entries": told.tell(
                list(entries.order_by("-created_at")[:_ENTRIES_SHOWN]), company_id=row.company_id
            ),
        }

    def reset(self, request: HttpRequest, row: TaskSession) -> HttpResponseRedirect | str:
        """Forget the session; the list has the others."""
        actor = scope_of(request).actor
        rights.require_agent_manager(actor, row.company_id)
        sessions.reset(agent=row.agent, key=row.task_key, actor=actor, now=clock.now())
        return f"{row.agent.name} starts afresh on it."

    def way_back(self, request: HttpRequest, row: Any) -> HttpResponseRedirect:
        """Lead to the list: the session is gone."""
        return HttpResponseRedirect(self.list_url())


def _prepare(rows: Sequence[Any]) -> None:
    """Put on each session the issue its task is, if it is one, its last run, and its state in a word; two queries."""
    keys = {row.pk: naming.as_field_uuid(row.task_key) for row in rows}
    issues = Issue.objects.only("id", "identifier", "title").in_bulk({key for key in keys.values() if key})
    named = {row.last_run_id for row in rows if row.last_run_id is not None}
    runs = Run.objects.only("id", "status", "finished_at").in_bulk(named)
    for row in rows:
        issue = issues.get(keys[row.pk]) if keys[row.pk] else None
        row.issue = issue
        row.last_run = runs.get(row.last_run_id)
        row.shown_state = "closed" if row.set_aside_at else "error" if row.last_error else "active"


def _of_agent(agent: Any, request: HttpRequest) -> dict[str, Any]:
    rows = TaskSession.objects.filter(agent=agent).defer("session_params_json").order_by("-updated_at")
    shown = list(rows[:_SHOWN])
    _prepare(shown)
    return {
        "sessions": shown,
        "all_url": f"{reverse('admin:heartbeat_tasksession_changelist')}?agent={agent.pk}",
    }


panels.register("agent", Panel("sessions", "Sessions", "heartbeat/parts/sessions.html", _of_agent, order=20))
