"""What somebody decided about a run that has gone silent."""

from __future__ import annotations

from django.db import models
from django.db.models import Q

from heartbeat.choices import WatchdogVerdict
from heartbeat.models.run import Run
from issues.models import Issue
from paperclip.companies.models import Agent, Company, User
from paperclip.core.models import Row


class WatchdogDecision(Row):
    """A word on a silent run (H-18). Append-only; the newest that still holds keeps the watchdog quiet."""

    company = models.ForeignKey(Company, on_delete=models.CASCADE)
    run = models.ForeignKey(Run, on_delete=models.CASCADE, related_name="watchdog_decisions")
    evaluation_issue = models.ForeignKey(
        Issue, on_delete=models.SET_NULL, null=True, blank=True, related_name="+"
    )
    decision = models.CharField(max_length=32, choices=WatchdogVerdict.choices)
    snoozed_until = models.DateTimeField(null=True, blank=True)
    reason = models.TextField(null=True, blank=True)
    created_by_agent = models.ForeignKey(
        Agent, on_delete=models.SET_NULL, null=True, blank=True, related_name="+"
    )
    created_by_user = models.ForeignKey(
        User, on_delete=models.SET_NULL, null=True, blank=True, related_name="+"
    )
    created_by_run = models.ForeignKey(
        Run, on_delete=models.SET_NULL, null=True, blank=True, related_name="+"
    )

    class Meta:
        db_table = "heartbeat_run_watchdog_decisions"
        constraints = [
            models.CheckConstraint(
                condition=Q(decision__in=WatchdogVerdict.values), name="watchdog_decision_known"
            ),
            models.CheckConstraint(
                condition=Q(decision=WatchdogVerdict.DISMISSED) | Q(snoozed_until__isnull=False),
                name="watchdog_quiet_has_end",
            ),
        ]
        indexes = [models.Index(fields=["run", "-created_at"], name="watchdog_by_run")]

    def __str__(self) -> str:
        return f"{self.decision} about {self.run_id}"
