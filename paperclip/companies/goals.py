"""Goals: what a company works towards, and the tree they form (C-69, C-70)."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Any
from uuid import UUID

from django.db import transaction
from django.db.models import Case, IntegerField, QuerySet, Value, When

from paperclip.companies import activity, org, rights
from paperclip.companies.actors import Actor
from paperclip.companies.choices import GoalLevel, GoalStatus
from paperclip.companies.models import Agent, Company, Goal
from paperclip.core import naming
from paperclip.core.errors import Unprocessable


def of_company(company_id: UUID) -> QuerySet[Goal]:
    """Return the goals of a company, oldest first."""
    return Goal.objects.filter(company_id=company_id).order_by("created_at", "id")


def default_goal(company_id: UUID) -> Goal | None:
    """Return the goal that work without one serves (C-70).

    The oldest active company goal without a parent, else any company goal without a parent, else any company
    goal.
    """
    rank = Case(
        When(parent__isnull=True, status=GoalStatus.ACTIVE, then=Value(0)),
        When(parent__isnull=True, then=Value(1)),
        default=Value(2),
        output_field=IntegerField(),
    )
    goals = Goal.objects.filter(company_id=company_id, level=GoalLevel.COMPANY)
    return goals.order_by(rank, "created_at", "id").first()


def create(*, company: Company, fields: Mapping[str, Any], actor: Actor, now: datetime) -> Goal:
    """Set a goal; `fields` by column name.

    Raises Unprocessable for a parent or owner the company does not have.
    """
    with transaction.atomic():
        _require_references(company.id, fields)
        goal = Goal.objects.create(company=company, **_columns(fields), created_at=now, updated_at=now)
        _log(goal, "goal.created", actor, now, {"title": goal.title})
        return goal


def update(*, goal: Goal, fields: Mapping[str, Any], actor: Actor, now: datetime) -> Goal:
    """Change a goal; `fields` holds only what was sent.

    Raises Unprocessable, also for a circle of parents.
    """
    with transaction.atomic():
        if fields.get("parent_id") is not None:
            org.lock(goal.company_id)  # two moves that are each fine may make a circle together
        _require_references(goal.company_id, fields)
        if fields.get("parent_id") is not None:
            _require_no_circle(goal, fields["parent_id"])
        Goal.objects.filter(pk=goal.pk).update(**_columns(fields), updated_at=now)
        _log(goal, "goal.updated", actor, now, {naming.camel(name): value for name, value in fields.items()})
        return Goal.objects.get(pk=goal.pk)


def delete(*, goal: Goal, actor: Actor, now: datetime) -> Goal:
    """Delete a goal and return what it was.

    Work that served it serves none; its children become roots (CW-16).
    """
    rights.require_remover(actor, owner_agent_id=goal.owner_agent_id, what="goals")
    with transaction.atomic():
        _log(goal, "goal.deleted", actor, now, None)
        Goal.objects.filter(pk=goal.pk).delete()
        return goal


def require_known(company_id: UUID, goal_ids: list[UUID]) -> None:
    """Raise Unprocessable unless every id is a goal of the company."""
    wanted = set(goal_ids)
    if Goal.objects.filter(company_id=company_id, pk__in=wanted).count() != len(wanted):
        raise Unprocessable("Goal not found in this company")


def _columns(fields: Mapping[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in fields.items() if value is not None or name in _NULLABLE}


_NULLABLE = frozenset({"description", "parent_id", "owner_agent_id"})


def _require_references(company_id: UUID, fields: Mapping[str, Any]) -> None:
    if (
        fields.get("parent_id") is not None
        and not Goal.objects.filter(company_id=company_id, pk=fields["parent_id"]).exists()
    ):
        raise Unprocessable("Parent goal not found in this company")
    if (
        fields.get("owner_agent_id") is not None
        and not Agent.objects.filter(company_id=company_id, pk=fields["owner_agent_id"]).exists()
    ):
        raise Unprocessable("Owner agent not found in this company")


def _require_no_circle(goal: Goal, parent_id: UUID) -> None:
    parents = dict(Goal.objects.filter(company_id=goal.company_id).values_list("id", "parent_id"))
    above: UUID | None = parent_id
    seen: set[UUID] = set()
    while above is not None and above not in seen:
        if above == goal.id:
            raise Unprocessable("Goal hierarchy would create cycle")
        seen.add(above)
        above = parents.get(above)


def _log(goal: Goal, action: str, actor: Actor, now: datetime, details: Mapping[str, Any] | None) -> None:
    activity.record(
        company_id=goal.company_id,
        actor=actor,
        action=action,
        entity_type="goal",
        entity_id=goal.id,
        details=details,
        now=now,
    )
