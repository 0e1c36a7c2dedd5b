"""What `routine … --json` writes: rows as JSON objects, in the interface's names."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from paperclip.core import clock
from routines.models import RoutineRun
from routines.previews import Preview
from routines.queries import Shown


def of_routine(shown: Shown) -> dict[str, Any]:
    """Return a routine with its triggers and its last run."""
    routine = shown.routine
    return {
        "id": str(routine.pk),
        "companyId": str(routine.company_id),
        "title": routine.title,
        "status": routine.status,
        "assigneeAgentId": _text(routine.assignee_agent_id),
        "triggers": [
            {
                "id": str(trigger.pk),
                "kind": trigger.kind,
                "label": trigger.label,
                "enabled": trigger.enabled,
                "cronExpression": trigger.cron_expression,
                "timezone": trigger.timezone,
                "nextRunAt": _iso(trigger.next_run_at),
                "lastFiredAt": _iso(trigger.last_fired_at),
                "lastResult": trigger.last_result,
            }
            for trigger in shown.triggers
        ],
        "lastRun": of_run(shown.last_run) if shown.last_run is not None else None,
    }


def of_run(run: RoutineRun) -> dict[str, Any]:
    """Return a run with what became of it."""
    return {
        "id": str(run.pk),
        "routineId": str(run.routine_id),
        "triggerId": _text(run.trigger_id),
        "source": run.source,
        "status": run.status,
        "reason": run.reason,
        "outcome": run.outcome,
        "triggeredAt": clock.iso(run.triggered_at),
        "scheduledAt": _iso(run.scheduled_at),
        "linkedIssueId": _text(run.linked_issue_id),
        "linkedIssueIdentifier": run.linked_issue.identifier if run.linked_issue is not None else None,
    }


def of_preview(row: Preview) -> dict[str, Any]:
    """Return what a schedule does next."""
    trigger = row.trigger
    return {
        "triggerId": str(trigger.pk),
        "routineId": str(trigger.routine_id),
        "routineTitle": trigger.routine.title,
        "cronExpression": trigger.cron_expression,
        "timezone": trigger.timezone,
        "waitsFor": row.waits_for,
        "fault": row.fault,
        "missed": [clock.iso(at) for at in row.missed],
        "madeUp": [clock.iso(at) for at in row.made_up],
        "leftOut": _iso(row.left_out),
        "times": [
            {"at": clock.iso(time.at), "local": time.local.isoformat(timespec="minutes")}
            for time in row.times
        ],
    }


def _iso(moment: datetime | None) -> str | None:
    return clock.iso(moment) if moment is not None else None


def _text(value: Any) -> str | None:
    return str(value) if value is not None else None
