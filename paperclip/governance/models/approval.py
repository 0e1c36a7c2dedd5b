from __future__ import annotations

from django.db import models
from django.db.models import Q

from paperclip.companies.models import Agent, Company, User
from paperclip.core.models import ChangingRow
from paperclip.governance.choices import ApprovalStatus, ApprovalType


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


class ApprovalComment(ChangingRow):
    """A word on a question (C-71)."""

    company = models.ForeignKey(Company, on_delete=models.CASCADE, related_name="+")
    approval = models.ForeignKey(Approval, on_delete=models.CASCADE, related_name="comments", db_index=False)
    author_agent = models.ForeignKey(
        Agent, on_delete=models.SET_NULL, null=True, blank=True, related_name="+"
    )
    author_user = models.ForeignKey(User, on_delete=models.SET_NULL, null=True, blank=True, related_name="+")
    body = models.TextField()

    class Meta:
        db_table = "approval_comments"
        indexes = [models.Index(fields=["approval", "created_at", "id"], name="approval_comment_in_order")]

    def __str__(self) -> str:
        return self.body[:80]
