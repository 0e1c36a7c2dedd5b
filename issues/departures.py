"""What becomes of a person's open issues when they leave the company (C-34)."""

from __future__ import annotations

from datetime import datetime
from typing import Any
from uuid import UUID

from issues import assignment, changes, checkout, consequences, statuses, trail
from issues.choices import CLOSED, IssueStatus
from issues.models import Issue
from paperclip.companies.actors import Actor
from paperclip.core.errors import Unprocessable


def pass_on(
    *,
    company_id: UUID,
    user_id: UUID,
    to_agent_id: UUID | None,
    to_user_id: UUID | None,
    actor: Actor,
    now: datetime,
) -> int:
    """Give a person's open issues to an agent, another person, or nobody; return how many.

    Work in progress starts over as `todo`, without a lock. An agent that takes over is called for each issue.
    Raises Unprocessable for two takers or the leaver as taker, and what assigning to the taker raises.
    """
    if to_agent_id is not None and to_user_id is not None:
        raise Unprocessable("Issue can only have one assignee")
    if to_user_id == user_id:
        raise Unprocessable("Open issues cannot stay with who leaves")
    if to_agent_id is not None:
        assignment.require_assignable_agent(company_id, to_agent_id)
    if to_user_id is not None:
        assignment.require_assignable_user(company_id, to_user_id)
    held = Issue.objects.select_for_update(no_key=True).filter(
        company_id=company_id, assignee_user_id=user_id
    )
    issues = list(held.exclude(status__in=CLOSED).order_by("pk"))
    for issue in issues:
        _pass_on(issue, to_agent_id, to_user_id, actor, now)
    return len(issues)


def _pass_on(issue: Issue, agent_id: UUID | None, user_id: UUID | None, actor: Actor, now: datetime) -> None:
    before = {"assigneeUserId": issue.assignee_user_id, "status": issue.status}
    columns: dict[str, Any] = {"assignee_agent_id": agent_id, "assignee_user_id": user_id, "updated_at": now}
    if issue.status == IssueStatus.IN_PROGRESS:
        columns |= statuses.stamps(IssueStatus.TODO, now=now, started_at=issue.started_at) | checkout.UNOWNED
    changes.write(issue, columns, actor=actor, now=now)
    details = {
        "identifier": issue.identifier,
        "assigneeAgentId": agent_id,
        "assigneeUserId": user_id,
        "status": issue.status,
        "source": "member_archived",
        "_previous": before,
    }
    trail.record(issue, "issue.updated", actor=actor, now=now, details=details)
    trail.touch(issue, now=now)
    consequences.call_assignee(issue, actor=actor, now=now, source="member_archived", mutation="update")
