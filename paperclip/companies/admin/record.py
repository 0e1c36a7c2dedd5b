"""The activity log as people read it."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from django.contrib import admin
from django.db.models import QuerySet
from django.http import Http404, HttpRequest, HttpResponse

from paperclip.companies import told
from paperclip.companies.choices import ActorType
from paperclip.companies.models import Activity, Agent
from paperclip.core.admin import BoardModelAdmin
from paperclip.core.filters import ScopedFilter
from paperclip.core.lists import Heading
from paperclip.core.scope import scope_of

_KINDS = (
    ("issue", "Issues"), ("agent", "Agents"), ("heartbeat_run", "Runs"), ("approval", "Approvals"),
    ("project", "Projects"), ("goal", "Goals"), ("company", "Company"),
)  # fmt: skip


class KindFilter(admin.SimpleListFilter):
    """What kind of thing was touched."""

    title = "about"
    parameter_name = "about"

    def lookups(self, request: HttpRequest, model_admin: Any) -> Sequence[tuple[str, str]]:
        """Return the kinds."""
        return _KINDS

    def queryset(self, request: HttpRequest, queryset: QuerySet[Any]) -> QuerySet[Any]:
        """Return the entries about one kind."""
        return queryset if self.value() is None else queryset.filter(entity_type=self.value())


class ActorFilter(admin.SimpleListFilter):
    """Whether an agent, a person or the product itself acted."""

    title = "by"
    parameter_name = "by"

    def lookups(self, request: HttpRequest, model_admin: Any) -> Sequence[tuple[str, str]]:
        """Return the kinds of actors."""
        return [(ActorType.AGENT, "Agents"), (ActorType.USER, "People"), (ActorType.SYSTEM, "Paperclip")]

    def queryset(self, request: HttpRequest, queryset: QuerySet[Any]) -> QuerySet[Any]:
        """Return the entries of one kind of actor."""
        return queryset if self.value() is None else queryset.filter(actor_type=self.value())


class AgentFilter(ScopedFilter):
    """Which agent acted."""

    title = "agent"
    parameter_name = "agent"
    model = Agent
    field = "agent_id"


@admin.register(Activity)
class ActivityAdmin(BoardModelAdmin):
    """Who did what, newest first. Nothing here can be changed."""

    board_name = "activity"
    icon = "history"
    row_template = "companies/activity_row.html"
    empty_title = "Nothing has happened yet"
    empty_text = "Every change of the company is written here: who did it, to what, and from which run."
    headings = (Heading("What happened", css="grow"), Heading("Run"), Heading("When", css="time"))
    list_filter = (KindFilter, ActorFilter, AgentFilter)
    list_select_related = ("agent",)

    def prepare_rows(self, request: HttpRequest, rows: Sequence[Any]) -> None:
        """Put on each entry its sentence."""
        super().prepare_rows(request, rows)
        company_id = scope_of(request).company_id
        if company_id is not None:
            for entry in told.tell(rows, company_id=company_id):
                entry.row.told = entry  # type: ignore[attr-defined]

    def has_change_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        """Never: the log is only ever added to."""
        return False

    def change_view(
        self,
        request: HttpRequest,
        object_id: str,
        form_url: str = "",
        extra_context: dict[str, Any] | None = None,
    ) -> HttpResponse:
        """Entries have no page of their own."""
        raise Http404("Entries of the log have no page.")
