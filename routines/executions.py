"""The issues that routines made, and which of them is being worked on."""

from __future__ import annotations

from collections.abc import Iterable
from uuid import UUID

from django.db.models import Exists, OuterRef, Q, QuerySet

from heartbeat.choices import RUN_LIVE
from heartbeat.models import Run
from issues.choices import OPEN, OriginKind
from issues.models import Issue
from routines.models import Routine

# What issues carry that no dispatch has marked.
UNMARKED = "default"
# Between a fingerprint and what tells apart issues that may run side by side.
_APART = ":"


def live(routines: Iterable[Routine]) -> QuerySet[Issue]:
    """Return the open issues of `routines` that have a live run, the one changed last first (R-79, R-130)."""
    rows = list(routines)
    bound = Run.objects.filter(pk=OuterRef("execution_run_id"), status__in=RUN_LIVE)
    named = Run.objects.filter(issue=OuterRef("pk"), status__in=RUN_LIVE)
    issues = Issue.objects.filter(
        Exists(bound) | Exists(named),
        company_id__in={routine.company_id for routine in rows},
        origin_kind=OriginKind.ROUTINE_EXECUTION,
        origin_id__in=[str(routine.pk) for routine in rows],
        status__in=OPEN,
        hidden_at__isnull=True,
    )
    return issues.order_by("-updated_at", "-created_at")


def live_of_kind(routine: Routine, fingerprint: str) -> Issue | None:
    """Return the live issue that stands for a dispatch with `fingerprint`, or None (R-79)."""
    same = Q(origin_fingerprint__in=[fingerprint, UNMARKED]) | Q(
        origin_fingerprint__startswith=fingerprint + _APART
    )
    return live([routine]).filter(same).first()


def side_by_side(fingerprint: str, run_id: UUID) -> str:
    """Return the fingerprint of an issue that may run beside others of its kind.

    The database lets one issue of a fingerprint run at a time; those of `always_enqueue` are told apart
    (RW-11).
    """
    return f"{fingerprint}{_APART}{run_id}"
