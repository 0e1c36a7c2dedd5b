"""What a decision about a hire does to the agent, and the other way round (C-80, CW-8, CW-9)."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Any
from uuid import UUID

from django.db.models import QuerySet

from paperclip.companies import activity, agents
from paperclip.companies.actors import Actor
from paperclip.companies.agent_input import NewAgentInput
from paperclip.companies.choices import AgentStatus
from paperclip.companies.models import Agent
from paperclip.core import naming
from paperclip.core.errors import Invalid, Unprocessable
from paperclip.governance import asked, signals
from paperclip.governance.choices import APPROVAL_OPEN, ApprovalStatus, ApprovalType
from paperclip.governance.models import Approval


def carry_out(*, approval: Approval, actor: Actor, now: datetime) -> Agent | None:
    """Let the agent of an approved hire begin, or take one on as the payload describes (C-80).

    Returns the agent, or None when it has begun, or gone, in the meantime. Raises Unprocessable for a payload
    that describes no agent.
    """
    if approval.payload.get("agentId") is None:
        hired: Agent | None = _take_on(approval, actor, now)
    else:
        agent = _waiting_agent(approval)
        hired = agents.approve(agent=agent, actor=actor, now=now, source="approval") if agent else None
    if hired is not None:
        signals.agent_hired.send(sender=Approval, agent=hired, approval=approval, actor=actor, now=now)
    return hired


def turn_down(*, approval: Approval, actor: Actor, now: datetime) -> None:
    """Let go the agent of a rejected hire (C-80), unless it was agreed to in another way: it works (CW-9)."""
    agent = _waiting_agent(approval)
    if agent is not None:
        agents.terminate(agent=agent, actor=actor, now=now)


def settle(*, agent: Agent, actor: Actor, now: datetime) -> None:
    """Close the open hire approvals of an agent that was agreed to by itself (CW-9)."""
    for approval in _close(agent, ApprovalStatus.APPROVED, actor, now):
        linked = list(approval.issue_links.order_by("created_at", "id").values_list("issue_id", flat=True))
        details = {
            "type": approval.type,
            "requestedByAgentId": approval.requested_by_agent_id,
            "linkedIssueIds": linked,
        }
        _log(approval, "approval.approved", actor, now, details)
        signals.approval_approved.send(
            sender=Approval, approval=approval, linked_issue_ids=linked, actor=actor, now=now
        )
        signals.agent_hired.send(sender=Approval, agent=agent, approval=approval, actor=actor, now=now)


def withdraw(*, agent: Agent, actor: Actor, now: datetime) -> None:
    """Cancel the open hire approvals of an agent that was let go before anybody answered."""
    for approval in _close(agent, ApprovalStatus.CANCELLED, actor, now):
        _log(approval, "approval.cancelled", actor, now, {"type": approval.type})


def _take_on(approval: Approval, actor: Actor, now: datetime) -> Agent:
    try:
        fields = NewAgentInput.read(approval.payload)
    except Invalid as error:
        raise Unprocessable("The approval's payload describes no agent", details=error.details) from error
    agent = agents.create(company=approval.company, fields=fields, actor=actor, now=now)
    activity.record(
        company_id=agent.company_id,
        actor=actor,
        action="agent.created",
        entity_type="agent",
        entity_id=agent.id,
        details={"name": agent.name, "role": agent.role, "approvalId": approval.id},
        now=now,
    )
    return agent


def _waiting_agent(approval: Approval) -> Agent | None:
    """Anybody may have written the payload: only a waiting agent of the same company is ever touched."""
    named = approval.payload.get("agentId")
    agent_id: UUID | None = naming.as_field_uuid(named) if isinstance(named, str) else None
    waiting = Agent.objects.filter(company_id=approval.company_id, status=AgentStatus.PENDING_APPROVAL)
    return waiting.filter(pk=agent_id).first() if agent_id else None


def _open_hires(agent: Agent) -> QuerySet[Approval]:
    return Approval.objects.filter(
        company_id=agent.company_id,
        type=ApprovalType.HIRE_AGENT,
        status__in=APPROVAL_OPEN,
        payload__agentId=str(agent.id),
    )


def _close(agent: Agent, status: ApprovalStatus, actor: Actor, now: datetime) -> list[Approval]:
    closed = []
    for approval in _open_hires(agent).order_by("id"):
        moved = Approval.objects.filter(pk=approval.pk, status__in=APPROVAL_OPEN).update(
            status=status, decided_by_user_id=actor.user_id, decided_at=now, updated_at=now
        )
        if moved:
            closed.append(Approval.objects.get(pk=approval.pk))
            asked.is_settled(approval, now=now)
    return closed


def _log(approval: Approval, action: str, actor: Actor, now: datetime, details: Mapping[str, Any]) -> None:
    activity.record(
        company_id=approval.company_id,
        actor=actor,
        action=action,
        entity_type="approval",
        entity_id=approval.id,
        details=details,
        now=now,
    )
