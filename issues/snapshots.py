"""The one hand-written query behind an issue's page and behind what an agent reads when it wakes.

Each piece is JSON made by PostgreSQL, so that the whole costs one round trip and most of it is never parsed.
"""

# ruff: noqa: S608  (these strings are made of constants; what a caller sends goes in as parameters)

from __future__ import annotations

from issues import wire

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

_LABEL = {
    "id": "label.id",
    "companyId": "label.company_id",
    "name": "label.name",
    "color": "label.color",
    "createdAt": wire.moment("label.created_at"),
    "updatedAt": wire.moment("label.updated_at"),
}
LABELS = f"""(
  SELECT json_agg({wire.json_object(_LABEL)} ORDER BY label.name, label.id)
  FROM issue_labels AS link JOIN labels AS label ON label.id = link.label_id
  WHERE link.issue_id = issue.id)::text"""

# The issue's goal: its own, else its project's, else the company's when it has no project (I-53).
GOAL_ID = """COALESCE(
  issue.goal_id,
  (SELECT goal_id FROM project_goals WHERE project_id = issue.project_id ORDER BY position, id LIMIT 1),
  CASE WHEN issue.project_id IS NULL THEN (
    SELECT id FROM goals WHERE company_id = issue.company_id AND level = 'company'
    ORDER BY (parent_id IS NULL AND status = 'active') DESC, (parent_id IS NULL) DESC, created_at, id
    LIMIT 1) END)"""

_RETRY = {
    "runId": "run.id",
    "status": "run.status",
    "agentId": "run.agent_id",
    "agentName": "agent.name",
    "retryOfRunId": "run.retry_of_run_id",
    "scheduledRetryAt": wire.moment("run.scheduled_retry_at"),
    "scheduledRetryAttempt": "run.scheduled_retry_attempt",
    "scheduledRetryReason": "run.scheduled_retry_reason",
    "error": "run.error",
    "errorCode": "run.error_code",
}
SCHEDULED_RETRY = f"""(
  SELECT {wire.json_object(_RETRY)}
  FROM heartbeat_runs AS run JOIN agents AS agent ON agent.id = run.agent_id
  WHERE run.issue_id = issue.id AND run.status = 'scheduled_retry'
  ORDER BY run.scheduled_retry_at, run.id LIMIT 1)::text"""

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


PROJECT_GOAL_ID = (
    "(SELECT goal_id FROM project_goals WHERE project_id = {0}.id ORDER BY position, id LIMIT 1)"
)

_WORKSPACE = wire.json_object(
    {
        "id": "place.id",
        "companyId": "place.company_id",
        "projectId": "place.project_id",
        "name": "place.name",
        "sourceType": "place.source_type",
        "cwd": "place.cwd",
        "repoUrl": "place.repo_url",
        "repoRef": "place.repo_ref",
        "defaultRef": "place.default_ref",
        "visibility": "place.visibility",
        "isPrimary": "place.is_primary",
        "createdAt": wire.moment("place.created_at"),
        "updatedAt": wire.moment("place.updated_at"),
    }
)
_WORKSPACES = """COALESCE((
  SELECT json_agg({0} ORDER BY place.created_at, place.id)
  FROM project_workspaces AS place WHERE place.project_id = {1}.id), '[]'::json)"""
_PRIMARY = """(
  SELECT {0} FROM project_workspaces AS place
  WHERE place.project_id = {1}.id AND place.is_primary LIMIT 1)"""


def _project(alias: str, more: dict[str, str] | None = None) -> str:
    pairs = {
        "id": f"{alias}.id",
        "name": f"{alias}.name",
        "description": f"{alias}.description",
        "status": f"{alias}.status",
        "goalId": PROJECT_GOAL_ID.format(alias),
        **(more or {}),
        "workspaces": _WORKSPACES.format(_WORKSPACE, alias),
        "primaryWorkspace": _PRIMARY.format(_WORKSPACE, alias),
    }
    return wire.json_object(pairs)


