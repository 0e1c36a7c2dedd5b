"""How runs, events and states are written (H-10 to H-16, H-170, H-179)."""

from __future__ import annotations

from typing import Any

from rest_framework import serializers

from heartbeat.models import Run, RunEvent, RuntimeState, TaskSession
from paperclip.core.api.outputs import ModelOutput, Output

_SHORT = 500
_LONG = 4096
_BIG_RESULT = 64 * 1024
_CONTEXT_KEYS = (
    "issueId",
    "taskId",
    "taskKey",
    "commentId",
    "wakeCommentId",
    "wakeReason",
    "wakeSource",
    "wakeTriggerDetail",
)
_RESULT_TEXTS = ("summary", "result", "message", "error")
_RESULT_COSTS = ("total_cost_usd", "cost_usd", "costUsd")

_COMMON = [
    "id",
    "company_id",
    "agent_id",
    "issue_id",
    "invocation_source",
    "trigger_detail",
    "status",
    "started_at",
    "finished_at",
    "error",
    "error_code",
    "wakeup_request_id",
    "exit_code",
    "signal",
    "usage_json",
    "result_json",
    "session_id_before",
    "session_id_after",
    "log_store",
    "log_ref",
    "log_bytes",
    "log_sha256",
    "log_compressed",
    "external_run_id",
    "process_pid",
    "process_group_id",
    "process_started_at",
    "last_output_at",
    "last_output_seq",
    "last_output_stream",
    "last_output_bytes",
    "retry_of_run_id",
    "process_loss_retry_count",
    "diagnostic_retry_count",
    "scheduled_retry_at",
    "scheduled_retry_attempt",
    "scheduled_retry_reason",
    "liveness_state",
    "liveness_reason",
    "continuation_attempt",
    "last_useful_action_at",
    "next_action",
    "context_snapshot",
    "cancel_requested_at",
    "failure_category",
    "failure_advice",
    "followup_mechanism",
    "followup_reason",
    "followup_attempt",
    "followup_due_at",
    "created_at",
    "updated_at",
]


class RunRowOut(ModelOutput):
    """A run in a list: excerpts left out, context and result cut to what a list shows (H-12)."""

    stdout_excerpt = serializers.CharField(allow_null=True)
    stderr_excerpt = serializers.CharField(allow_null=True)

    class Meta:
        model = Run
        fields = [*_COMMON, "stdout_excerpt", "stderr_excerpt"]


class OutputSilenceOut(Output):
    """How long a run has said nothing (H-154). Times in ms."""

    last_output_at = serializers.DateTimeField(allow_null=True)
    last_output_seq = serializers.IntegerField()
    last_output_stream = serializers.CharField(allow_null=True)
    silence_started_at = serializers.DateTimeField(allow_null=True)
    silence_age_ms = serializers.IntegerField(allow_null=True)
    level = serializers.ChoiceField(["not_applicable", "snoozed", "critical", "suspicious", "ok"])
    suspicion_threshold_ms = serializers.IntegerField()
    critical_threshold_ms = serializers.IntegerField()
    snoozed_until = serializers.DateTimeField(allow_null=True)
    evaluation_issue_id = serializers.UUIDField(allow_null=True)
    evaluation_issue_identifier = serializers.CharField(allow_null=True)
    evaluation_issue_assignee_agent_id = serializers.UUIDField(allow_null=True)


class RunOut(ModelOutput):
    """A whole run (H-10, H-11)."""

    retry_exhausted_reason = serializers.CharField(allow_null=True)
    output_silence = OutputSilenceOut()

    class Meta:
        model = Run
        fields = [
            *_COMMON,
            "stdout_excerpt",
            "stderr_excerpt",
            "issue_comment_status",
            "issue_comment_satisfied_by_comment_id",
            "issue_comment_retry_queued_at",
            "retry_exhausted_reason",
            "output_silence",
        ]


class SkippedOut(Output):
    """A wake that led to no run, and which check was in the way (H-163)."""

    status = serializers.ChoiceField(["skipped"])
    reason = serializers.CharField()
    message = serializers.CharField()
    gate = serializers.CharField(allow_null=True)
    issue_id = serializers.CharField(allow_null=True)
    execution_run_id = serializers.UUIDField(allow_null=True)
    execution_agent_id = serializers.UUIDField(allow_null=True)
    execution_agent_name = serializers.CharField(allow_null=True)


class LiveRunOut(ModelOutput):
    """A run as live lists show it (H-170)."""

    context_comment_id = serializers.CharField(allow_null=True)
    context_wake_comment_id = serializers.CharField(allow_null=True)
    agent_name = serializers.CharField()
    adapter_type = serializers.CharField()
    output_silence = OutputSilenceOut()

    class Meta:
        model = Run
        fields = [
            "id",
            "company_id",
            "status",
            "invocation_source",
            "trigger_detail",
            "context_comment_id",
            "context_wake_comment_id",
            "started_at",
            "finished_at",
            "created_at",
            "agent_id",
            "agent_name",
            "adapter_type",
            "log_bytes",
            "liveness_state",
            "liveness_reason",
            "continuation_attempt",
            "last_useful_action_at",
            "next_action",
            "last_output_at",
            "last_output_seq",
            "last_output_stream",
            "last_output_bytes",
            "process_started_at",
            "issue_id",
            "output_silence",
        ]


class EnvironmentOut(Output):
    """A place where runs work (H-78)."""

    name = serializers.CharField()
    driver = serializers.ChoiceField(["local"])


class EnvironmentLeaseOut(Output):
    """A run's hold on its place, from its claim to its end (H-78)."""

    run_id = serializers.UUIDField()
    status = serializers.ChoiceField(["active", "released", "failed"])
    acquired_at = serializers.DateTimeField()
    released_at = serializers.DateTimeField(allow_null=True)
    failure_reason = serializers.CharField(allow_null=True)


