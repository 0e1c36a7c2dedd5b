from __future__ import annotations

from django.db import models
from django.db.models import Q

from paperclip.companies.models import Agent, Company, Secret, User
from paperclip.core.models import ChangingRow, Row
from routines.choices import (
    LABEL_MAX,
    REPLAY_WINDOW_MAX_SEC,
    REPLAY_WINDOW_MIN_SEC,
    ClockChanges,
    SigningMode,
    TriggerKind,
)
from routines.models.routine import Routine


class Trigger(ChangingRow):
    """What sets a routine off (R-14). `next_run_at` is when a schedule is due next; firing moves it on.

    `clock_changes` and `grace_sec` say what a schedule does on days the clock is changed, and how late it may be.
    One that broke off unforeseen is tried again at `retry_at`. `public_id` is the address of a webhook; `secret` is
    what its senders prove to know.
    """

    company = models.ForeignKey(Company, on_delete=models.CASCADE)
    routine = models.ForeignKey(Routine, on_delete=models.CASCADE, related_name="triggers")
    kind = models.CharField(max_length=16, choices=TriggerKind.choices)
    label = models.CharField(max_length=LABEL_MAX, null=True, blank=True)
    enabled = models.BooleanField(default=True)
    cron_expression = models.CharField(max_length=255, null=True, blank=True)
    timezone = models.CharField(max_length=64, null=True, blank=True)
    next_run_at = models.DateTimeField(null=True, blank=True)
    clock_changes = models.CharField(max_length=16, choices=ClockChanges.choices, default=ClockChanges.ONCE)
    grace_sec = models.PositiveIntegerField(null=True, blank=True)
    retry_at = models.DateTimeField(null=True, blank=True)
    public_id = models.CharField(max_length=32, unique=True, null=True, blank=True)
    secret = models.ForeignKey(Secret, on_delete=models.SET_NULL, null=True, blank=True, related_name="+")
    signing_mode = models.CharField(max_length=16, choices=SigningMode.choices, null=True, blank=True)
    replay_window_sec = models.PositiveIntegerField(null=True, blank=True)
    last_rotated_at = models.DateTimeField(null=True, blank=True)
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
            models.CheckConstraint(
                condition=Q(kind=TriggerKind.WEBHOOK, public_id__isnull=False)
                | (
                    ~Q(kind=TriggerKind.WEBHOOK)
                    & Q(
                        public_id__isnull=True,
                        secret__isnull=True,
                        signing_mode__isnull=True,
                        replay_window_sec__isnull=True,
                        last_rotated_at__isnull=True,
                    )
                ),
                name="trigger_webhook_fields",
            ),
            models.CheckConstraint(
                condition=Q(clock_changes__in=ClockChanges.values), name="trigger_clock_changes_known"
            ),
            models.CheckConstraint(
                condition=Q(signing_mode__isnull=True) | Q(signing_mode__in=SigningMode.values),
                name="trigger_signing_mode_known",
            ),
            models.CheckConstraint(
                condition=Q(replay_window_sec__isnull=True)
                | Q(
                    replay_window_sec__gte=REPLAY_WINDOW_MIN_SEC, replay_window_sec__lte=REPLAY_WINDOW_MAX_SEC
                ),
                name="trigger_replay_window_in_range",
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


class WebhookReceipt(Row):
    """A signed request that was taken (RW-7): the same signature is not taken again before `expires_at`."""

    trigger = models.ForeignKey(Trigger, on_delete=models.CASCADE, related_name="receipts")
    digest = models.CharField(max_length=64)
    expires_at = models.DateTimeField()

    class Meta:
        db_table = "routine_webhook_receipts"
        constraints = [models.UniqueConstraint(fields=["trigger", "digest"], name="webhook_receipt_once")]
        indexes = [models.Index(fields=["expires_at"], name="webhook_receipt_over")]

    def __str__(self) -> str:
        return self.digest
