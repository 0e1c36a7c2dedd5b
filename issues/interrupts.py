"""Stop what runs for an issue (I-46, I-77). Who runs it is known upstairs; here it is only asked for and
logged.
"""

from __future__ import annotations

from datetime import datetime
from uuid import UUID

from issues import signals
from issues.models import Issue
from paperclip.companies import activity
from paperclip.companies.actors import Actor


def by_comment(issue: Issue, *, actor: Actor, now: datetime) -> UUID | None:
    """Stop the run that a comment interrupts and return its id; None when nothing runs."""
    return _stop(issue, actor, now, source="issue_comment_interrupt", reason="Interrupted by a comment")


def by_status(issue: Issue, *, actor: Actor, now: datetime) -> UUID | None:
    """Stop the run of an issue that was cancelled and return its id; None when nothing runs."""
    return _stop(issue, actor, now, source="issue_status_cancelled", reason="Issue was cancelled")


def by_deletion(issue: Issue, *, actor: Actor, now: datetime) -> UUID | None:
    """Stop the run of an issue that goes away and return its id; None when nothing runs."""
    return _stop(issue, actor, now, source="issue_deleted", reason="Issue was deleted")


def _stop(issue: Issue, actor: Actor, now: datetime, *, source: str, reason: str) -> UUID | None:
    told = {"issue": issue, "actor": actor, "source": source, "reason": reason, "now": now}
    stopped: list[UUID | None] = [answer for _, answer in signals.work_stopped.send(sender=Issue, **told)]  # type: ignore[misc]
    run_id = next((each for each in stopped if each is not None), None)
    if run_id is not None:
        activity.record(
            company_id=issue.company_id,
            actor=actor,
            action="heartbeat.cancelled",
            entity_type="heartbeat_run",
            entity_id=run_id,
            details={"agentId": issue.assignee_agent_id, "source": source, "issueId": issue.pk},
            now=now,
        )
    return run_id
