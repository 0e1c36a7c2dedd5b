"""What else may be left behind: waiting calls, calls that were refused, locks of runs that are over (beats HW-9)."""

from __future__ import annotations

from datetime import datetime
from functools import partial
from uuid import UUID

from django.db import connection

from heartbeat import movement, surroundings, wakeups
from heartbeat.choices import RUN_LIVE, RUN_TERMINAL, WakeupStatus
from heartbeat.models import Run, WakeupRequest
from heartbeat.moves import Kind
from heartbeat.recovery import passes
from heartbeat.stranding import escalation
from issues import blockers, checkout, locks, wakes
from issues.choices import IssueStatus
from issues.models import Issue
from paperclip.core.errors import NotFound
from paperclip.governance.choices import NoticeKind
from paperclip.governance.models import Notice

NAME = "recovery.waiting"
MOST = 500


def promote(*, now: datetime) -> int:
    """Let in calls that wait for an issue no run works on; return how many issues got a run."""
    busy = Run.objects.filter(issue__isnull=False, status__in=RUN_LIVE).values("issue")
    rows = WakeupRequest.objects.filter(status=WakeupStatus.DEFERRED, issue__isnull=False)
    ids = rows.exclude(issue__in=busy).order_by("issue").values_list("issue_id", flat=True).distinct()[:MOST]
    promoted = [passes.each(NAME, issue_id, partial(_promote, issue_id, now=now)) for issue_id in list(ids)]
    return sum(run is True for run in promoted)


def call_freed(*, now: datetime) -> int:
    """Call the agents that were not told that all their issue waited for is done; return how many were called."""
    called = 0
    for page in passes.pages(_blocked):
        freed = surroundings.freed_among(issue_id for (issue_id,) in page)
        issues = list(Issue.objects.filter(pk__in=freed).only("id"))
        for issue_id, move in movement.of_many(issues, now=now).items():
            if move.kind == Kind.RECOVERY:
                last = freed[issue_id]
                called += passes.each(NAME, issue_id, partial(_call_freed, issue_id, last, now=now)) is True
    return called


def clear_dead_locks() -> int:
    """Drop execution locks whose run is over (I-41); return how many. Their checkout stays, and is adopted."""
    rows = Issue.objects.filter(execution_run__status__in=RUN_TERMINAL)
    run_ids = list(rows.order_by("execution_run").values_list("execution_run_id", flat=True)[:MOST])
    cleared = 0
    for run_id in run_ids:
        if run_id is not None:
            cleared += len(passes.each(NAME, run_id, partial(checkout.clear_lock, run_id=run_id)) or ())
    return cleared


def settle_notices(*, now: datetime) -> int:
    """Close the notices of issues that are not stuck any more; return how many."""
    rows = Notice.objects.filter(kind=NoticeKind.ISSUE_STUCK, closed_at__isnull=True)
    told = list(rows.order_by("created_at").values_list("company_id", "key")[:MOST])
    if not told:
        return 0
    stuck = Issue.objects.filter(pk__in=[key for _, key in told], status=IssueStatus.BLOCKED)
    still = {str(issue_id) for issue_id in stuck.values_list("pk", flat=True)}
    gone = [(company_id, key) for company_id, key in told if key not in still]
    for company_id, key in gone:
        escalation.settle_notice(company_id, key, now=now)
    return len(gone)


def _promote(issue_id: UUID, *, now: datetime) -> bool:
    try:
        issue = locks.issue(issue_id)
    except NotFound:
        return False
    if Run.objects.filter(issue=issue, status__in=RUN_LIVE).exists():
        return False
    return wakeups.promote_deferred(issue_id=issue.pk, now=now) is not None


def _call_freed(issue_id: UUID, last: UUID, *, now: datetime) -> bool:
    issue = locks.issue(issue_id, with_relations=True)
    if issue.status != IssueStatus.BLOCKED or issue_id not in surroundings.freed_among([issue_id]):
        return False
    batch = wakes.Batch()
    for wake in blockers.called_when_ready([issue_id], resolved=last):
        batch.add(wake)
    batch.send(actor=escalation.ACTOR, now=now)
    return Run.objects.filter(issue_id=issue_id, status__in=RUN_LIVE).exists()


_BLOCKED = """
SELECT id FROM issues
WHERE status IN ('blocked', 'in_review') AND hidden_at IS NULL AND id > %s
  AND status = 'blocked' AND assignee_agent_id IS NOT NULL
ORDER BY id LIMIT %s
"""


def _blocked(after: UUID) -> list[tuple[UUID]]:
    with connection.cursor() as cursor:
        cursor.execute(_BLOCKED, [after, passes.PAGE])
        rows: list[tuple[UUID]] = cursor.fetchall()
    return rows
