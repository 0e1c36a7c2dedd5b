"""Setting budgets and spending them, as tests do it over and over."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

from django.db.models import F

from heartbeat import wakeups
from heartbeat.wakeups import Call
from paperclip.companies import actors
from paperclip.companies.models import Agent, Company, Project
from paperclip.governance import budgets, costs
from paperclip.governance.models import BudgetIncident, BudgetPolicy, CostEvent

NOW = datetime(2026, 5, 12, 9, tzinfo=UTC)
SYSTEM = actors.system("test")


def budget(company: Company, scope: Any, amount: int, *, now: datetime = NOW, **fields: Any) -> BudgetPolicy:
    kind = {Company: "company", Agent: "agent", Project: "project"}[type(scope)]
    return budgets.upsert(
        company=company,
        fields={"scope_type": kind, "scope_id": scope.pk, "amount": amount, **fields},
        actor=SYSTEM,
        now=now,
    )


def spend(agent: Agent, cents: int, *, now: datetime = NOW, **fields: Any) -> CostEvent:
    return costs.record(
        company_id=agent.company_id,
        fields={
            "agent_id": agent.pk,
            "provider": "anthropic",
            "model": "m",
            "cost_cents": cents,
            "occurred_at": now,
            **fields,
        },
        actor=SYSTEM,
        now=now,
    )


def wake(agent: Agent, *, now: datetime = NOW, **context: Any) -> Any:
    return wakeups.enqueue(
        agent_id=agent.pk,
        company_id=agent.company_id,
        call=Call(reason="test", context=context),
        actor=SYSTEM,
        now=now,
    )


def story(policy: BudgetPolicy) -> list[tuple[str, str]]:
    """Return the incidents of a budget, oldest first: threshold and status."""
    # Of two at the same moment the one that is not resolved came last.
    end = F("resolved_at").asc(nulls_last=True)
    rows = BudgetIncident.objects.filter(policy=policy).order_by("created_at", "-threshold_type", end)
    return list(rows.values_list("threshold_type", "status"))
