"""Charges, fees and credits that are no single call of a model (C-87)."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Any
from uuid import UUID

from django.db import transaction
from django.db.models import Count, Q, QuerySet, Sum

from paperclip.companies import activity
from paperclip.companies.actors import Actor
from paperclip.companies.models import Agent, Company
from paperclip.governance import costs
from paperclip.governance.choices import FinanceDirection
from paperclip.governance.models import CostEvent, FinanceEvent

_DEBIT = Q(direction=FinanceDirection.DEBIT)
_SUMS = {
    "debitCents": Sum("amount_cents", filter=_DEBIT, default=0),
    "creditCents": Sum("amount_cents", filter=Q(direction=FinanceDirection.CREDIT), default=0),
    "estimatedDebitCents": Sum("amount_cents", filter=_DEBIT & Q(estimated=True), default=0),
    "eventCount": Count("id"),
}


def record(*, company: Company, fields: Mapping[str, Any], actor: Actor, now: datetime) -> FinanceEvent:
    """Keep one event. Raises Unprocessable for references to what the company does not have.

    `fields` by column name: `event_kind`, `biller`, `amount_cents` (cents), `occurred_at`, and what else C-87 names.
    """
    with transaction.atomic():
        _require_references(company, fields)
        values = {name: value for name, value in fields.items() if value is not None}
        event = FinanceEvent.objects.create(company=company, **values, created_at=now)
        details = {
            "amountCents": event.amount_cents,
            "biller": event.biller,
            "eventKind": event.event_kind,
            "direction": event.direction,
        }
        activity.record(
            company_id=company.id,
            actor=actor,
            action="finance_event.reported",
            entity_type="finance_event",
            entity_id=event.id,
            details=details,
            now=now,
        )
        return event


def newest(
    company_id: UUID, *, limit: int, start: datetime | None = None, end: datetime | None = None
) -> list[FinanceEvent]:
    """Return the newest events of a company between two moments, both included; at most `limit`."""
    return list(_between(company_id, start, end).order_by("-occurred_at", "-id")[:limit])


def summary(
    company_id: UUID, *, start: datetime | None = None, end: datetime | None = None
) -> dict[str, Any]:
    """Return the sums of a company."""
    return {"companyId": company_id, **_net(_between(company_id, start, end).aggregate(**_SUMS))}


def by_biller(
    company_id: UUID, *, start: datetime | None = None, end: datetime | None = None
) -> list[dict[str, Any]]:
    """Return the sums of each biller, dearest first, with how many kinds of events it sent."""
    rows = _between(company_id, start, end).values("biller")
    found = rows.annotate(**_SUMS, kindCount=Count("event_kind", distinct=True))
    return _dearest_first(found, "biller")


def by_kind(
    company_id: UUID, *, start: datetime | None = None, end: datetime | None = None
) -> list[dict[str, Any]]:
    """Return the sums of each kind of event, dearest first, with how many billers sent it."""
    rows = _between(company_id, start, end).values("event_kind")
    found = rows.annotate(**_SUMS, billerCount=Count("biller", distinct=True))
    return [{"eventKind": row.pop("event_kind"), **row} for row in _dearest_first(found, "event_kind")]


def _require_references(company: Company, fields: Mapping[str, Any]) -> None:
    agents = Agent.objects.filter(company=company)
    events = CostEvent.objects.filter(company=company)
    costs.require_known(
        [("agentId", fields.get("agent_id"), agents), ("costEventId", fields.get("cost_event_id"), events)]
    )
    costs.require_references(company, fields)


def _between(company_id: UUID, start: datetime | None, end: datetime | None) -> QuerySet[FinanceEvent]:
    rows = FinanceEvent.objects.filter(company_id=company_id)
    if start is not None:
        rows = rows.filter(occurred_at__gte=start)
    return rows if end is None else rows.filter(occurred_at__lte=end)


def _net(sums: Mapping[str, Any]) -> dict[str, Any]:
    debit, credit = int(sums["debitCents"]), int(sums["creditCents"])
    whole = {"estimatedDebitCents": int(sums["estimatedDebitCents"]), "netCents": debit - credit}
    return {**sums, "debitCents": debit, "creditCents": credit, **whole}


def _dearest_first(rows: Any, name: str) -> list[dict[str, Any]]:
    return sorted((_net(row) for row in rows), key=lambda row: (-row["netCents"], row[name]))
