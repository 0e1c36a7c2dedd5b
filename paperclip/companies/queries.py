"""What others ask about companies and agents.

Each function is a fixed number of queries, however many rows.
"""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime
from uuid import UUID

from django.db.models import Count, QuerySet, Sum

from paperclip.companies.actors import Actor
from paperclip.companies.choices import AgentStatus
from paperclip.companies.models import Agent, Company
from paperclip.core import clock


def companies_of(actor: Actor) -> QuerySet[Company]:
    """Return the companies a person is a member of, oldest first, archived ones included (C-30)."""
    return Company.objects.filter(pk__in=actor.company_ids).order_by("created_at", "id")


def agents_of(company_id: UUID) -> QuerySet[Agent]:
    """Return the agents of a company that have not been terminated, oldest first (C-43)."""
    rows = Agent.objects.filter(company_id=company_id).exclude(status=AgentStatus.TERMINATED)
    return rows.order_by("created_at", "id")


def company_spend(company_ids: Iterable[UUID], *, now: datetime) -> dict[UUID, int]:
    """Return what each company has spent in this UTC month, in cents; those without costs are left out."""
    # One filter: two would join the costs twice.
    rows = Company.objects.filter(
        pk__in=list(company_ids),
        costevent__occurred_at__gte=clock.month_start(now),
        costevent__occurred_at__lt=clock.next_month_start(now),
    )
    return {
        pk: int(cents) for pk, cents in rows.values_list("pk").annotate(cents=Sum("costevent__cost_cents"))
    }


def agent_spend(agent_ids: Iterable[UUID], *, now: datetime) -> dict[UUID, int]:
    """Return what each agent has spent in this UTC month, in cents; agents without costs are left out."""
    rows = Agent.objects.filter(
        pk__in=list(agent_ids),
        cost_events__occurred_at__gte=clock.month_start(now),
        cost_events__occurred_at__lt=clock.next_month_start(now),
    )
    return {
        pk: int(cents) for pk, cents in rows.values_list("pk").annotate(cents=Sum("cost_events__cost_cents"))
    }


def company_stats(company_ids: Iterable[UUID]) -> dict[str, dict[str, int]]:
    """Return `{company id: {agentCount, issueCount}}`; terminated agents are counted (C-30)."""
    wanted = list(company_ids)
    companies = Company.objects.filter(pk__in=wanted).values_list("pk")
    agents = dict(companies.annotate(number=Count("agents")))
    issues = dict(companies.annotate(number=Count("issues")))
    return {
        str(pk): {"agentCount": agents.get(pk, 0), "issueCount": issues.get(pk, 0)}
        for pk in wanted
        if pk in agents
    }
