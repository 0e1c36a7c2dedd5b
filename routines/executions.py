"""The issues that routines made, and which of them is being worked on."""

from __future__ import annotations

from collections.abc import Iterable

from django.db.models import Q, QuerySet

from heartbeat.choices import RUN_LIVE
from issues import origins
from issues.choices import OPEN, OriginKind
from issues.models import Issue
from routines.models import Routine

# What issues carry that no dispatch has marked.
UNMARKED = "default"


def live(routines: Iterable[Routine]) -> QuerySet[Issue]:
    """Return the open issues of `routines` that have a live run, the one changed last first (R-79, R-130)."""
    rows = list(routines)
    issues = Issue.objects.filter(
        runs__status__in=RUN_LIVE,  # the database lets an issue have one live run, so none comes twice
        company_id__in={routine.company_id for routine in rows},
        origin_kind=OriginKind.ROUTINE_EXECUTION,
        origin_id__in=[str(routine.pk) for routine in rows],
        status__in=OPEN,
        hidden_at__isnull=True,
    )
    return issues.order_by("-updated_at", "-created_at")


def hold_open(issue: Issue) -> bool:
    """Lock an issue; False when it was closed or hidden since it was looked at."""
    rows = Issue.objects.select_for_update(no_key=True).filter(pk=issue.pk, status__in=OPEN)
    return rows.filter(hidden_at__isnull=True).order_by().values_list("pk").first() is not None


def live_of_kind(routine: Routine, fingerprint: str) -> Issue | None:
    """Return the live issue that stands for a dispatch with `fingerprint`, or None (R-79)."""
    same = Q(origin_fingerprint__in=[fingerprint, UNMARKED])
    marked_apart = Q(origin_fingerprint__startswith=fingerprint + origins.APART)
    return live([routine]).filter(same | marked_apart).first()
