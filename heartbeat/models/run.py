"""One call of an agent's program, and the steps of its life. State diagram: docs/run-states.md."""

from __future__ import annotations

from django.db import models
from django.db.models import Q

from heartbeat.choices import (
    MAX_COMMENT_RETRIES,
    MAX_DIAGNOSTIC_RETRIES,
    MAX_HANDOFFS,
    MAX_LIVENESS_CONTINUATIONS,
    MAX_PROCESS_LOSS_RETRIES,
    MAX_RECOVERIES,
    RUN_LIVE,
    CommentPolicy,
    EventLevel,
    EventType,
    InvocationSource,
    Liveness,
    Mechanism,
    RunStatus,
    Stream,
    TriggerDetail,
)
from heartbeat.models.runner import Runner
from heartbeat.models.wakeup import WakeupRequest
from issues.models import Comment, Issue
from paperclip.companies.models import Agent, Company, Project
from paperclip.core.models import ChangingRow


class Run(ChangingRow):
    """One heartbeat run: one call of an agent's program (H-10).

    `claim_token` is the fence: a runner that lost its lease cannot write to a run that was taken from it.
    `followup_*` is the one decision about what comes after a run that ended.
    """

    company = models.ForeignKey(Company, on_delete=models.CASCADE, related_name="runs")
    agent = models.ForeignKey(Agent, on_delete=models.CASCADE, related_name="runs")
    issue = models.ForeignKey(Issue, on_delete=models.SET_NULL, null=True, blank=True, related_name="runs")
    project = models.ForeignKey(Project, on_delete=models.SET_NULL, null=True, blank=True, related_name="+")
    task_key = models.TextField(null=True, blank=True)
    invocation_source = models.CharField(
        max_length=16, choices=InvocationSource.choices, default=InvocationSource.ON_DEMAND
    )
    trigger_detail = models.CharField(max_length=16, choices=TriggerDetail.choices, null=True, blank=True)
    status = models.CharField(max_length=16, choices=RunStatus.choices, default=RunStatus.QUEUED)
    started_at = models.DateTimeField(null=True, blank=True)
    finished_at = models.DateTimeField(null=True, blank=True)
    error = models.TextField(null=True, blank=True)
    error_code = models.CharField(max_length=96, null=True, blank=True)
    wakeup_request = models.ForeignKey(
        WakeupRequest, on_delete=models.SET_NULL, null=True, blank=True, related_name="runs"
    )
    exit_code = models.IntegerField(null=True, blank=True)
    signal = models.CharField(max_length=16, null=True, blank=True)
    usage_json = models.JSONField(null=True, blank=True)
    result_json = models.JSONField(null=True, blank=True)
    session_id_before = models.CharField(max_length=128, null=True, blank=True)
    session_id_after = models.CharField(max_length=128, null=True, blank=True)
    log_store = models.CharField(max_length=16, null=True, blank=True)
    log_ref = models.TextField(null=True, blank=True)
    log_bytes = models.BigIntegerField(null=True, blank=True)
    log_sha256 = models.CharField(max_length=64, null=True, blank=True)
    log_compressed = models.BooleanField(default=False)
    stdout_excerpt = models.TextField(null=True, blank=True)
    stderr_excerpt = models.TextField(null=True, blank=True)
    external_run_id = models.TextField(null=True, blank=True)
    process_pid = models.IntegerField(null=True, blank=True)
    process_group_id = models.IntegerField(null=True, blank=True)
    process_started_at = models.DateTimeField(null=True, blank=True)
    last_output_at = models.DateTimeField(null=True, blank=True)
    last_output_seq = models.IntegerField(default=0)
    last_output_stream = models.CharField(max_length=8, null=True, blank=True)
    last_output_bytes = models.BigIntegerField(null=True, blank=True)
    retry_of_run = models.ForeignKey(
        "self", on_delete=models.SET_NULL, null=True, blank=True, related_name="retries"
    )
    process_loss_retry_count = models.PositiveSmallIntegerField(default=0)
    diagnostic_retry_count = models.PositiveSmallIntegerField(default=0)
    comment_retry_count = models.PositiveSmallIntegerField(default=0)
    handoff_attempt = models.PositiveSmallIntegerField(default=0)
    recovery_attempt = models.PositiveSmallIntegerField(default=0)
    scheduled_retry_at = models.DateTimeField(null=True, blank=True)
    scheduled_retry_attempt = models.PositiveSmallIntegerField(default=0)
    scheduled_retry_reason = models.CharField(max_length=48, null=True, blank=True)
    issue_comment_status = models.CharField(
        max_length=16, choices=CommentPolicy.choices, default=CommentPolicy.NOT_APPLICABLE
    )
    issue_comment_satisfied_by_comment = models.ForeignKey(
        Comment, on_delete=models.SET_NULL, null=True, blank=True, related_name="+"
    )
    issue_comment_retry_queued_at = models.DateTimeField(null=True, blank=True)
    liveness_state = models.CharField(max_length=16, choices=Liveness.choices, null=True, blank=True)
    liveness_reason = models.CharField(max_length=500, null=True, blank=True)
    continuation_attempt = models.PositiveSmallIntegerField(default=0)
    last_useful_action_at = models.DateTimeField(null=True, blank=True)
    next_action = models.CharField(max_length=500, null=True, blank=True)
    context_snapshot = models.JSONField(null=True, blank=True)
    runner = models.ForeignKey(Runner, on_delete=models.SET_NULL, null=True, blank=True, related_name="runs")
    claim_token = models.UUIDField(null=True, blank=True)
    cancel_requested_at = models.DateTimeField(null=True, blank=True)
    cancel_reason = models.TextField(null=True, blank=True)
    next_event_seq = models.PositiveIntegerField(default=1)
    failure_category = models.CharField(max_length=32, null=True, blank=True)
    failure_advice = models.TextField(null=True, blank=True)
    provider_key = models.CharField(max_length=128, null=True, blank=True)
    followup_mechanism = models.CharField(max_length=24, choices=Mechanism.choices, null=True, blank=True)
    followup_reason = models.TextField(null=True, blank=True)
    followup_attempt = models.PositiveSmallIntegerField(null=True, blank=True)
    followup_due_at = models.DateTimeField(null=True, blank=True)

    class Meta:
        db_table = "heartbeat_runs"
        constraints = [
            models.CheckConstraint(condition=Q(status__in=RunStatus.values), name="run_status_known"),
            models.CheckConstraint(
                condition=~Q(status=RunStatus.RUNNING)
                | Q(claim_token__isnull=False, runner__isnull=False, started_at__isnull=False),
                name="run_running_is_claimed",
            ),
            models.CheckConstraint(
                condition=~Q(status=RunStatus.SCHEDULED_RETRY) | Q(scheduled_retry_at__isnull=False),
                name="run_scheduled_retry_has_due_time",
            ),
            models.CheckConstraint(
                condition=Q(process_loss_retry_count__lte=MAX_PROCESS_LOSS_RETRIES),
                name="run_process_loss_retries_in_range",
            ),
            models.CheckConstraint(
                condition=Q(diagnostic_retry_count__lte=MAX_DIAGNOSTIC_RETRIES),
                name="run_diagnostic_retries_in_range",
            ),
            models.CheckConstraint(
                condition=Q(
                    comment_retry_count__lte=MAX_COMMENT_RETRIES,
                    handoff_attempt__lte=MAX_HANDOFFS,
                    recovery_attempt__lte=MAX_RECOVERIES,
                    continuation_attempt__lte=MAX_LIVENESS_CONTINUATIONS,
                ),
                name="run_followups_in_range",
            ),
            models.UniqueConstraint(
                fields=["retry_of_run"],
                condition=Q(retry_of_run__isnull=False),
                name="run_one_followup_per_run",
            ),
            models.UniqueConstraint(
                fields=["issue"],
                condition=Q(status__in=RUN_LIVE, issue__isnull=False),
                name="run_one_live_per_issue",
            ),
            models.UniqueConstraint(
                fields=["claim_token"], condition=Q(claim_token__isnull=False), name="run_claim_token_once"
            ),
        ]
        indexes = [
            models.Index(fields=["created_at"], condition=Q(status=RunStatus.QUEUED), name="run_queue"),
            models.Index(
                fields=["agent"], condition=Q(status=RunStatus.RUNNING), name="run_running_by_agent"
            ),
            models.Index(
                fields=["scheduled_retry_at", "created_at"],
                condition=Q(status=RunStatus.SCHEDULED_RETRY),
                name="run_retry_due",
            ),
            models.Index(
                fields=["runner"], condition=Q(status=RunStatus.RUNNING), name="run_running_by_runner"
            ),
            models.Index(fields=["company", "-created_at"], name="run_newest"),
            models.Index(fields=["agent", "-created_at"], name="run_by_agent"),
            models.Index(fields=["issue", "-created_at"], name="run_by_issue"),
            models.Index(fields=["company", "status", "-created_at"], name="run_by_status"),
            models.Index(
                fields=["finished_at"], condition=Q(stdout_excerpt__isnull=False), name="run_with_excerpt"
            ),
        ]

    def __str__(self) -> str:
        return f"{self.status} run {str(self.id)[:8]}"


class RunEvent(models.Model):
    """One step in a run's life (H-14). Append-only; `seq` counts from 1 within the run."""

    id = models.BigAutoField(primary_key=True)
    company = models.ForeignKey(Company, on_delete=models.CASCADE)
    # The constraint on (run, seq) is its index.
    run = models.ForeignKey(Run, on_delete=models.CASCADE, db_index=False, related_name="events")
    agent = models.ForeignKey(Agent, on_delete=models.CASCADE)
    seq = models.PositiveIntegerField()
    event_type = models.CharField(max_length=32, choices=EventType.choices)
    stream = models.CharField(max_length=8, choices=Stream.choices, null=True, blank=True)
    level = models.CharField(max_length=8, choices=EventLevel.choices, null=True, blank=True)
    color = models.CharField(max_length=16, null=True, blank=True)
    message = models.TextField(null=True, blank=True)
    payload = models.JSONField(null=True, blank=True)
    created_at = models.DateTimeField()

    class Meta:
        db_table = "heartbeat_run_events"
        constraints = [models.UniqueConstraint(fields=["run", "seq"], name="run_event_seq_once")]

    def __str__(self) -> str:
        return self.message or self.event_type
