"""How routines, triggers and runs are written (R-13 to R-18, R-128, R-129)."""

from __future__ import annotations

from typing import Any

from rest_framework import serializers

from issues.models import Issue
from paperclip.companies.models import Agent, Project
from paperclip.core.api.outputs import ModelOutput, Output
from routines import schedule
from routines.choices import RunStatus
from routines.models import Routine, RoutineRevision, RoutineRun, Trigger
from routines.previews import Preview, Time
from routines.queries import Shown, Whole
from routines.webhook_secrets import Material


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
            "clock_changes", "grace_sec", "next_run_at", "retry_at", "last_fired_at", "public_id", "secret_id",
            "signing_mode", "replay_window_sec", "last_rotated_at", "last_result", "created_by_agent_id",
            "created_by_user_id", "updated_by_agent_id", "updated_by_user_id", "created_at", "updated_at",
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


class RoutineRevisionOut(ModelOutput):
    """A revision with its snapshot (R-16, R-17)."""

    snapshot = serializers.DictField()

    class Meta:
        model = RoutineRevision
        fields = (
            "id", "company_id", "routine_id", "revision_number", "title", "description", "snapshot",
            "change_summary", "restored_from_revision_id", "created_by_agent_id", "created_by_user_id",
            "created_by_run_id", "created_at",
        )  # fmt: skip


class SecretMaterialOut(Output):
    """What the sender of a webhook needs; the secret is shown this once."""

    webhook_url = serializers.CharField()
    webhook_secret = serializers.CharField()


class TriggerSecretMaterialOut(SecretMaterialOut):
    """The same, with the trigger it is for."""

    trigger_id = serializers.UUIDField()


class TriggerMadeOut(Output):
    """A trigger whose making left a revision, and perhaps a secret (R-39, R-45)."""

    trigger = TriggerOut()
    secret_material = SecretMaterialOut(allow_null=True)
    revision = RoutineRevisionOut()


class RoutineRunOut(ModelOutput):
    """A run of a routine (R-15). `reason` explains each that made no issue, `failureReason` a failed one."""

    failure_reason = serializers.CharField(allow_null=True)
    trigger_payload = serializers.JSONField()  # an object, an array or null

    class Meta:
        model = RoutineRun
        fields: tuple[str, ...] = (
            "id", "company_id", "routine_id", "trigger_id", "source", "status", "triggered_at",
            "scheduled_at", "idempotency_key", "trigger_payload", "dispatch_fingerprint", "linked_issue_id",
            "coalesced_into_run_id", "reason", "failure_reason", "completed_at", "outcome", "outcome_at",
            "created_at", "updated_at",
        )  # fmt: skip


class RoutineRunRowOut(RoutineRunOut):
    """A run with its issue and trigger (R-18)."""

    linked_issue = IssueBriefOut(allow_null=True)
    trigger = TriggerBriefOut(allow_null=True)

    class Meta(RoutineRunOut.Meta):
        fields = (*RoutineRunOut.Meta.fields, "linked_issue", "trigger")


class RoutineOut(ModelOutput):
    """A routine (R-13)."""

    variables = serializers.ListField(child=serializers.DictField())

    class Meta:
        model = Routine
        fields: tuple[str, ...] = (
            "id", "company_id", "project_id", "goal_id", "parent_issue_id", "title", "description",
            "assignee_agent_id", "priority", "status", "concurrency_policy", "catch_up_policy",
            "variables", "latest_revision_id", "latest_revision_number", "created_by_agent_id",
            "created_by_user_id", "updated_by_agent_id", "updated_by_user_id",
            "last_triggered_at", "last_enqueued_at", "created_at", "updated_at",
        )  # fmt: skip


class RoutineRowOut(RoutineOut):
    """A routine in the list (R-128)."""

    managed_by_plugin = serializers.DictField(allow_null=True)
    triggers = TriggerRowOut(many=True)
    last_run = RoutineRunRowOut(allow_null=True)
    active_issue = IssueBriefOut(allow_null=True)

    class Meta(RoutineOut.Meta):
        fields = (*RoutineOut.Meta.fields, "managed_by_plugin", "triggers", "last_run", "active_issue")


