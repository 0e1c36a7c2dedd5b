"""The pages of the people of a company: who they are, what they may do, and how they go."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from typing import Any
from uuid import UUID

from django import forms
from django.contrib import admin, messages
from django.db.models import QuerySet
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.template.response import TemplateResponse
from django.urls import reverse
from unfold import widgets

from paperclip.companies import auth, joins, members, ranks, rights, roster, signin
from paperclip.companies.choices import (
    AGENT_UNASSIGNABLE,
    ROLE_GRANTS,
    MemberRole,
    MemberStatus,
    Permission,
    PrincipalType,
)
from paperclip.companies.models import Agent, Member, User
from paperclip.core import clock, links, naming
from paperclip.core.admin import BoardModelAdmin
from paperclip.core.errors import BadRequest
from paperclip.core.forms import BoardForm, choice
from paperclip.core.links import Link
from paperclip.core.lists import Heading
from paperclip.core.scope import scope_of

_TAKERS_SHOWN = 200
PERMISSION_WORDS = {
    Permission.AGENTS_CREATE: "Hire and manage agents",
    Permission.ENVIRONMENTS_MANAGE: "Manage environments",
    Permission.USERS_INVITE: "Invite people and agents",
    Permission.USERS_MANAGE_PERMISSIONS: "Manage members",
    Permission.TASKS_ASSIGN: "Assign issues",
    Permission.TASKS_ASSIGN_SCOPE: "Assign issues within a scope",
    Permission.TASKS_MANAGE_ACTIVE_CHECKOUTS: "Take over issues others work on",
    Permission.JOINS_APPROVE: "Let others in",
}
ROLE_WORDS = {
    MemberRole.OWNER: "Owner: everything",
    MemberRole.ADMIN: "Admin: everything but members",
    MemberRole.OPERATOR: "Operator: works with issues",
    MemberRole.MEMBER: "Member: as operator",
    MemberRole.VIEWER: "Viewer: reads only",
}


def roles_within_reach(scope: Any) -> list[tuple[str, str]]:
    """Return the roles the person may give in the chosen company, the highest first."""
    own = ranks.of_actor(scope.actor, scope.company_id)
    return [(role.value, words) for role, words in ROLE_WORDS.items() if ranks.of_role(role) <= own]


def holds(request: HttpRequest, permission: Permission) -> bool:
    """Whether the person may change things in the chosen company and holds `permission` there."""
    scope = scope_of(request)
    return scope.may_write and holds_in(request, scope.company_id, permission)


def holds_in(request: HttpRequest, company_id: UUID | None, permission: Permission) -> bool:
    """Whether the person holds `permission` in a company; asked of the database once per request."""
    known: dict[Any, bool] = request.__dict__.setdefault("held_permissions", {})
    key = (company_id, permission)
    if company_id is not None and key not in known:
        known[key] = auth.has_permission(scope_of(request).actor, company_id, permission)
    return known.get(key, False)


class MemberForm(BoardForm):
    """What a person is in the company."""

    membership_role = choice("Role")
    status = choice(
        "Access",
        [
            (MemberStatus.ACTIVE, "Active"),
            (MemberStatus.SUSPENDED, "Suspended: reads, and changes nothing"),
        ],
    )
    grants = forms.MultipleChoiceField(
        label="May",
        choices=[(key.value, words) for key, words in PERMISSION_WORDS.items()],
        required=False,
        widget=widgets.UnfoldAdminCheckboxSelectMultipleWidget(),
        help_text="A role gives nothing by itself: what is ticked here counts. Viewers change nothing anyway.",
    )

    def offer(self) -> None:
        """Offer the roles the person may give."""
        self.set_choices("membership_role", roles_within_reach(self.scope))

    def values_of(self, row: Any) -> dict[str, Any]:
        """Return what the form shows of a member."""
        held = roster.described([row], viewer=self.scope.actor)[0].grants
        return {
            "membership_role": row.membership_role,
            "status": row.status,
            "grants": [grant.permission_key for grant in held],
        }


@admin.register(Member)
class MemberAdmin(BoardModelAdmin):
    """The people of a company."""

    board_name = "member"
    icon = "group"
    intro = "Everybody who may look at this company. What each of them may do is granted one by one."
    row_template = "companies/member_row.html"
    page_template = "companies/member_page.html"
    change_list_template = "companies/member_list.html"
    form_class = MemberForm
    headings = (
        Heading("Person", css="grow"),
        Heading("Role", "membership_role"),
        Heading("Access", "status"),
        Heading("May"),
        Heading("Since", "created_at", css="time"),
    )
    ordering = ("created_at",)
    deeds = {
        "suspend": "suspend",
        "restore": "restore",
        "role-grants": "role_grants",
        "archive": "archive",
        "link": "sign_in_link",
    }

    def has_change_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        """Whether the person may manage members, of the chosen company or of the row's."""
        scope = scope_of(request)
        company_id = scope.company_id if obj is None else obj.company_id
        manages = Permission.USERS_MANAGE_PERMISSIONS
        return company_id in scope.writable and holds_in(request, company_id, manages)

    def rows_of(self, request: HttpRequest, company_ids: Sequence[UUID | None]) -> QuerySet[Any]:
        """Return people, archived ones left out; agents have pages of their own."""
        rows = super().rows_of(request, company_ids).filter(principal_type=PrincipalType.USER)
        return rows.exclude(status=MemberStatus.ARCHIVED)

    def title_of(self, row: Any) -> str:
        """Return the person's name."""
        return str(User.objects.filter(pk=row.principal_id).first() or "Somebody")

    def prepare_rows(self, request: HttpRequest, rows: Sequence[Any]) -> None:
        """Put on each place who it is and what they may do."""
        super().prepare_rows(request, rows)
        actor = scope_of(request).actor
        for person in roster.described(rows, viewer=actor):
            row: Any = person.member
            row.person, row.removal = person.user, person.removal
            row.may = [PERMISSION_WORDS[Permission(grant.permission_key)] for grant in person.grants]
            row.role_words = (row.get_membership_role_display() or "no role").lower()
            row.is_self = row.principal_id == actor.user_id

    def changelist_view(
        self, request: HttpRequest, extra_context: dict[str, Any] | None = None
    ) -> HttpResponse:
        """Show the people, and who waits to be let in."""
        scope, context = scope_of(request), dict(extra_context or {})
        context |= {"may_invite": holds(request, Permission.USERS_INVITE)}
        if scope.company_id is not None and holds(request, Permission.JOINS_APPROVE):
            context |= {"waiting": joins.pending_count(scope.company_id, clock.now()), "may_approve": True}
        return super().changelist_view(request, context)

    def page_context(self, request: HttpRequest, row: Any) -> dict[str, Any]:
        """Return what a person is and may do here."""
        self.prepare_rows(request, [row])
        may_manage = self.has_change_permission(request, row)
        return {
            "may_link": scope_of(request).is_instance_admin and not row.is_self,
            "takers": self._takers(row) if may_manage and row.removal.can_archive else [],
            "standard": ROLE_GRANTS.get(row.membership_role or "", ()),
            "edit_url": reverse("admin:companies_member_edit", args=[row.pk]),
        }

    def update(self, request: HttpRequest, row: Any, values: dict[str, Any]) -> Member:
        """Change a person's role, access and permissions; the scopes of those they keep stay."""
        scopes = {
            grant.permission_key: grant.scope
            for grant in roster.described([row], viewer=scope_of(request).actor)[0].grants
        }
        return members.update(
            member=row,
            role=values["membership_role"],
            status=values["status"],
            grants=[{"permission_key": key, "scope": scopes.get(key)} for key in values["grants"]],
            actor=scope_of(request).actor,
            now=clock.now(),
            action="company_member.access_updated",
        )

    # Deeds.

    def suspend(self, request: HttpRequest, row: Member) -> str:
        """Take a person's right to change anything."""
        self._update(request, row, status=MemberStatus.SUSPENDED)
        return "Suspended: they may look, and change nothing."

    def restore(self, request: HttpRequest, row: Member) -> str:
        """Give a suspended person their rights back."""
        self._update(request, row, status=MemberStatus.ACTIVE)
        return "Active again."

    def role_grants(self, request: HttpRequest, row: Member) -> str:
        """Grant what the role stands for, and nothing else."""
        keys = ROLE_GRANTS.get(row.membership_role or "", ())
        self._update(request, row, grants=[{"permission_key": key, "scope": None} for key in keys])
        return "They may now do what their role stands for."

    def archive(self, request: HttpRequest, row: Member) -> HttpResponse:
        """Let a person go and pass on their open issues."""
        kind, _, reference = request.POST.get("taker", "").partition(":")
        taker = naming.as_field_uuid(reference)
        if kind not in ("", "agent", "user") or (kind and taker is None):
            raise BadRequest("Choose who takes over")
        _, moved = members.archive(
            member=row,
            actor=scope_of(request).actor,
            now=clock.now(),
            assignee_agent_id=taker if kind == "agent" else None,
            assignee_user_id=taker if kind == "user" else None,
        )
        messages.success(request, f"They are no longer in the company. Open issues passed on: {moved}.")
        return redirect(self.list_url())

    def sign_in_link(self, request: HttpRequest, row: Member) -> HttpResponse:
        """Make a link that signs the person in once; only whoever runs the installation may."""
        rights.require_admin_gate(scope_of(request).actor)
        person = User.objects.filter(pk=row.principal_id, is_active=True).first()
        if person is None:
            raise BadRequest("This person cannot sign in any more")
        return show_once(
            self,
            request,
            title=f"A sign-in link for {person}",
            said="It signs them in once, within half an hour. It is shown only now: hand it to nobody else.",
            secret=signin.create_link(person),
            back_url=self.row_url(row),
        )

    def _update(self, request: HttpRequest, row: Member, **changes: Any) -> None:
        members.update(member=row, **changes, actor=scope_of(request).actor, now=clock.now())

    def _takers(self, row: Member) -> list[tuple[str, str]]:
        agents = Agent.objects.filter(company_id=row.company_id).exclude(status__in=AGENT_UNASSIGNABLE)
        people = [user for user in roster.directory(row.company) if user.id != row.principal_id]
        return [
            *((f"agent:{agent.id}", agent.name) for agent in agents.order_by("name")[:_TAKERS_SHOWN]),
            *((f"user:{user.id}", user.display_name) for user in people[:_TAKERS_SHOWN]),
        ]


def show_once(
    page: BoardModelAdmin,
    request: HttpRequest,
    *,
    title: str,
    said: str,
    secret: str,
    back_url: str,
    more: str = "",
) -> HttpResponse:
    """Return the page that shows a secret, this once; no cache keeps it. `more` is a text to send along."""
    context = {
        **page.admin_site.each_context(request),
        "title": title,
        "crumbs": page.crumbs(),
        "said": said,
        "secret": secret,
        "more": more,
        "back_url": back_url,
    }
    response = TemplateResponse(request, "companies/shown_once.html", context)
    response["Cache-Control"] = "no-store"
    return response


def _links(company_id: UUID, ids: Collection[UUID]) -> dict[UUID, Link]:
    rows = list(Member.objects.filter(company_id=company_id, pk__in=ids, principal_type=PrincipalType.USER))
    users = User.objects.in_bulk([row.principal_id for row in rows])
    return {
        row.pk: Link(str(users[row.principal_id]), reverse("admin:companies_member_change", args=[row.pk]))
        for row in rows
        if row.principal_id in users
    }


links.register("company_membership", _links)
