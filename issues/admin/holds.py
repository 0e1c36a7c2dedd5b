"""The list of orders over parts of the work: which stand, who gave them, and why."""

from __future__ import annotations

from typing import Any

from django.contrib import admin
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseRedirect

from issues import tree_control
from issues.models import TreeHold
from paperclip.core import clock
from paperclip.core.admin import BoardModelAdmin
from paperclip.core.filters import StatusFilter
from paperclip.core.lists import Heading
from paperclip.core.scope import scope_of


@admin.register(TreeHold)
class TreeHoldAdmin(BoardModelAdmin):
    """Orders: pauses and cancels of an issue and everything below it."""

    board_name = "tree_hold"
    icon = "pause_circle"
    row_template = "issues/hold_row.html"
    intro = "A pause keeps an issue and everything below it from being worked on. Orders are given on an issue's page."
    empty_title = "Nothing was ever held"
    empty_text = (
        "On an issue's page, Pause stops the work on it and on everything below until you let it go on."
    )
    headings = (
        Heading("Part of the work", css="grow"),
        Heading("Order", "mode"),
        Heading("State", "status"),
        Heading("By"),
        Heading("Given", "created_at", css="time"),
        Heading("", css="act"),
    )
    list_filter = (StatusFilter, "mode")
    list_select_related = ("root_issue", "created_by_user", "created_by_agent")
    deferred = ("root_issue__description", "release_metadata")
    deeds = {"release": "release"}

    def change_view(
        self,
        request: HttpRequest,
        object_id: str,
        form_url: str = "",
        extra_context: dict[str, Any] | None = None,
    ) -> HttpResponse:
        """Orders have no page of their own."""
        raise Http404("Orders have no page.")

    def way_back(self, request: HttpRequest, row: Any) -> HttpResponseRedirect:
        """Lead to the page the button was on, else to the list."""
        return (
            super().way_back(request, row)
            if request.POST.get("next")
            else HttpResponseRedirect(self.list_url())
        )

    def release(self, request: HttpRequest, row: TreeHold) -> str:
        """End an order by hand."""
        actor = scope_of(request).actor
        tree_control.release(hold_id=row.pk, root_id=row.root_issue_id, actor=actor, now=clock.now())
        return "The order is over; whoever it had stopped is called again."
