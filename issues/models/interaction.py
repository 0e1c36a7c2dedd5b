from __future__ import annotations

from django.db import models
from django.db.models import Q

from issues.choices import Continuation, InteractionKind, InteractionStatus
from issues.models.comment import Comment
from issues.models.issue import Issue
from paperclip.companies.models import Agent, Company, User
from paperclip.core.models import ChangingRow


class Interaction(ChangingRow):
    """Something put to a person in the thread of an issue: tasks, questions, or a yes or no (I-25).

    `payload` is what was put, `result` what came of it. Pending until one person resolves it, or until what it asks
    about has changed.
    """

    company = models.ForeignKey(Company, on_delete=models.CASCADE)
    issue = models.ForeignKey(Issue, on_delete=models.CASCADE, related_name="interactions")
    kind = models.CharField(max_length=32, choices=InteractionKind.choices)
    status = models.CharField(
        max_length=16, choices=InteractionStatus.choices, default=InteractionStatus.PENDING
    )
    continuation_policy = models.CharField(max_length=32, choices=Continuation.choices)
    idempotency_key = models.CharField(max_length=255, null=True, blank=True)
    source_comment = models.ForeignKey(
        Comment, on_delete=models.SET_NULL, null=True, blank=True, related_name="+"
    )
    source_run = models.ForeignKey(
        "heartbeat.Run", on_delete=models.SET_NULL, null=True, blank=True, related_name="+"
    )
    title = models.CharField(max_length=240, null=True, blank=True)
    summary = models.TextField(null=True, blank=True)
    created_by_agent = models.ForeignKey(
        Agent, on_delete=models.SET_NULL, null=True, blank=True, related_name="+"
    )
    created_by_user = models.ForeignKey(
        User, on_delete=models.SET_NULL, null=True, blank=True, related_name="+"
    )
    resolved_by_agent = models.ForeignKey(
        Agent, on_delete=models.SET_NULL, null=True, blank=True, related_name="+"
    )
    resolved_by_user = models.ForeignKey(
        User, on_delete=models.SET_NULL, null=True, blank=True, related_name="+"
    )
    payload = models.JSONField()
    result = models.JSONField(null=True, blank=True)
    resolved_at = models.DateTimeField(null=True, blank=True)

    class Meta:
        db_table = "issue_thread_interactions"
        constraints = [
            models.UniqueConstraint(
                fields=["company", "issue", "idempotency_key"],
                condition=Q(idempotency_key__isnull=False),
                name="interaction_once_per_key",
            ),
            models.CheckConstraint(
                condition=Q(kind__in=InteractionKind.values), name="interaction_kind_known"
            ),
            models.CheckConstraint(
                condition=Q(status__in=InteractionStatus.values), name="interaction_status_known"
            ),
            models.CheckConstraint(
                condition=Q(continuation_policy__in=Continuation.values), name="interaction_policy_known"
            ),
            models.CheckConstraint(
                condition=Q(status=InteractionStatus.PENDING, resolved_at__isnull=True)
                | (~Q(status=InteractionStatus.PENDING) & Q(resolved_at__isnull=False)),
                name="interaction_resolved_has_time",
            ),
        ]
        indexes = [
            models.Index(fields=["issue", "created_at", "id"], name="interaction_in_order"),
            models.Index(
                fields=["company", "kind"],
                condition=Q(status=InteractionStatus.PENDING),
                name="interaction_pending",
            ),
        ]

    def __str__(self) -> str:
        return f"{self.status} {self.kind} on {self.issue_id}"
