"""What the routines floor writes to the activity log (R-111 to R-113)."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from paperclip.companies import activity
from paperclip.companies.actors import Actor
from routines.models import Routine, RoutineRevision, RoutineRun, Trigger


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
    """Write `routine.trigger_created`, `_updated`, `_deleted` or `_secret_rotated` (R-112)."""
    details: dict[str, Any] = {"routineId": trigger.routine_id}
    if action != "routine.trigger_secret_rotated":
        details["kind"] = trigger.kind
    activity.record(
        company_id=trigger.company_id,
        actor=actor,
        action=action,
        entity_type="routine_trigger",
        entity_id=trigger.pk,
        details=details,
        now=now,
    )


def of_revision(revision: RoutineRevision, *, actor: Actor, now: datetime) -> None:
    """Write `routine.revision_created`, or `routine.revision_restored` for one that brings an earlier one back."""
    details: dict[str, Any] = {"revisionId": revision.pk, "revisionNumber": revision.revision_number}
    source = revision.restored_from_revision
    if source is None:
        details["changeSummary"] = revision.change_summary
    else:
        details |= {
            "restoredFromRevisionId": source.pk,
            "restoredFromRevisionNumber": source.revision_number,
        }
    details["triggerCount"] = len(revision.snapshot["triggers"])
    activity.record(
        company_id=revision.company_id,
        actor=actor,
        action="routine.revision_created" if source is None else "routine.revision_restored",
        entity_type="routine",
        entity_id=revision.routine_id,
        details=details,
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
