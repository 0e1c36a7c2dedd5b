"""The pages of approvals."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from typing import Any
from uuid import UUID

from django.contrib import admin
from django.db.models import QuerySet
from django.http import HttpRequest
from django.urls import reverse

from paperclip.core import clock, links, panels
from paperclip.core.admin import BoardModelAdmin
from paperclip.core.errors import BadRequest
from paperclip.core.links import Link
from paperclip.core.lists import Heading
from paperclip.core.scope import scope_of
from paperclip.governance import approval_comments, approvals, budget_decisions, words
from paperclip.governance.choices import APPROVAL_OPEN, ApprovalStatus, ApprovalType, IncidentStatus
from paperclip.governance.models import Approval

_COMMENTS_SHOWN = 200


class StateFilter(admin.SimpleListFilter):
    """Approvals that wait, or those that are settled."""

    title = "state"
    parameter_name = "state"

    def lookups(self, request: HttpRequest, model_admin: Any) -> Sequence[tuple[str, str]]:
        """Return the two states."""
        return [("open", "Waiting"), ("settled", "Settled")]

    def queryset(self, request: HttpRequest, queryset: QuerySet[Any]) -> QuerySet[Any]:
        """Return approvals in that state."""
        if self.value() == "open":
            return queryset.filter(status__in=APPROVAL_OPEN)
        return queryset.exclude(status__in=APPROVAL_OPEN) if self.value() == "settled" else queryset


@admin.register(Approval)
class ApprovalAdmin(BoardModelAdmin):
    """Questions that only the board can answer."""

    board_name = "approval"
    icon = "approval"
    row_template = "governance/approval_row.html"
    page_template = "governance/approval_page.html"
    empty_title = "Nothing waits for you"
    empty_text = (
        "Agents ask here before they hire, spend beyond a budget, or do what you told them to ask about."
    )
    headings = (
        Heading("Question", css="grow"),
        Heading("Status", "status"),
        Heading("Asked by"),
        Heading("Asked", "created_at", css="time"),
        Heading("", css="act"),
    )
    list_filter = (StateFilter, "type")
    list_select_related = ("requested_by_agent", "requested_by_user")
    deeds = {"approve": "approve", "reject": "reject", "send-back": "send_back", "comment": "comment"}

    def prepare_rows(self, request: HttpRequest, rows: Sequence[Any]) -> None:
        """Put on each approval what is asked, in one line."""
        super().prepare_rows(request, rows)
        for row in rows:
            row.kind = words.kind(row)
            row.summary = words.summary(row)
            row.is_open = row.status in APPROVAL_OPEN
            row.may_send_back = row.status == ApprovalStatus.PENDING

    def page_rows(self, request: HttpRequest, company_ids: Sequence[UUID]) -> QuerySet[Any]:
        """Return approvals with who asked and who decided."""
        related = ("requested_by_agent", "requested_by_user", "decided_by_user")
        return self.rows_of(request, company_ids).select_related(*related)

    def page_context(self, request: HttpRequest, row: Any) -> dict[str, Any]:
        """Return the question in full."""
        self.prepare_rows(request, [row])
        return {
            "title": words.kind(row),
            "is_open": row.status in APPROVAL_OPEN,
            "comments": list(approval_comments.of(row)[:_COMMENTS_SHOWN]),
            "proposed_cents": _proposed(row),
            "panels": [(panel, panel.context(row, request)) for panel in panels.of("approval")],
        }

    def approve(self, request: HttpRequest, row: Approval) -> str:
        """Say yes."""
        approvals.approve(approval=row, actor=scope_of(request).actor, now=clock.now(), note=_note(request))
        return "Approved."

    def reject(self, request: HttpRequest, row: Approval) -> str:
        """Say no."""
        approvals.reject(approval=row, actor=scope_of(request).actor, now=clock.now(), note=_note(request))
        return "Rejected."

    def send_back(self, request: HttpRequest, row: Approval) -> str:
        """Ask for the question to be put better."""
        approvals.request_revision(
            approval=row, actor=scope_of(request).actor, now=clock.now(), note=_note(request)
        )
        return "Sent back for revision."

    def comment(self, request: HttpRequest, row: Approval) -> str:
        """Say something about the question."""
        body = request.POST.get("body", "").strip()
        if not body:
            raise BadRequest("Say something first.")
        approval_comments.add(approval=row, body=body, actor=scope_of(request).actor, now=clock.now())
        return "Comment added."


def _proposed(row: Approval) -> int | None:
    """Return what approving would raise a budget to, in cents; None for other questions."""
    if row.type != ApprovalType.BUDGET_OVERRIDE_REQUIRED:
        return None
    incident = row.budget_incidents.select_related("policy").filter(status=IncidentStatus.OPEN).first()
    if incident is None:
        return None
    proposed = row.payload.get("proposedAmount")
    least = budget_decisions.next_amount(incident.policy)
    return max(least, proposed) if isinstance(proposed, int) else least


def _note(request: HttpRequest) -> str | None:
    return request.POST.get("note", "").strip() or None


def _links(company_id: UUID, ids: Collection[UUID]) -> dict[UUID, Link]:
    rows = Approval.objects.filter(company_id=company_id, pk__in=ids)
    return {
        row.pk: Link(
            words.kind(row), reverse("admin:governance_approval_change", args=[row.pk]), words.summary(row)
        )
        for row in rows
    }


links.register("approval", _links)
