"""Who is asked when agents get stuck: the nearest superior who may run now."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from uuid import UUID

from django.db.models import Q, Subquery

from issues.models import Issue
from paperclip.companies.choices import AGENT_NOT_INVOKABLE, AgentRole
from paperclip.companies.models import Agent, Company, Project
from paperclip.governance import budgets, policies

_HEADS = (AgentRole.CTO, AgentRole.CEO)


class Staff:
    """The agents around some of a company: they, their managers and the heads of the house, in one query."""

    def __init__(self, company: Company, agent_ids: Iterable[UUID | None]) -> None:
        named = {agent_id for agent_id in agent_ids if agent_id is not None}
        managers = Agent.objects.filter(pk__in=named).values("reports_to")
        around = Q(pk__in=named) | Q(pk__in=Subquery(managers)) | Q(role__in=_HEADS)
        rows = Agent.objects.filter(around, company=company).order_by("created_at", "id")
        self._company = company
        self._by_id = {agent.pk: agent for agent in rows}

    def get(self, agent_id: UUID | None) -> Agent | None:
        """Return the agent, None when there is none."""
        return self._by_id.get(agent_id) if agent_id is not None else None

    def manager(self, agent_id: UUID | None) -> Agent | None:
        """Return whom the agent reports to."""
        agent = self.get(agent_id)
        return self.get(agent.reports_to_id) if agent is not None else None

    def heads(self, role: str) -> list[Agent]:
        """Return the agents of a role, the oldest first."""
        return [agent for agent in self._by_id.values() if agent.role == role]

    def first_able(self, candidates: Iterable[Agent | None], project: Project | None) -> Agent | None:
        """Return the first who may run and whose budget allows it; None when nobody may."""
        return first_able(self._company, candidates, project)


def first_able(company: Company, candidates: Iterable[Agent | None], project: Project | None) -> Agent | None:
    """Return the first of `candidates` who may run and whose budget allows it; None when nobody may."""
    spent = policies.spent_scopes([company.pk])
    for agent in candidates:
        if agent is None or agent.status in AGENT_NOT_INVOKABLE:
            continue
        if budgets.decide_block(company=company, agent=agent, project=project, spent=spent) is None:
            return agent
    return None


def for_stranded(
    *, company: Company, assignee_id: UUID | None, creator_id: UUID | None, project: Project | None
) -> Agent | None:
    """Return who is to get a stranded issue going: managers, its maker, CTOs, CEOs, last its agent (H-147)."""
    staff = Staff(company, [assignee_id, creator_id])
    candidates = [
        staff.manager(assignee_id),
        staff.manager(creator_id),
        staff.get(creator_id),
        *staff.heads(AgentRole.CTO),
        *staff.heads(AgentRole.CEO),
        staff.get(assignee_id),
    ]
    return staff.first_able(candidates, project)


def for_silent(
    *, company: Company, assignee_id: UUID | None, agent_id: UUID, project: Project | None
) -> Agent | None:
    """Return who is to look at a silent run (H-152); nobody but a superior."""
    staff = Staff(company, [assignee_id, agent_id])
    candidates = [
        staff.manager(assignee_id),
        staff.manager(agent_id),
        *staff.heads(AgentRole.CTO),
        *staff.heads(AgentRole.CEO),
    ]
    return staff.first_able(candidates, project)


def for_leaf(leaf: Issue) -> Agent | None:
    """Return who is to mend what others wait for: its agent, those above it or its maker, a root, anybody (H-151)."""
    rows = Agent.objects.filter(company=leaf.company).order_by("created_at", "id")
    everybody = {agent.pk: agent for agent in rows}
    line = [
        *_line(everybody, leaf.assignee_agent_id),
        *_line(everybody, leaf.created_by_agent_id),
        *(agent for agent in everybody.values() if agent.reports_to_id is None),
        *everybody.values(),
    ]
    return first_able(leaf.company, line, leaf.project)


def _line(everybody: Mapping[UUID, Agent], agent_id: UUID | None) -> list[Agent]:
    """Return an agent and everybody above it, nearest first."""
    line: list[Agent] = []
    agent = everybody.get(agent_id) if agent_id is not None else None
    while agent is not None and agent not in line:
        line.append(agent)
        agent = everybody.get(agent.reports_to_id) if agent.reports_to_id is not None else None
    return line
