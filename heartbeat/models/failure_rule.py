"""What an operator knows about the failures of a company's agents, beside the built-in table."""

from __future__ import annotations

from django.db import models
from django.db.models import Q

from heartbeat.choices import FailureCategory
from paperclip.companies.models import Company
from paperclip.core.models import ChangingRow


class FailureRule(ChangingRow):
    """Failures whose text matches `pattern` are of `category`; asked by position, before the table of H-115."""

    company = models.ForeignKey(Company, on_delete=models.CASCADE, related_name="failure_rules")
    position = models.PositiveSmallIntegerField(default=1)
    name = models.CharField(max_length=96)
    pattern = models.CharField(max_length=300)
    category = models.CharField(max_length=32, choices=FailureCategory.choices)
    is_retryable = models.BooleanField(default=False)
    advice = models.TextField(blank=True)
    is_enabled = models.BooleanField(default=True)

    class Meta:
        db_table = "heartbeat_failure_rules"
        constraints = [
            models.CheckConstraint(
                condition=Q(category__in=FailureCategory.values), name="failure_rule_category_known"
            ),
            models.UniqueConstraint(fields=["company", "name"], name="failure_rule_name_once"),
        ]
        indexes = [models.Index(fields=["company", "position", "created_at"], name="failure_rule_order")]

    def __str__(self) -> str:
        return self.name
