"""Whose issue an agent may write to although it is another's (I-39)."""

from __future__ import annotations

from uuid import UUID

from django.db import connection

from paperclip.companies import auth
from paperclip.companies.actors import Actor
from paperclip.companies.choices import AgentRole, Permission

PRINCIPLES = ["least privilege", "complete mediation"]
_MAX_HOPS = 50

# Depth ends the walk where stored managers form a circle.
_IS_ABOVE = """
WITH RECURSIVE chain (id, depth) AS (
  SELECT reports_to_id, 1 FROM agents WHERE id = %(below)s AND reports_to_id IS NOT NULL
  UNION
  SELECT agents.reports_to_id, chain.depth + 1
  FROM chain JOIN agents ON agents.id = chain.id
  WHERE agents.reports_to_id IS NOT NULL AND chain.depth < %(hops)s
)
SELECT EXISTS (SELECT 1 FROM chain WHERE id = %(above)s)
"""


def may_override(actor: Actor, *, company_id: UUID, assignee_agent_id: UUID | None) -> bool:
    """Whether an acting agent may write to issues that are not its own.

    Held by a CEO, by agents that may hire, by the grant `tasks:manage_active_checkouts`, and by every manager
    above the assignee.
    """
    agent = actor.agent
    if agent is None:
        return False
    if agent.role == AgentRole.CEO or agent.can_create_agents:
        return True
    if auth.has_permission(actor, company_id, Permission.TASKS_MANAGE_ACTIVE_CHECKOUTS):
        return True
    return assignee_agent_id is not None and is_above(agent.id, below=assignee_agent_id)


def is_above(agent_id: UUID, *, below: UUID) -> bool:
    """Whether `agent_id` is a manager of `below`, at any distance up to 50."""
    with connection.cursor() as cursor:
        cursor.execute(_IS_ABOVE, {"below": below, "above": agent_id, "hops": _MAX_HOPS})
        row = cursor.fetchone()
    return bool(row and row[0])