_PROJECT_ROW = _project(
    "project",
    {
        "companyId": "project.company_id",
        "targetDate": "project.target_date",
        "leadAgentId": "project.lead_agent_id",
        "color": "project.color",
        "pauseReason": "project.pause_reason",
        "pausedAt": wire.moment("project.paused_at"),
        "archivedAt": wire.moment("project.archived_at"),
        "createdAt": wire.moment("project.created_at"),
        "updatedAt": wire.moment("project.updated_at"),
    },
)
PROJECT = f"(SELECT {_PROJECT_ROW} FROM projects AS project WHERE project.id = issue.project_id)::text"

_GOAL_ROW = wire.json_object(
    {
        "id": "goal.id",
        "companyId": "goal.company_id",
        "title": "goal.title",
        "description": "goal.description",
        "level": "goal.level",
        "status": "goal.status",
        "parentId": "goal.parent_id",
        "ownerAgentId": "goal.owner_agent_id",
        "createdAt": wire.moment("goal.created_at"),
        "updatedAt": wire.moment("goal.updated_at"),
    }
)
GOAL = f"(SELECT {_GOAL_ROW} FROM goals AS goal WHERE goal.id = goal_ref.id)::text"

_PROJECT_OF_ANCESTOR = (
    f"(SELECT {_project('project')} FROM projects AS project WHERE project.id = up.project_id)"
)
_GOAL_OF_ANCESTOR = """(
  SELECT json_build_object('id', goal.id, 'title', goal.title, 'description', goal.description,
                           'level', goal.level, 'status', goal.status)
  FROM goals AS goal WHERE goal.id = up.goal_id)"""
FULL_ANCESTORS = ancestors(
    {
        **_BRIEF_ANCESTOR,
        "description": "up.description",
        "assigneeAgentId": "up.assignee_agent_id",
        "projectId": "up.project_id",
        "goalId": "up.goal_id",
        "project": _PROJECT_OF_ANCESTOR,
        "goal": _GOAL_OF_ANCESTOR,
    }
)

_DOCUMENT = {
    "id": "document.id",
    "companyId": "document.company_id",
    "issueId": "link.issue_id",
    "key": "link.key",
    "title": "document.title",
    "format": "document.format",
    "latestRevisionId": "document.latest_revision_id",
    "latestRevisionNumber": "document.latest_revision_number",
    "createdByAgentId": "document.created_by_agent_id",
    "createdByUserId": "document.created_by_user_id",
    "updatedByAgentId": "document.updated_by_agent_id",
    "updatedByUserId": "document.updated_by_user_id",
    "createdAt": wire.moment("document.created_at"),
    "updatedAt": wire.moment("document.updated_at"),
}
_DOCUMENTS_OF_ISSUE = """
  FROM issue_documents AS link JOIN documents AS document ON document.id = link.document_id
  WHERE link.issue_id = issue.id"""
DOCUMENT_SUMMARIES = f"""(
  SELECT json_agg({wire.json_object(_DOCUMENT)} ORDER BY link.key)
  {_DOCUMENTS_OF_ISSUE} AND link.key <> 'continuation-summary')::text"""
PLAN_DOCUMENT = f"""(
  SELECT {wire.json_object(_DOCUMENT | {"body": "document.latest_body"})}
  {_DOCUMENTS_OF_ISSUE} AND link.key = 'plan')::text"""

_PRODUCT = {
    "id": "product.id",
    "companyId": "product.company_id",
    "projectId": "product.project_id",
    "issueId": "product.issue_id",
    "executionWorkspaceId": "product.execution_workspace_id",
    "runtimeServiceId": "product.runtime_service_id",
    "type": "product.type",
    "provider": "product.provider",
    "externalId": "product.external_id",
    "title": "product.title",
    "url": "product.url",
    "status": "product.status",
    "reviewState": "product.review_state",
    "isPrimary": "product.is_primary",
    "healthStatus": "product.health_status",
    "summary": "product.summary",
    "metadata": "product.metadata",
    "createdByRunId": "product.created_by_run_id",
    "createdAt": wire.moment("product.created_at"),
    "updatedAt": wire.moment("product.updated_at"),
}
WORK_PRODUCTS = f"""(
  SELECT json_agg({wire.json_object(_PRODUCT)}
                  ORDER BY product.is_primary DESC, product.updated_at DESC, product.id DESC)
  FROM issue_work_products AS product WHERE product.issue_id = issue.id)::text"""

