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
