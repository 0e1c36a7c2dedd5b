"""How many issues stand where, for dashboards."""

from __future__ import annotations

from datetime import datetime
from uuid import UUID

from django.db.models import Count, Q

from issues.choices import CLOSED, IssueStatus
from issues.models import Issue


def by_state(company_id: UUID, now: datetime) -> dict[str, int]:
    """Return the company's open, running, blocked and finished issues (C-98); `now` plays no part.

    `open` is everything but done and cancelled, so it counts those in progress and blocked as well.
    """
    counts: dict[str, int] = Issue.objects.filter(company_id=company_id, hidden_at__isnull=True).aggregate(
        open=Count("id", filter=~Q(status__in=CLOSED)),
        inProgress=Count("id", filter=Q(status=IssueStatus.IN_PROGRESS)),
        blocked=Count("id", filter=Q(status=IssueStatus.BLOCKED)),
        done=Count("id", filter=Q(status=IssueStatus.DONE)),
    )
    return counts
