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
