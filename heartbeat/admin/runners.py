"""The page that shows who carries out runs."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import timedelta
from typing import Any

from django.contrib import admin
from django.db.models import QuerySet
from django.http import Http404, HttpRequest, HttpResponse

from heartbeat import queries
from heartbeat.choices import RunnerState
from heartbeat.models import Runner
from paperclip.core import clock
from paperclip.core.admin import BoardModelAdmin
from paperclip.core.lists import Heading
from paperclip.core.scope import scope_of

_GONE_AFTER = timedelta(days=7)


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
        Heading("Live runs", css="num"),
        Heading("Capacity", "capacity", css="num"),
        Heading("Host", "host"),
        Heading("Last seen", "last_seen_at", css="time"),
    )
    ordering = ("-last_seen_at",)

    def has_module_permission(self, request: HttpRequest) -> bool:
        """Whether the person runs this installation."""
        return scope_of(request).is_instance_admin

    def has_view_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        """Whether the person runs this installation."""
        return scope_of(request).is_instance_admin

    def has_change_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        """Never: a runner writes its own row."""
        return False

    def get_queryset(self, request: HttpRequest) -> QuerySet[Any]:
        """Return the runners of the last week with how many runs each follows."""
        gone = {"state": RunnerState.STOPPED, "last_seen_at__lt": clock.now() - _GONE_AFTER}
        return queries.runners().order_by().exclude(**gone)

    def prepare_rows(self, request: HttpRequest, rows: Sequence[Any]) -> None:
        """Say of each runner whether it is there: one that is silent past its lease is not."""
        super().prepare_rows(request, rows)
        now = clock.now()
        for row in rows:
            is_silent = row.state != RunnerState.STOPPED and row.lease_expires_at < now
            row.shown_state = "silent" if is_silent else row.state

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
