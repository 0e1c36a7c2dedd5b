"""Closed work that a waiting word of a person opens again (I-80)."""

from __future__ import annotations

from datetime import datetime

from issues import checkout, statuses, trail
from issues.choices import CLOSED, IssueStatus
from issues.models import Issue
from paperclip.companies.actors import Actor


def for_waiting_comment(*, issue: Issue, actor: Actor, now: datetime) -> bool:
    """Move a closed `issue`, whose row the caller holds locked, back to `todo`; False when it is open already."""
    closed_as = issue.status
    values = statuses.stamps(IssueStatus.TODO, now=now, started_at=issue.started_at)
    changed = Issue.objects.filter(pk=issue.pk, status__in=CLOSED).update(
        **values, **checkout.UNOWNED, execution_state=None, updated_at=now
    )
    if not changed:
        return False
    issue.refresh_from_db()
    details = {"status": IssueStatus.TODO, "reopened": True, "reopenedFrom": closed_as, "source": "deferred_comment_wake"}
    trail.record(issue, "issue.updated", actor=actor, now=now, details={**details, "identifier": issue.identifier})
    trail.touch(issue, now=now)
    return True


def bring_back(
    *,
    issue: Issue,
    reopened_from: str,
    actor: Actor,
    now: datetime,
    source: str = "comment",
    more: Mapping[str, Any] | None = None,
) -> None:
    """Put a locked issue back to `todo` and log it (I-76). A review that was done does not count again (IW-25)."""
    columns = statuses.stamps(IssueStatus.TODO, now=now, started_at=issue.started_at) | checkout.UNOWNED
    columns |= {"execution_state": None, "updated_at": now, "last_activity_at": now}
    Issue.objects.filter(pk=issue.pk).update(**columns)
    for column, value in columns.items():
        setattr(issue, column, value)
    details = {
        "status": IssueStatus.TODO.value,
        "identifier": issue.identifier,
        "reopened": True,
        "reopenedFrom": reopened_from,
        "source": source,
        "_previous": {"status": reopened_from},
        **(more or {}),
    }
    trail.record(issue, "issue.updated", actor=actor, now=now, details=details)


def for_waiting_comment(*, issue: Issue, actor: Actor, now: datetime) -> None:
    """Bring a locked, closed issue back for a person's comment that waited for a run to end (I-80)."""
    bring_back(issue=issue, reopened_from=issue.status, actor=actor, now=now, source="deferred_comment_wake")
