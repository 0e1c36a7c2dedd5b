from __future__ import annotations

from django.db import models
from django.db.models import Q

from issues.choices import IssuePriority
from issues.models import Issue
from paperclip.companies.models import Agent, Company, Goal, Project, User
from paperclip.core.models import ChangingRow, Row
from routines.choices import CatchUpPolicy, ConcurrencyPolicy, RoutineStatus


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
    variables = models.JSONField(default=list, blank=True)
    latest_revision = models.ForeignKey(
        "routines.RoutineRevision", on_delete=models.SET_NULL, null=True, blank=True, related_name="+"
    )
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


class RoutineRevision(Row):
    """What a routine and its triggers were after one change (R-16). Written once."""

    company = models.ForeignKey(Company, on_delete=models.CASCADE)
    routine = models.ForeignKey(Routine, on_delete=models.CASCADE, related_name="revisions")
    revision_number = models.PositiveIntegerField()
    title = models.TextField()
    description = models.TextField(null=True, blank=True)
    snapshot = models.JSONField()
    change_summary = models.TextField(null=True, blank=True)
    restored_from_revision = models.ForeignKey(
        "self", on_delete=models.SET_NULL, null=True, blank=True, related_name="+"
    )
    created_by_agent = models.ForeignKey(
        Agent, on_delete=models.SET_NULL, null=True, blank=True, related_name="+"
    )
    created_by_user = models.ForeignKey(
        User, on_delete=models.SET_NULL, null=True, blank=True, related_name="+"
    )
    created_by_run = models.ForeignKey(
        "heartbeat.Run", on_delete=models.SET_NULL, null=True, blank=True, related_name="+"
    )

    class Meta:
        db_table = "routine_revisions"
        constraints = [
            models.UniqueConstraint(
                fields=["routine", "revision_number"], name="routine_revision_number_once"
            )
        ]

    def __str__(self) -> str:
        return f"revision {self.revision_number}"
