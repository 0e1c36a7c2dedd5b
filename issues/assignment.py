"""Who may be given an issue, and who may give it (I-33 to I-36)."""

from __future__ import annotations

from uuid import UUID

from issues.choices import CLOSED, IssueStatus
from issues.fields import Fields
from issues.models import Issue
from paperclip.companies import auth
from paperclip.companies.actors import Actor
from paperclip.companies.choices import AgentStatus, MemberStatus, PrincipalType
from paperclip.companies.models import Agent, Member
from paperclip.core import naming
from paperclip.core.errors import Conflict, Forbidden, NotFound, Unprocessable


def find_agent(company_id: UUID, reference: str) -> UUID:
    """Return the id of the agent that a patch names by id or shortname (I-35).

    Raises NotFound for none and Conflict for several. Terminated agents have no shortname any more.
    """
    agent_id = naming.as_field_uuid(reference)
    if agent_id is not None:
        return agent_id
    key = naming.slug(reference)
    agents = Agent.objects.filter(company_id=company_id).exclude(status=AgentStatus.TERMINATED)
    found = [
        agent_id for agent_id, name in agents.values_list("id", "name") if key and naming.slug(name) == key
    ]
    if not found:
        raise NotFound("Agent not found")
    if len(found) > 1:
        raise Conflict(
            f"Agent shortname '{key}' is ambiguous", details={"agentIds": [str(each) for each in found]}
        )
    return found[0]


def require_assignable_agent(company_id: UUID, agent_id: UUID) -> Agent:
    """Return the agent, or raise why it cannot be given work (I-34)."""
    agent = Agent.objects.filter(pk=agent_id).first()
    if agent is None:
        raise NotFound("Assignee agent not found")
    if agent.company_id != company_id:
        raise Unprocessable("Assignee agent must belong to the same company")
    if agent.status == AgentStatus.PENDING_APPROVAL:
        raise Conflict("Cannot assign work to an agent that awaits approval")
    if agent.status == AgentStatus.TERMINATED:
        raise Conflict("Cannot assign work to a terminated agent")
    return agent


def require_assignable_user(company_id: UUID, reference: str | UUID) -> UUID:
    """Return the id of an active member of the company; NotFound otherwise (I-34)."""
    user_id = reference if isinstance(reference, UUID) else naming.as_field_uuid(reference)
    members = Member.objects.filter(
        company_id=company_id, principal_type=PrincipalType.USER, status=MemberStatus.ACTIVE
    )
    if user_id is None or not members.filter(principal_id=user_id).exists():
        raise NotFound("Assignee user not found")
    return user_id


def require_may_assign(actor: Actor, company_id: UUID) -> None:
    """Raise Forbidden unless the actor may assign issues (I-36). What the product does by itself needs no
    grant.
    """
    if (actor.is_agent or actor.is_board) and not auth.may_assign(actor, company_id):
        raise Forbidden("Missing permission: tasks:assign")


def require_may_reassign(issue: Issue, *, agent_id: UUID | None, user_id: UUID | None, actor: Actor) -> None:
    """Raise Forbidden unless the actor may change the hands an issue is in.

    An agent may always hand its issue back to the person who made it (I-36).
    """
    hands_back = (
        actor.is_agent
        and issue.assignee_agent_id == actor.agent_id
        and agent_id is None
        and user_id is not None
        and user_id == issue.created_by_user_id
    )
    if not hands_back:
        require_may_assign(actor, issue.company_id)


def of_new(company_id: UUID, wanted: Fields) -> tuple[UUID | None, UUID | None]:
    """Return the agent and the user a new issue is given to, checked (I-33, I-34)."""
    agent, user = wanted.get("assignee_agent_id"), wanted.get("assignee_user_id")
    if agent is not None and user is not None:
        raise Unprocessable("Issue can only have one assignee")
    if agent is not None:
        return require_assignable_agent(company_id, find_agent(company_id, str(agent))).pk, None
    return None, require_assignable_user(company_id, user) if user is not None else None


def after_edit(issue: Issue, wanted: Fields) -> tuple[UUID | None, UUID | None]:
    """Return the agent and the user of an issue after an edit; whoever is new is checked (I-33 to I-35)."""
    agent_id, user_id = issue.assignee_agent_id, issue.assignee_user_id
    if "assignee_agent_id" in wanted:
        agent = wanted["assignee_agent_id"]
        agent_id = find_agent(issue.company_id, str(agent)) if agent is not None else None
    if "assignee_user_id" in wanted:
        user = wanted["assignee_user_id"]
        user_id = require_assignable_user(issue.company_id, user) if user is not None else None
    if agent_id is not None and agent_id != issue.assignee_agent_id:
        require_assignable_agent(issue.company_id, agent_id)
    if agent_id is not None and user_id is not None:
        raise Unprocessable("Issue can only have one assignee")
    return agent_id, user_id


def reason_to_wake_nobody(issue: Issue) -> str | None:
    """Return why an assignment calls nobody (I-92); closed work calls nobody either (IW-21)."""
    if issue.assignee_agent_id is None:
        return "no_agent_assignee"
    if issue.status == IssueStatus.BACKLOG:
        return "assigned_backlog"
    return "assigned_closed" if issue.status in CLOSED else None
