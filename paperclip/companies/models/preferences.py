from __future__ import annotations

from django.db import models
from django.db.models import Q

from paperclip.companies.models.company import Company
from paperclip.companies.models.people import User
from paperclip.core.models import ChangingRow


class InstanceSettings(ChangingRow):
    """What an instance admin has decided for the whole installation (C-105). There is at most one row.

    Null means that nobody has decided: the environment's value holds.
    """

    is_only = models.BooleanField(default=True, unique=True)
    censor_username_in_logs = models.BooleanField(null=True, blank=True)
    graph_auto_recovery = models.BooleanField(null=True, blank=True)
    graph_lookback_hours = models.PositiveSmallIntegerField(null=True, blank=True)

    class Meta:
        db_table = "instance_settings"
        verbose_name = verbose_name_plural = "installation"
        constraints = [
            models.CheckConstraint(condition=Q(is_only=True), name="instance_settings_one_row"),
            models.CheckConstraint(
                condition=Q(graph_lookback_hours__isnull=True)
                | Q(graph_lookback_hours__gte=1, graph_lookback_hours__lte=720),
                name="instance_settings_lookback_bounds",
            ),
        ]

    def __str__(self) -> str:
        return "instance settings"


class SidebarPreference(ChangingRow):
    """The order in which a person wants the sidebar: of their companies, or of one company's projects (C-99)."""

    user = models.ForeignKey(User, on_delete=models.CASCADE, related_name="sidebar_preferences")
    company = models.ForeignKey(Company, on_delete=models.CASCADE, null=True, blank=True, related_name="+")
    ordered_ids = models.JSONField(default=list)

    class Meta:
        db_table = "sidebar_preferences"
        constraints = [
            models.UniqueConstraint(
                fields=["user", "company"], nulls_distinct=False, name="sidebar_preference_once"
            )
        ]

    def __str__(self) -> str:
        return f"sidebar of {self.user_id}"


class InboxDismissal(ChangingRow):
    """Something a person does not want counted until it changes (C-99)."""

    company = models.ForeignKey(Company, on_delete=models.CASCADE, related_name="inbox_dismissals")
    user = models.ForeignKey(User, on_delete=models.CASCADE, related_name="inbox_dismissals")
    item_key = models.CharField(max_length=80)
    dismissed_at = models.DateTimeField()

    class Meta:
        db_table = "inbox_dismissals"
        constraints = [
            models.UniqueConstraint(fields=["company", "user", "item_key"], name="inbox_dismissal_once")
        ]

    def __str__(self) -> str:
        return self.item_key
