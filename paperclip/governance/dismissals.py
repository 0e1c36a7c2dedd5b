"""Approvals a person does not want counted until they change (C-99)."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from uuid import UUID

from paperclip.governance.choices import APPROVAL_OPEN
from paperclip.governance.models import Approval


def count(company_id: UUID, dismissed: Mapping[UUID, datetime]) -> int:
    """Return how many open approvals were dismissed after they last changed."""
    rows = Approval.objects.filter(company_id=company_id, status__in=APPROVAL_OPEN, pk__in=dismissed)
    return sum(changed <= dismissed[pk] for pk, changed in rows.values_list("pk", "updated_at"))
