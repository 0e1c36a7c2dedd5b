"""The pages of budgets: how they stand, what waits for a decision, and the form that sets one."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from decimal import Decimal
from typing import Any
from uuid import UUID

from django import forms
from django.contrib import admin
from django.db.models import QuerySet
from django.http import HttpRequest, HttpResponse
from django.urls import reverse
from unfold import widgets

from paperclip.companies.choices import AgentStatus
from paperclip.companies.models import Agent, Project
from paperclip.core import clock, links, naming
from paperclip.core.admin import BoardModelAdmin
from paperclip.core.errors import BadRequest
from paperclip.core.forms import BoardForm, choice
from paperclip.core.links import Link
from paperclip.core.lists import Heading
from paperclip.core.scope import scope_of
from paperclip.governance import budget_decisions, budget_figures, budgets, incidents, policies, scopes
from paperclip.governance.choices import BudgetScope, BudgetThreshold, BudgetWindow, IncidentStatus
from paperclip.governance.models import BudgetIncident, BudgetPolicy

_CENTS = 100
_INCIDENTS_SHOWN = 30
_SCOPES_OFFERED = 500
_LOOKS = {"ok": "healthy", "warning": "needs_attention", "hard_stop": "exhausted"}


def _dollars(label: str, *, help_text: str = "", required: bool = True) -> forms.DecimalField:
    return forms.DecimalField(
        label=label,
        min_value=0,
        max_digits=12,
        decimal_places=2,
        required=required,
        help_text=help_text,
        widget=widgets.UnfoldAdminDecimalFieldWidget(),
    )


class BudgetForm(BoardForm):
    """What may be spent, and what happens near the end of it."""

    halves = ("amount_dollars", "warn_percent")

    budget_for = choice("For", help_text="Cannot be changed later.")
    window_kind = choice("Counted", BudgetWindow.choices, help_text="Months are those of UTC.")
    amount_dollars = _dollars("May spend, in dollars", help_text="0 switches the budget off.")
    warn_percent = forms.IntegerField(
        label="Warn at, in per cent",
        min_value=1,
        max_value=99,
        initial=80,
        widget=widgets.UnfoldAdminIntegerFieldWidget(),
    )
    hard_stop_enabled = forms.BooleanField(
        label="Stop the work when it is used up",
        required=False,
        initial=True,
        widget=widgets.UnfoldBooleanSwitchWidget(),
    )
    notify_enabled = forms.BooleanField(
        label="Warn people before",
        required=False,
        initial=True,
        widget=widgets.UnfoldBooleanSwitchWidget(),
    )

    def offer(self) -> None:
        """Offer the company, its agents and its projects; of a budget that stands only what may change."""
        if self.row is not None:
            del self.fields["budget_for"]
            del self.fields["window_kind"]
            return
        company = self.scope.chosen
        agents = Agent.objects.filter(company=company).exclude(status=AgentStatus.TERMINATED)
        projects = Project.objects.filter(company=company, archived_at__isnull=True)
        self.set_choices(
            "budget_for",
            [
                (f"{BudgetScope.COMPANY.value}:{company.pk}", f"{company.name} (all of it)"),
                *_offered(BudgetScope.AGENT, agents),
                *_offered(BudgetScope.PROJECT, projects),
            ],
        )

    def values_of(self, row: Any) -> dict[str, Any]:
        """Return what the form shows of a budget."""
        return {**super().values_of(row), "amount_dollars": Decimal(row.amount) / _CENTS}


def _offered(kind: BudgetScope, rows: QuerySet[Any]) -> list[tuple[str, str]]:
    named = rows.order_by("name").values_list("pk", "name")[:_SCOPES_OFFERED]
    return [(f"{kind.value}:{pk}", f"{name} ({kind.value})") for pk, name in named]


@admin.register(BudgetPolicy)
class BudgetPolicyAdmin(BoardModelAdmin):
    """What companies, agents and projects may spend."""

    board_name = "budget"
    icon = "savings"
    row_template = "governance/budget_row.html"
    page_template = "governance/budget_page.html"
    change_list_template = "governance/budget_list.html"
    form_class = BudgetForm
    may_add = True
    empty_title = "Nothing is limited yet"
    empty_text = "A budget warns you while there is time, and stops the work at the cost that uses it up."
    headings = (
        Heading("For", css="grow"),
        Heading("Spent", "observed_amount", css="meter-cell"),
        Heading("State"),
        Heading("Counted", "window_kind"),
        Heading("", css="act"),
    )
    ordering = ("-is_active", "scope_type", "created_at")
    list_select_related = ("company", "agent", "project")
    deeds = {"raise": "allow_more", "keep": "keep_paused", "switch-off": "switch_off"}

    def page_rows(self, request: HttpRequest, company_ids: Sequence[UUID]) -> QuerySet[Any]:
        """Return budgets with what they are for."""
        return policies.rows().filter(company_id__in=company_ids)

    def title_of(self, row: Any) -> str:
        """Return what the budget is for."""
        return f"Budget of {scopes.of(row)}"

    def prepare_rows(self, request: HttpRequest, rows: Sequence[Any]) -> None:
        """Put on each budget how it stands."""
        super().prepare_rows(request, rows)
        now = clock.now()
        for row in rows:
            row.standing = budget_figures.summary(row, now=now)
            row.meter = min(100, round(row.standing["utilizationPercent"], 1))
            row.shown_state = _LOOKS[row.standing["status"]] if row.is_active else "stopped"
            row.scope_url = _scope_url(row)
            row.raised_to = budget_decisions.next_amount(row)

    def changelist_view(
        self, request: HttpRequest, extra_context: dict[str, Any] | None = None
    ) -> HttpResponse:
        """Show what waits for a decision above the list."""
        company_id = scope_of(request).company_id
        waiting = list(incidents.of_company(company_id)) if company_id is not None else []
        for incident in waiting:
            incident.raised_to = budget_decisions.next_amount(incident.policy)  # type: ignore[attr-defined]
            incident.scope_name = str(scopes.of(incident.policy))  # type: ignore[attr-defined]
            incident.scope_url = _scope_url(incident.policy)  # type: ignore[attr-defined]
        return super().changelist_view(request, {**(extra_context or {}), "incidents": waiting})

    def page_context(self, request: HttpRequest, row: Any) -> dict[str, Any]:
        """Return how the budget stands and what happened to it."""
        self.prepare_rows(request, [row])
        told = BudgetIncident.objects.filter(policy=row).select_related("approval__decided_by_user")
        history = list(told.order_by("-created_at", "-id")[:_INCIDENTS_SHOWN])
        return {
            "history": history,
            "is_asking": any(each.status == IncidentStatus.OPEN for each in history),
            "edit_url": reverse("admin:governance_budgetpolicy_edit", args=[row.pk]),
        }

    def create(self, request: HttpRequest, values: dict[str, Any]) -> BudgetPolicy:
        """Set a budget."""
        kind, _, reference = values["budget_for"].partition(":")
        fields = {"scope_type": kind, "scope_id": naming.as_field_uuid(reference)}
        return self._set(request, {**fields, "window_kind": values["window_kind"]}, values)

    def update(self, request: HttpRequest, row: Any, values: dict[str, Any]) -> BudgetPolicy:
        """Change a budget."""
        return self._set(request, _identity(row), values)

    def _set(self, request: HttpRequest, which: dict[str, Any], values: dict[str, Any]) -> BudgetPolicy:
        scope = scope_of(request)
        fields = {
            **which,
            "amount": int(values["amount_dollars"] * _CENTS),
            "warn_percent": values["warn_percent"],
            "hard_stop_enabled": values["hard_stop_enabled"],
            "notify_enabled": values["notify_enabled"],
        }
        return budgets.upsert(company=scope.chosen, fields=fields, actor=scope.actor, now=clock.now())

    # Deeds.

    def allow_more(self, request: HttpRequest, row: BudgetPolicy) -> str:
        """Raise a budget to the amount asked for, or by a quarter, and let its scope go on."""
        amount = _amount(request) or budget_decisions.next_amount(row)
        actor, now = scope_of(request).actor, clock.now()
        asking = _asking(row)
        if asking is not None:
            budget_decisions.resolve(
                company=row.company,
                incident_id=asking.pk,
                action=budget_decisions.RAISE,
                amount=amount,
                note=_note(request),
                actor=actor,
                now=now,
            )
        else:
            fields = {**_identity(row), "amount": amount}
            budgets.upsert(company=row.company, fields=fields, actor=actor, now=now)
        return f"{scopes.of(row)} may spend ${amount / _CENTS:,.2f} now."

    def keep_paused(self, request: HttpRequest, row: BudgetPolicy) -> str:
        """Leave the scope stopped and ask no more."""
        asking = _asking(row)
        if asking is None:
            raise BadRequest("Nothing waits for a decision here any more.")
        budget_decisions.resolve(
            company=row.company,
            incident_id=asking.pk,
            action=budget_decisions.KEEP,
            note=_note(request),
            actor=scope_of(request).actor,
            now=clock.now(),
        )
        return "Noted. It stays as it is until the budget's window ends or the budget is raised."

    def switch_off(self, request: HttpRequest, row: BudgetPolicy) -> str:
        """Limit the scope no longer."""
        fields = {**_identity(row), "amount": row.amount, "is_active": False}
        budgets.upsert(company=row.company, fields=fields, actor=scope_of(request).actor, now=clock.now())
        return "Switched off: nothing limits it any more."


def _identity(row: BudgetPolicy) -> dict[str, Any]:
    return {
        "scope_type": row.scope_type,
        "scope_id": row.scope_id,
        "metric": row.metric,
        "window_kind": row.window_kind,
    }


def _asking(row: BudgetPolicy) -> BudgetIncident | None:
    """Return what waits for a decision about a budget, a stop before a warning."""
    waiting = BudgetIncident.objects.filter(policy=row, status=IncidentStatus.OPEN)
    return min(waiting, key=lambda each: each.threshold_type != BudgetThreshold.HARD, default=None)


def _amount(request: HttpRequest) -> int | None:
    """Return the amount typed beside a button, in cents. Raises BadRequest for what is none."""
    text = request.POST.get("dollars", "").strip()
    if not text:
        return None
    try:
        cents = forms.DecimalField(min_value=0, max_digits=12, decimal_places=2).clean(text)
    except forms.ValidationError as error:
        raise BadRequest("The amount is not a sum in dollars.") from error
    return int(cents * _CENTS)


def _note(request: HttpRequest) -> str | None:
    return request.POST.get("note", "").strip() or None


def _scope_url(row: BudgetPolicy) -> str:
    return reverse(f"admin:companies_{row.scope_type}_change", args=[row.scope_id])


def _links(company_id: UUID, ids: Collection[UUID]) -> dict[UUID, Link]:
    rows = policies.rows().filter(company_id=company_id, pk__in=ids)
    return {row.pk: _link(row) for row in rows}


def _incident_links(company_id: UUID, ids: Collection[UUID]) -> dict[UUID, Link]:
    rows = incidents.rows().filter(company_id=company_id, pk__in=ids)
    return {row.pk: _link(row.policy) for row in rows}


def _link(row: BudgetPolicy) -> Link:
    url = reverse("admin:governance_budgetpolicy_change", args=[row.pk])
    return Link(f"the budget of {scopes.of(row)}", url)


links.register("budget_policy", _links)
links.register("budget_incident", _incident_links)
