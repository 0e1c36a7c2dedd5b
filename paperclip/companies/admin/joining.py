"""The pages of invites and of those who followed them."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any
from uuid import UUID

from django.conf import settings
from django.contrib import admin
from django.db.models import QuerySet
from django.http import Http404, HttpRequest, HttpResponse

from paperclip.companies import invite_texts, invites, joins, throttles
from paperclip.companies.admin import people
from paperclip.companies.choices import InviteState, JoinStatus, JoinType, MemberRole, Permission
from paperclip.companies.models import Invite, JoinRequest
from paperclip.core import clock
from paperclip.core.admin import BoardModelAdmin
from paperclip.core.filters import StatusFilter
from paperclip.core.forms import BoardForm, choice, text
from paperclip.core.lists import Heading
from paperclip.core.scope import scope_of

_KIND_WORDS = {
    JoinType.HUMAN: "A person",
    JoinType.AGENT: "An agent that runs elsewhere",
    JoinType.BOTH: "Whoever follows it first",
}
# As the statuses of the board have it.
_SHOWN_STATES = {
    InviteState.ACTIVE: "active",
    InviteState.ACCEPTED: "succeeded",
    InviteState.REVOKED: "cancelled",
    InviteState.EXPIRED: "archived",
}


class InviteForm(BoardForm):
    """Whom to invite."""

    allowed_join_types = choice("For", list(_KIND_WORDS.items()))
    human_role = choice("Role of a person")
    agent_message = text("A word to an agent", required=False, wide=True)

    def offer(self) -> None:
        """Offer the roles the person may give."""
        self.set_choices("human_role", people.roles_within_reach(self.scope))
        self.fields["human_role"].initial = MemberRole.OPERATOR


class _ByPermission(BoardModelAdmin):
    """A page for those who hold one permission in the chosen company."""

    permission: Permission

    def has_module_permission(self, request: HttpRequest) -> bool:
        """Whether the person holds it."""
        return people.holds(request, self.permission)

    def has_view_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        """Whether the person holds it in the row's company."""
        return self.has_change_permission(request, obj)

    def has_change_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        """Whether the person holds it in the row's company."""
        scope = scope_of(request)
        company_id = scope.company_id if obj is None else obj.company_id
        return company_id in scope.writable and people.holds_in(request, company_id, self.permission)

    def has_add_permission(self, request: HttpRequest) -> bool:
        """Whether the person holds it in the chosen company."""
        return self.may_add and people.holds(request, self.permission)

    def page_rows(self, request: HttpRequest, company_ids: Sequence[UUID]) -> QuerySet[Any]:
        """Return the rows of companies in which the person holds it."""
        mine = [each for each in company_ids if people.holds_in(request, each, self.permission)]
        return self.rows_of(request, mine)


