from __future__ import annotations

from django.contrib.postgres.fields import ArrayField
from django.db import models
from django.db.models import Q

from paperclip.companies.models import Company
from paperclip.core.models import ChangingRow, Row
from paperclip.governance.choices import Channel, DeliveryState, NoticeKind


class NotificationTarget(ChangingRow):
    """Where a company's people want to hear of what needs them.

    The key that signs webhooks is not kept: it follows from the row, `secret_version` and the installation's key.
    """

    company = models.ForeignKey(Company, on_delete=models.CASCADE, related_name="notification_targets")
    channel = models.CharField(max_length=16, choices=Channel.choices)
    address = models.TextField()  # a URL, which may itself be a secret, or an e-mail address
    kinds = ArrayField(models.CharField(max_length=24, choices=NoticeKind.choices), default=list)
    hears_installation = models.BooleanField(default=False)
    is_enabled = models.BooleanField(default=True)
    secret_version = models.PositiveIntegerField(default=1)
    last_outcome = models.TextField(null=True, blank=True)
    last_outcome_at = models.DateTimeField(null=True, blank=True)
    last_outcome_ok = models.BooleanField(null=True, blank=True)

    class Meta:
        db_table = "notification_targets"
        verbose_name = "notification"
        constraints = [
            models.CheckConstraint(
                condition=Q(channel__in=Channel.values), name="notification_target_channel_known"
            )
        ]

    def __str__(self) -> str:
        return f"{self.get_channel_display()} notification"


class Notice(ChangingRow):
    """Something a person should hear of, told once while it is open; without a company, of the installation."""

    company = models.ForeignKey(
        Company, on_delete=models.CASCADE, related_name="notices", null=True, blank=True
    )
    kind = models.CharField(max_length=24, choices=NoticeKind.choices)
    key = models.CharField(max_length=200)
    title = models.CharField(max_length=200)
    body = models.TextField(blank=True)
    path = models.TextField(blank=True)
    repeats = models.PositiveIntegerField(default=1)
    last_told_at = models.DateTimeField()
    closed_at = models.DateTimeField(null=True, blank=True)

    class Meta:
        db_table = "notices"
        constraints = [
            models.CheckConstraint(condition=Q(kind__in=NoticeKind.values), name="notice_kind_known"),
            models.UniqueConstraint(
                fields=["company", "kind", "key"],
                condition=Q(closed_at__isnull=True, company__isnull=False),
                name="notice_one_open_per_company",
            ),
            models.UniqueConstraint(
                fields=["kind", "key"],
                condition=Q(closed_at__isnull=True, company__isnull=True),
                name="notice_one_open_of_installation",
            ),
        ]
        indexes = [models.Index(fields=["created_at"], name="notice_by_age")]

    def __str__(self) -> str:
        return self.title


class NoticeDelivery(Row):
    """One notice on its way to one target; `attempts` is counted before each try, so a crash counts too."""

    notice = models.ForeignKey(Notice, on_delete=models.CASCADE, related_name="deliveries")
    target = models.ForeignKey(NotificationTarget, on_delete=models.CASCADE, related_name="deliveries")
    state = models.CharField(max_length=16, choices=DeliveryState.choices, default=DeliveryState.PENDING)
    attempts = models.PositiveSmallIntegerField(default=0)
    next_try_at = models.DateTimeField()
    settled_at = models.DateTimeField(null=True, blank=True)
    error = models.TextField(null=True, blank=True)

    class Meta:
        db_table = "notice_deliveries"
        constraints = [
            models.CheckConstraint(
                condition=Q(state__in=DeliveryState.values), name="notice_delivery_state_known"
            ),
            models.UniqueConstraint(fields=["notice", "target"], name="notice_delivery_once_per_target"),
        ]
        indexes = [
            models.Index(
                fields=["next_try_at"],
                condition=Q(state=DeliveryState.PENDING),
                name="notice_delivery_due",
            ),
            models.Index(fields=["target", "-created_at"], name="notice_delivery_by_target"),
        ]

    def __str__(self) -> str:
        return f"{self.state} to {self.target_id}"
