"""Words of approvals and money."""

from __future__ import annotations

from django.db import models


class ApprovalType(models.TextChoices):
    HIRE_AGENT = "hire_agent"
    APPROVE_CEO_STRATEGY = "approve_ceo_strategy"
    BUDGET_OVERRIDE_REQUIRED = "budget_override_required"
    REQUEST_BOARD_APPROVAL = "request_board_approval"


class ApprovalStatus(models.TextChoices):
    PENDING = "pending"
    REVISION_REQUESTED = "revision_requested"
    APPROVED = "approved"
    REJECTED = "rejected"
    CANCELLED = "cancelled"


APPROVAL_OPEN = (ApprovalStatus.PENDING, ApprovalStatus.REVISION_REQUESTED)


class BillingType(models.TextChoices):
    METERED_API = "metered_api"
    SUBSCRIPTION_INCLUDED = "subscription_included"
    SUBSCRIPTION_OVERAGE = "subscription_overage"
    CREDITS = "credits"
    FIXED = "fixed"
    UNKNOWN = "unknown"


class BudgetScope(models.TextChoices):
    """What a budget is for."""

    COMPANY = "company"
    AGENT = "agent"
    PROJECT = "project"


class BudgetMetric(models.TextChoices):
    BILLED_CENTS = "billed_cents"


class BudgetWindow(models.TextChoices):
    CALENDAR_MONTH_UTC = "calendar_month_utc", "Each month"
    LIFETIME = "lifetime", "In all"


class BudgetThreshold(models.TextChoices):
    SOFT = "soft"  # people are warned
    HARD = "hard"  # the scope is stopped


class IncidentStatus(models.TextChoices):
    OPEN = "open"
    RESOLVED = "resolved"  # the budget was raised, or its window ended
    DISMISSED = "dismissed"  # a person knows, and leaves things as they are


class FinanceKind(models.TextChoices):
    INFERENCE_CHARGE = "inference_charge"
    PLATFORM_FEE = "platform_fee"
    CREDIT_PURCHASE = "credit_purchase"
    CREDIT_REFUND = "credit_refund"
    CREDIT_EXPIRY = "credit_expiry"
    BYOK_FEE = "byok_fee"
    GATEWAY_OVERHEAD = "gateway_overhead"
    LOG_STORAGE_CHARGE = "log_storage_charge"
    LOGPUSH_CHARGE = "logpush_charge"
    PROVISIONED_CAPACITY_CHARGE = "provisioned_capacity_charge"
    TRAINING_CHARGE = "training_charge"
    CUSTOM_MODEL_IMPORT_CHARGE = "custom_model_import_charge"
    CUSTOM_MODEL_STORAGE_CHARGE = "custom_model_storage_charge"
    MANUAL_ADJUSTMENT = "manual_adjustment"


class FinanceDirection(models.TextChoices):
    DEBIT = "debit"
    CREDIT = "credit"


class FinanceUnit(models.TextChoices):
    INPUT_TOKEN = "input_token"  # noqa: S105  a unit, not a secret
    OUTPUT_TOKEN = "output_token"  # noqa: S105  a unit, not a secret
    CACHED_INPUT_TOKEN = "cached_input_token"  # noqa: S105  a unit, not a secret
    REQUEST = "request"
    CREDIT_USD = "credit_usd"
    CREDIT_UNIT = "credit_unit"
    MODEL_UNIT_MINUTE = "model_unit_minute"
    MODEL_UNIT_HOUR = "model_unit_hour"
    GB_MONTH = "gb_month"
    TRAIN_TOKEN = "train_token"  # noqa: S105  a unit, not a secret
    UNKNOWN = "unknown"


class NoticeKind(models.TextChoices):
    """What a person is told of outside the board; the label is how a form names it."""

    RUN_EXHAUSTED = "run_exhausted", "A run failed for good"
    ISSUE_STUCK = "issue_stuck", "An issue is stuck"
    LOOP_STOPPED = "loop_stopped", "A loop without progress was stopped"
    BUDGET_INCIDENT = "budget_incident", "A budget was reached"
    APPROVAL_WAITING = "approval_waiting", "A question waits for an answer"
    RUN_SILENT = "run_silent", "A run has gone silent"
    RUNNER_LOST = "runner_lost", "A host that runs agents was lost"
    SERVICE_FAILED = "service_failed", "A service of a workspace failed"
    DISK_FULL = "disk_full", "A disk is nearly full"


class Channel(models.TextChoices):
    WEBHOOK = "webhook", "Webhook"
    EMAIL = "email", "E-mail"


class DeliveryState(models.TextChoices):
    PENDING = "pending"  # waits for its next try
    DELIVERED = "delivered"
    GIVEN_UP = "given_up"  # every try failed
    WITHDRAWN = "withdrawn"  # settled or switched off before it could be told