class IssueRunOut(ModelOutput):
    """A run in an issue's ledger (H-179)."""

    run_id = serializers.UUIDField()
    adapter_type = serializers.CharField()
    environment = EnvironmentOut(allow_null=True)
    environment_lease = EnvironmentLeaseOut(allow_null=True)
    retry_exhausted_reason = serializers.CharField(allow_null=True)

    class Meta:
        model = Run
        fields = [
            "id",
            "run_id",
            "status",
            "agent_id",
            "adapter_type",
            "started_at",
            "finished_at",
            "created_at",
            "invocation_source",
            "error",
            "error_code",
            "usage_json",
            "result_json",
            "log_bytes",
            "retry_of_run_id",
            "process_loss_retry_count",
            "diagnostic_retry_count",
            "scheduled_retry_at",
            "scheduled_retry_attempt",
            "scheduled_retry_reason",
            "liveness_state",
            "liveness_reason",
            "continuation_attempt",
            "last_useful_action_at",
            "next_action",
            "failure_category",
            "failure_advice",
            "followup_mechanism",
            "followup_reason",
            "followup_attempt",
            "followup_due_at",
            "context_snapshot",
            "environment",
            "environment_lease",
            "retry_exhausted_reason",
        ]


class RunEventOut(ModelOutput):
    """One step in a run's life (H-14)."""

    class Meta:
        model = RunEvent
        fields = [
            "id",
            "company_id",
            "run_id",
            "agent_id",
            "seq",
            "event_type",
            "stream",
            "level",
            "color",
            "message",
            "payload",
            "created_at",
        ]


class LogPageOut(Output):
    """A piece of a run's log, cut at line ends (H-175). Offsets in bytes."""

    run_id = serializers.UUIDField()
    store = serializers.CharField()
    log_ref = serializers.CharField()
    content = serializers.CharField()
    next_offset = serializers.IntegerField(required=False)


class RunIssueOut(Output):
    """An issue a run worked on or touched (H-176)."""

    id = serializers.UUIDField()
    issue_id = serializers.UUIDField()
    identifier = serializers.CharField()
    title = serializers.CharField()
    status = serializers.CharField()
    priority = serializers.CharField()


class RuntimeStateOut(ModelOutput):
    """An agent's totals and its latest session (H-16)."""

    agent_id = serializers.UUIDField()
    session_display_id = serializers.CharField(allow_null=True)
    session_params_json = serializers.JSONField(allow_null=True)

    class Meta:
        model = RuntimeState
        fields = [
            "agent_id",
            "company_id",
            "adapter_type",
            "session_id",
            "session_display_id",
            "session_params_json",
            "state_json",
            "last_run_id",
            "last_run_status",
            "total_input_tokens",
            "total_output_tokens",
            "total_cached_input_tokens",
            "total_cost_cents",
            "last_error",
            "created_at",
            "updated_at",
        ]


class ResetStateOut(RuntimeStateOut):
    """The state after sessions were forgotten (H-167)."""

    cleared_task_sessions = serializers.IntegerField()

    class Meta(RuntimeStateOut.Meta):
        fields = [*RuntimeStateOut.Meta.fields, "cleared_task_sessions"]


class TaskSessionOut(ModelOutput):
    """A session kept for one task (H-17)."""

    class Meta:
        model = TaskSession
        fields = [
            "id",
            "company_id",
            "agent_id",
            "adapter_type",
            "task_key",
            "session_params_json",
            "session_display_id",
            "last_run_id",
            "last_error",
            "created_at",
            "updated_at",
        ]


class SchedulerHeartbeatOut(Output):
    """An agent and its timer (H-184). Intervals in seconds."""

    id = serializers.UUIDField()
    company_id = serializers.UUIDField()
    company_name = serializers.CharField()
    company_issue_prefix = serializers.CharField()
    agent_name = serializers.CharField()
    agent_url_key = serializers.CharField()
    role = serializers.CharField()
    title = serializers.CharField(allow_null=True)
    status = serializers.CharField()
    adapter_type = serializers.CharField()
    interval_sec = serializers.FloatField()
    heartbeat_enabled = serializers.BooleanField()
    scheduler_active = serializers.BooleanField()
    last_heartbeat_at = serializers.DateTimeField(allow_null=True)


def short_context(context: Any) -> dict[str, Any] | None:
    """Return the few words of a context that a list shows (H-12)."""
    if not isinstance(context, dict):
        return None
    kept = {
        key: value for key in _CONTEXT_KEYS if isinstance(value := context.get(key), str) and value.strip()
    }
    return kept or None


def short_result(result: Any) -> dict[str, Any] | None:
    """Return the few words of a result that a list shows (H-12)."""
    if not isinstance(result, dict):
        return None
    kept: dict[str, Any] = {
        key: value[:_SHORT] for key in _RESULT_TEXTS if isinstance(value := result.get(key), str) and value
    }
    kept |= {key: value for key in _RESULT_COSTS if isinstance(value := result.get(key), int | float)}
    return kept or None


def bounded_result(result: Any, size: int) -> Any:
    """Return a result, cut to size when its stored form of `size` bytes is above 64 KiB (H-11)."""
    if not isinstance(result, dict) or size <= _BIG_RESULT:
        return result
    kept = short_result(result) or {}
    for key in ("stdout", "stderr"):
        value = result.get(key)
        if isinstance(value, str):
            kept[key] = value[:_LONG]
            kept[f"{key}Truncated"] = len(value) > _LONG
    return {**kept, "truncated": True, "truncationReason": "oversized_result_json", "originalSizeBytes": size}
