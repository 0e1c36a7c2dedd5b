from __future__ import annotations

from django.db import models
from django.db.models import Q

from issues.models import Issue
from paperclip.companies.models import Company
from paperclip.core.models import ChangingRow
from routines.choices import EXPLAINED, RunOutcome, RunSource, RunStatus
from routines.models.routine import Routine
from routines.models.trigger import Trigger


class RoutineRun(ChangingRow):
    """One dispatch of a routine, and what became of it (R-15).

    `scheduled_at` is the occurrence a schedule fired for: no occurrence has two rows. `reason` says in one
    sentence why a dispatch was folded, left out or failed. `coalesced_into_run_id` outlives the run it names.
    `outcome` is what became of the linked issue, also for the runs that other work took up (RW-9).
    """

    company = models.ForeignKey(Company, on_delete=models.CASCADE)
    routine = models.ForeignKey(Routine, on_delete=models.CASCADE, related_name="runs")
    trigger = models.ForeignKey(
        Trigger, on_delete=models.SET_NULL, null=True, blank=True, related_name="runs"
    )
    source = models.CharField(max_length=16, choices=RunSource.choices)
    status = models.CharField(max_length=16, choices=RunStatus.choices, default=RunStatus.RECEIVED)
    triggered_at = models.DateTimeField()
    scheduled_at = models.DateTimeField(null=True, blank=True)
    idempotency_key = models.CharField(max_length=255, null=True, blank=True)
    trigger_payload = models.JSONField(null=True, blank=True)
    dispatch_fingerprint = models.CharField(max_length=64, null=True, blank=True)
    linked_issue = models.ForeignKey(
        Issue, on_delete=models.SET_NULL, null=True, blank=True, related_name="routine_runs"
    )
    coalesced_into_run_id = models.UUIDField(null=True, blank=True)
    reason = models.TextField(null=True, blank=True)
    completed_at = models.DateTimeField(null=True, blank=True)
    outcome = models.CharField(max_length=16, choices=RunOutcome.choices, null=True, blank=True)
    outcome_at = models.DateTimeField(null=True, blank=True)

    class Meta:
        db_table = "routine_runs"
        constraints = [
            models.CheckConstraint(condition=Q(status__in=RunStatus.values), name="routine_run_status_known"),
            models.CheckConstraint(condition=Q(source__in=RunSource.values), name="routine_run_source_known"),
            models.CheckConstraint(
                condition=Q(source=RunSource.SCHEDULE, scheduled_at__isnull=False)
                | (~Q(source=RunSource.SCHEDULE) & Q(scheduled_at__isnull=True)),
                name="routine_run_of_schedule_has_occurrence",
            ),
            models.CheckConstraint(
                condition=~Q(status__in=EXPLAINED) | Q(reason__isnull=False), name="routine_run_says_why"
            ),
            models.CheckConstraint(
                condition=Q(outcome__isnull=True, outcome_at__isnull=True)
                | Q(outcome__in=RunOutcome.values, outcome_at__isnull=False),
                name="routine_run_outcome_has_time",
            ),
            models.UniqueConstraint(
                fields=["trigger", "scheduled_at"], name="routine_run_one_per_occurrence"
            ),
        ]
        indexes = [
            models.Index(fields=["routine", "-created_at", "-id"], name="routine_run_newest"),
            models.Index(fields=["trigger", "-created_at"], name="routine_run_by_trigger"),
            models.Index(fields=["routine", "dispatch_fingerprint"], name="routine_run_by_fingerprint"),
            models.Index(
                fields=["routine", "idempotency_key"],
                condition=Q(idempotency_key__isnull=False),
                name="routine_run_by_key",
            ),
        ]

    def __str__(self) -> str:
        return f"{self.source} run, {self.status}"
