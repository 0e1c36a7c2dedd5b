"""The pages of a person's own API keys, and of the installation: its people and its settings."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import timedelta
from typing import Any
from uuid import UUID

from django import forms
from django.contrib import admin, messages
from django.core.exceptions import PermissionDenied
from django.db.models import QuerySet
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.template.response import TemplateResponse
from unfold import widgets

from paperclip.companies import instance, instance_admins, keys, signin, throttles
from paperclip.companies.admin import people
from paperclip.companies.models import BoardApiToken, Company, InstanceSettings, User
from paperclip.core import clock
from paperclip.core.admin import BoardModelAdmin, FormPage
from paperclip.core.errors import BadRequest
from paperclip.core.forms import BoardForm, text
from paperclip.core.lists import Heading
from paperclip.core.scope import scope_of

_COMPANIES_OFFERED = 500


class ApiKeyForm(BoardForm):
    """A key to make."""

    name = text("What it is for")
    days = forms.IntegerField(
        label="Days it lasts",
        min_value=1,
        max_value=366,
        initial=keys.BOARD_TOKEN_LIFE.days,
        widget=widgets.UnfoldAdminIntegerFieldWidget(),
    )


@admin.register(BoardApiToken)
class ApiKeyAdmin(BoardModelAdmin):
    """A person's own keys: whoever holds one acts in their name."""

    company_path = ""
    board_name = "api-key"
    icon = "key"
    intro = "Keys act in your name, with your rights, in all your companies. They belong to you alone."
    row_template = "companies/api_key_row.html"
    form_class = ApiKeyForm
    may_add = True
    empty_title = "You have no API keys"
    empty_text = "A key lets the command line, or a program of yours, do what you may do here."
    headings = (
        Heading("Key", "name", css="grow"),
        Heading("State"),
        Heading("Last used", "last_used_at", css="time"),
        Heading("Ends", "expires_at", css="time"),
        Heading("", css="act"),
    )
    deeds = {"revoke": "revoke"}

    def has_view_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        """Always: what is shown is the person's own."""
        return scope_of(request).actor is not None

    def has_module_permission(self, request: HttpRequest) -> bool:
        """Always: what is shown is the person's own."""
        return scope_of(request).actor is not None

    def has_change_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        """Always: `rows_of` gives a person nobody else's keys."""
        return scope_of(request).actor is not None

    def has_add_permission(self, request: HttpRequest) -> bool:
        """Always: a key can do no more than its owner."""
        return scope_of(request).actor is not None

    def rows_of(self, request: HttpRequest, company_ids: Sequence[UUID | None]) -> QuerySet[Any]:
        """Return the person's own keys."""
        return BoardApiToken.objects.filter(user=scope_of(request).actor.user)

    def prepare_rows(self, request: HttpRequest, rows: Sequence[Any]) -> None:
        """Put on each key whether it still works."""
        super().prepare_rows(request, rows)
        now = clock.now()
        for row in rows:
            has_ended = row.expires_at is not None and row.expires_at <= now
            row.works = row.revoked_at is None and not has_ended
            row.shown_state = "active" if row.works else "cancelled" if row.revoked_at else "archived"
            row.said = "works" if row.works else "revoked" if row.revoked_at else "has ended"

    def change_view(
        self,
        request: HttpRequest,
        object_id: str,
        form_url: str = "",
        extra_context: dict[str, Any] | None = None,
    ) -> HttpResponse:
        """Keys have no page of their own."""
        raise Http404("Keys have no page.")

    def edit_view(self, request: HttpRequest, object_id: str) -> HttpResponse:
        """Keys are made and revoked, never changed."""
        raise Http404("Keys are not changed.")

    def row_url(self, row: Any) -> str:
        """Return the list, for want of a page."""
        return self.list_url()

    def create(self, request: HttpRequest, values: dict[str, Any]) -> BoardApiToken:
        """Make a key."""
        actor, now = scope_of(request).actor, clock.now()
        throttles.spend(throttles.KEY_CREATE, actor.user.id, now=now)
        row, token = keys.create_board_token(
            user=actor.user,
            name=values["name"][:200],
            actor=actor,
            now=now,
            expires_at=now + timedelta(days=values["days"]),
        )
        row.fresh_token = token  # type: ignore[attr-defined]  # shown by the page that follows, and by nothing else
        return row

    def after_create(self, request: HttpRequest, row: Any) -> HttpResponse:
        """Show the key, this once."""
        return people.show_once(
            self,
            request,
            title=f"The key “{row.name}”",
            said="This is the only time it is shown. Only its hash is kept.",
            secret=row.fresh_token,
            back_url=self.list_url(),
        )

    def revoke(self, request: HttpRequest, row: BoardApiToken) -> str:
        """End a key."""
        actor = scope_of(request).actor
        keys.revoke_board_token(user=actor.user, token_id=row.pk, actor=actor, now=clock.now())
        return f"The key {row.name} no longer works."


