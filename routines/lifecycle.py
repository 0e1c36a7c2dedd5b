"""Make routines, change them, end them (sections 3 and 12 of the contract)."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Any
from uuid import UUID

from django.db import transaction

from paperclip.companies.actors import Actor
from paperclip.core.errors import Conflict, NotFound, Unprocessable
from routines import references, revisions, rights, trail, variables
from routines.choices import RoutineStatus, TriggerKind
from routines.models import Routine, Trigger


def create(*, company_id: UUID, fields: Mapping[str, Any], actor: Actor, now: datetime) -> Routine:
    """Store a routine and return it; `fields` by column name (R-20 to R-25). Its variables are those its texts ask for.

    One without an agent is a draft and starts `paused`. Raises Forbidden, NotFound, Conflict or
    Unprocessable.
    """
    with transaction.atomic():
        rights.require_creator(actor, company_id, assignee_agent_id=fields.get("assignee_agent_id"))
        references.require_valid(company_id, fields)
        values = dict(fields)
        values["status"] = _status(
            values.get("status", RoutineStatus.ACTIVE), values.get("assignee_agent_id")
        )
        declared = values.get("variables", [])
        variables.require_readable_defaults(declared)
        values["variables"] = variables.synced(declared, values["title"], values.get("description"))
        routine = Routine.objects.create(
            company_id=company_id,
            created_by_agent_id=actor.agent_id,
            created_by_user_id=actor.user_id,
            updated_by_agent_id=actor.agent_id,
            updated_by_user_id=actor.user_id,
            created_at=now,
            updated_at=now,
            **values,
        )
        trail.of_routine(routine, "routine.created", actor=actor, now=now)
        revisions.record(routine=routine, summary="Created routine", actor=actor, now=now)
    return routine


def update(
    *,
    routine_id: UUID,
    fields: Mapping[str, Any],
    actor: Actor,
    now: datetime,
    base_revision_id: UUID | None = None,
) -> Routine:
    """Change a routine and return it; what is equal stays untouched, down to `updated_at` (R-98).

    Triggers keep their due times: what is overdue when a paused routine goes on fires then (R-61). Raises
    NotFound, Forbidden, Unprocessable, and Conflict for a change of an archived routine (RW-16), or of one that was
    changed since `base_revision_id` (R-27).
    """
    with transaction.atomic():
        routine = locked(routine_id)
        rights.require_editor(actor, routine, fields)
        if base_revision_id is not None and base_revision_id != routine.latest_revision_id:
            raise revisions.conflict(routine, "Routine was updated by someone else")
        references.require_valid(routine.company_id, fields)
        values = _after_edit(routine, fields)
        changed = {name: value for name, value in values.items() if getattr(routine, name) != value}
        if changed:
            refuse_archived(routine)
            changed |= {
                "updated_by_agent_id": actor.agent_id,
                "updated_by_user_id": actor.user_id,
                "updated_at": now,
            }
            Routine.objects.filter(pk=routine.pk).update(**changed)
            routine.refresh_from_db()
        trail.of_routine(routine, "routine.updated", actor=actor, now=now)
        if changed:
            revisions.record(routine=routine, summary="Updated routine", actor=actor, now=now)
    return routine


def archive(*, routine_id: UUID, actor: Actor, now: datetime) -> Routine:
    """End a routine for good: nothing sets it off any more, its runs stay. May be repeated."""
    return update(routine_id=routine_id, fields={"status": RoutineStatus.ARCHIVED}, actor=actor, now=now)


def locked(routine_id: UUID) -> Routine:
    """Lock a routine for the rest of the transaction and return it. NotFound when it is gone.

    Dispatches of one routine wait for each other here; locks of triggers, company and issues come after it.
    """
    routine = Routine.objects.select_for_update(no_key=True).filter(pk=routine_id).first()
    if routine is None:
        raise NotFound("Routine not found")
    return routine


def refuse_archived(routine: Routine) -> None:
    """Raise Conflict for a routine that is over for good (RW-16)."""
    if routine.status == RoutineStatus.ARCHIVED:
        raise Conflict("Routine is archived")


def _after_edit(routine: Routine, fields: Mapping[str, Any]) -> dict[str, Any]:
    """Return the columns an edit comes to (R-24 to R-26)."""
    values = dict(fields)
    status = values.get("status", routine.status)
    agent_id = values.get("assignee_agent_id", routine.assignee_agent_id)
    if values.get("status") == RoutineStatus.ACTIVE and agent_id is None:
        raise Unprocessable("Default agent required")
    values["status"] = _status(status, agent_id)
    variables.require_readable_defaults(fields.get("variables", []))
    values["variables"] = variables.synced(
        values.get("variables", routine.variables),
        values.get("title", routine.title),
        values.get("description", routine.description),
    )
    if values["variables"] != routine.variables and _is_scheduled(routine):
        variables.require_defaults(values["variables"])
    return values


def _is_scheduled(routine: Routine) -> bool:
    return Trigger.objects.filter(routine=routine, kind=TriggerKind.SCHEDULE, enabled=True).exists()


def _status(wanted: str, agent_id: UUID | None) -> str:
    return RoutineStatus.PAUSED if wanted == RoutineStatus.ACTIVE and agent_id is None else wanted
