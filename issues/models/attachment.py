from __future__ import annotations

from django.db import models

from issues.models.comment import Comment
from issues.models.issue import Issue
from paperclip.companies.models import Asset, Company
from paperclip.core.models import ChangingRow


class Attachment(ChangingRow):
    """A file on an issue, perhaps handed in with a comment (I-20)."""

    company = models.ForeignKey(Company, on_delete=models.CASCADE)
    issue = models.ForeignKey(Issue, on_delete=models.CASCADE, related_name="attachments")
    asset = models.OneToOneField(Asset, on_delete=models.CASCADE, related_name="attachment")
    issue_comment = models.ForeignKey(
        Comment, on_delete=models.SET_NULL, null=True, blank=True, related_name="attachments"
    )

    class Meta:
        db_table = "issue_attachments"
        indexes = [models.Index(fields=["issue", "-created_at"], name="attachment_newest")]

    def __str__(self) -> str:
        return f"attachment {self.id}"
