"""Recurring work: the recipe, what sets it off, and one row for each time it was set off."""

from __future__ import annotations

from django.db import models
from django.db.models import Q

from issues.choices import IssuePriority
from issues.models import Issue
from paperclip.companies.models import Agent, Company, Goal, Project, User
from paperclip.core.models import ChangingRow
from routines.choices import (
    EXPLAINED,
    LABEL_MAX,
    CatchUpPolicy,
    ConcurrencyPolicy,
    RoutineStatus,
    RunSource,
    RunStatus,
    TriggerKind,
)


class Routine(ChangingRow):
    """A recipe for work that comes again (R-13). Title and description are templates."""

    company = models.ForeignKey(Company, on_delete=models.CASCADE, related_name="routines")
    project = models.ForeignKey(
        Project, on_delete=models.CASCADE, null=True, blank=True, related_name="routines"
    )
    goal = models.ForeignKey(Goal, on_delete=models.SET_NULL, null=True, blank=True, related_name="+")
    parent_issue = models.ForeignKey(
        Issue, on_delete=models.SET_NULL, null=True, blank=True, related_name="+"
    )
    title = models.TextField()
    description = models.TextField(null=True, blank=True)
    # Agents are let go, never deleted; an active routine must not lose the one it needs.
    assignee_agent = models.ForeignKey(
        Agent, on_delete=models.RESTRICT, null=True, blank=True, related_name="routines"
    )
    priority = models.CharField(max_length=16, choices=IssuePriority.choices, default=IssuePriority.MEDIUM)
    status = models.CharField(max_length=16, choices=RoutineStatus.choices, default=RoutineStatus.ACTIVE)
    concurrency_policy = models.CharField(
        max_length=24, choices=ConcurrencyPolicy.choices, default=ConcurrencyPolicy.COALESCE_IF_ACTIVE
    )
    catch_up_policy = models.CharField(
        max_length=32, choices=CatchUpPolicy.choices, default=CatchUpPolicy.SKIP_MISSED
    )
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
    last_triggered_at = models.DateTimeField(null=True, blank=True)
    last_enqueued_at = models.DateTimeField(null=True, blank=True)

    class Meta:
        db_table = "routines"
        constraints = [
            models.CheckConstraint(condition=Q(status__in=RoutineStatus.values), name="routine_status_known"),
            models.CheckConstraint(
                condition=Q(priority__in=IssuePriority.values), name="routine_priority_known"
            ),
            models.CheckConstraint(
                condition=Q(concurrency_policy__in=ConcurrencyPolicy.values), name="routine_concurrency_known"
            ),
            models.CheckConstraint(
                condition=Q(catch_up_policy__in=CatchUpPolicy.values), name="routine_catch_up_known"
            ),
            models.CheckConstraint(
                condition=~Q(status=RoutineStatus.ACTIVE) | Q(assignee_agent__isnull=False),
                name="routine_active_has_assignee",
            ),
        ]
        indexes = [
            models.Index(fields=["company", "status"], name="routine_by_status"),
            models.Index(fields=["company", "-updated_at"], name="routine_newest"),
        ]

    def __str__(self) -> str:
        return self.title


class Trigger(ChangingRow):
    """What sets a routine off (R-14). `next_run_at` is when a schedule is due next; firing moves it on."""

    company = models.ForeignKey(Company, on_delete=models.CASCADE)
    routine = models.ForeignKey(Routine, on_delete=models.CASCADE, related_name="triggers")
    kind = models.CharField(max_length=16, choices=TriggerKind.choices)
    label = models.CharField(max_length=LABEL_MAX, null=True, blank=True)
    enabled = models.BooleanField(default=True)
    cron_expression = models.CharField(max_length=255, null=True, blank=True)
    timezone = models.CharField(max_length=64, null=True, blank=True)
    next_run_at = models.DateTimeField(null=True, blank=True)
    last_fired_at = models.DateTimeField(null=True, blank=True)
    last_result = models.TextField(null=True, blank=True)
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
        db_table = "routine_triggers"
        constraints = [
            models.CheckConstraint(condition=Q(kind__in=TriggerKind.values), name="trigger_kind_known"),
            models.CheckConstraint(
                condition=Q(kind=TriggerKind.SCHEDULE, cron_expression__isnull=False, timezone__isnull=False)
                | (
                    ~Q(kind=TriggerKind.SCHEDULE)
                    & Q(cron_expression__isnull=True, timezone__isnull=True, next_run_at__isnull=True)
                ),
                name="trigger_schedule_fields",
            ),
        ]
        indexes = [
            models.Index(
                fields=["next_run_at", "created_at"],
                condition=Q(enabled=True, next_run_at__isnull=False),
                name="trigger_due",
            ),
        ]

    def __str__(self) -> str:
        return self.label or self.cron_expression or self.kind


class RoutineRun(ChangingRow):
    """One dispatch of a routine, and what became of it (R-15).

    `scheduled_at` is the occurrence a schedule fired for: no occurrence has two rows. `reason` says in one
    sentence why a dispatch was folded, left out or failed. `coalesced_into_run_id` outlives the run it names.
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
