from __future__ import annotations

from django.db import models
from django.db.models.expressions import RawSQL

from issues.choices import AuthorType
from issues.models.issue import Issue
from paperclip.companies.models import Agent, Company, User
from paperclip.core.models import ChangingRow


class Comment(ChangingRow):
    """One entry of an issue's thread (I-11).

    `number` counts all comments in the order they were stored, so that two of the same millisecond keep their order.
    """

    number = models.BigIntegerField(
        unique=True, editable=False, db_default=RawSQL("nextval('issue_comment_number')", [])
    )
    company = models.ForeignKey(Company, on_delete=models.CASCADE)
    issue = models.ForeignKey(Issue, on_delete=models.CASCADE, related_name="comments")
    author_agent = models.ForeignKey(
        Agent, on_delete=models.SET_NULL, null=True, blank=True, related_name="+"
    )
    author_user = models.ForeignKey(User, on_delete=models.SET_NULL, null=True, blank=True, related_name="+")
    author_type = models.CharField(max_length=8, choices=AuthorType.choices)
    created_by_run = models.ForeignKey(
        "heartbeat.Run",
        on_delete=models.SET_NULL,
        null=True,
        blank=True,
        db_index=False,  # `comment_by_run` is its index
        related_name="comments",
    )
    body = models.TextField()
    presentation = models.JSONField(null=True, blank=True)
    metadata = models.JSONField(null=True, blank=True)

    class Meta:
        db_table = "issue_comments"
        indexes = [
            models.Index(fields=["issue", "created_at", "number"], name="comment_in_order"),
            models.Index(fields=["created_by_run"], name="comment_by_run"),
        ]

    def __str__(self) -> str:
        return self.body[:80]
