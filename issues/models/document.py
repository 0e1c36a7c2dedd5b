from __future__ import annotations

from django.db import models

from issues.models.issue import Issue
from paperclip.companies.models import Agent, Company, User
from paperclip.core.models import ChangingRow, Row


class Document(ChangingRow):
    """A Markdown document and its latest text (I-18)."""

    company = models.ForeignKey(Company, on_delete=models.CASCADE)
    title = models.TextField(null=True, blank=True)
    format = models.CharField(max_length=16, default="markdown")
    latest_body = models.TextField()
    latest_revision_id = models.UUIDField(null=True, blank=True)
    latest_revision_number = models.PositiveIntegerField(default=1)
    created_by_agent = models.ForeignKey(
        Agent, on_delete=models.SET_NULL, null=True, blank=True, related_name="+"
    )
    created_by_user = models.ForeignKey(
        User, on_delete=models.SET_NULL, null=True, blank=True, related_name="+"
    )
    updated_by_agent = models.ForeignKey(
        Agent, on_delete=models.SET_NULL, null=True, blank=True, related_name="+"
    )
    updated_by_user = models.ForeignKey(
        User, on_delete=models.SET_NULL, null=True, blank=True, related_name="+"
    )

    class Meta:
        db_table = "documents"

    def __str__(self) -> str:
        return self.title or str(self.id)


class IssueDocument(ChangingRow):
    """A document's place on an issue, under its key."""

    company = models.ForeignKey(Company, on_delete=models.CASCADE)
    issue = models.ForeignKey(Issue, on_delete=models.CASCADE, related_name="document_links")
    document = models.OneToOneField(Document, on_delete=models.CASCADE, related_name="issue_link")
    key = models.CharField(max_length=64)

    class Meta:
        db_table = "issue_documents"
        constraints = [
            models.UniqueConstraint(fields=["company", "issue", "key"], name="issue_document_key_once")
        ]

    def __str__(self) -> str:
        return self.key


class DocumentRevision(Row):
    """What a document said at one time. Append-only."""

    company = models.ForeignKey(Company, on_delete=models.CASCADE)
    document = models.ForeignKey(Document, on_delete=models.CASCADE, related_name="revisions")
    revision_number = models.PositiveIntegerField()
    title = models.TextField(null=True, blank=True)
    format = models.CharField(max_length=16, default="markdown")
    body = models.TextField()
    change_summary = models.TextField(null=True, blank=True)
    created_by_agent = models.ForeignKey(
        Agent, on_delete=models.SET_NULL, null=True, blank=True, related_name="+"
    )
    created_by_user = models.ForeignKey(
        User, on_delete=models.SET_NULL, null=True, blank=True, related_name="+"
    )
    created_by_run = models.ForeignKey(
        "heartbeat.Run", on_delete=models.SET_NULL, null=True, blank=True, related_name="document_revisions"
    )

    class Meta:
        db_table = "document_revisions"
        constraints = [
            models.UniqueConstraint(fields=["document", "revision_number"], name="revision_number_once")
        ]

    def __str__(self) -> str:
        return f"revision {self.revision_number}"
