"""Parents and children (I-54, I-55, I-84)."""

from __future__ import annotations

from typing import Any
from uuid import UUID

from django.db import connection
from django.db.models import OuterRef, Subquery
from django.db.models.functions import Left

from issues import wakes
from issues.choices import CLOSED, MAX_CHILDREN, MAX_REQUEST_DEPTH, WAKES_NOBODY
from issues.models import Comment, Issue
from paperclip.core import clock, jsonable
from paperclip.core.errors import Conflict, NotFound, Unprocessable

_MAX_SUMMARIES = 20
_SUMMARY_LIMIT = 500
_SUMMARY_KEPT = 485

_UP = """
WITH RECURSIVE up (id) AS (
  SELECT %(start)s::uuid
  UNION
  SELECT issues.parent_id FROM up JOIN issues ON issues.id = up.id WHERE issues.parent_id IS NOT NULL
)
SELECT EXISTS (SELECT 1 FROM up WHERE id = %(target)s)
"""

_DOWN = """
WITH RECURSIVE down (id) AS (
  SELECT id FROM issues WHERE parent_id = %(root)s
  UNION
  SELECT issues.id FROM down JOIN issues ON issues.parent_id = down.id
)
SELECT id FROM down
"""


def require_parent(company_id: UUID, parent_id: UUID, *, child_id: UUID | None = None) -> Issue:
    """Return the parent, which must be of the company (NotFound) and not below the child (Unprocessable).

    With a `child_id` the caller holds `locks.relations`: two moves side by side could otherwise form a
    circle.
    """
    parent = Issue.objects.filter(pk=parent_id, company_id=company_id).first()
    if parent is None:
        raise NotFound("Parent issue not found")
    if child_id is not None and parent_id == child_id:
        raise Unprocessable("Issue cannot be its own parent")
    if child_id is not None and _is_at_or_above(child_id, start=parent_id):
        raise Unprocessable("Parent cannot be one of the issue's own descendants")
    return parent


def require_room(parent: Issue) -> None:
    """Raise Unprocessable when a locked parent has as many children as it may have."""
    if Issue.objects.filter(parent=parent).count() >= MAX_CHILDREN:
        raise Unprocessable(f"Issue already has {MAX_CHILDREN} children")


def require_childless(issue: Issue) -> None:
    """Raise Conflict when the issue has children (IL-4)."""
    children = (
        Issue.objects.filter(parent=issue).order_by("issue_number").values_list("identifier", flat=True)[:10]
    )
    if children:
        raise Conflict(
            "Issue has child issues; move or delete them first", details={"childIdentifiers": list(children)}
        )


def depth_below(parent: Issue, asked: int) -> int:
    """Return the request depth of a child (I-50)."""
    return min(max(parent.request_depth + 1, asked), MAX_REQUEST_DEPTH)


def descendants(root_id: UUID) -> list[UUID]:
    """Return the ids of everything below `root_id`, without itself."""
    with connection.cursor() as cursor:
        cursor.execute(_DOWN, {"root": root_id})
        return [row[0] for row in cursor.fetchall() if row[0] != root_id]


def called_by_closing(child: Issue) -> wakes.Wake | None:
    """Return the wake of the parent whose last open child was `child`, or None (I-84).

    Call it after the child was closed, under `locks.relations`: of two last children that close side by side
    neither would see the other.
    """
    if child.parent_id is None:
        return None
    parent_id = child.parent_id
    # Locked: a parent that is being given to an agent at this moment is waited for, not missed.
    parent = (
        Issue.objects.select_for_update(no_key=True).only("assignee_agent_id", "status").get(pk=parent_id)
    )
    agent_id = parent.assignee_agent_id
    if agent_id is None or parent.status in WAKES_NOBODY:
        return None
    if Issue.objects.filter(parent_id=parent_id).exclude(status__in=CLOSED).exists():
        return None
    children = list(
        Issue.objects.filter(parent_id=parent_id).order_by("issue_number").values_list("pk", flat=True)
    )
    return wakes.children_completed(
        issue_id=parent_id,
        agent_id=agent_id,
        completed=child.pk,
        children=children,
        summaries=_summaries(parent_id),
    )


def _summaries(parent_id: UUID) -> list[dict[str, Any]]:
    newest = (
        Comment.objects.filter(issue=OuterRef("pk")).order_by("-number").values(start=Left("body", 4000))[:1]
    )
    rows = Issue.objects.filter(parent_id=parent_id).annotate(word=Subquery(newest)).order_by("issue_number")
    return [
        {
            "id": str(row["pk"]),
            "identifier": row["identifier"],
            "title": row["title"],
            "status": row["status"],
            "priority": row["priority"],
            "assigneeAgentId": jsonable.plain(row["assignee_agent_id"]),
            "assigneeUserId": jsonable.plain(row["assignee_user_id"]),
            "updatedAt": clock.iso(row["updated_at"]),
            "summary": _shortened(row["word"]),
        }
        for row in rows[:_MAX_SUMMARIES].values(
            "pk",
            "identifier",
            "title",
            "status",
            "priority",
            "assignee_agent_id",
            "assignee_user_id",
            "updated_at",
            "word",
        )
    ]


def _shortened(text: str | None) -> str | None:
    text = (text or "").strip()
    if not text:
        return None
    return text if len(text) <= _SUMMARY_LIMIT else text[:_SUMMARY_KEPT] + " [truncated]"


def _is_at_or_above(issue_id: UUID, *, start: UUID) -> bool:
    with connection.cursor() as cursor:
        cursor.execute(_UP, {"start": start, "target": issue_id})
        row = cursor.fetchone()
    return bool(row and row[0])
