"""Setting routines off by hand: by people, and by agents for themselves (section 7 of the contract)."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Any
from uuid import UUID

from django.db import transaction

from issues import fields as issue_fields
from issues.fields import Fields
from paperclip.companies.actors import Actor
from paperclip.core.errors import Conflict, Forbidden, NotFound
from routines import dispatch, lifecycle, references, rights, trail
from routines.dispatch import Order
from routines.models import Routine, RoutineRun, Trigger


def run_now(*, routine_id: UUID, fields: Mapping[str, Any], actor: Actor, now: datetime) -> RoutineRun:
    """Set a routine off for a caller and return its run, whatever became of it (R-62 to R-66).

    `fields`: `source`, `trigger_id`, `payload`, `variables`, `project_id`, `assignee_agent_id`, `idempotency_key`,
    `execution_workspace_id`, `execution_workspace_preference`, `execution_workspace_settings`. A repeated key
    returns the first run unchanged. Raises NotFound, Forbidden, Conflict or Unprocessable, and then nothing is kept.
    """
    # An agent must not have commands of its own run on the host (RW-13).
    settings = fields.get("execution_workspace_settings")
    issue_fields.require_allowed(Fields(execution_workspace_settings=settings), actor)
    with transaction.atomic():
        routine = lifecycle.locked(routine_id)
        rights.require_starter(actor, routine)
        lifecycle.refuse_archived(routine)
        references.require_valid(routine.company_id, fields)
        references.require_workspace(routine.company_id, fields.get("execution_workspace_id"))
        order = Order(
            source=fields["source"],
            trigger=_named(routine, fields.get("trigger_id")),
            payload=fields.get("payload"),
            variables=fields.get("variables"),
            project_id=fields.get("project_id"),
            agent_id=fields.get("assignee_agent_id"),
            idempotency_key=fields.get("idempotency_key") or None,
            workspace_id=fields.get("execution_workspace_id"),
            workspace_preference=fields.get("execution_workspace_preference"),
            workspace_settings=settings,
        )
        work = dispatch.prepare(routine=routine, order=order)
        earlier = repeated(routine, order)
        if earlier is not None:
            trail.of_run(earlier, actor=actor, now=now)
            return earlier
        return dispatch.dispatch(routine=routine, work=work, actor=actor, now=now)


def repeated(routine: Routine, order: Order) -> RoutineRun | None:
    """Return the run that a repeated idempotency key stands for, or None (R-66). The routine is locked."""
    if order.idempotency_key is None:
        return None
    runs = RoutineRun.objects.filter(
        routine=routine, source=order.source, trigger=order.trigger, idempotency_key=order.idempotency_key
    )
    return runs.order_by("-created_at", "-id").first()


def _named(routine: Routine, trigger_id: UUID | None) -> Trigger | None:
    """Return the trigger a caller names (R-64). A schedule that is due still fires by itself (RW-19)."""
    if trigger_id is None:
        return None
    triggers = Trigger.objects.select_for_update(no_key=True).filter(company_id=routine.company_id)
    trigger = triggers.filter(pk=trigger_id).first()
    if trigger is None:
        raise NotFound("Routine trigger not found")
    if trigger.routine_id != routine.pk:
        raise Forbidden("Trigger does not belong to routine")
    if not trigger.enabled:
        raise Conflict("Routine trigger is not active")
    return trigger