@admin.register(Invite)
class InviteAdmin(_ByPermission):
    """Links that let one person or one agent ask to join."""

    permission = Permission.USERS_INVITE
    board_name = "invite"
    icon = "mail"
    row_template = "companies/invite_row.html"
    form_class = InviteForm
    may_add = True
    empty_title = "Nobody is invited"
    empty_text = "An invite is a link. Whoever follows it asks to join, and you let them in or not."
    headings = (
        Heading("For", css="grow"),
        Heading("State"),
        Heading("By"),
        Heading("Good until", "expires_at", css="time"),
        Heading("", css="act"),
    )
    list_select_related = ("invited_by_user", "invited_by_agent")
    deeds = {"revoke": "revoke"}

    def prepare_rows(self, request: HttpRequest, rows: Sequence[Any]) -> None:
        """Put on each invite whom it is for and what has become of it."""
        super().prepare_rows(request, rows)
        now = clock.now()
        for row in rows:
            row.kind = _KIND_WORDS[row.allowed_join_types]
            row.state = invites.state(row, now=now)
            row.shown_state = _SHOWN_STATES[row.state]

    def change_view(
        self,
        request: HttpRequest,
        object_id: str,
        form_url: str = "",
        extra_context: dict[str, Any] | None = None,
    ) -> HttpResponse:
        """Invites have no page of their own."""
        raise Http404("Invites have no page.")

    def row_url(self, row: Any) -> str:
        """Return the list, for want of a page."""
        return self.list_url()

    def create(self, request: HttpRequest, values: dict[str, Any]) -> Invite:
        """Invite somebody."""
        scope = scope_of(request)
        throttles.spend(throttles.INVITE_CREATE, scope.chosen.pk, now=clock.now())
        fields = {**values, "agent_message": values["agent_message"] or None}
        if values["allowed_join_types"] == JoinType.AGENT:
            fields["human_role"] = None
        invite, token = invites.create(
            company=scope.chosen, fields=fields, actor=scope.actor, now=clock.now()
        )
        invite.fresh_token = token  # type: ignore[attr-defined]  # shown by the page that follows, and by nothing else
        return invite

    def after_create(self, request: HttpRequest, row: Any) -> HttpResponse:
        """Show the link, this once."""
        return people.show_once(
            self,
            request,
            title="The invite is ready",
            said="This is the only time the link is shown. It is good for one, within 72 hours.",
            secret=settings.PAPERCLIP_PUBLIC_URL + invite_texts.path(row.fresh_token),
            more=invite_texts.message(row, row.fresh_token),
            back_url=self.list_url(),
        )

    def revoke(self, request: HttpRequest, row: Invite) -> str:
        """End an invite."""
        invites.revoke(invite=row, actor=scope_of(request).actor, now=clock.now())
        return "The invite no longer works."


@admin.register(JoinRequest)
class JoinRequestAdmin(_ByPermission):
    """Those who followed an invite and wait to be let in."""

    permission = Permission.JOINS_APPROVE
    board_name = "join"
    icon = "person_add"
    row_template = "companies/join_row.html"
    page_template = "companies/join_page.html"
    empty_title = "Nobody waits"
    empty_text = (
        "Whoever follows an invite of this company is shown here until you let them in or turn them away."
    )
    headings = (
        Heading("Who", css="grow"),
        Heading("Status", "status"),
        Heading("As"),
        Heading("Asked", "created_at", css="time"),
        Heading("", css="act"),
    )
    list_filter = (StatusFilter,)
    list_select_related = ("requesting_user", "invite", "created_agent")
    deeds = {"approve": "approve", "reject": "reject"}

    def prepare_rows(self, request: HttpRequest, rows: Sequence[Any]) -> None:
        """Put on each request what somebody would become."""
        super().prepare_rows(request, rows)
        for row in rows:
            row.is_open = row.status == JoinStatus.PENDING
            role = row.invite.human_role or joins.DEFAULT_ROLE
            row.would_be = "agent under the CEO" if row.request_type == JoinType.AGENT else role

    def page_context(self, request: HttpRequest, row: Any) -> dict[str, Any]:
        """Return the request in full."""
        self.prepare_rows(request, [row])
        return {"title": str(row)}

    def page_rows(self, request: HttpRequest, company_ids: Sequence[UUID]) -> QuerySet[Any]:
        """Return requests with who asked and who settled them."""
        related = ("requesting_user", "invite", "created_agent", "approved_by_user", "rejected_by_user")
        return super().page_rows(request, company_ids).select_related(*related)

    def approve(self, request: HttpRequest, row: JoinRequest) -> str:
        """Let them in."""
        done = joins.approve(request=row, actor=scope_of(request).actor, now=clock.now())
        if done.created_agent is not None:
            return f"{done.created_agent.name} is hired. It claims its key by itself."
        return f"{done.requesting_user} is in."

    def reject(self, request: HttpRequest, row: JoinRequest) -> str:
        """Turn them away."""
        joins.reject(request=row, actor=scope_of(request).actor, now=clock.now())
        return "Turned away. The invite is used up."
