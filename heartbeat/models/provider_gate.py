"""The account through which agents reach their provider, and whether it takes calls."""

from __future__ import annotations

from django.db import models
from django.db.models import Q

from heartbeat.choices import GateState
from heartbeat.models.run import Run
from paperclip.companies.models import Company
from paperclip.core.models import ChangingRow


class ProviderGate(ChangingRow):
    """An account shared by agents. While it is closed their runs wait; one probe finds out whether it takes calls.

    `key` names the account without its secret. `failures` counts the closings since it last went well.
    """

    company = models.ForeignKey(Company, on_delete=models.CASCADE, related_name="provider_gates")
    key = models.CharField(max_length=128)
    label = models.TextField()
    state = models.CharField(max_length=8, choices=GateState.choices, default=GateState.OPEN)
    not_before = models.DateTimeField(null=True, blank=True)
    reason = models.TextField(null=True, blank=True)
    failures = models.PositiveSmallIntegerField(default=0)
    probe_run = models.ForeignKey(Run, on_delete=models.SET_NULL, null=True, blank=True, related_name="+")
    closed_at = models.DateTimeField(null=True, blank=True)
    opened_at = models.DateTimeField(null=True, blank=True)

    class Meta:
        db_table = "provider_gates"
        constraints = [
            models.UniqueConstraint(fields=["company", "key"], name="provider_gate_one_per_key"),
            models.CheckConstraint(condition=Q(state__in=GateState.values), name="provider_gate_state_known"),
            models.CheckConstraint(
                condition=~Q(state=GateState.CLOSED) | Q(not_before__isnull=False, closed_at__isnull=False),
                name="provider_gate_closed_has_times",
            ),
        ]
        indexes = [
            models.Index(
                fields=["company"], condition=~Q(state=GateState.OPEN), name="provider_gate_not_open"
            ),
        ]

    def __str__(self) -> str:
        return f"{self.label} ({self.state})"
