"""The newest run that an issue's assignee made on it: what the decision about a stranded issue is made from."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from uuid import UUID

from django.db import connection

from heartbeat.stranding.verdicts import CALLED_OFF, Last


@dataclass(frozen=True)
class Story:
    """What was done on an issue so far; `run_id` is the run that `last` tells of."""

    was_called: bool = False
    run_id: UUID | None = None
    last: Last | None = None


_UNKNOWN = Story()

# Of two runs that began at the same moment, the one that nothing follows is the newer. What a person stopped stays
# stopped until a person calls again; a call that was refused meanwhile, for a pause, counts.
_STORIES = """
SELECT issue.id, EXISTS (SELECT FROM heartbeat_runs AS any_run WHERE any_run.issue_id = issue.id),
       last.id, last.status,
       last.status = 'cancelled' AND last.cancel_requested_at IS NOT NULL
         AND last.result_json ->> 'stopReason' = %(called_off)s
         AND NOT EXISTS (SELECT FROM agent_wakeup_requests AS call
                         WHERE call.issue_id = issue.id AND call.agent_id = last.agent_id AND call.status = 'skipped'
                           AND call.requested_by_actor_type = 'user' AND call.finished_at > last.cancel_requested_at),
       last.recovery_attempt, last.handoff_attempt, last.continuation_attempt, last.liveness_state
FROM issues AS issue LEFT JOIN LATERAL (
  SELECT run.* FROM heartbeat_runs AS run
  WHERE run.issue_id = issue.id AND run.agent_id = issue.assignee_agent_id
  ORDER BY run.created_at DESC,
           EXISTS (SELECT FROM heartbeat_runs AS next WHERE next.retry_of_run_id = run.id), run.id
  LIMIT 1
) AS last ON true
WHERE issue.id = ANY(%(issues)s::uuid[])
"""


def of(issue_id: UUID) -> Story:
    """Return what was done on `issue_id` so far."""
    return of_many([issue_id]).get(issue_id, _UNKNOWN)


def of_many(issue_ids: Iterable[UUID]) -> dict[UUID, Story]:
    """Return what was done on each of `issue_ids` so far, in one query; none for no issue."""
    ids = list(issue_ids)
    if not ids:
        return {}
    with connection.cursor() as cursor:
        cursor.execute(_STORIES, {"issues": ids, "called_off": CALLED_OFF})
        rows = cursor.fetchall()
    return {
        issue_id: Story(was_called, run_id, Last(status, is_called_off, *counters) if run_id else None)
        for issue_id, was_called, run_id, status, is_called_off, *counters in rows
    }
