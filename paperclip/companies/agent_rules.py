"""What stands against making or changing an agent (C-54, C-56): who may not, and what does not fit."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any
from uuid import UUID

from paperclip.companies import adapter_config, org
from paperclip.companies.actors import Actor
from paperclip.companies.choices import AgentRole, AgentStatus
from paperclip.companies.models import Agent
from paperclip.core import naming
from paperclip.core.errors import Conflict, Forbidden, Unprocessable

# Whoever may set these decides what an agent is worth and where it stands; an agent never decides it (CW-10).
_BOARD_FIELDS = {"status": "status", "budget_monthly_cents": "budgetMonthlyCents"}
_NOT_ONES_OWN = {"role": "role", "reports_to": "reportsTo", "adapter_type": "adapterType"}


def refuse_agent_changes(agent: Agent, values: Mapping[str, Any], status: str | None, actor: Actor) -> None:
    """Raise Forbidden for what an agent may not change of itself, or of any agent (CW-10)."""
    own = actor.agent_id == agent.id
    if status is not None and status != agent.status:
        raise Forbidden("Agents cannot modify the status of an agent")
    for column, wire in _BOARD_FIELDS.items():
        if column in values and values[column] != getattr(agent, column):
            raise Forbidden(f"Agents cannot modify {wire}; the board sets it")
    for name, wire in _NOT_ONES_OWN.items():
        column = "reports_to_id" if name == "reports_to" else name
        if own and column in values and values[column] != getattr(agent, column):
            raise Forbidden(f"Agents cannot modify their own {wire}")
    if values.get("role", agent.role) != agent.role:
        refuse_promotion(actor, role=values["role"], permissions={})
    adapter_config.refuse_host_changes(
        before=(agent.adapter_config, agent.runtime_config),
        after=(
            values.get("adapter_config", agent.adapter_config),
            values.get("runtime_config", agent.runtime_config),
        ),
        own=own,
    )


def refuse_promotion(actor: Actor, *, role: str, permissions: Mapping[str, Any]) -> None:
    """Only the board appoints a CEO, and only a CEO hands on the right to hire (CW-11)."""
    if role == AgentRole.CEO:
        raise Forbidden("Only the board can appoint a CEO")
    is_ceo = actor.agent is not None and actor.agent.role == AgentRole.CEO
    if permissions.get("can_create_agents") and not is_ceo:
        raise Forbidden("Only CEO can manage permissions")


def require_environment(fields: Mapping[str, Any]) -> None:
    """Raise Unprocessable for a place to work in that is not there."""
    if fields.get("default_environment_id") is not None:
        raise Unprocessable("defaultEnvironmentId: environment not found in this company")


def require_free_shortname(agent: Agent, name: str) -> None:
    """Raise Conflict when a new name would have the shortname of another agent (C-56)."""
    key = naming.slug(name)
    if key and key != naming.slug(agent.name) and key in shortnames(agent.company_id, but=agent):
        raise Conflict(f"Agent shortname '{key}' is already in use in this company")


def require_reporting_line(agent: Agent, manager_id: UUID | None) -> None:
    """Raise NotFound or Unprocessable for a manager who cannot be one (C-56)."""
    if manager_id is None or manager_id == agent.reports_to_id:
        return
    if manager_id != agent.id:
        org.require_manager(agent.company_id, manager_id)
    org.require_place(agent.company_id, agent.id, manager_id)


def shortnames(company_id: UUID, *, but: Agent | None = None) -> set[str]:
    """Return the shortnames that are taken; terminated agents have none."""
    rows = Agent.objects.filter(company_id=company_id).exclude(status=AgentStatus.TERMINATED)
    if but is not None:
        rows = rows.exclude(pk=but.pk)
    return {naming.slug(name) for name in rows.values_list("name", flat=True)}
