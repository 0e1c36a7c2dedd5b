"""What an issue was made for, where the database lets one of a kind be worked on at a time (R-84)."""

from __future__ import annotations

from django.db import connection

from issues.choices import OriginKind
from issues.models import Issue

# Between a fingerprint and what tells its bearer apart from others of the same.
APART = ":"


def make_way(issue: Issue) -> None:
    """Mark a locked issue of a routine apart if another of the same dispatch is being worked on.

    Called before the issue is given the execution lock. An issue that comes back, by a comment or a late
    retry, while a newer one runs, must not be kept from its agent by the guard against dispatching the same
    work twice.
    """
    if issue.origin_kind != OriginKind.ROUTINE_EXECUTION or issue.execution_run_id is not None:
        return
    with connection.cursor() as cursor:
        # Two of the same that are taken side by side would each miss the other.
        key = f"{issue.origin_id} {issue.origin_fingerprint}"
        cursor.execute("SELECT pg_advisory_xact_lock(hashtextextended(%s, 2))", [key])
    taken = Issue.objects.filter(
        company_id=issue.company_id,
        origin_kind=issue.origin_kind,
        origin_id=issue.origin_id,
        origin_fingerprint=issue.origin_fingerprint,
        execution_run__isnull=False,
    )
    if taken.exclude(pk=issue.pk).exists():
        issue.origin_fingerprint = f"{issue.origin_fingerprint}{APART}{issue.pk}"
        Issue.objects.filter(pk=issue.pk).update(origin_fingerprint=issue.origin_fingerprint)
