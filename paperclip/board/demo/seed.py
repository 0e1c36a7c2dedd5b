"""The demo company: a lead and three workers that audit a repository, as programs anybody could write.

Everything is made through the verbs of the lower floors, as a person at the board would make it.
"""

from __future__ import annotations

import sys
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

from issues import lifecycle as issue_lifecycle
from issues.choices import CLOSED
from issues.models import Issue
from paperclip.companies import agents, goals, lifecycle, projects
from paperclip.companies.actors import Actor
from paperclip.companies.choices import (
    AgentRole,
    AgentStatus,
    CompanyStatus,
    GoalLevel,
    GoalStatus,
    ProjectStatus,
)
from paperclip.companies.models import Agent, Company, Goal, Project
from paperclip.core import locks
from paperclip.core.errors import Conflict
from workspaces.models import ProjectWorkspace

PROGRAM = Path(__file__).resolve().with_name("agent.py")
COMPANY = "Demo Audits"
GOAL = "Know what is in the code we keep"
TIMEOUT_SECONDS = 120
GRACE_SECONDS = 5
_TASK = """\
Measure the repository at `{folder}` and say what is worth knowing: its size and languages, what changes \
most, what was left to do, which files are too large, and how well it is tested.

Break the work into parts, let the team do them, see that their findings agree, and write the report as the \
document `report` of this issue."""


@dataclass(frozen=True)
class _Post:
    """A place in the company, and the role its program plays."""

    name: str
    role: str
    plays: str
    title: str
    icon: str
    capabilities: str


_LEAD = _Post(
    "Chief",
    AgentRole.CEO,
    "lead",
    "Head of audits",
    "crown",
    "Breaks an audit into parts, gives them out, and writes the report when they are done.",
)
_WORKERS = (
    _Post(
        "Surveyor",
        AgentRole.ENGINEER,
        "worker",
        "Measures what is there",
        "telescope",
        "Counts files, lines and bytes; ranks the largest.",
    ),
    _Post(
        "Historian",
        AgentRole.RESEARCHER,
        "worker",
        "Reads what happened",
        "git-branch",
        "Reads git's history; compares what the others found.",
    ),
    _Post(
        "Inspector",
        AgentRole.QA,
        "worker",
        "Looks for what is missing",
        "microscope",
        "Collects promises left in the code; weighs tests against the rest.",
    ),
)


@dataclass(frozen=True)
class Seeded:
    """The audit of a repository; `is_new` tells one just begun from one that is still going on."""

    issue: Issue
    is_new: bool


def seed(*, repository: Path, pace_seconds: float, actor: Actor, now: datetime) -> Seeded:
    """Begin an audit of `repository`, in a demo company that is made when there is none; return its issue.

    While an audit of the same folder is open, nothing is added. `pace_seconds` is how long the agents pause
    after each line they say. Raises Conflict while another process does the same.
    """
    with locks.only_one("demo.seed") as is_alone:
        if not is_alone:
            raise Conflict("The demo company is just being made by another process")
        company = _company(actor, now)
        lead = _agent(company, _LEAD, None, pace_seconds, actor, now)
        for post in _WORKERS:
            _agent(company, post, lead, pace_seconds, actor, now)
        project = _project(company, repository, lead, actor, now)
        title = f"Audit this repository: {repository.name or repository}"
        audits = Issue.objects.filter(project=project, parent=None, title=title)
        going_on = audits.exclude(status__in=CLOSED).order_by("created_at").first()
        if going_on is not None:
            return Seeded(going_on, is_new=False)
        issue = issue_lifecycle.create(
            company_id=company.pk,
            fields={
                "title": title,
                "description": _TASK.format(folder=repository),
                "project_id": project.pk,
                "assignee_agent_id": lead.pk,
            },
            actor=actor,
            now=now,
        )
        return Seeded(issue, is_new=True)


def _company(actor: Actor, now: datetime) -> Company:
    there = Company.objects.filter(name=COMPANY).exclude(status=CompanyStatus.ARCHIVED)
    company = there.order_by("created_at").first()
    if company is not None:
        return company
    description = (
        "Four programs, no language model: they audit a repository the way a company of agents would."
    )
    return lifecycle.create(fields={"name": COMPANY, "description": description}, actor=actor, now=now)


def _agent(
    company: Company, post: _Post, lead: Agent | None, pace_seconds: float, actor: Actor, now: datetime
) -> Agent:
    """Return the agent in a post, taken on when there is none; its program is the one of this checkout."""
    config = _adapter_config(post, pace_seconds)
    there = Agent.objects.filter(company=company, name=post.name).exclude(status=AgentStatus.TERMINATED)
    agent = there.order_by("created_at").first()
    if agent is None:
        fields = {
            "name": post.name,
            "role": post.role,
            "title": post.title,
            "icon": post.icon,
            "capabilities": post.capabilities,
            "reports_to": lead.pk if lead is not None else None,
            "adapter_type": "process",
            "adapter_config": config,
        }
        return agents.create_directly(company=company, fields=fields, actor=actor, now=now)
    if any(agent.adapter_config.get(key) != value for key, value in config.items()):
        return agents.update(agent=agent, fields={"adapter_config": config}, actor=actor, now=now)
    return agent


def _adapter_config(post: _Post, pace_seconds: float) -> dict[str, Any]:
    pace = ["--pace", f"{pace_seconds:g}"] if pace_seconds else []
    return {
        "command": sys.executable,
        "args": ["-I", "-S", str(PROGRAM), post.plays, *pace],
        "timeoutSec": TIMEOUT_SECONDS,
        "graceSec": GRACE_SECONDS,
    }


def _project(company: Company, repository: Path, lead: Agent, actor: Actor, now: datetime) -> Project:
    known = ProjectWorkspace.objects.filter(company=company, cwd=str(repository)).select_related("project")
    workspace = known.order_by("created_at").first()
    if workspace is not None:
        return workspace.project
    project = projects.create(
        company=company,
        fields={
            "name": repository.name or str(repository),
            "description": f"The repository at `{repository}`.",
            "status": ProjectStatus.IN_PROGRESS,
            "goal_ids": [_goal(company, lead, actor, now).pk],
            "lead_agent_id": lead.pk,
            "workspace": {"cwd": str(repository)},
        },
        actor=actor,
        now=now,
    )
    return project


def _goal(company: Company, lead: Agent, actor: Actor, now: datetime) -> Goal:
    goal = Goal.objects.filter(company=company, title=GOAL).order_by("created_at").first()
    if goal is not None:
        return goal
    fields = {
        "title": GOAL,
        "level": GoalLevel.COMPANY,
        "status": GoalStatus.ACTIVE,
        "owner_agent_id": lead.pk,
    }
    return goals.create(company=company, fields=fields, actor=actor, now=now)
