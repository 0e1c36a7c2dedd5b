"""What the routines floor writes to the activity log (R-111 to R-113)."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from paperclip.companies import activity
from paperclip.companies.actors import Actor
from routines.models import Routine, RoutineRun, Trigger


def of_routine(routine: Routine, action: str, *, actor: Actor, now: datetime) -> None:
    """Write `routine.created` or `routine.updated`."""
    details: dict[str, Any] = {"title": routine.title}
    if action == "routine.created":
        details["assigneeAgentId"] = routine.assignee_agent_id
    activity.record(
        company_id=routine.company_id,
        actor=actor,
        action=action,
        entity_type="routine",
        entity_id=routine.pk,
        details=details,
        now=now,
    )


def of_trigger(trigger: Trigger, action: str, *, actor: Actor, now: datetime) -> None:
    """Write `routine.trigger_created`, `_updated` or `_deleted`."""
    activity.record(
        company_id=trigger.company_id,
        actor=actor,
        action=action,
        entity_type="routine_trigger",
        entity_id=trigger.pk,
        details={"routineId": trigger.routine_id, "kind": trigger.kind},
        now=now,
    )


def of_run(run: RoutineRun, *, actor: Actor, now: datetime) -> None:
    """Write `routine.run_triggered`."""
    details: dict[str, Any] = {"routineId": run.routine_id, "source": run.source, "status": run.status}
    if run.trigger_id is not None:
        details["triggerId"] = run.trigger_id
    activity.record(
        company_id=run.company_id,
        actor=actor,
        action="routine.run_triggered",
        entity_type="routine_run",
        entity_id=run.pk,
        details=details,
        now=now,
    )
