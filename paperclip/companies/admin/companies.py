"""The pages of companies."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from typing import Any
from uuid import UUID

from django import forms
from django.conf import settings
from django.contrib import admin
from django.db.models import QuerySet
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.urls import reverse
from unfold import widgets

from paperclip.companies import assets, lifecycle, logos, queries
from paperclip.companies.choices import CompanyStatus, MemberStatus, PrincipalType
from paperclip.companies.models import Company, Member, User
from paperclip.core import clock, links
from paperclip.core.admin import BoardModelAdmin
from paperclip.core.errors import BadRequest, Unprocessable
from paperclip.core.forms import BoardForm, text
from paperclip.core.links import Link
from paperclip.core.lists import Heading
from paperclip.core.scope import COMPANY_KEY, scope_of
from paperclip.core.storage import Incoming, Upload


class CompanyForm(BoardForm):
    """What a person says about a company."""

    name = text("Name")
    description = text("What it is for", required=False, wide=True)
    budget_monthly_dollars = forms.DecimalField(
        label="Budget per month, in dollars",
        min_value=0,
        max_digits=12,
        decimal_places=2,
        required=False,
        help_text="0 means no limit.",
        widget=widgets.UnfoldAdminDecimalFieldWidget(),
    )

    max_concurrent_runs = forms.IntegerField(
        label="Runs at once",
        min_value=1,
        max_value=10_000,
        required=False,
        help_text="Over all agents and hosts. Empty means no limit.",
        widget=widgets.UnfoldAdminIntegerFieldWidget(),
    )

    def values_of(self, row: Any) -> dict[str, Any]:
        """Return what the form shows of a company."""
        return {**super().values_of(row), "budget_monthly_dollars": row.budget_monthly_cents / 100}


def _fields(values: dict[str, Any]) -> dict[str, Any]:
    return {
        "name": values["name"],
        "max_concurrent_runs": values["max_concurrent_runs"],
        "description": values["description"] or None,
        "budget_monthly_cents": int((values["budget_monthly_dollars"] or 0) * 100),
    }


@admin.register(Company)
class CompanyAdmin(BoardModelAdmin):
    """Every company of the person, archived ones last."""

    company_path = "pk"
    board_name = "company"
    icon = "domain"
    intro = (
        "A company is a closed world: its agents, issues, projects and costs are seen by its members only."
    )
    row_template = "companies/company_row.html"
    page_template = "companies/company_page.html"
    form_class = CompanyForm
    may_add = True
    deeds = {
        "pause": "pause",
        "resume": "resume",
        "archive": "archive",
        "drain": "drain",
        "undrain": "undrain",
        "logo": "put_logo",
        "remove-logo": "remove_logo",
    }
    headings = (
        Heading("Company", "name"),
        Heading("Status", "status"),
        Heading("Agents", css="num"),
        Heading("Issues", css="num"),
        Heading("Spent this month", css="num"),
        Heading("Created", "created_at", css="time"),
    )
    ordering = ("status", "created_at")

    def get_queryset(self, request: HttpRequest) -> QuerySet[Any]:
        """Return every company of the person, not only the chosen one."""
        return self.rows_of(request, scope_of(request).company_ids)

    def company_id_of(self, row: Any) -> UUID:
        """Return the company's own id."""
        row_id: UUID = row.pk
        return row_id

    def has_change_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        """An archived company can still be brought back; the verbs refuse all else."""
        may_bring_back = obj is not None and obj.pk in scope_of(request).archived
        return may_bring_back or super().has_change_permission(request, obj)

    def has_add_permission(self, request: HttpRequest) -> bool:
        """Whoever runs the installation may found a company and becomes its owner (C-28)."""
        return scope_of(request).is_instance_admin

    def prepare_rows(self, request: HttpRequest, rows: Sequence[Any]) -> None:
        """Put on each company how many agents and issues it has and what it spent this month."""
        super().prepare_rows(request, rows)
        spent = queries.company_spend([row.pk for row in rows], now=clock.now())
        stats = queries.company_stats([row.pk for row in rows])
        logo_of = {company.pk: company.logo_asset for company in scope_of(request).companies}
        for row in rows:
            row.spent_cents = spent.get(row.pk, 0)
            row.stats = stats.get(str(row.pk), {})
            row.logo_url = assets.page_path(logo_of[row.pk]) if logo_of.get(row.pk) else ""

    def page_context(self, request: HttpRequest, row: Any) -> dict[str, Any]:
        """Return the company's figures and the people in it."""
        self.prepare_rows(request, [row])
        members = Member.objects.filter(company=row, principal_type=PrincipalType.USER)
        people = list(members.exclude(status=MemberStatus.ARCHIVED).order_by("created_at")[:100])
        users = {
            user.pk: user for user in User.objects.filter(pk__in=[member.principal_id for member in people])
        }
        return {
            "people": [
                (users[member.principal_id], member) for member in people if member.principal_id in users
            ],
            "edit_url": reverse("admin:companies_company_edit", args=[row.pk]),
            "members_url": reverse("admin:companies_member_changelist"),
            "logo_limit": assets.limit(row),
            "logo_types": ",".join(settings.ASSET_TYPES),
        }

    def create(self, request: HttpRequest, values: dict[str, Any]) -> Company:
        """Found a company and look at it from then on."""
        company = lifecycle.create(fields=_fields(values), actor=scope_of(request).actor, now=clock.now())
        request.session[COMPANY_KEY] = str(company.pk)
        return company

    def after_create(self, request: HttpRequest, row: Any) -> HttpResponse:
        """Lead home, where the next step is shown."""
        return redirect("admin:index")

    def update(self, request: HttpRequest, row: Any, values: dict[str, Any]) -> Company:
        """Change what is said about a company."""
        return self._change(request, row, _fields(values))

    def pause(self, request: HttpRequest, row: Company) -> str:
        """Stop every run of the company and start no new ones."""
        self._change(request, row, {"status": CompanyStatus.PAUSED})
        return f"{row.name} is paused: its runs are being stopped and no new ones start."

    def resume(self, request: HttpRequest, row: Company) -> str:
        """Let the company's agents work again."""
        self._change(request, row, {"status": CompanyStatus.ACTIVE})
        return f"{row.name} is active again."

    def drain(self, request: HttpRequest, row: Company) -> str:
        """Let the company's runs end by themselves and start no new ones."""
        lifecycle.drain(company=row, actor=scope_of(request).actor, now=clock.now())
        return f"{row.name} is draining: its runs come to their own end and no new ones start."

    def undrain(self, request: HttpRequest, row: Company) -> str:
        """Let the runs start that waited."""
        lifecycle.undrain(company=row, actor=scope_of(request).actor, now=clock.now())
        return f"{row.name} takes up its work again."

    def archive(self, request: HttpRequest, row: Company) -> str:
        """Put the company away."""
        lifecycle.archive(company=row, actor=scope_of(request).actor, now=clock.now())
        return f"{row.name} is archived. Its history stays."

    def put_logo(self, request: HttpRequest, row: Company) -> str:
        """Make a picture the company's logo."""
        file = request.FILES.get("file")
        if file is None:
            raise BadRequest("Choose a picture first.")
        incoming = Incoming(limit=assets.limit(row))
        try:
            for piece in file.chunks():
                incoming.write(piece)
            if incoming.is_too_large or not incoming.size:
                raise Unprocessable(f"A logo has 1 to {incoming.limit} bytes.")
            incoming.seal()
            upload = Upload(incoming, file.name, (file.content_type or "").lower())
            logos.put(company=row, upload=upload, actor=scope_of(request).actor, now=clock.now())
        finally:
            incoming.discard()
        return f"{row.name} has a new logo."

    def remove_logo(self, request: HttpRequest, row: Company) -> str:
        """Leave the company without a logo."""
        logos.take_away(company=row, actor=scope_of(request).actor, now=clock.now())
        return f"{row.name} has no logo any more."

    def _change(self, request: HttpRequest, row: Company, fields: dict[str, Any]) -> Company:
        return lifecycle.update(company=row, fields=fields, actor=scope_of(request).actor, now=clock.now())


def _links(company_id: UUID, ids: Collection[UUID]) -> dict[UUID, Link]:
    rows = Company.objects.filter(pk=company_id, pk__in=ids)
    return {row.pk: Link(row.name, reverse("admin:companies_company_change", args=[row.pk])) for row in rows}


links.register("company", _links)
