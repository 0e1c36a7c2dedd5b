"""When a comment brings an issue back to work, and who may ask for it (I-73 to I-76, I-80)."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any
from uuid import UUID

from issues import authority, blockers, changes, checkout, holds, statuses, trail
from issues.choices import CLOSED, RESUMABLE, IssueStatus
from issues.models import Issue
from paperclip.companies.actors import Actor
from paperclip.core.errors import Conflict, Forbidden


def waits_for(issue: Issue) -> Sequence[UUID]:
    """Return the open blockers of a blocked issue; of others it does not matter here."""
    if issue.status != IssueStatus.BLOCKED:
        return ()
    return blockers.readiness(issue.pk).unresolved_blocker_issue_ids


def require_allowed(
    *, issue: Issue, actor: Actor, reopen: bool, resume: bool, waiting: Sequence[UUID]
) -> None:
    """Raise Conflict or Forbidden when the request to go on with `issue` is refused (I-75).

    Whoever asks for a follow-up passes here; of those who only ask to reopen, agents do.
    """
    if not resume and not (reopen and actor.is_agent):
        return
    if issue.status == IssueStatus.CANCELLED:
        raise Conflict("Cancelled issues are brought back by a tree restore, not by a follow-up")
    if issue.status not in RESUMABLE:
        raise Conflict(f"Issue follow-up is not possible while the issue is {issue.status}")
    holds.require_resumable(issue)
    if waiting:
        raise Conflict(
            "Issue follow-up blocked by unresolved blockers",
            details={"unresolvedBlockerIssueIds": [str(issue_id) for issue_id in waiting]},
        )
    if not actor.is_agent or issue.assignee_agent_id == actor.agent_id:
        return
    if issue.assignee_agent_id is None:
        raise Conflict("Issue follow-up needs an agent assignee")
    if not authority.may_override(
        actor, company_id=issue.company_id, assignee_agent_id=issue.assignee_agent_id
    ):
        raise Forbidden("Only the assignee can follow up on this issue")


def decide(
    *, status: str, waiting: Sequence[UUID], by_person: bool, has_agent: bool, asked: bool
) -> str | None:
    """Return the status a comment brings the issue back from, or None when it stays as it is (I-73, I-74).

    `asked` is an allowed `reopen` or `resume`; without it only a person's word to an agent's issue moves it.
    """
    if status not in CLOSED and status != IssueStatus.BLOCKED:
        return None
    if waiting:
        return None
    return status if asked or (by_person and has_agent) else None


def bring_back(
    *,
    issue: Issue,
    actor: Actor,
    now: datetime,
    source: str = "comment",
    more: Mapping[str, Any] | None = None,
) -> None:
    """Put a locked issue back to `todo` and log it (I-76). A review that was done does not count again
    (IW-25).
    """
    reopened_from = issue.status
    columns = statuses.stamps(IssueStatus.TODO, now=now, started_at=issue.started_at) | checkout.UNOWNED
    columns |= {"execution_state": None, "updated_at": now, "last_activity_at": now}
    changes.write(issue, columns, actor=actor, now=now)
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


def for_waiting_comment(*, issue: Issue, actor: Actor, now: datetime) -> bool:
    """Bring a locked, closed issue back for a person's comment that waited for a run to end (I-80).

    False when it is open already.
    """
    if issue.status not in CLOSED:
        return False
    bring_back(issue=issue, actor=actor, now=now, source="deferred_comment_wake")
    return True
