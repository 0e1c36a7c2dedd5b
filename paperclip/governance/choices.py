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
