"""Whether an order of the board keeps an issue from being worked on (I-128, H-6).

An active pause holds its root and everything below it, however it came there: the gate is looked for upwards, from
the issue to its nearest held ancestor.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any
from uuid import UUID

import orjson
from django.db import connection

from issues.authority import PRINCIPLES
from issues.choices import MAX_TREE_DEPTH
from issues.models import Issue
from paperclip.core.errors import Conflict


@dataclass(frozen=True)
class Gate:
    """The pause that holds an issue: the nearest above it, its own included."""

    hold_id: UUID
    root_issue_id: UUID
    mode: str
    reason: str | None
    release_policy: dict[str, Any]

    def told(self) -> dict[str, Any]:
        """Return the gate as the interface shows it."""
        return {
            "holdId": str(self.hold_id),
            "rootIssueId": str(self.root_issue_id),
            "mode": self.mode,
            "reason": self.reason,
            "releasePolicy": self.release_policy,
        }


# The bound on depth also ends the walk where stored parents form a circle.
_GATES = """
WITH RECURSIVE up (start, id, parent_id, depth) AS (
  SELECT id, id, parent_id, 0 FROM issues WHERE id = ANY(%(issues)s::uuid[])
  UNION ALL
  SELECT up.start, above.id, above.parent_id, up.depth + 1
  FROM up JOIN issues AS above ON above.id = up.parent_id
  WHERE up.depth < %(depth)s
)
SELECT DISTINCT ON (up.start)
       up.start, hold.id, hold.root_issue_id, hold.mode, hold.reason, hold.release_policy::text
FROM up JOIN issue_tree_holds AS hold
  ON hold.root_issue_id = up.id AND hold.status = 'active' AND hold.mode = 'pause'
ORDER BY up.start, up.depth, hold.created_at, hold.id
"""


def gate(issue_id: UUID) -> Gate | None:
    """Return the pause that holds `issue_id`, None when nothing does. One query, whatever the depth."""
    return gates_of([issue_id]).get(issue_id)


def gates_of(issue_ids: Iterable[UUID]) -> dict[UUID, Gate]:
    """Return the pause of each of `issue_ids` that is held, in one query."""
    with connection.cursor() as cursor:
        cursor.execute(_GATES, {"issues": list(issue_ids), "depth": MAX_TREE_DEPTH})
        rows = cursor.fetchall()
    return {
        issue_id: Gate(hold_id, root_id, mode, reason, orjson.loads(policy))
        for issue_id, hold_id, root_id, mode, reason, policy in rows
    }


def require_free(issue: Issue, *, run_id: UUID | None) -> None:
    """Raise Conflict while a pause holds the locked `issue`, unless `run_id` was let through for a word (I-61).

    A pause locks the issues of its tree, so what is read here under the issue's lock holds until the commit.
    """
    held = gate(issue.pk)
    if held is None or (run_id is not None and _answers_a_word(issue, run_id)):
        return
    raise Conflict(
        "Issue checkout blocked by active subtree pause hold",
        details={
            "issueId": str(issue.pk),
            "holdId": str(held.hold_id),
            "rootIssueId": str(held.root_issue_id),
            "mode": held.mode,
            "securityPrinciples": PRINCIPLES,
        },
    )


def require_resumable(issue: Issue) -> None:
    """Raise Conflict while a pause holds the `issue`: a follow-up would not start (I-75)."""
    held = gate(issue.pk)
    if held is not None:
        raise Conflict("Issue follow-up blocked by active subtree pause hold", details=held.told())


def _answers_a_word(issue: Issue, run_id: UUID) -> bool:
    """Whether a run of the issue was let through the pause for a comment whose author was verified (I-129).

    The engine alone writes the mark, when it queues or starts the run.
    """
    return bool(issue.runs.filter(pk=run_id, context_snapshot__treeHoldInteraction=True).exists())
