"""The history of a routine: every time it was set off, and why it made an issue or none."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from typing import Any
from uuid import UUID

from django.contrib import admin
from django.db.models import QuerySet
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.urls import reverse

from paperclip.core import links, naming
from paperclip.core.admin import BoardModelAdmin, Crumb
from paperclip.core.filters import StatusFilter
from paperclip.core.links import Link
from paperclip.core.lists import Heading
from paperclip.core.scope import scope_of
from routines import words
from routines.models import Routine, RoutineRun


class RoutineFilter(admin.SimpleListFilter):
    """Of which routine: always one, so that the list is read from its index."""

    title = "routine"
    parameter_name = "routine"
    template = "board/parts/nothing.html"
    is_tabs = True

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, str]]:
        """Return the one that is shown."""
        return [("one", "One")]

    def choices(self, changelist: Any) -> Any:
        """Return nothing: there is nothing to choose."""
        return iter(())

    def queryset(self, request: HttpRequest, queryset: QuerySet[Any]) -> QuerySet[Any]:
        """Return the runs of the routine."""
        routine_id = naming.as_field_uuid(self.value() or "")
        return queryset.none() if routine_id is None else queryset.filter(routine_id=routine_id)


class SourceFilter(admin.SimpleListFilter):
    """How it was set off."""

    title = "set off"
    parameter_name = "source"

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, str]]:
        """Return the ways."""
        return list(words.SOURCES.items())

    def queryset(self, request: HttpRequest, queryset: QuerySet[Any]) -> QuerySet[Any]:
        """Return the runs that were set off so."""
        return queryset if self.value() is None else queryset.filter(source=self.value())


@admin.register(RoutineRun)
class RoutineRunAdmin(BoardModelAdmin):
    """Runs of one routine, newest first."""

    board_name = "routine_run"
    icon = "event_repeat"
    row_template = "routines/run_row.html"
    page_template = "routines/run_page.html"
    empty_title = "It has not run yet"
    empty_text = (
        "Each time the routine is set off stands here, with its issue or the reason why there is none."
    )
    headings = (
        Heading("Set off", "created_at"),
        Heading("Status", "status"),
        Heading("What came of it", css="grow"),
        Heading("By"),
    )
    list_filter = (RoutineFilter, StatusFilter, SourceFilter)
    list_select_related = ("linked_issue", "trigger")
    deferred = ("trigger_payload",)

    def changelist_view(
        self, request: HttpRequest, extra_context: dict[str, Any] | None = None
    ) -> HttpResponse:
        """Show the history of the routine that the address names."""
        routine_id = naming.as_field_uuid(request.GET.get("routine", ""))
        rows = Routine.objects.filter(pk=routine_id) if routine_id is not None else Routine.objects.none()
        routine = rows.filter(company=scope_of(request).company).first()
        if routine is None:
            return redirect("admin:routines_routine_changelist")
        context = {"title": "History", "crumbs": _crumbs(routine), "routine": routine}
        return super().changelist_view(request, {**context, **(extra_context or {})})

    def prepare_rows(self, request: HttpRequest, rows: Sequence[Any]) -> None:
        """Put on each run who set it off, in words."""
        super().prepare_rows(request, rows)
        tell(rows)

    def page_rows(self, request: HttpRequest, company_ids: Sequence[UUID]) -> QuerySet[Any]:
        """Return runs with their routine, trigger and issue."""
        return self.rows_of(request, company_ids).select_related("routine", "trigger", "linked_issue")

    def page_context(self, request: HttpRequest, row: Any) -> dict[str, Any]:
        """Return what set the run off, and the run that its work belongs to."""
        tell([row])
        into = RoutineRun.objects.filter(pk=row.coalesced_into_run_id, company_id=row.company_id)
        return {
            "title": f"Run of {row.routine.title}",
            "crumbs": _crumbs(row.routine),
            "into": into.first() if row.coalesced_into_run_id is not None else None,
        }

    def title_of(self, row: Any) -> str:
        """Return the name of the routine: a run has none of its own."""
        return f"Run of {row.routine.title}"


def tell(rows: Sequence[RoutineRun]) -> None:
    """Put on each run, for its row, what set it off and what became of the work that took it up."""
    for row in rows:
        row.set_off_by = words.of_source(row)  # type: ignore[attr-defined]
        row.outcome_words = words.of_outcome(row)  # type: ignore[attr-defined]


def history_url(routine: Routine) -> str:
    """Return the address of a routine's whole history."""
    return f"{reverse('admin:routines_routinerun_changelist')}?routine={routine.pk}"


def _crumbs(routine: Routine) -> list[Crumb]:
    return [
        Crumb("Routines", reverse("admin:routines_routine_changelist")),
        Crumb(routine.title, reverse("admin:routines_routine_change", args=[routine.pk])),
    ]


def _links(company_id: UUID, ids: Collection[UUID]) -> dict[UUID, Link]:
    rows = RoutineRun.objects.filter(company_id=company_id, pk__in=ids).select_related("routine")
    rows = rows.only("id", "routine__title")
    return {
        row.pk: Link(
            row.routine.title, reverse("admin:routines_routinerun_change", args=[row.pk]), "A run of it"
        )
        for row in rows
    }


links.register("routine_run", _links)
