"""What is kept between runs: totals, sessions, and when each periodic duty last committed."""

from __future__ import annotations

from django.db import models

from paperclip.companies.models import Agent, Company
from paperclip.core.models import ChangingRow


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
    # What it was used for so far, and the token counts its program last reported (H-81, H-98).
    run_count = models.PositiveIntegerField(default=0)
    started_at = models.DateTimeField(null=True, blank=True)
    raw_input_tokens = models.BigIntegerField(null=True, blank=True)
    raw_cached_input_tokens = models.BigIntegerField(null=True, blank=True)
    raw_output_tokens = models.BigIntegerField(null=True, blank=True)
    # A session that made a run fail is kept to be looked at, and not gone on with.
    set_aside_at = models.DateTimeField(null=True, blank=True)
    set_aside_reason = models.TextField(null=True, blank=True)

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
