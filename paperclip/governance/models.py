"""What the board decides on, and what the work costs."""

from __future__ import annotations

from django.db import models
from django.db.models import Q

from paperclip.companies.models import Agent, Company, Goal, Project, User
from paperclip.core.models import ChangingRow, Row
from paperclip.governance.choices import ApprovalStatus, ApprovalType, BillingType


class Approval(ChangingRow):
    """A question put to the board (C-71)."""

    company = models.ForeignKey(Company, on_delete=models.CASCADE, related_name="approvals")
    type = models.CharField(max_length=32, choices=ApprovalType.choices)
    requested_by_agent = models.ForeignKey(
        Agent, on_delete=models.SET_NULL, null=True, blank=True, related_name="+"
    )
    requested_by_user = models.ForeignKey(
        User, on_delete=models.SET_NULL, null=True, blank=True, related_name="+"
    )
    status = models.CharField(max_length=20, choices=ApprovalStatus.choices, default=ApprovalStatus.PENDING)
    payload = models.JSONField(default=dict)
    decision_note = models.TextField(null=True, blank=True)
    decided_by_user = models.ForeignKey(
        User, on_delete=models.SET_NULL, null=True, blank=True, related_name="+"
    )
    decided_at = models.DateTimeField(null=True, blank=True)

    class Meta:
        db_table = "approvals"
        constraints = [
            models.CheckConstraint(
                condition=Q(status__in=ApprovalStatus.values), name="approval_status_known"
            )
        ]
        indexes = [models.Index(fields=["company", "status", "-created_at"], name="approval_by_status")]

    def __str__(self) -> str:
        return f"{self.get_type_display()} ({self.status})"


class CostEvent(Row):
    """Money spent by an agent (C-83). Append-only; sums are wider than 32 bits."""

    company = models.ForeignKey(Company, on_delete=models.CASCADE)
    agent = models.ForeignKey(Agent, on_delete=models.CASCADE, related_name="cost_events")
    issue = models.ForeignKey(
        "issues.Issue", on_delete=models.SET_NULL, null=True, blank=True, related_name="cost_events"
    )
    project = models.ForeignKey(Project, on_delete=models.SET_NULL, null=True, blank=True)
    goal = models.ForeignKey(Goal, on_delete=models.SET_NULL, null=True, blank=True)
    heartbeat_run = models.ForeignKey("heartbeat.Run", on_delete=models.SET_NULL, null=True, blank=True)
    billing_code = models.TextField(null=True, blank=True)
    provider = models.TextField()
    biller = models.TextField()
    billing_type = models.CharField(max_length=32, choices=BillingType.choices, default=BillingType.UNKNOWN)
    model = models.TextField()
    input_tokens = models.PositiveBigIntegerField(default=0)
    cached_input_tokens = models.PositiveBigIntegerField(default=0)
    output_tokens = models.PositiveBigIntegerField(default=0)
    cost_cents = models.PositiveBigIntegerField()
    occurred_at = models.DateTimeField()

    class Meta:
        db_table = "cost_events"
        indexes = [
            models.Index(fields=["company", "occurred_at"], name="cost_by_company_time"),
            models.Index(fields=["agent", "occurred_at"], name="cost_by_agent_time"),
            models.Index(fields=["heartbeat_run"], name="cost_by_run"),
        ]

    def __str__(self) -> str:
        return f"{self.cost_cents} cents by {self.agent_id}"
