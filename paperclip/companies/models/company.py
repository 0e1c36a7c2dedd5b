from __future__ import annotations

from django.core.validators import MaxValueValidator, MinValueValidator
from django.db import models
from django.db.models import Q

from paperclip.companies.choices import CompanyStatus, PauseReason
from paperclip.core.models import ChangingRow


class Company(ChangingRow):
    """A company of agents: the tenant every other row belongs to (C-29)."""

    name = models.TextField()
    description = models.TextField(null=True, blank=True)
    status = models.CharField(max_length=16, choices=CompanyStatus.choices, default=CompanyStatus.ACTIVE)
    pause_reason = models.CharField(max_length=16, choices=PauseReason.choices, null=True, blank=True)
    paused_at = models.DateTimeField(null=True, blank=True)
    issue_prefix = models.CharField(max_length=64, unique=True)
    issue_counter = models.PositiveIntegerField(default=0)
    budget_monthly_cents = models.PositiveBigIntegerField(default=0)
    attachment_max_bytes = models.PositiveIntegerField(
        default=10_485_760, validators=[MinValueValidator(1), MaxValueValidator(1_073_741_824)]
    )
    # Over all agents and hosts; None is no limit.
    max_concurrent_runs = models.PositiveIntegerField(null=True, blank=True)
    # While set no run starts; those at work come to their own end.
    draining_since = models.DateTimeField(null=True, blank=True)
    require_board_approval_for_new_agents = models.BooleanField(default=False)
    feedback_data_sharing_enabled = models.BooleanField(default=False)
    feedback_data_sharing_consent_at = models.DateTimeField(null=True, blank=True)
    feedback_data_sharing_consent_by_user_id = models.TextField(null=True, blank=True)
    feedback_data_sharing_terms_version = models.TextField(null=True, blank=True)
    brand_color = models.CharField(max_length=7, null=True, blank=True)

    class Meta:
        db_table = "companies"
        verbose_name_plural = "companies"
        constraints = [
            models.CheckConstraint(condition=Q(status__in=CompanyStatus.values), name="company_status_known"),
            models.CheckConstraint(
                condition=Q(attachment_max_bytes__gte=1, attachment_max_bytes__lte=1_073_741_824),
                name="company_attachment_limit_in_range",
            ),
            models.CheckConstraint(
                condition=Q(max_concurrent_runs__isnull=True) | Q(max_concurrent_runs__gte=1),
                name="company_run_cap_positive",
            ),
        ]

    def __str__(self) -> str:
        return self.name
