from __future__ import annotations

from django.db import models
from django.db.models import Q

from paperclip.companies.models import Agent, Company, Goal, Project
from paperclip.core.models import Row
from paperclip.governance.choices import BillingType, FinanceDirection, FinanceKind, FinanceUnit


class CostEvent(Row):
    """Money spent by an agent (C-83). Append-only; sums are wider than 32 bits.

    A report that carries an `idempotency_key` counts once, however often it is sent (CW-26).
    """

    company = models.ForeignKey(Company, on_delete=models.CASCADE, db_index=False)
    agent = models.ForeignKey(Agent, on_delete=models.CASCADE, related_name="cost_events", db_index=False)
    issue = models.ForeignKey(
        "issues.Issue", on_delete=models.SET_NULL, null=True, blank=True, related_name="cost_events"
    )
    project = models.ForeignKey(Project, on_delete=models.SET_NULL, null=True, blank=True, db_index=False)
    goal = models.ForeignKey(Goal, on_delete=models.SET_NULL, null=True, blank=True)
    heartbeat_run = models.ForeignKey(
        "heartbeat.Run", on_delete=models.SET_NULL, null=True, blank=True, db_index=False
    )
    billing_code = models.TextField(null=True, blank=True)
    provider = models.TextField()
    biller = models.TextField()
    billing_type = models.CharField(max_length=32, choices=BillingType.choices, default=BillingType.UNKNOWN)
    model = models.TextField()
    input_tokens = models.PositiveBigIntegerField(default=0)
    cached_input_tokens = models.PositiveBigIntegerField(default=0)
    output_tokens = models.PositiveBigIntegerField(default=0)
    cost_cents = models.PositiveBigIntegerField()
    occurred_at = models.DateTimeField()
    idempotency_key = models.CharField(max_length=200, null=True, blank=True)

    class Meta:
        db_table = "cost_events"
        constraints = [
            models.UniqueConstraint(
                fields=["agent", "idempotency_key"],
                condition=Q(idempotency_key__isnull=False),
                name="cost_one_per_idempotency_key",
            )
        ]
        indexes = [
            models.Index(fields=["company", "occurred_at"], include=["cost_cents"], name="cost_by_company"),
            models.Index(fields=["agent", "occurred_at"], include=["cost_cents"], name="cost_by_agent"),
            models.Index(fields=["project", "occurred_at"], include=["cost_cents"], name="cost_by_project"),
            models.Index(fields=["heartbeat_run"], name="cost_by_run"),
        ]

    def __str__(self) -> str:
        return f"{self.cost_cents} cents by {self.agent_id}"


class FinanceEvent(Row):
    """A charge, fee or credit of a biller that is no single call of a model (C-87). Append-only."""

    company = models.ForeignKey(
        Company, on_delete=models.CASCADE, related_name="finance_events", db_index=False
    )
    agent = models.ForeignKey(Agent, on_delete=models.SET_NULL, null=True, blank=True, related_name="+")
    issue = models.ForeignKey(
        "issues.Issue", on_delete=models.SET_NULL, null=True, blank=True, related_name="+"
    )
    project = models.ForeignKey(Project, on_delete=models.SET_NULL, null=True, blank=True, related_name="+")
    goal = models.ForeignKey(Goal, on_delete=models.SET_NULL, null=True, blank=True, related_name="+")
    heartbeat_run = models.ForeignKey(
        "heartbeat.Run", on_delete=models.SET_NULL, null=True, blank=True, related_name="+"
    )
    cost_event = models.ForeignKey(
        CostEvent, on_delete=models.SET_NULL, null=True, blank=True, related_name="finance_events"
    )
    billing_code = models.TextField(null=True, blank=True)
    description = models.CharField(max_length=500, null=True, blank=True)
    event_kind = models.CharField(max_length=40, choices=FinanceKind.choices)
    direction = models.CharField(
        max_length=8, choices=FinanceDirection.choices, default=FinanceDirection.DEBIT
    )
    biller = models.TextField()
    provider = models.TextField(null=True, blank=True)
    execution_adapter_type = models.TextField(null=True, blank=True)
    pricing_tier = models.TextField(null=True, blank=True)
    region = models.TextField(null=True, blank=True)
    model = models.TextField(null=True, blank=True)
    quantity = models.PositiveBigIntegerField(null=True, blank=True)
    unit = models.CharField(max_length=24, choices=FinanceUnit.choices, null=True, blank=True)
    amount_cents = models.PositiveBigIntegerField()
    currency = models.CharField(max_length=3, default="USD")
    estimated = models.BooleanField(default=False)
    external_invoice_id = models.TextField(null=True, blank=True)
    metadata_json = models.JSONField(null=True, blank=True)
    occurred_at = models.DateTimeField()

    class Meta:
        db_table = "finance_events"
        constraints = [
            models.CheckConstraint(
                condition=Q(event_kind__in=FinanceKind.values), name="finance_event_kind_known"
            ),
            models.CheckConstraint(
                condition=Q(direction__in=FinanceDirection.values), name="finance_event_direction_known"
            ),
            models.CheckConstraint(
                condition=Q(currency__regex=r"^[A-Z]{3}$"), name="finance_event_currency_three_letters"
            ),
        ]
        indexes = [models.Index(fields=["company", "-occurred_at", "-id"], name="finance_event_newest")]

    def __str__(self) -> str:
        return f"{self.event_kind}: {self.amount_cents} cents"
