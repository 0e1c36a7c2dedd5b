"""What became of the question how an agent's work stands: asked, answered, or handed on (H-111, I-142).

The run engine asks it, in the log of the issue; what is shown is the newest of its entries.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any
from uuid import UUID

from issues import trail, wire
from issues.choices import IssueStatus
from issues.models import Issue
from paperclip.companies.actors import Actor
from paperclip.companies.choices import ActorType
from paperclip.companies.models import Activity
from paperclip.companies.models.activity import HANDOFF_ACTIONS

REQUIRED, RESOLVED, ESCALATED = HANDOFF_ACTIONS
# What every entry repeats of the question.
_CARRIED = ("sourceRunId", "correctiveRunId", "assigneeAgentId", "detectedProgressSummary")
_ACTIONS = ", ".join(f"'{action}'" for action in HANDOFF_ACTIONS)
_STATE = "substr(entry.action, length('issue.successful_run_handoff_') + 1)"
_SHOWN = wire.json_object(
    {
        "state": _STATE,
        "required": f"entry.action = '{REQUIRED}'",
        **{key: f"entry.details->>'{key}'" for key in _CARRIED},
        "createdAt": wire.moment("entry.created_at"),
    }
)
# The actions stand in the text, so that every plan sees that the index of these few rows will do.
SHOWN = f"""(
  SELECT {_SHOWN} FROM activity_log AS entry
  WHERE entry.entity_type = 'issue' AND entry.entity_id = issue.id::text AND entry.action IN ({_ACTIONS})
  ORDER BY entry.created_at DESC, entry.id DESC LIMIT 1)::text"""  # noqa: S608
_OF_MANY = f"""
SELECT DISTINCT ON (entry.entity_id) entry.entity_id, {_SHOWN}::text
FROM activity_log AS entry
WHERE entry.entity_type = 'issue' AND entry.entity_id = ANY(%(issues)s::text[]) AND entry.action IN ({_ACTIONS})
ORDER BY entry.entity_id, entry.created_at DESC, entry.id DESC
"""  # noqa: S608


def of_many(issue_ids: Sequence[str]) -> dict[str, Any]:
    """Return, of the issues that were ever asked about, how the question stands, ready to be written out."""
    rows = wire.rows_prepared(_OF_MANY, {"issues": wire.array(issue_ids)})
    return {issue_id: wire.fragment(shown) for issue_id, shown in rows}


def carried(issue_id: UUID) -> Mapping[str, Any] | None:
    """Return what the open question about the issue says of its runs; None when none is open."""
    entries = Activity.objects.filter(
        entity_type="issue", entity_id=str(issue_id), action__in=HANDOFF_ACTIONS
    )
    newest = entries.order_by("-created_at", "-id").only("action", "details").first()
    if newest is None or newest.action != REQUIRED:
        return None
    details = newest.details or {}
    return {key: details.get(key) for key in _CARRIED}


def resolve(*, issue: Issue, before: str, actor: Actor, now: datetime) -> None:
    """Log that the question is answered: somebody moved the issue on from `in_progress` (I-157).

    What the product does to the issue by itself answers nothing.
    """
    if before != IssueStatus.IN_PROGRESS or actor.type == ActorType.SYSTEM:
        return
    asked = carried(issue.pk)
    if asked is None:
        return
    details = {"identifier": issue.identifier, **asked, "resolvedByStatus": issue.status}
    trail.record(issue, RESOLVED, actor=actor, now=now, details=details)
