"""Agents, managers first; whoever is new comes paused."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from paperclip.companies import agents, instruction_changes, instructions
from paperclip.companies.models import Agent, Company
from paperclip.portability.bringing.desk import SOURCE, Desk, there
from paperclip.portability.choices import Action
from paperclip.portability.planning import Step, in_order
from paperclip.portability.shapes import AgentPart


def make(desk: Desk, company: Company) -> None:
    """Hire or change the agents of the plan."""
    steps = {step.slug: step for step in desk.plan.agents}
    parts = {part.slug: part for part in desk.package.agents}
    places = {slug: place for place, slug in enumerate(parts)}
    ids = desk.ids["agents"]
    ids |= {slug: each.existing_id for slug, each in steps.items() if each.existing_id is not None}
    links = {part.slug: [part.reports_to] if part.reports_to else [] for part in desk.package.agents}
    for slug in in_order(links):
        step = steps.get(slug)
        if step is None or step.action == Action.SKIP:
            continue
        if step.action == Action.CREATE:
            ids[slug] = _hire(desk, company, parts[slug], step, desk.at(places[slug])).pk
        else:
            _replace(desk, parts[slug], step)


def _hire(desk: Desk, company: Company, part: AgentPart, step: Step, now: datetime) -> Agent:
    fields = _fields(desk, part) | {
        "name": step.name,
        "desired_skills": list(part.skills) or None,
        "permissions": {"can_create_agents": part.can_create_agents}
        if part.can_create_agents is not None
        else {},
    }
    if part.entry_file is not None:
        fields["instructions_bundle"] = {"entry_file": part.entry_file, "files": part.files}
    agent = agents.create(company=company, fields=fields, actor=desk.actor, now=now)
    if part.entry_file is not None:
        desk.written.append(instructions.managed_root(agent))
    desk.log(agent, "agent.created", {"name": agent.name, "role": agent.role, "source": SOURCE})
    return agents.pause(agent=agent, actor=desk.actor, now=now)


def _replace(desk: Desk, part: AgentPart, step: Step) -> None:
    agent = there(Agent.objects.all(), step)
    agents.update(agent=agent, fields=_fields(desk, part), actor=desk.actor, now=desk.now)
    for path, text in part.files.items():
        instruction_changes.put(
            agent=agent, path=path, content=text, clear_legacy=True, actor=desk.actor, now=desk.now
        )


def _fields(desk: Desk, part: AgentPart) -> dict[str, Any]:
    kind, config = desk.plan.adapter_of(part)
    return {
        "title": part.title,
        "role": part.role,
        "icon": part.icon,
        "capabilities": part.capabilities,
        "reports_to": desk.agent_id(part.reports_to),
        "adapter_type": kind,
        "adapter_config": config,
        "runtime_config": dict(part.runtime_config),
        "budget_monthly_cents": part.budget_monthly_cents,
        "metadata": dict(part.metadata) if part.metadata else None,
    }
