"""The one hand-written query behind an issue's page and behind what an agent reads when it wakes.

Each piece is JSON made by PostgreSQL, so that the whole costs one round trip and most of it is never parsed.
"""

from __future__ import annotations

from issues import wire
from issues.models import Issue

_PEER = {
    "id": "peer.id",
    "identifier": "peer.identifier",
    "title": "peer.title",
    "status": "peer.status",
    "priority": "peer.priority",
    "assigneeAgentId": "peer.assignee_agent_id",
    "assigneeUserId": "peer.assignee_user_id",
}

BLOCKED_BY = f"""(
  SELECT json_agg({wire.json_object(_PEER)} ORDER BY peer.title, peer.id)
  FROM issue_relations AS link JOIN issues AS peer ON peer.id = link.issue_id
  WHERE link.related_issue_id = issue.id AND link.type = 'blocks')::text"""

BLOCKS = f"""(
  SELECT json_agg({wire.json_object(_PEER)} ORDER BY peer.title, peer.id)
  FROM issue_relations AS link JOIN issues AS peer ON peer.id = link.related_issue_id
  WHERE link.issue_id = issue.id AND link.type = 'blocks')::text"""

LABELS = f"""(
  SELECT json_agg({wire.json_object({
    "id": "label.id", "companyId": "label.company_id", "name": "label.name", "color": "label.color",
    "createdAt": wire.moment("label.created_at"), "updatedAt": wire.moment("label.updated_at"),
  })} ORDER BY label.name, label.id)
  FROM issue_labels AS link JOIN labels AS label ON label.id = link.label_id
  WHERE link.issue_id = issue.id)::text"""  # fmt: skip

# The issue's goal: its own, else its project's, else the company's when it has no project (I-53).
GOAL_ID = """COALESCE(
  issue.goal_id,
  (SELECT goal_id FROM project_goals WHERE project_id = issue.project_id ORDER BY position, id LIMIT 1),
  CASE WHEN issue.project_id IS NULL THEN (
    SELECT id FROM goals WHERE company_id = issue.company_id AND level = 'company'
    ORDER BY (parent_id IS NULL AND status = 'active') DESC, (parent_id IS NULL) DESC, created_at, id LIMIT 1) END)"""

SCHEDULED_RETRY = f"""(
  SELECT {wire.json_object({
    "runId": "run.id", "status": "run.status", "agentId": "run.agent_id", "agentName": "agent.name",
    "retryOfRunId": "run.retry_of_run_id", "scheduledRetryAt": wire.moment("run.scheduled_retry_at"),
    "scheduledRetryAttempt": "run.scheduled_retry_attempt", "scheduledRetryReason": "run.scheduled_retry_reason",
    "error": "run.error", "errorCode": "run.error_code",
  })}
  FROM heartbeat_runs AS run JOIN agents AS agent ON agent.id = run.agent_id
  WHERE run.issue_id = issue.id AND run.status = 'scheduled_retry'
  ORDER BY run.scheduled_retry_at, run.id LIMIT 1)::text"""  # fmt: skip

_BRIEF_ANCESTOR = {
    "id": "up.id",
    "identifier": "up.identifier",
    "title": "up.title",
    "status": "up.status",
    "priority": "up.priority",
}


def ancestors(pairs: dict[str, str]) -> str:
    """Return SQL for the issue's ancestors, nearest first, at most 50, each as the object `pairs`."""
    return f"""(
  WITH RECURSIVE above (id, depth) AS (
    SELECT issue.parent_id, 1 WHERE issue.parent_id IS NOT NULL
    UNION ALL
    SELECT issues.parent_id, above.depth + 1 FROM above JOIN issues ON issues.id = above.id
    WHERE issues.parent_id IS NOT NULL AND above.depth < 50
  )
  SELECT json_agg({wire.json_object(pairs)} ORDER BY above.depth)
  FROM above JOIN issues AS up ON up.id = above.id)::text"""


BRIEF_ANCESTORS = ancestors(_BRIEF_ANCESTOR)

WHERE = "issue.company_id = ANY(%(companies)s::uuid[]) AND (issue.id = %(id)s::uuid OR issue.identifier = %(identifier)s)"
