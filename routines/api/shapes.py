"""How routines, triggers and runs are written (R-13 to R-18, R-128, R-129)."""

from __future__ import annotations

from typing import Any

from rest_framework import serializers

from issues.models import Issue
from paperclip.companies.models import Agent, Project
from paperclip.core.api.outputs import ModelOutput, Output
from routines.choices import RunStatus
from routines.models import Routine, RoutineRun, Trigger
from routines.queries import Shown, Whole


class IssueBriefOut(ModelOutput):
    """An issue in a line."""

    class Meta:
        model = Issue
        fields = ("id", "identifier", "title", "status", "priority", "updated_at")


class ProjectBriefOut(ModelOutput):
    """A project in a line."""

    class Meta:
        model = Project
        fields = ("id", "name", "status", "color")


class AgentBriefOut(ModelOutput):
    """An agent in a line."""

    url_key = serializers.CharField()

    class Meta:
        model = Agent
        fields = ("id", "name", "role", "title", "url_key")


class TriggerOut(ModelOutput):
    """A trigger (R-14)."""

    class Meta:
        model = Trigger
        fields = (
            "id", "company_id", "routine_id", "kind", "label", "enabled", "cron_expression", "timezone",
            "next_run_at", "last_fired_at", "last_result", "created_by_agent_id", "created_by_user_id",
            "updated_by_agent_id", "updated_by_user_id", "created_at", "updated_at",
        )  # fmt: skip


class TriggerRowOut(ModelOutput):
    """A trigger in the list of routines."""

    class Meta:
        model = Trigger
        fields = (
            "id", "kind", "label", "enabled", "cron_expression", "timezone", "next_run_at", "last_fired_at",
            "last_result",
        )  # fmt: skip


class TriggerBriefOut(ModelOutput):
    """A trigger in a line."""

    class Meta:
        model = Trigger
        fields = ("id", "kind", "label")


class TriggerMadeOut(Output):
    """A trigger just made. Schedules have no secret, and no revisions are kept (R-39)."""

    trigger = TriggerOut()
    secret_material = serializers.JSONField(allow_null=True)
    revision = serializers.JSONField(allow_null=True)


class RoutineRunOut(ModelOutput):
    """A run of a routine (R-15). `reason` explains each that made no issue, `failureReason` a failed one."""

    failure_reason = serializers.CharField(allow_null=True)

    class Meta:
        model = RoutineRun
        fields: tuple[str, ...] = (
            "id", "company_id", "routine_id", "trigger_id", "source", "status", "triggered_at",
            "scheduled_at", "idempotency_key", "trigger_payload", "dispatch_fingerprint", "linked_issue_id",
            "coalesced_into_run_id", "reason", "failure_reason", "completed_at", "created_at", "updated_at",
        )  # fmt: skip


class RoutineRunRowOut(RoutineRunOut):
    """A run with its issue and trigger (R-18)."""

    linked_issue = IssueBriefOut(allow_null=True)
    trigger = TriggerBriefOut(allow_null=True)

    class Meta(RoutineRunOut.Meta):
        fields = (*RoutineRunOut.Meta.fields, "linked_issue", "trigger")


class RoutineOut(ModelOutput):
    """A routine (R-13)."""

    class Meta:
        model = Routine
        fields: tuple[str, ...] = (
            "id", "company_id", "project_id", "goal_id", "parent_issue_id", "title", "description",
            "assignee_agent_id", "priority", "status", "concurrency_policy", "catch_up_policy",
            "created_by_agent_id", "created_by_user_id", "updated_by_agent_id", "updated_by_user_id",
            "last_triggered_at", "last_enqueued_at", "created_at", "updated_at",
        )  # fmt: skip


class RoutineRowOut(RoutineOut):
    """A routine in the list (R-128)."""

    managed_by_plugin = serializers.JSONField(allow_null=True)
    triggers = TriggerRowOut(many=True)
    last_run = RoutineRunRowOut(allow_null=True)
    active_issue = IssueBriefOut(allow_null=True)

    class Meta(RoutineOut.Meta):
        fields = (*RoutineOut.Meta.fields, "managed_by_plugin", "triggers", "last_run", "active_issue")


class RoutineWholeOut(RoutineOut):
    """A routine with everything around it (R-129)."""

    managed_by_plugin = serializers.JSONField(allow_null=True)
    project = ProjectBriefOut(allow_null=True)
    assignee = AgentBriefOut(allow_null=True)
    parent_issue = IssueBriefOut(allow_null=True)
    triggers = TriggerOut(many=True)
    recent_runs = RoutineRunRowOut(many=True)
    active_issue = IssueBriefOut(allow_null=True)

    class Meta(RoutineOut.Meta):
        fields = (
            *RoutineOut.Meta.fields, "managed_by_plugin", "project", "assignee", "parent_issue", "triggers",
            "recent_runs", "active_issue",
        )  # fmt: skip


def run(row: RoutineRun) -> dict[str, Any]:
    """Return a run as it is written."""
    return RoutineRunOut.render(row, failureReason=_failure(row))


def run_row(row: RoutineRun) -> dict[str, Any]:
    """Return a run with its issue and trigger."""
    return RoutineRunRowOut.render(row, failureReason=_failure(row))


def routine_row(shown: Shown) -> dict[str, Any]:
    """Return a routine as the list shows it."""
    return RoutineRowOut.render(
        shown.routine,
        managedByPlugin=None,
        triggers=TriggerRowOut.render_many(shown.triggers),
        lastRun=run_row(shown.last_run) if shown.last_run is not None else None,
        activeIssue=_issue(shown.active_issue),
    )


def routine_whole(shown: Whole) -> dict[str, Any]:
    """Return a routine as its own address shows it."""
    return RoutineWholeOut.render(
        shown.routine,
        managedByPlugin=None,
        project=ProjectBriefOut.render(shown.project) if shown.project is not None else None,
        assignee=AgentBriefOut.render(shown.assignee) if shown.assignee is not None else None,
        parentIssue=_issue(shown.parent_issue),
        triggers=TriggerOut.render_many(shown.triggers),
        recentRuns=[run_row(row) for row in shown.recent_runs],
        activeIssue=_issue(shown.active_issue),
    )


def _failure(row: RoutineRun) -> str | None:
    return row.reason if row.status == RunStatus.FAILED else None


def _issue(row: Issue | None) -> dict[str, Any] | None:
    return IssueBriefOut.render(row) if row is not None else None
