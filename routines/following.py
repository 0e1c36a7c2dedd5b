"""What becomes of the issues that routines made, told to the runs that made them or were folded into them (R-94).

The runs follow through every door, for issues say so in the transaction of each change (RW-8).
"""

from __future__ import annotations

from datetime import datetime

from issues.choices import IssueStatus
from issues.models import Issue
from routines.choices import FOLDED, RunOutcome, RunStatus
from routines.models import RoutineRun

_OUTCOMES = {
    IssueStatus.DONE: RunOutcome.COMPLETED,
    IssueStatus.BLOCKED: RunOutcome.FAILED,
    IssueStatus.CANCELLED: RunOutcome.FAILED,
}


def follow(*, issue: Issue, now: datetime) -> int:
    """Tell the runs of an issue that its status changed; return how many heard of it.

    The run that made it is `completed` or `failed`, and back when that is undone by the other; reopening changes
    nothing (R-96). Those that were folded into it keep their word and learn the outcome (RW-9).
    """
    outcome = _OUTCOMES.get(IssueStatus(issue.status))
    if outcome is None:
        return 0
    reason = f"Execution issue moved to {issue.status}" if outcome == RunOutcome.FAILED else None
    return _settle(issue, outcome, reason, now)


def lose(*, issue: Issue, now: datetime) -> int:
    """Tell the runs of an issue that is being deleted before its work ended; return how many heard of it."""
    if IssueStatus(issue.status) in _OUTCOMES:
        return 0
    return _settle(issue, RunOutcome.FAILED, "Execution issue was deleted", now)


def _settle(issue: Issue, outcome: RunOutcome, reason: str | None, now: datetime) -> int:
    runs = RoutineRun.objects.filter(linked_issue=issue)
    told = {"outcome": outcome, "outcome_at": now, "updated_at": now}
    folded = runs.filter(status__in=FOLDED).update(**told)
    status = RunStatus.COMPLETED if outcome == RunOutcome.COMPLETED else RunStatus.FAILED
    made = runs.exclude(status__in=FOLDED).update(**told, status=status, reason=reason, completed_at=now)
    return folded + made
