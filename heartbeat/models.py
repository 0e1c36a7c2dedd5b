"""Wakes, runs, and the runners that carry them out.

A wakeup request says why an agent is called, a run is one call of its program, a runner is the process on some
host that starts programs and follows them. State diagram of the run: docs/run-states.md.
"""

from __future__ import annotations

from django.db import models
from django.db.models import Q

from heartbeat.choices import (
    MAX_DIAGNOSTIC_RETRIES,
    MAX_PROCESS_LOSS_RETRIES,
    RUN_LIVE,
    CommentPolicy,
    EventLevel,
    EventType,
    InvocationSource,
    Liveness,
    Mechanism,
    RunnerState,
    RunStatus,
    Stream,
    TriggerDetail,
    WakeupStatus,
)
from issues.models import Comment, Issue
from paperclip.companies.choices import ActorType
from paperclip.companies.models import Agent, Company, Project
from paperclip.core.models import ChangingRow


class Runner(ChangingRow):
    """A runner process and its lease: silent past `lease_expires_at`, its runs are another runner's to recover."""

    name = models.TextField()
    host = models.TextField()
    pid = models.PositiveIntegerField()
    state = models.CharField(max_length=16, choices=RunnerState.choices, default=RunnerState.ACTIVE)
    capacity = models.PositiveIntegerField()
    last_seen_at = models.DateTimeField()
    lease_expires_at = models.DateTimeField()
    suspected_at = models.DateTimeField(
        null=True, blank=True
    )  # when a recovery pass first found the lease expired
    stopped_at = models.DateTimeField(null=True, blank=True)

    class Meta:
        db_table = "runners"
        constraints = [
            # A home has one runner: its run directories are followed by one process at a time.
            models.UniqueConstraint(
                fields=["name"], condition=~Q(state=RunnerState.STOPPED), name="runner_one_per_name"
            )
        ]

    def __str__(self) -> str:
        return self.name


class WakeupRequest(ChangingRow):
    """Why an agent was called, and what became of the call (H-15)."""

    company = models.ForeignKey(Company, on_delete=models.CASCADE)
    agent = models.ForeignKey(Agent, on_delete=models.CASCADE, related_name="wakeups")
    issue = models.ForeignKey(Issue, on_delete=models.SET_NULL, null=True, blank=True, related_name="wakeups")
    source = models.CharField(max_length=16, choices=InvocationSource.choices)
    trigger_detail = models.CharField(max_length=16, choices=TriggerDetail.choices, null=True, blank=True)
    reason = models.CharField(max_length=96, null=True, blank=True)
    payload = models.JSONField(null=True, blank=True)
    status = models.CharField(max_length=32, choices=WakeupStatus.choices, default=WakeupStatus.QUEUED)
    coalesced_count = models.PositiveIntegerField(default=0)
    requested_by_actor_type = models.CharField(max_length=8, choices=ActorType.choices, null=True, blank=True)
    requested_by_actor_id = models.TextField(null=True, blank=True)
    idempotency_key = models.CharField(max_length=255, null=True, blank=True)
    run = models.ForeignKey(
        "heartbeat.Run", on_delete=models.SET_NULL, null=True, blank=True, related_name="+"
    )
    requested_at = models.DateTimeField()
    claimed_at = models.DateTimeField(null=True, blank=True)
    finished_at = models.DateTimeField(null=True, blank=True)
    error = models.TextField(null=True, blank=True)

    class Meta:
        db_table = "agent_wakeup_requests"
        constraints = [
            models.CheckConstraint(condition=Q(status__in=WakeupStatus.values), name="wakeup_status_known"),
            models.UniqueConstraint(
                fields=["agent", "idempotency_key"],
                condition=Q(idempotency_key__isnull=False),
                name="wakeup_one_per_idempotency_key",
            ),
            models.UniqueConstraint(
                fields=["agent", "issue"],
                condition=Q(status=WakeupStatus.DEFERRED),
                name="wakeup_one_deferred_per_issue",
            ),
        ]
        indexes = [
            models.Index(
                fields=["issue", "requested_at"],
                condition=Q(status=WakeupStatus.DEFERRED),
                name="wakeup_deferred",
            ),
            models.Index(fields=["agent", "-requested_at"], name="wakeup_by_agent"),
            models.Index(fields=["company", "-requested_at"], name="wakeup_newest"),
        ]

    def __str__(self) -> str:
        return f"{self.reason or self.source} ({self.status})"


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
        ]

    def __str__(self) -> str:
        return f"{self.status} run {str(self.id)[:8]}"


class RunEvent(models.Model):
    """One step in a run's life (H-14). Append-only; `seq` counts from 1 within the run."""

    id = models.BigAutoField(primary_key=True)
    company = models.ForeignKey(Company, on_delete=models.CASCADE)
    run = models.ForeignKey(Run, on_delete=models.CASCADE, related_name="events")
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


class RuntimeState(models.Model):
    """What an agent used up over all its runs, and how the last one went (H-16)."""

    agent = models.OneToOneField(
        Agent, primary_key=True, on_delete=models.CASCADE, related_name="runtime_state"
    )
    company = models.ForeignKey(Company, on_delete=models.CASCADE)
    adapter_type = models.CharField(max_length=64)
    session_id = models.CharField(max_length=128, null=True, blank=True)
    state_json = models.JSONField(default=dict)
    last_run_id = models.UUIDField(null=True, blank=True)
    last_run_status = models.CharField(max_length=16, null=True, blank=True)
    total_input_tokens = models.BigIntegerField(default=0)
    total_output_tokens = models.BigIntegerField(default=0)
    total_cached_input_tokens = models.BigIntegerField(default=0)
    total_cost_cents = models.BigIntegerField(default=0)
    last_error = models.TextField(null=True, blank=True)
    created_at = models.DateTimeField()
    updated_at = models.DateTimeField()

    class Meta:
        db_table = "agent_runtime_state"

    def __str__(self) -> str:
        return f"runtime state of {self.agent_id}"


class TaskSession(ChangingRow):
    """What an agent's program needs to go on with a task where it left off (H-17)."""

    company = models.ForeignKey(Company, on_delete=models.CASCADE)
    agent = models.ForeignKey(Agent, on_delete=models.CASCADE, related_name="task_sessions")
    adapter_type = models.CharField(max_length=64)
    task_key = models.TextField()
    session_params_json = models.JSONField(null=True, blank=True)
    session_display_id = models.CharField(max_length=128, null=True, blank=True)
    last_run_id = models.UUIDField(null=True, blank=True)
    last_error = models.TextField(null=True, blank=True)

    class Meta:
        db_table = "agent_task_sessions"
        constraints = [
            models.UniqueConstraint(
                fields=["company", "agent", "adapter_type", "task_key"], name="task_session_one_per_task"
            )
        ]

    def __str__(self) -> str:
        return self.task_key


class Tick(models.Model):
    """When each periodic duty last committed; how `up` and `doctor` see that the scheduler is alive."""

    name = models.CharField(max_length=48, primary_key=True)
    committed_at = models.DateTimeField()
    summary = models.JSONField(default=dict)

    class Meta:
        db_table = "ticks"

    def __str__(self) -> str:
        return self.name