class _InstallationAdmin(BoardModelAdmin):
    """A page for those who run the installation."""

    company_path = ""

    def has_module_permission(self, request: HttpRequest) -> bool:
        """Whether the person runs the installation."""
        return scope_of(request).is_instance_admin

    def has_view_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        """Whether the person runs the installation."""
        return scope_of(request).is_instance_admin

    def has_change_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        """Whether the person runs the installation."""
        return scope_of(request).is_instance_admin

    def rows_of(self, request: HttpRequest, company_ids: Sequence[UUID | None]) -> QuerySet[Any]:
        """Return every row, for those who run the installation."""
        rows: QuerySet[Any] = self.model._default_manager.all()
        return rows if scope_of(request).is_instance_admin else rows.none()


def companies_offered() -> list[tuple[UUID, str]]:
    """Return the companies the form of a person's access offers, by name."""
    return list(Company.objects.order_by("name").values_list("pk", "name")[:_COMPANIES_OFFERED])


class AccessForm(BoardForm):
    """Which companies a person is let into."""

    companies = forms.MultipleChoiceField(
        label="Companies",
        required=False,
        widget=widgets.UnfoldAdminCheckboxSelectMultipleWidget(),
        help_text="New places are an operator's; what else they may do is granted on the company's members page.",
    )

    def offer(self) -> None:
        """Offer every company."""
        field = self.fields["companies"]
        assert isinstance(field, forms.MultipleChoiceField)
        field.choices = [(str(pk), name) for pk, name in companies_offered()]

    def values_of(self, row: Any) -> dict[str, Any]:
        """Return the companies the person is in."""
        places = instance_admins.places([row]).get(row.pk, [])
        return {"companies": [str(place.company_id) for place in places]}


@admin.register(User)
class UserAdmin(_InstallationAdmin):
    """Everybody who has an account on this installation."""

    board_name = "user"
    icon = "manage_accounts"
    intro = (
        "Accounts of this installation. People come by invites; what they may do is said company by company."
    )
    row_template = "companies/user_row.html"
    form_class = AccessForm
    headings = (
        Heading("Person", "username", css="grow"),
        Heading("Companies"),
        Heading("Last sign-in", "last_login", css="time"),
        Heading("", css="act"),
    )
    search_fields = ("username", "email", "first_name", "last_name")
    search_help_text = "Search people"
    ordering = ("date_joined",)
    deeds = {"promote": "promote", "demote": "demote", "link": "sign_in_link"}

    def prepare_rows(self, request: HttpRequest, rows: Sequence[Any]) -> None:
        """Put on each person the companies they are in."""
        super().prepare_rows(request, rows)
        places = instance_admins.places(rows)
        for row in rows:
            row.places = places.get(row.pk, [])
            row.is_self = row.pk == scope_of(request).actor.user_id

    def change_view(
        self,
        request: HttpRequest,
        object_id: str,
        form_url: str = "",
        extra_context: dict[str, Any] | None = None,
    ) -> HttpResponse:
        """People have a page in each of their companies, and none here."""
        raise Http404("Accounts have no page.")

    def row_url(self, row: Any) -> str:
        """Return the list, for want of a page."""
        return self.list_url()

    def update(self, request: HttpRequest, row: Any, values: dict[str, Any]) -> User:
        """Let a person into exactly the ticked companies; those the form did not offer stay."""
        offered = {pk for pk, _ in companies_offered()}
        kept = {place.company_id for place in instance_admins.places([row]).get(row.pk, [])} - offered
        instance_admins.set_companies(
            user=row,
            company_ids=kept | {UUID(value) for value in values["companies"]},
            actor=scope_of(request).actor,
            now=clock.now(),
        )
        return row  # type: ignore[no-any-return]

    def promote(self, request: HttpRequest, row: User) -> str:
        """Make the person one of those who run the installation."""
        instance_admins.promote(user=row, actor=scope_of(request).actor)
        return f"{row} now runs this installation too."

    def demote(self, request: HttpRequest, row: User) -> str:
        """Make the person a plain one."""
        instance_admins.demote(user=row, actor=scope_of(request).actor)
        return f"{row} no longer runs this installation."

    def sign_in_link(self, request: HttpRequest, row: User) -> HttpResponse:
        """Make a link that signs the person in once."""
        if not row.is_active:
            raise BadRequest("This person cannot sign in any more")
        return people.show_once(
            self,
            request,
            title=f"A sign-in link for {row}",
            said="It signs them in once, within half an hour. It is shown only now: hand it to nobody else.",
            secret=signin.create_link(row),
            back_url=self.list_url(),
        )


