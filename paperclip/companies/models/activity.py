from __future__ import annotations

from django.db import models
from django.db.models import Q

from paperclip.companies.choices import ActorType
from paperclip.companies.models.company import Company
from paperclip.core.models import Row

# What is told of the question how an agent's work stands; the newest is shown with each issue (I-142).
HANDOFF_ACTIONS = (
    "issue.successful_run_handoff_required",
    "issue.successful_run_handoff_resolved",
    "issue.successful_run_handoff_escalated",
)


class Activity(Row):
    """Who did what to which thing (C-95). Append-only: rows are never changed."""

    company = models.ForeignKey(Company, on_delete=models.CASCADE)
    actor_type = models.CharField(max_length=8, choices=ActorType.choices)
    actor_id = models.TextField()
    action = models.CharField(max_length=96)
    entity_type = models.CharField(max_length=48)
    entity_id = models.TextField()
    agent = models.ForeignKey("companies.Agent", on_delete=models.SET_NULL, null=True, blank=True)
    run = models.ForeignKey(
        "heartbeat.Run",
        on_delete=models.SET_NULL,
        null=True,
        blank=True,
        db_index=False,  # `activity_by_run` is its index
        related_name="activity",
    )
    details = models.JSONField(null=True, blank=True)

    class Meta:
        db_table = "activity_log"
        verbose_name_plural = "activity"
        indexes = [
            models.Index(fields=["company", "-created_at", "-id"], name="activity_newest"),
            models.Index(fields=["entity_type", "entity_id", "-created_at"], name="activity_by_entity"),
            models.Index(fields=["agent", "-created_at"], name="activity_by_agent"),
            models.Index(fields=["run"], name="activity_by_run"),
            models.Index(
                fields=["entity_id", "-created_at", "-id"],
                condition=Q(action__in=HANDOFF_ACTIONS),
                name="activity_handoffs",
            ),
        ]

    def __str__(self) -> str:
        return f"{self.action} on {self.entity_type} {self.entity_id}"