class RoutineWholeOut(RoutineOut):
    """A routine with everything around it (R-129)."""

    managed_by_plugin = serializers.DictField(allow_null=True)
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


class RestoredOut(Output):
    """A routine brought back to an earlier revision (R-102)."""

    routine = RoutineOut()
    revision = RoutineRevisionOut()
    restored_from_revision_id = serializers.UUIDField()
    restored_from_revision_number = serializers.IntegerField()
    secret_materials = TriggerSecretMaterialOut(many=True)


class TimeOut(Output):
    """A time to come. `local` is what the wall shows in the trigger's zone, with its offset."""

    at = serializers.DateTimeField()
    local = serializers.CharField()
    is_clock_change = serializers.BooleanField()
    is_moved = serializers.BooleanField()


class PreviewOut(Output):
    """What a schedule does next: missed times, what will be made up for them, and the times to come (RW-6)."""

    trigger_id = serializers.UUIDField()
    routine_id = serializers.UUIDField()
    routine_title = serializers.CharField()
    label = serializers.CharField(allow_null=True)  # type: ignore[assignment]  # a field of the output
    cron_expression = serializers.CharField()
    reading = serializers.CharField(allow_null=True)
    timezone = serializers.CharField()
    next_run_at = serializers.DateTimeField(allow_null=True)
    waits_for = serializers.CharField(allow_null=True)
    missed = serializers.ListField(child=serializers.DateTimeField())
    made_up = serializers.ListField(child=serializers.DateTimeField())
    left_out = serializers.DateTimeField(allow_null=True)
    fault = serializers.CharField(allow_null=True)
    times = TimeOut(many=True)


def preview(row: Preview) -> dict[str, Any]:
    """Return what a schedule does next as it is written."""
    trigger = row.trigger
    return PreviewOut.render(
        {
            "trigger_id": trigger.pk,
            "routine_id": trigger.routine_id,
            "routine_title": trigger.routine.title,
            "label": trigger.label,
            "cron_expression": trigger.cron_expression,
            "reading": schedule.reading(trigger.cron_expression or "") if row.fault is None else None,
            "timezone": trigger.timezone,
            "next_run_at": trigger.next_run_at,
            "waits_for": row.waits_for,
            "missed": list(row.missed),
            "made_up": list(row.made_up),
            "left_out": row.left_out,
            "fault": row.fault,
            "times": [_time(time) for time in row.times],
        }
    )


def material(made: Material | None) -> dict[str, Any] | None:
    """Return what the sender of a webhook needs, as it is written."""
    return {"webhook_url": made.url, "webhook_secret": made.secret} if made is not None else None


def trigger(row: Trigger, *, shows_address: bool) -> dict[str, Any]:
    """Return a trigger; its public id is a credential and only shown to whoever may manage it (RW-14)."""
    return TriggerOut.render(row) if shows_address else TriggerOut.render(row, publicId=None)


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


def routine_whole(shown: Whole, *, shows_addresses: bool) -> dict[str, Any]:
    """Return a routine as its own address shows it."""
    return RoutineWholeOut.render(
        shown.routine,
        managedByPlugin=None,
        project=ProjectBriefOut.render(shown.project) if shown.project is not None else None,
        assignee=AgentBriefOut.render(shown.assignee) if shown.assignee is not None else None,
        parentIssue=_issue(shown.parent_issue),
        triggers=[trigger(row, shows_address=shows_addresses) for row in shown.triggers],
        recentRuns=[run_row(row) for row in shown.recent_runs],
        activeIssue=_issue(shown.active_issue),
    )


def _failure(row: RoutineRun) -> str | None:
    return row.reason if row.status == RunStatus.FAILED else None


def _time(time: Time) -> dict[str, Any]:
    return {
        "at": time.at,
        "local": time.local.isoformat(timespec="minutes"),
        "is_clock_change": time.is_clock_change,
        "is_moved": time.is_moved,
    }


def _issue(row: Issue | None) -> dict[str, Any] | None:
    return IssueBriefOut.render(row) if row is not None else None
