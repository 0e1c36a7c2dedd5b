from __future__ import annotations

from typing import TYPE_CHECKING
from uuid import UUID

from django.db import models
from django.db.models import F, Q

from paperclip.companies.models import Agent, Company, Project, User
from paperclip.core.models import ChangingRow
from paperclip.governance.choices import (
    BudgetMetric,
    BudgetScope,
    BudgetThreshold,
    BudgetWindow,
    IncidentStatus,
)
from paperclip.governance.models.approval import Approval

if TYPE_CHECKING:
    from datetime import datetime


class BudgetPolicy(ChangingRow):
    """What a company, an agent or a project may spend in a window (C-88); money in cents.

    `observed_amount` is what was spent between `window_start` and `window_end`. It is kept with each cost under
    the lock of the company's ledger, so asking whether a budget is spent never adds up costs.
    """

    company = models.ForeignKey(
        Company, on_delete=models.CASCADE, related_name="budget_policies", db_index=False
    )
    scope_type = models.CharField(max_length=16, choices=BudgetScope.choices)
    agent = models.ForeignKey(
        Agent, on_delete=models.CASCADE, null=True, blank=True, related_name="budget_policies", db_index=False
    )
    project = models.ForeignKey(
        Project,
        on_delete=models.CASCADE,
        null=True,
        blank=True,
        related_name="budget_policies",
        db_index=False,
    )
    metric = models.CharField(max_length=16, choices=BudgetMetric.choices, default=BudgetMetric.BILLED_CENTS)
    window_kind = models.CharField(
        max_length=24, choices=BudgetWindow.choices, default=BudgetWindow.CALENDAR_MONTH_UTC
    )
    amount = models.PositiveBigIntegerField()
    warn_percent = models.PositiveSmallIntegerField(default=80)
    hard_stop_enabled = models.BooleanField(default=True)
    notify_enabled = models.BooleanField(default=True)
    is_active = models.BooleanField(default=True)
    observed_amount = models.PositiveBigIntegerField(default=0)
    window_start = models.DateTimeField()
    window_end = models.DateTimeField()
    created_by_user = models.ForeignKey(
        User, on_delete=models.SET_NULL, null=True, blank=True, related_name="+"
    )
    updated_by_user = models.ForeignKey(
        User, on_delete=models.SET_NULL, null=True, blank=True, related_name="+"
    )

    class Meta:
        db_table = "budget_policies"
        verbose_name = "budget"
        constraints = [
            models.CheckConstraint(
                condition=Q(scope_type=BudgetScope.COMPANY, agent__isnull=True, project__isnull=True)
                | Q(scope_type=BudgetScope.AGENT, agent__isnull=False, project__isnull=True)
                | Q(scope_type=BudgetScope.PROJECT, agent__isnull=True, project__isnull=False),
                name="budget_policy_names_its_scope",
            ),
            models.CheckConstraint(
                condition=Q(metric__in=BudgetMetric.values), name="budget_policy_metric_known"
            ),
            models.CheckConstraint(
                condition=Q(window_kind__in=BudgetWindow.values, window_start__lt=F("window_end")),
                name="budget_policy_window_known",
            ),
            models.CheckConstraint(
                condition=Q(warn_percent__gte=1, warn_percent__lte=99), name="budget_policy_warns_in_range"
            ),
            models.CheckConstraint(
                condition=Q(is_active=False) | Q(amount__gt=0), name="budget_policy_active_has_amount"
            ),
            models.UniqueConstraint(
                fields=["company", "scope_type", "agent", "project", "metric", "window_kind"],
                nulls_distinct=False,
                name="budget_policy_one_per_scope_and_window",
            ),
        ]
        indexes = [
            models.Index(
                fields=["company"],
                condition=Q(is_active=True, hard_stop_enabled=True, observed_amount__gte=F("amount")),
                name="budget_policy_spent",
            ),
            models.Index(fields=["window_end"], condition=Q(is_active=True), name="budget_policy_window_due"),
            models.Index(fields=["agent"], condition=Q(agent__isnull=False), name="budget_policy_by_agent"),
            models.Index(
                fields=["project"], condition=Q(project__isnull=False), name="budget_policy_by_project"
            ),
        ]

    @property
    def scope_id(self) -> UUID:
        """The id of what the budget is for."""
        return self.agent_id or self.project_id or self.company_id

    @property
    def warn_at(self) -> int:
        """From what spend on people are warned, in cents (C-89)."""
        return -(-self.amount * self.warn_percent // 100)

    @property
    def is_spent(self) -> bool:
        """Whether the budget stops its scope: nothing of it is left, and it is meant to stop (H-42)."""
        return self.is_active and self.hard_stop_enabled and self.observed_amount >= self.amount

    def holds(self, moment: datetime) -> bool:
        """Return whether `moment` lies in the window the budget stands in."""
        return self.window_start <= moment < self.window_end

    def __str__(self) -> str:
        return f"{self.amount} cents for {self.scope_type} {self.scope_id}"


class BudgetIncident(ChangingRow):
    """A budget that came near its end, or to it (C-88); money in cents.

    One is open per policy, window and threshold; those that were answered stay on record, so a second stop in the
    same window has an incident of its own (CW-5).
    """

    company = models.ForeignKey(
        Company, on_delete=models.CASCADE, related_name="budget_incidents", db_index=False
    )
    policy = models.ForeignKey(
        BudgetPolicy, on_delete=models.CASCADE, related_name="incidents", db_index=False
    )
    window_start = models.DateTimeField()
    window_end = models.DateTimeField()
    threshold_type = models.CharField(max_length=8, choices=BudgetThreshold.choices)
    amount_limit = models.PositiveBigIntegerField()
    amount_observed = models.PositiveBigIntegerField()
    status = models.CharField(max_length=16, choices=IncidentStatus.choices, default=IncidentStatus.OPEN)
    approval = models.ForeignKey(
        Approval, on_delete=models.SET_NULL, null=True, blank=True, related_name="budget_incidents"
    )
    resolved_at = models.DateTimeField(null=True, blank=True)

    class Meta:
        db_table = "budget_incidents"
        constraints = [
            models.CheckConstraint(
                condition=Q(threshold_type__in=BudgetThreshold.values), name="budget_incident_threshold_known"
            ),
            models.CheckConstraint(
                condition=Q(status=IncidentStatus.OPEN, resolved_at__isnull=True)
                | Q(
                    status__in=[IncidentStatus.RESOLVED, IncidentStatus.DISMISSED], resolved_at__isnull=False
                ),
                name="budget_incident_ends_once",
            ),
            models.UniqueConstraint(
                fields=["policy", "window_start", "threshold_type"],
                condition=Q(status=IncidentStatus.OPEN),
                name="budget_incident_one_open",
            ),
        ]
        indexes = [
            models.Index(
                fields=["company", "-created_at"],
                condition=Q(status=IncidentStatus.OPEN),
                name="budget_incident_open",
            ),
            models.Index(fields=["policy", "-created_at"], name="budget_incident_of_policy"),
        ]

    def __str__(self) -> str:
        return f"{self.threshold_type} at {self.amount_observed} of {self.amount_limit} cents"
