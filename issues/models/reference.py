from __future__ import annotations

from django.db import models
from django.db.models import F, Q

from issues.choices import ReferenceKind
from issues.models.issue import Issue
from paperclip.companies.models import Company
from paperclip.core.models import Row


class ReferenceMention(Row):
    """A place in an issue's texts that names another issue (I-26): one row per place and issue named.

    `source_record_id` is the comment or document; a title and a description are the issue's own.
    """

    company = models.ForeignKey(Company, on_delete=models.CASCADE)
    source_issue = models.ForeignKey(Issue, on_delete=models.CASCADE, related_name="references_made")
    target_issue = models.ForeignKey(Issue, on_delete=models.CASCADE, related_name="references_had")
    source_kind = models.CharField(max_length=16, choices=ReferenceKind.choices)
    source_record_id = models.UUIDField(null=True, blank=True)
    document_key = models.CharField(max_length=64, null=True, blank=True)
    matched_text = models.TextField(null=True, blank=True)

    class Meta:
        db_table = "issue_reference_mentions"
        constraints = [
            models.UniqueConstraint(
                fields=["source_issue", "source_record_id", "target_issue"],
                condition=Q(source_record_id__isnull=False),
                name="reference_once_per_record",
            ),
            models.UniqueConstraint(
                fields=["source_issue", "source_kind", "target_issue"],
                condition=Q(source_record_id__isnull=True),
                name="reference_once_per_kind",
            ),
            models.CheckConstraint(
                condition=~Q(source_issue=F("target_issue")), name="reference_not_to_itself"
            ),
        ]

    def __str__(self) -> str:
        return f"{self.source_kind} of {self.source_issue_id} names {self.target_issue_id}"


class ReferenceScan(models.Model):
    """How far the looking through of texts has come that were written before references were kept: one row."""

    name = models.CharField(max_length=32, primary_key=True)
    after_id = models.UUIDField(null=True, blank=True)
    finished_at = models.DateTimeField(null=True, blank=True)

    class Meta:
        db_table = "issue_reference_scans"

    def __str__(self) -> str:
        return f"{self.name} after {self.after_id}"
