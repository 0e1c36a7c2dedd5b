"""Why an agent was called, and what became of the call."""

from __future__ import annotations

from django.db import models
from django.db.models import Q

from heartbeat.choices import InvocationSource, TriggerDetail, WakeupStatus
from issues.models import Issue
from paperclip.companies.choices import ActorType
from paperclip.companies.models import Agent, Company
from paperclip.core.models import ChangingRow


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
                # A call that was called off may be made again under its key.
                condition=Q(idempotency_key__isnull=False) & ~Q(status=WakeupStatus.CANCELLED),
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
            models.Index(
                fields=["requested_at"], condition=Q(status=WakeupStatus.SKIPPED), name="wakeup_skipped"
            ),
        ]

    def __str__(self) -> str:
        return f"{self.reason or self.source} ({self.status})"
