"""Who may start and stop the services of a workspace (W-117, W-120 to W-122)."""

from __future__ import annotations

from uuid import UUID

from django.db import connection
from django.db.models import Q

from issues.choices import CLOSED
from issues.models import Issue
from paperclip.companies.actors import Actor
from paperclip.companies.choices import AgentRole
from paperclip.core.errors import Forbidden
from workspaces.models import ExecutionWorkspace, ProjectWorkspace

REFUSED = "Missing permission to manage workspace runtime services"
_MOST_HOPS = 50

_TEAM = """
WITH RECURSIVE team (id, depth) AS (
  SELECT %s::uuid, 0
  UNION
  SELECT agents.id, team.depth + 1 FROM agents JOIN team ON agents.reports_to_id = team.id
  WHERE agents.status <> 'terminated' AND team.depth < %s
)
SELECT DISTINCT id FROM team
"""


def require_may_control(target: ExecutionWorkspace | ProjectWorkspace, action: str, actor: Actor) -> None:
    """Raise Forbidden unless a person asks, the CEO, or an agent with open work there, its own or its team's."""
    agent = actor.agent
    if agent is None:
        return
    code = target if isinstance(target, ProjectWorkspace) else None
    if code is not None and code.shared_workspace_key and action in ("stop", "restart"):
        raise Forbidden(REFUSED)
    if agent.role == AgentRole.CEO or _has_work(target, agent.pk):
        return
    raise Forbidden(REFUSED)


def _has_work(target: ExecutionWorkspace | ProjectWorkspace, agent_id: UUID) -> bool:
    issues = Issue.objects.filter(hidden_at__isnull=True, assignee_agent__in=_team(agent_id))
    issues = issues.exclude(status__in=CLOSED).filter(company_id=target.company_id)
    if isinstance(target, ProjectWorkspace):
        return issues.filter(project_workspace=target).exists()
    return issues.filter(Q(execution_workspace=target) | Q(pk=target.source_issue_id)).exists()


def _team(agent_id: UUID) -> list[UUID]:
    """Return the agent and everybody below it who is still there."""
    with connection.cursor() as cursor:
        cursor.execute(_TEAM, [agent_id, _MOST_HOPS])
        return [row[0] for row in cursor.fetchall()]
