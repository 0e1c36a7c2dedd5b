"""Who may do what to routines (R-103 to R-110). What the product does by itself needs no right."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any
from uuid import UUID

from issues import assignment
from paperclip.companies.actors import Actor
from paperclip.core.errors import Forbidden
from routines.choices import RoutineStatus
from routines.models import Routine

_OWN_ONLY = "Agents can only manage routines assigned to themselves"
_TO_ITSELF = "Agents can only assign routines to themselves"
_RESTORE_OWN = "Agents can only restore routine revisions assigned to themselves"


def require_creator(actor: Actor, company_id: UUID, *, assignee_agent_id: UUID | None) -> None:
    """Raise Forbidden unless an agent makes it for itself, or a person who may assign for anyone (R-105)."""
    if not actor.is_agent:
        assignment.require_may_assign(actor, company_id)
    elif assignee_agent_id != actor.agent_id:
        raise Forbidden(_TO_ITSELF)


def require_editor(actor: Actor, routine: Routine, changes: Mapping[str, Any]) -> None:
    """Raise Forbidden unless the actor may make these changes (R-106)."""
    if actor.is_agent:
        require_own(actor, routine)
        if changes.get("assignee_agent_id", actor.agent_id) != actor.agent_id:
            raise Forbidden(_TO_ITSELF)
        return
    retargets = changes.get("assignee_agent_id", routine.assignee_agent_id) != routine.assignee_agent_id
    activates = changes.get("status") == RoutineStatus.ACTIVE != routine.status
    if retargets or activates:
        assignment.require_may_assign(actor, routine.company_id)


def require_manager(actor: Actor, routine: Routine) -> None:
    """Raise Forbidden unless the actor may change what sets the routine off (R-107, RW-15)."""
    if actor.is_agent:
        require_own(actor, routine)
    else:
        assignment.require_may_assign(actor, routine.company_id)


def require_starter(actor: Actor, routine: Routine) -> None:
    """Raise Forbidden unless the actor may set the routine off (R-107).

    It gives somebody work, so an agent needs the right to assign as it does for any issue (RW-13).
    """
    if actor.is_agent:
        require_own(actor, routine)
    assignment.require_may_assign(actor, routine.company_id)


def require_reader_of_history(actor: Actor, routine: Routine) -> None:
    """Raise Forbidden unless the actor may read the routine's revisions: of agents only its own (R-104)."""
    if actor.is_agent:
        require_own(actor, routine)


def sees_addresses(actor: Actor, routine: Routine) -> bool:
    """Whether the actor is shown where webhooks are fired: people, and the routine's own agent (RW-14)."""
    return not actor.is_agent or routine.assignee_agent_id == actor.agent_id


def require_restorer(actor: Actor, assignee_agent_id: UUID | None) -> None:
    """Raise Forbidden when an agent would restore a routine to somebody else's hands (R-100)."""
    if actor.is_agent and assignee_agent_id != actor.agent_id:
        raise Forbidden(_RESTORE_OWN)


def require_own(actor: Actor, routine: Routine) -> None:
    """Raise Forbidden unless the acting agent is the routine's."""
    if routine.assignee_agent_id != actor.agent_id:
        raise Forbidden(_OWN_ONLY)
