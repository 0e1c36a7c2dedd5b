from __future__ import annotations

from django.db import models
from django.db.models import Q

from issues.choices import FeedbackTarget, Vote
from issues.models.issue import Issue
from paperclip.companies.models import Company, User
from paperclip.core.models import ChangingRow


class FeedbackVote(ChangingRow):
    """What a person thinks of one comment or of one version of a document (I-210).

    `payload` is what was judged, as it read then and without secrets; nothing is sent anywhere from here.
    """

    company = models.ForeignKey(Company, on_delete=models.CASCADE)
    issue = models.ForeignKey(Issue, on_delete=models.CASCADE, related_name="feedback_votes")
    author_user = models.ForeignKey(User, on_delete=models.CASCADE, related_name="+")
    target_type = models.CharField(max_length=32, choices=FeedbackTarget.choices)
    # A comment or a revision; what was judged may be gone, the judgement stays.
    target_id = models.UUIDField()
    vote = models.CharField(max_length=4, choices=Vote.choices)
    reason = models.TextField(null=True, blank=True)
    is_shared = models.BooleanField(default=False)
    consent_version = models.TextField(null=True, blank=True)
    payload = models.JSONField(default=dict)

    class Meta:
        db_table = "feedback_votes"
        constraints = [
            models.UniqueConstraint(
                fields=["company", "target_type", "target_id", "author_user"], name="feedback_once_per_person"
            ),
            models.CheckConstraint(condition=Q(vote__in=Vote.values), name="feedback_vote_known"),
            models.CheckConstraint(
                condition=Q(target_type__in=FeedbackTarget.values), name="feedback_target_known"
            ),
        ]
        indexes = [models.Index(fields=["company", "-created_at"], name="feedback_newest")]

    def __str__(self) -> str:
        return f"{self.vote} for {self.target_type} {self.target_id}"
