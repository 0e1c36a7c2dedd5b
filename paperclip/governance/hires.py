"""Hiring: an agent is taken on at once, or waits for the board if the company wants to be asked (C-55)."""

from __future__ import annotations

import uuid
from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any
from uuid import UUID

from django.db import transaction

from paperclip.companies import activity, agents
from paperclip.companies.actors import Actor
from paperclip.companies.models import Agent, Company
from paperclip.core import redaction
from paperclip.governance import approvals
from paperclip.governance.choices import ApprovalType
from paperclip.governance.models import Approval


def ask(
    *, company: Company, fields: Mapping[str, Any], issue_ids: Sequence[UUID], actor: Actor, now: datetime
) -> tuple[Agent, Approval | None]:
    """Hire an agent; return it with the approval it waits for, or None when nobody needs to be asked.

    `fields` as for `agents.create`, `issue_ids` the issues the hire is for. Refuses as `agents.create` and
    `approvals.create` do.
    """
    pending = company.require_board_approval_for_new_agents
    with transaction.atomic():
        agent = agents.create(company=company, fields=fields, actor=actor, now=now, pending=pending)
        skills = fields.get("desired_skills")
        approval_id = uuid.uuid4() if pending else None
        details = {
            "name": agent.name,
            "role": agent.role,
            "requiresApproval": pending,
            "approvalId": approval_id,
            "issueIds": list(issue_ids),
            "desiredSkills": skills,
        }
        activity.record(
            company_id=agent.company_id,
            actor=actor,
            action="agent.hire_created",
            entity_type="agent",
            entity_id=agent.id,
            details=details,
            now=now,
        )
        if approval_id is None:
            return agent, None
        approval = approvals.create(
            company=company,
            type=ApprovalType.HIRE_AGENT,
            payload=_payload(agent, skills, actor),
            actor=actor,
            now=now,
            issue_ids=issue_ids,
            linked_agent_id=agent.id,
            approval_id=approval_id,
        )
        return agent, approval


def _payload(agent: Agent, skills: Sequence[str] | None, actor: Actor) -> dict[str, Any]:
    """Return what the board is shown of the agent it is asked about, without secrets."""
    configuration = {
        "adapterType": agent.adapter_type,
        "adapterConfig": redaction.data(agent.adapter_config),
        "runtimeConfig": redaction.data(agent.runtime_config),
        "desiredSkills": skills,
    }
    return configuration | {
        "name": agent.name,
        "role": agent.role,
        "title": agent.title,
        "icon": agent.icon,
        "reportsTo": str(agent.reports_to_id) if agent.reports_to_id else None,
        "capabilities": agent.capabilities,
        "budgetMonthlyCents": agent.budget_monthly_cents,
        "metadata": redaction.data(agent.metadata),
        "agentId": str(agent.id),
        "requestedByAgentId": str(actor.agent_id) if actor.agent_id else None,
        "requestedConfigurationSnapshot": configuration,
    }
