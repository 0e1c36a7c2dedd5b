"""The log of who did what. Written in the transaction of the deed, never changed (C-95)."""

from __future__ import annotations

import threading
from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

from django.db.models import Q

from paperclip.companies.actors import Actor
from paperclip.companies.choices import ActorType
from paperclip.companies.models import Activity, Agent, Company
from paperclip.core import jsonable, naming, redaction
from paperclip.core.errors import Unprocessable

DEFAULT_LIMIT = 100
MAX_LIMIT = 500
_AT_ONCE = 500

_written = threading.local()


def record(
    *,
    company_id: UUID,
    actor: Actor,
    action: str,
    entity_type: str,
    entity_id: UUID | str,
    now: datetime,
    details: Mapping[str, Any] | None = None,
    run_id: UUID | None = None,
) -> Activity:
    """Write one row; secrets in `details` are taken out. `run_id` overrides the actor's run."""
    row = _row(company_id, actor, action, entity_type, entity_id, now, details, run_id)
    row.save(force_insert=True)
    return row


def record_all(
    *,
    company_id: UUID,
    actor: Actor,
    action: str,
    entity_type: str,
    details: Mapping[UUID, Mapping[str, Any]],
    now: datetime,
) -> None:
    """Write a row about each thing that `details` are by the id of; see `record`."""
    Activity.objects.bulk_create(
        (
            _row(company_id, actor, action, entity_type, entity_id, now, told)
            for entity_id, told in details.items()
        ),
        batch_size=_AT_ONCE,
    )


def record_by_hand(*, company: Company, fields: Mapping[str, Any], actor: Actor, now: datetime) -> Activity:
    """Write a row a person words themselves (C-97), with who wrote it in its details (CW-35).

    `fields`: `actor_type`, `actor_id`, `action`, `entity_type`, `entity_id`, `agent_id`, `details`. Raises
    Unprocessable for another person as actor, or an agent the company does not have.
    """
    if fields["actor_type"] == ActorType.USER and fields["actor_id"] != actor.id:
        raise Unprocessable("actorId: an entry can only be written in one's own name")
    named = [fields.get("agent_id")]
    if fields["actor_type"] == ActorType.AGENT:
        named.append(naming.as_field_uuid(fields["actor_id"]))
        if named[-1] is None:
            raise Unprocessable("actorId: expected the id of an agent")
    for agent_id in named:
        if agent_id is not None and not Agent.objects.filter(company=company, pk=agent_id).exists():
            raise Unprocessable("Agent does not belong to company")
    details = {**(fields.get("details") or {}), "recordedByUserId": actor.id}
    return Activity.objects.create(
        company=company,
        actor_type=fields["actor_type"],
        actor_id=fields["actor_id"],
        action=fields["action"],
        entity_type=fields["entity_type"],
        entity_id=fields["entity_id"],
        agent_id=fields.get("agent_id"),
        details=jsonable.plain(redaction.data(details)),
        created_at=now,
    )


def recent(
    company: Company,
    *,
    limit: int,
    agent_id: UUID | None = None,
    entity_type: str | None = None,
    entity_id: str | None = None,
    after: UUID | None = None,
) -> list[Activity]:
    """Return the newest rows of a company, at most `limit`, those about hidden issues left out (C-96).

    With the id of a row in `after`, those the list has behind it: nothing when it is not among them (CW-29).
    """
    rows = Activity.objects.filter(company=company).order_by("-created_at", "-id")
    given = {"agent_id": agent_id, "entity_type": entity_type, "entity_id": entity_id}
    rows = rows.filter(**{name: value for name, value in given.items() if value is not None})
    if after is not None:
        last = rows.filter(pk=after).only("id", "created_at").first()
        rows = rows.none() if last is None else rows.filter(_older_than(last))
    found: list[Activity] = []
    page = list(rows[:limit])
    # Hidden issues are few: looking at the page in hand is cheaper than asking the whole log about them.
    while page:
        hidden = _hidden_issues(company, page)
        found += [row for row in page if not (row.entity_type == "issue" and row.entity_id in hidden)]
        if len(found) >= limit or len(page) < limit:
            break
        page = list(rows.filter(_older_than(page[-1]))[:limit])
    return found[:limit]


def _older_than(row: Activity) -> Q:
    return Q(created_at__lt=row.created_at) | Q(created_at=row.created_at, id__lt=row.id)


def _row(
    company_id: UUID,
    actor: Actor,
    action: str,
    entity_type: str,
    entity_id: UUID | str,
    now: datetime,
    details: Mapping[str, Any] | None,
    run_id: UUID | None = None,
) -> Activity:
    return Activity(
        company_id=company_id,
        actor_type=actor.type,
        actor_id=actor.id,
        action=action,
        entity_type=entity_type,
        entity_id=str(entity_id),
        agent_id=actor.agent_id,
        run_id=run_id or actor.run_id,
        details=jsonable.plain(redaction.data(details)) if details else None,
        created_at=_moment(now),
    )


def _moment(now: datetime) -> datetime:
    """Return when a row is written: rows of one deed share its time, microseconds keep their order."""
    step = _written.step + 1 if getattr(_written, "now", None) == now else 0
    _written.now, _written.step = now, step
    return now + timedelta(microseconds=step)


def _hidden_issues(company: Company, rows: list[Activity]) -> set[str]:
    named = (naming.as_field_uuid(row.entity_id) for row in rows if row.entity_type == "issue")
    ids = {issue_id for issue_id in named if issue_id is not None}
    if not ids:
        return set()
    hidden = company.issues.filter(pk__in=ids, hidden_at__isnull=False)
    return {str(pk) for pk in hidden.values_list("pk", flat=True)}