class SettingsForm(BoardForm):
    """What holds for the whole installation."""

    parts = {
        "censor_username_in_logs": "General",
        "enable_issue_graph_liveness_auto_recovery": "Experimental",
    }
    censor_username_in_logs = forms.BooleanField(
        label="Hide the operating system's user name in comments and run logs",
        required=False,
        widget=widgets.UnfoldBooleanSwitchWidget(),
    )
    enable_issue_graph_liveness_auto_recovery = forms.BooleanField(
        label="Open an issue where blocked work waits for something nobody moves",
        required=False,
        widget=widgets.UnfoldBooleanSwitchWidget(),
    )
    issue_graph_liveness_auto_recovery_lookback_hours = forms.IntegerField(
        label="How recent such work must be, in hours",
        min_value=1,
        max_value=720,
        widget=widgets.UnfoldAdminIntegerFieldWidget(),
    )


@admin.register(InstanceSettings)
class InstanceSettingsAdmin(_InstallationAdmin):
    """The settings of the installation: one form."""

    board_name = "settings"
    icon = "settings"
    form_class = SettingsForm

    def changelist_view(
        self, request: HttpRequest, extra_context: dict[str, Any] | None = None
    ) -> HttpResponse:
        """Show the form, or keep what was decided."""
        if not self.has_change_permission(request):
            raise PermissionDenied
        general, experimental = instance.general(), instance.experimental()
        held = {**vars(general), **vars(experimental)}
        form = SettingsForm(request.POST or None, scope=scope_of(request), initial=held)
        if request.method == "POST" and form.is_valid():
            self._keep(request, form.cleaned_data, held)
            messages.success(request, "Kept. It holds from now on.")
            return redirect(self.list_url())
        page = FormPage(
            title="Installation", submit="Save", intro="What holds for every company of this installation."
        )
        context = {
            **self.admin_site.each_context(request),
            "title": page.title,
            "page": page,
            "form": form,
            "cancel_url": "/admin/",
        }
        request.current_app = self.admin_site.name  # type: ignore[attr-defined]
        return TemplateResponse(request, "board/form.html", context)

    def change_view(
        self,
        request: HttpRequest,
        object_id: str,
        form_url: str = "",
        extra_context: dict[str, Any] | None = None,
    ) -> HttpResponse:
        """There is one form and no rows."""
        raise Http404("The settings are one form.")

    def _keep(self, request: HttpRequest, values: dict[str, Any], held: dict[str, Any]) -> None:
        changed = {name: value for name, value in values.items() if held[name] != value}
        for part in ("general", "experimental"):
            names = set(vars(getattr(instance, part)()))
            fields = {name: value for name, value in changed.items() if name in names}
            instance.update(fields=fields, part=part, actor=scope_of(request).actor, now=clock.now())
