from __future__ import annotations

from django.db import models
from django.db.models import Q

from issues.choices import Outcome, StageType
from issues.models.issue import Issue
from paperclip.companies.models import Agent, Company, User
from paperclip.core.models import ChangingRow


class Decision(ChangingRow):
    """What a reviewer or approver said of the work in one stage of the issue's policy (I-24). Append-only."""

    company = models.ForeignKey(Company, on_delete=models.CASCADE)
    issue = models.ForeignKey(Issue, on_delete=models.CASCADE, related_name="decisions")
    stage_id = models.UUIDField()
    stage_type = models.CharField(max_length=16, choices=StageType.choices)
    actor_agent = models.ForeignKey(Agent, on_delete=models.SET_NULL, null=True, blank=True, related_name="+")
    actor_user = models.ForeignKey(User, on_delete=models.SET_NULL, null=True, blank=True, related_name="+")
    outcome = models.CharField(max_length=24, choices=Outcome.choices)
    body = models.TextField()
    created_by_run = models.ForeignKey(
        "heartbeat.Run", on_delete=models.SET_NULL, null=True, blank=True, related_name="+"
    )

    class Meta:
        db_table = "issue_execution_decisions"
        constraints = [
            models.CheckConstraint(condition=Q(outcome__in=Outcome.values), name="decision_outcome_known"),
            models.CheckConstraint(condition=Q(stage_type__in=StageType.values), name="decision_stage_known"),
        ]
        indexes = [models.Index(fields=["issue", "created_at"], name="decision_in_order")]

    def __str__(self) -> str:
        return f"{self.outcome} in {self.stage_type} of {self.issue_id}"
