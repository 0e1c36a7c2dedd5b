"""What a routine and its triggers are at one moment, as a JSON object (R-17).

No secret and no id of one is ever in it. What schedules have beyond the interface's snapshot is written only where it
differs from the default, so that plain snapshots have exactly the interface's shape.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from issues.choices import IssuePriority
from paperclip.core.api.fields import Bool, Enum, Int, Items, Object, Text, Uuid
from paperclip.core.api.inputs import Input
from routines.choices import (
    CatchUpPolicy,
    ClockChanges,
    ConcurrencyPolicy,
    RoutineStatus,
    SigningMode,
    TriggerKind,
)
from routines.models import Routine, Trigger

VERSION = 1
# The columns of a routine that a snapshot holds, in its order.
ROUTINE_COLUMNS = (
    "project_id", "goal_id", "parent_issue_id", "title", "description", "assignee_agent_id", "priority", "status",
    "concurrency_policy", "catch_up_policy", "variables",
)  # fmt: skip
TRIGGER_COLUMNS = (
    "label", "enabled", "cron_expression", "timezone", "signing_mode", "replay_window_sec", "clock_changes",
    "grace_sec",
)  # fmt: skip


class RoutineIn(Input):
    """The routine of a snapshot."""

    strict = True

    id = Uuid()
    company_id = Uuid()
    project_id = Uuid(allow_null=True)
    goal_id = Uuid(allow_null=True)
    parent_issue_id = Uuid(allow_null=True)
    title = Text()
    description = Text(allow_null=True)
    assignee_agent_id = Uuid(allow_null=True)
    priority = Enum(choices=IssuePriority.choices)
    status = Enum(choices=RoutineStatus.choices)
    concurrency_policy = Enum(choices=ConcurrencyPolicy.choices)
    catch_up_policy = Enum(choices=CatchUpPolicy.choices)
    variables = Items(child=Object())


class TriggerIn(Input):
    """A trigger of a snapshot."""

    strict = True

    id = Uuid()
    kind = Enum(choices=TriggerKind.choices)
    label = Text(allow_null=True)  # type: ignore[assignment]  # a field of the input
    enabled = Bool()
    cron_expression = Text(allow_null=True)
    timezone = Text(allow_null=True)
    public_id = Text(allow_null=True)
    signing_mode = Enum(choices=SigningMode.choices, allow_null=True)
    replay_window_sec = Int(allow_null=True)
    clock_changes = Enum(choices=ClockChanges.choices, required=False)
    grace_sec = Int(required=False)


class SnapshotIn(Input):
    """A whole snapshot; unknown keys are refused at every depth."""

    strict = True

    version = Int(min_value=VERSION, max_value=VERSION)
    routine = RoutineIn()
    triggers = TriggerIn(many=True)


def of(routine: Routine, triggers: Sequence[Trigger]) -> dict[str, Any]:
    """Return the snapshot of a routine; `triggers` by age, then id."""
    return {
        "version": VERSION,
        "routine": {
            "id": str(routine.pk),
            "companyId": str(routine.company_id),
            "projectId": _text(routine.project_id),
            "goalId": _text(routine.goal_id),
            "parentIssueId": _text(routine.parent_issue_id),
            "title": routine.title,
            "description": routine.description,
            "assigneeAgentId": _text(routine.assignee_agent_id),
            "priority": routine.priority,
            "status": routine.status,
            "concurrencyPolicy": routine.concurrency_policy,
            "catchUpPolicy": routine.catch_up_policy,
            "variables": routine.variables,
        },
        "triggers": [_trigger(trigger) for trigger in triggers],
    }


def read(snapshot: Any) -> dict[str, Any]:
    """Return a stored snapshot by column names, checked. Raises Invalid for any other shape."""
    return SnapshotIn.read(snapshot)


def _trigger(trigger: Trigger) -> dict[str, Any]:
    told: dict[str, Any] = {
        "id": str(trigger.pk),
        "kind": trigger.kind,
        "label": trigger.label,
        "enabled": trigger.enabled,
        "cronExpression": trigger.cron_expression,
        "timezone": trigger.timezone,
        "publicId": trigger.public_id,
        "signingMode": trigger.signing_mode,
        "replayWindowSec": trigger.replay_window_sec,
    }
    if trigger.clock_changes != ClockChanges.ONCE:
        told["clockChanges"] = trigger.clock_changes
    if trigger.grace_sec is not None:
        told["graceSec"] = trigger.grace_sec
    return told


def _text(value: Any) -> str | None:
    return str(value) if value is not None else None
