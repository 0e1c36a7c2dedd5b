"""Who may do what to agents and companies: the rows of C-28 that need more than being let into the company.

Each `require_…` returns nothing or raises Forbidden with the interface's own words.
"""

from __future__ import annotations

from uuid import UUID

from paperclip.companies import auth
from paperclip.companies.actors import Actor
from paperclip.companies.choices import AgentRole, Permission
from paperclip.companies.models import Agent
from paperclip.core.errors import Forbidden

_BOARD_LACKS = f"Missing permission: {Permission.AGENTS_CREATE.value}"


def is_ceo(actor: Actor) -> bool:
    """Whether a chief executive agent calls."""
    return actor.agent is not None and actor.agent.role == AgentRole.CEO


def require_instance_admin(actor: Actor) -> None:
    """Raise unless an instance admin calls (C-25)."""
    auth.require_board(actor)
    if not actor.is_instance_admin:
        raise Forbidden("Instance admin required")


def require_admin_gate(actor: Actor) -> None:
    """Raise unless an instance admin calls, where the installation itself is concerned (C-25)."""
    auth.require_board(actor)
    if not actor.is_instance_admin:
        raise Forbidden("Instance admin access required")


def require_org_gate(actor: Actor) -> None:
    """Raise unless a person with any company, or an instance admin, calls (C-25)."""
    auth.require_board(actor)
    if not actor.is_instance_admin and not any(place.is_active for place in actor.memberships.values()):
        raise Forbidden("Company membership or instance admin access required")


def require_agent_creator(actor: Actor, company_id: UUID) -> None:
    """Raise unless the caller may create agents and read their configuration (C-26)."""
    if auth.may_create_agents(actor, company_id):
        return
    raise Forbidden(_BOARD_LACKS if actor.is_board else "Missing permission: can create agents")


def require_agent_manager(actor: Actor, company_id: UUID) -> None:
    """Raise unless a person who may manage agents calls (the board half of C-26)."""
    auth.require_board(actor)
    if not auth.may_manage_agents(actor, company_id):
        raise Forbidden(_BOARD_LACKS)


def require_agent_editor(actor: Actor, agent: Agent) -> None:
    """Raise unless the caller may patch `agent` or roll it back: itself, CEO, creator, board (C-56)."""
    if actor.is_board:
        require_agent_manager(actor, agent.company_id)
        return
    if actor.agent_id == agent.id or is_ceo(actor) or auth.may_create_agents(actor, agent.company_id):
        return
    raise Forbidden("Only CEO or agent creators can modify other agents")


def require_permission_giver(actor: Actor, agent: Agent) -> None:
    """Raise unless the caller may set the permissions of `agent` (C-57)."""
    if actor.is_board:
        require_agent_manager(actor, agent.company_id)
    elif not is_ceo(actor):
        raise Forbidden("Only CEO can manage permissions")


def require_member_manager(actor: Actor, company_id: UUID) -> None:
    """Raise unless the caller may see and change who is a member (C-34)."""
    require_permission(actor, company_id, Permission.USERS_MANAGE_PERMISSIONS)


def require_permission(actor: Actor, company_id: UUID, permission: Permission) -> None:
    """Raise unless the caller holds `permission` in the company (C-34, C-36, C-38)."""
    if not auth.has_permission(actor, company_id, permission):
        raise Forbidden("Permission denied")


def require_remover(actor: Actor, *, owner_agent_id: UUID | None, what: str) -> None:
    """Raise unless the caller may delete a project or goal: board, CEO, creator, its own agent (CW-20)."""
    agent = actor.agent
    if agent is None or is_ceo(actor) or agent.can_create_agents or agent.id == owner_agent_id:
        return
    raise Forbidden(f"Agents can only delete {what} of their own")
