"""Budgets as rows: found, written, and counted up with each cost (C-88). The ledger's lock is the caller's."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime
from uuid import UUID

from django.db.models import F, Q, QuerySet, Sum

from paperclip.companies.models import Agent, Company, Project
from paperclip.governance import windows
from paperclip.governance.choices import BudgetScope
from paperclip.governance.models import BudgetPolicy, CostEvent
from paperclip.governance.windows import Window

# What a budget can be for.
Scope = Company | Agent | Project
# What is spent, as `(scope type, scope id)`.
Spent = frozenset[tuple[str, UUID]]
_STOPS = Q(is_active=True, hard_stop_enabled=True, observed_amount__gte=F("amount"))


def rows() -> QuerySet[BudgetPolicy]:
    """Return all budgets, each with what it is for."""
    return BudgetPolicy.objects.select_related("company", "agent", "project")


def of_scope(scope: Scope) -> QuerySet[BudgetPolicy]:
    """Return the budgets of a company, an agent or a project."""
    if isinstance(scope, Agent):
        return rows().filter(agent=scope)
    if isinstance(scope, Project):
        return rows().filter(project=scope)
    return rows().filter(company=scope, scope_type=BudgetScope.COMPANY)


def spent_scopes(company_ids: Iterable[UUID]) -> Spent:
    """Return which scopes of some companies have used up a budget that stops them, in one query.

    A budget stays spent until its window is rolled, so that block and pause end together.
    """
    stopping = BudgetPolicy.objects.filter(_STOPS, company_id__in=list(company_ids))
    columns = ("scope_type", "company_id", "agent_id", "project_id")
    found: Iterable[tuple[str, UUID, UUID | None, UUID | None]] = stopping.values_list(*columns)
    return frozenset((kind, agent or project or company) for kind, company, agent, project in found)


def falling_under(event: CostEvent) -> list[BudgetPolicy]:
    """Return the active budgets a cost counts against: of its company, its agent and its own project."""
    scopes = Q(scope_type=BudgetScope.COMPANY) | Q(agent_id=event.agent_id)
    if event.project_id is not None:
        scopes |= Q(project_id=event.project_id)
    return list(rows().filter(scopes, company_id=event.company_id, is_active=True).order_by("pk"))


def others_stop(policy: BudgetPolicy) -> bool:
    """Return whether another budget of the same scope is used up and stops it."""
    same = of_scope(policy.agent or policy.project or policy.company).exclude(pk=policy.pk)
    return same.filter(_STOPS).exists()


def add(policy: BudgetPolicy, event: CostEvent) -> bool:
    """Count a cost against a budget whose window is current; return whether it falls into that window."""
    if not policy.holds(event.occurred_at):
        return False
    BudgetPolicy.objects.filter(pk=policy.pk).update(observed_amount=F("observed_amount") + event.cost_cents)
    policy.observed_amount += event.cost_cents
    return True


def recount(policy: BudgetPolicy, *, now: datetime) -> None:
    """Move a budget to the window that holds `now`, if it is a later one, and count what was spent in it."""
    window = windows.of(policy.window_kind, now)
    if window.start < policy.window_start:  # another host's clock is ahead: what it opened stays open
        window = Window(policy.window_start, policy.window_end)
    policy.window_start, policy.window_end = window.start, window.end
    policy.observed_amount = _spend(policy, window)
    BudgetPolicy.objects.filter(pk=policy.pk).update(
        window_start=window.start, window_end=window.end, observed_amount=policy.observed_amount
    )


def _spend(policy: BudgetPolicy, window: Window) -> int:
    costs = CostEvent.objects.filter(occurred_at__gte=window.start, occurred_at__lt=window.end)
    match policy.scope_type:
        case BudgetScope.AGENT:
            costs = costs.filter(agent_id=policy.scope_id)
        case BudgetScope.PROJECT:
            costs = costs.filter(project_id=policy.scope_id)
        case _:
            costs = costs.filter(company_id=policy.company_id)
    return int(costs.aggregate(cents=Sum("cost_cents"))["cents"] or 0)
