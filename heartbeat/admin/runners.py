"""The page that shows who carries out runs."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from datetime import timedelta
from typing import Any
from uuid import UUID

from django.contrib import admin
from django.db.models import QuerySet
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseRedirect

from heartbeat import queries, runners
from heartbeat.choices import RunnerState, RunStatus
from heartbeat.models import Run, Runner
from paperclip.core import clock
from paperclip.core.admin import BoardModelAdmin
from paperclip.core.errors import Conflict
from paperclip.core.lists import Heading
from paperclip.core.scope import scope_of

_GONE_AFTER = timedelta(days=7)
_RUNS_NAMED = 5
_RUNS_LOOKED_AT = 500


@admin.register(Runner)
class RunnerAdmin(BoardModelAdmin):
    """Runners: the processes that start agents' programs. For whoever runs this installation."""

    company_path = ""
    board_name = "runner"
    icon = "dns"
    row_template = "heartbeat/runner_row.html"
    empty_title = "No runner has ever started"
    empty_text = (
        "Runs wait until one does. `manage.py up` starts one; `manage.py runner` starts one on another host."
    )
    headings = (
        Heading("Runner", "name", css="grow"),
        Heading("State", "state"),
        Heading("Live runs", "live_runs", css="num"),
        Heading("Capacity", "capacity", css="num"),
        Heading("Host", "host"),
        Heading("Lease", "lease_expires_at"),
        Heading("Last seen", "last_seen_at", css="time"),
        Heading("", css="act"),
    )
    ordering = ("-last_seen_at",)
    deeds = {"drain": "drain", "take-work": "take_work"}

    def has_module_permission(self, request: HttpRequest) -> bool:
        """Whether the person runs this installation."""
        return scope_of(request).is_instance_admin

    def has_view_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        """Whether the person runs this installation."""
        return scope_of(request).is_instance_admin

    def has_change_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        """Whether the person may drain a runner: who runs this installation."""
        return scope_of(request).is_instance_admin

    def rows_of(self, request: HttpRequest, company_ids: Sequence[UUID | None]) -> QuerySet[Any]:
        """Return the runners, which belong to no company, for whoever may see them."""
        return queries.runners().order_by() if scope_of(request).is_instance_admin else Runner.objects.none()

    def get_queryset(self, request: HttpRequest) -> QuerySet[Any]:
        """Return the runners of the last week with how many runs each follows."""
        gone = {"state": RunnerState.STOPPED, "last_seen_at__lt": clock.now() - _GONE_AFTER}
        return self.rows_of(request, ()).exclude(**gone)

    def prepare_rows(self, request: HttpRequest, rows: Sequence[Any]) -> None:
        """Put on each runner how it is and, of the person's companies, which runs it follows."""
        super().prepare_rows(request, rows)
        now = clock.now()
        live: dict[UUID, list[Run]] = defaultdict(list)
        for run in _live_runs(rows, scope_of(request).company_ids):
            assert run.runner_id is not None
            live[run.runner_id].append(run)
        for row in rows:
            row.shown_state = runners.state(row, now=now)
            row.lease_holds = row.state != RunnerState.STOPPED and row.lease_expires_at >= now
            row.runs_named = live[row.pk][:_RUNS_NAMED]
            row.runs_unnamed = row.live_runs - len(row.runs_named)

    def changelist_view(
        self, request: HttpRequest, extra_context: dict[str, Any] | None = None
    ) -> HttpResponse:
        """Show the runners, and when the scheduler last did its work."""
        age = queries.last_tick_age_seconds() if scope_of(request).is_instance_admin else None
        note = "The scheduler has not done anything yet." if age is None else ""
        if age is not None and age > 120:
            note = (
                f"The scheduler last did something {timedelta(seconds=int(age))} ago; see `manage.py doctor`."
            )
        return super().changelist_view(request, {"note": note, **(extra_context or {})})

    def change_view(
        self,
        request: HttpRequest,
        object_id: str,
        form_url: str = "",
        extra_context: dict[str, Any] | None = None,
    ) -> HttpResponse:
        """Runners have no page of their own."""
        raise Http404("Runners have no page.")

    def way_back(self, request: HttpRequest, row: Any) -> HttpResponseRedirect:
        """Lead to the list."""
        return HttpResponseRedirect(self.list_url())

    # Deeds.

    def drain(self, request: HttpRequest, row: Runner) -> str:
        """Let its live runs end and have it take no more."""
        if not runners.drain(runner=row, now=clock.now()):
            raise Conflict(f"{row.name} is drained already")
        return f"{row.name} takes no more work. Its live runs go on to their end."

    def take_work(self, request: HttpRequest, row: Runner) -> str:
        """Let it work again."""
        if not runners.take_work(runner=row, now=clock.now()):
            raise Conflict(f"{row.name} is not drained")
        stopped = row.state == RunnerState.STOPPED
        return f"{row.name} takes work again{' once it is started' if stopped else ''}."


def _live_runs(rows: Sequence[Any], company_ids: Sequence[UUID]) -> QuerySet[Run]:
    """Return the live runs of some runners in some companies, the oldest first."""
    ids = [row.pk for row in rows]
    runs = Run.objects.filter(runner_id__in=ids, status=RunStatus.RUNNING, company_id__in=company_ids)
    narrow = runs.select_related("agent", "issue").only("runner_id", "agent__name", "issue__identifier")
    return narrow.order_by("started_at")[:_RUNS_LOOKED_AT]
