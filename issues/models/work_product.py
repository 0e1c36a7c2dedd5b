from __future__ import annotations

from django.db import models
from django.db.models import Q

from issues.choices import HealthStatus, ReviewState, WorkProductStatus, WorkProductType
from issues.models.issue import Issue
from paperclip.companies.models import Company, Project
from paperclip.core.models import ChangingRow


class WorkProduct(ChangingRow):
    """What came of the work on an issue: a pull request, a branch, a preview (I-21)."""

    company = models.ForeignKey(Company, on_delete=models.CASCADE)
    project = models.ForeignKey(Project, on_delete=models.SET_NULL, null=True, blank=True, related_name="+")
    issue = models.ForeignKey(Issue, on_delete=models.CASCADE, related_name="work_products")
    execution_workspace = models.ForeignKey(
        "workspaces.ExecutionWorkspace",
        on_delete=models.SET_NULL,
        null=True,
        blank=True,
        related_name="work_products",
    )
    runtime_service_id = models.UUIDField(null=True, blank=True)
    type = models.CharField(max_length=16, choices=WorkProductType.choices)
    provider = models.TextField()
    external_id = models.TextField(null=True, blank=True)
    title = models.TextField()
    url = models.TextField(null=True, blank=True)
    status = models.CharField(
        max_length=20, choices=WorkProductStatus.choices, default=WorkProductStatus.ACTIVE
    )
    review_state = models.CharField(max_length=20, choices=ReviewState.choices, default=ReviewState.NONE)
    is_primary = models.BooleanField(default=False)
    health_status = models.CharField(
        max_length=16, choices=HealthStatus.choices, default=HealthStatus.UNKNOWN
    )
    summary = models.TextField(null=True, blank=True)
    metadata = models.JSONField(null=True, blank=True)
    created_by_run = models.ForeignKey(
        "heartbeat.Run", on_delete=models.SET_NULL, null=True, blank=True, related_name="work_products"
    )

    class Meta:
        db_table = "issue_work_products"
        constraints = [
            models.UniqueConstraint(
                fields=["issue", "type"], condition=Q(is_primary=True), name="work_product_one_primary"
            ),
            models.CheckConstraint(
                condition=Q(type__in=WorkProductType.values), name="work_product_type_known"
            ),
            models.CheckConstraint(
                condition=Q(status__in=WorkProductStatus.values), name="work_product_status_known"
            ),
        ]
        indexes = [models.Index(fields=["issue", "-updated_at"], name="work_product_newest")]

    def __str__(self) -> str:
        return self.title