# --- Only for an agent that wakes (I-153) ----------------------------------------------------------------

BRIEF_PROJECT = """(
  SELECT json_build_object('id', project.id, 'name', project.name, 'status', project.status,
                           'targetDate', project.target_date)
  FROM projects AS project WHERE project.id = issue.project_id)::text"""

BRIEF_GOAL = """(
  SELECT json_build_object('id', goal.id, 'title', goal.title, 'status', goal.status, 'level', goal.level,
                           'parentId', goal.parent_id)
  FROM goals AS goal WHERE goal.id = goal_ref.id)::text"""

COMMENT_CURSOR = f"""(
  SELECT json_build_object(
    'totalComments', (SELECT count(*) FROM issue_comments WHERE issue_id = issue.id),
    'latestCommentId', newest.id, 'latestCommentAt', {wire.moment("newest.created_at")})
  FROM (SELECT 1) AS always LEFT JOIN LATERAL (
    SELECT id, created_at FROM issue_comments WHERE issue_id = issue.id ORDER BY number DESC LIMIT 1
  ) AS newest ON true)::text"""

COMMENT = {
    "id": "comment.id",
    "companyId": "comment.company_id",
    "issueId": "comment.issue_id",
    "authorAgentId": "comment.author_agent_id",
    "authorUserId": "comment.author_user_id",
    "authorType": "comment.author_type",
    "createdByRunId": "comment.created_by_run_id",
    "body": "comment.body",
    "presentation": "comment.presentation",
    "metadata": "comment.metadata",
    "createdAt": wire.moment("comment.created_at"),
    "updatedAt": wire.moment("comment.updated_at"),
}
WAKE_COMMENT = f"""(
  SELECT {wire.json_object(COMMENT)} FROM issue_comments AS comment
  WHERE comment.id = %(wake_comment)s::uuid AND comment.issue_id = issue.id)::text"""

CONTINUATION = f"""(
  SELECT json_build_object(
    'key', link.key, 'title', document.title, 'body', document.latest_body,
    'latestRevisionId', document.latest_revision_id, 'latestRevisionNumber', document.latest_revision_number,
    'updatedAt', {wire.moment("document.updated_at")})
  {_DOCUMENTS_OF_ISSUE} AND link.key = 'continuation-summary')::text"""

_ATTACHMENT = {
    "id": "attachment.id",
    "filename": "asset.original_filename",
    "contentType": "asset.content_type",
    "byteSize": "asset.byte_size",
    "contentPath": "'/api/attachments/' || attachment.id::text || '/content'",
    "createdAt": wire.moment("attachment.created_at"),
}
ATTACHMENTS = f"""(
  SELECT json_agg({wire.json_object(_ATTACHMENT)} ORDER BY attachment.created_at DESC, attachment.id DESC)
  FROM issue_attachments AS attachment JOIN assets AS asset ON asset.id = attachment.asset_id
  WHERE attachment.issue_id = issue.id)::text"""

# --- The frame -------------------------------------------------------------------------------------------

_FRAME = """
SELECT {pieces}
FROM issues AS issue LEFT JOIN LATERAL (SELECT {goal} AS id) AS goal_ref ON true
WHERE issue.company_id = ANY(%(companies)s::uuid[])
  AND (issue.id = %(id)s::uuid OR issue.identifier = %(identifier)s)
"""


def statement(*pieces: str) -> str:
    """Return the query that reads `pieces` of the issue named by `id` or `identifier`, in `companies`."""
    return _FRAME.format(pieces=",\n".join(pieces), goal=GOAL_ID)
