"""What a status requires and what it leaves on the row. Any status may follow any other (I-30)."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

from issues.choices import IssueStatus
from paperclip.core.errors import Unprocessable


@dataclass(frozen=True)
class Default:
    """The status a new issue starts with, and why (I-29)."""

    status: str
    defaulted: bool
    reason: str


def decide_default(status: str | None, *, assigned: bool) -> Default:
    """Return the status of a new issue: the one asked for, else `todo` with an assignee and `backlog`
    without.
    """
    if status is not None:
        return Default(status, False, "explicit")
    if assigned:
        return Default(IssueStatus.TODO, True, "assigned_omitted_status")
    return Default(IssueStatus.BACKLOG, True, "unassigned_omitted_status")


def stamps(
    status: str,
    *,
    now: datetime,
    started_at: datetime | None = None,
    completed_at: datetime | None = None,
    cancelled_at: datetime | None = None,
) -> dict[str, Any]:
    """Return the columns that go with `status` (I-31), given the row's present times.

    A first start, completion or cancellation keeps its time when the same status is written again.
    """
    return {
        "status": status,
        "started_at": started_at or now if status == IssueStatus.IN_PROGRESS else started_at,
        "completed_at": completed_at or now if status == IssueStatus.DONE else None,
        "cancelled_at": cancelled_at or now if status == IssueStatus.CANCELLED else None,
    }


def require_assignee(status: str, *, agent_id: UUID | None, user_id: UUID | None) -> None:
    """Raise Unprocessable for two assignees (I-33), or for work in progress without one (I-30)."""
    if agent_id is not None and user_id is not None:
        raise Unprocessable("Issue can only have one assignee")
    if status == IssueStatus.IN_PROGRESS and agent_id is None and user_id is None:
        raise Unprocessable("in_progress issues require an assignee")
