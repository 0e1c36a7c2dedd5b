"""What an agent reads first when it wakes for an issue (I-153): one query, mostly written out as it comes.

The most frequent read of all, so nothing here is parsed that is not looked into.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any
from uuid import UUID

import orjson

from issues import queries, snapshots, wire, workspace_links
from issues.choices import IssueStatus

_COLUMNS = {
    "id": "issue.id::text",
    "identifier": "issue.identifier",
    "title": "issue.title",
    "description": "issue.description",
    "status": "issue.status",
    "workMode": "issue.work_mode",
    "priority": "issue.priority",
    "projectId": "issue.project_id::text",
    "goalId": "goal_ref.id::text",
    "parentId": "issue.parent_id::text",
    "assigneeAgentId": "issue.assignee_agent_id::text",
    "assigneeUserId": "issue.assignee_user_id::text",
    "originKind": "issue.origin_kind",
    "originId": "issue.origin_id",
    "updatedAt": wire.moment("issue.updated_at"),
}
_STATEMENT = snapshots.statement(
    ", ".join(_COLUMNS.values()),
    "issue.company_id",
    "issue.execution_workspace_id::text",
    snapshots.BLOCKED_BY,
    snapshots.BLOCKS,
    snapshots.SCHEDULED_RETRY,
    snapshots.BRIEF_ANCESTORS,
    snapshots.BRIEF_PROJECT,
    snapshots.BRIEF_GOAL,
    snapshots.COMMENT_CURSOR,
    snapshots.WAKE_COMMENT,
    snapshots.CONTINUATION,
    snapshots.ATTACHMENTS,
)


def read(
    reference: str, company_ids: Iterable[UUID], *, wake_comment_id: UUID | None
) -> dict[str, Any] | None:
    """Return the context of a heartbeat; None when there is no such issue for the caller.

    `wake_comment_id` names the comment that called; one of another issue reads as none.
    """
    names = queries.named(reference, company_ids)
    found = wire.rows_prepared(_STATEMENT, {**names, "wake_comment": wake_comment_id}) if names else []
    if not found:
        return None
    (
        *values,
        company_id,
        place_id,
        blocked_by,
        blocks,
        retry,
        ancestors,
        project,
        goal,
        cursor,
        wake_comment,
        summary,
        attachments,
    ) = found[0]
    issue = dict(zip(_COLUMNS, values, strict=True))
    issue |= {
        "blockerAttention": queries.blocker_attention(issue, company_id=company_id),
        "productivityReview": None,
        "scheduledRetry": wire.fragment(retry),
        "blockedBy": _blocked_by(blocked_by),
        "blocks": wire.fragment(blocks or "[]"),
    }
    return {
        "issue": issue,
        "ancestors": wire.fragment(ancestors or "[]"),
        "project": wire.fragment(project),
        "goal": wire.fragment(goal),
        "commentCursor": wire.fragment(cursor),
        "wakeComment": wire.fragment(wake_comment),
        "attachments": wire.fragment(attachments or "[]"),
        "continuationSummary": wire.fragment(summary),
        "currentExecutionWorkspace": workspace_links.current(place_id),
    }


def _blocked_by(text: str | None) -> Any:
    """Look behind blockers only when one of them is open."""
    if text is None:
        return []
    is_waiting = any(entry["status"] != IssueStatus.DONE for entry in orjson.loads(text))
    return queries.with_terminal_blockers(text) if is_waiting else wire.fragment(text)
