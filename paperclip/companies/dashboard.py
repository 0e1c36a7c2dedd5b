"""The dashboard and the sidebar's badges, gathered from every floor (C-98, C-99).

Each floor registers the pieces it can count; the answer is made of them. A piece is a fixed number of
queries.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import datetime
from typing import Any
from uuid import UUID

from django.db.models import Count, Q

from paperclip.companies.choices import AgentStatus
from paperclip.companies.models import Agent

Piece = Callable[[UUID, datetime], Any]
Badge = Callable[[UUID, datetime], int]
Dismissed = Callable[[UUID, Mapping[UUID, datetime]], int]

_pieces: dict[str, Piece] = {}
_badges: dict[str, Badge] = {}
_dismissed: dict[str, tuple[str, Dismissed]] = {}


def register(name: str, piece: Piece) -> None:
    """Add a piece: `piece(company_id, now)` returns the value shown under the wire name `name`.

    Names of C-98: `agents` (this floor), `costs`, `pendingApprovals`, `budgets` (governance), `tasks`
    (issues), `runActivity` (heartbeat).
    """
    _pieces[name] = piece


def register_badge(name: str, badge: Badge) -> None:
    """Add a count to the sidebar: `approvals`, `budgetAlerts`, `failedRuns` or `joinRequests`."""
    _badges[name] = badge


def register_dismissed(name: str, kind: str, count: Dismissed) -> None:
    """Let items of a badge be dismissed: `count(company_id, {item id: when dismissed})` returns how many of those
    it counts have not changed since. `kind` is the item key's first word, such as `approval`.
    """
    _dismissed[name] = (kind, count)


def gather(company_id: UUID, *, now: datetime) -> dict[str, Any]:
    """Return the dashboard of a company (C-98)."""
    return {"companyId": company_id} | {name: piece(company_id, now) for name, piece in _pieces.items()}


def badges(
    company_id: UUID,
    *,
    now: datetime,
    dismissed: Mapping[str, Mapping[UUID, datetime]] | None = None,
    sees_joins: bool = True,
) -> dict[str, int]:
    """Return the numbers beside the sidebar's entries, `inbox` being what waits for a person (C-99).

    `dismissed` holds, by kind, when the person dismissed which item; join requests count for those who may
    approve them.
    """
    counts = {name: badge(company_id, now) for name, badge in _badges.items()}
    for name, (kind, count) in _dismissed.items():
        if counts.get(name) and dismissed and dismissed.get(kind):
            counts[name] -= count(company_id, dismissed[kind])
    if not sees_joins:
        counts["joinRequests"] = 0
    approvals, failed, joins = (counts.get(name, 0) for name in ("approvals", "failedRuns", "joinRequests"))
    alerts = counts.get("budgetAlerts", 0)
    if not failed and agents_piece(company_id, now)["error"]:
        alerts += 1
    return {
        "inbox": approvals + failed + joins + alerts,
        "approvals": approvals,
        "failedRuns": failed,
        "joinRequests": joins,
    }


def agents_piece(company_id: UUID, now: datetime) -> dict[str, int]:
    """Return how many agents are ready, at work, stopped and in error; `now` plays no part."""
    ready = Q(status__in=(AgentStatus.ACTIVE, AgentStatus.IDLE))
    return Agent.objects.filter(company_id=company_id).aggregate(
        active=Count("id", filter=ready),
        running=Count("id", filter=Q(status=AgentStatus.RUNNING)),
        paused=Count("id", filter=Q(status=AgentStatus.PAUSED)),
        error=Count("id", filter=Q(status=AgentStatus.ERROR)),
    )
