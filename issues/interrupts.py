"""Stop what runs for an issue (I-46, I-77). Who runs it is known upstairs; here it is only asked for and logged."""

from __future__ import annotations

from datetime import datetime
from uuid import UUID

from issues import signals
from issues.models import Issue
from paperclip.companies import activity
from paperclip.companies.actors import Actor


def stop_work(*, issue: Issue, actor: Actor, source: str, reason: str, now: datetime) -> UUID | None:
    """Have the issue's running run cancelled and return its id; None when nothing runs.

    `source` says which deed of the interface asked for it, `reason` is a sentence for the run.
    """
    answers = signals.work_stopped.send(
        sender=Issue, issue=issue, actor=actor, source=source, reason=reason, now=now
    )
    run_id = next((run_id for _, run_id in answers if isinstance(run_id, UUID)), None)
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
