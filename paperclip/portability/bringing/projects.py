"""Projects with their folders."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any

from paperclip.companies import projects
from paperclip.companies.models import Company, Project
from paperclip.portability.bringing.desk import Desk, there
from paperclip.portability.choices import Action
from paperclip.portability.planning import Step
from paperclip.portability.shapes import ProjectPart
from workspaces import project_workspaces
from workspaces.inputs import ProjectWorkspaceIn


def make(desk: Desk, company: Company) -> None:
    """Start or change the projects of the plan."""
    ids = desk.ids["projects"]
    parts = {part.slug: part for part in desk.package.projects}
    places = {slug: place for place, slug in enumerate(parts)}
    for step in desk.plan.projects:
        part = parts[step.slug]
        if step.existing_id is not None:
            ids[step.slug] = step.existing_id
        if step.action == Action.CREATE:
            project = _start(desk, company, part, step, desk.at(places[step.slug]))
            ids[step.slug] = project.pk
        elif step.action == Action.UPDATE:
            row = there(Project.objects.all(), step)
            fields = _fields(desk, part)
            projects.update(project=row, fields=fields, actor=desk.actor, now=desk.now)


def _start(desk: Desk, company: Company, part: ProjectPart, step: Step, now: datetime) -> Project:
    fields = _fields(desk, part) | {"name": step.name}
    project = projects.create(company=company, fields=fields, actor=desk.actor, now=now)
    for place, values in enumerate(part.workspaces):
        project_workspaces.create(
            project=project,
            fields=ProjectWorkspaceIn.read(values),
            actor=desk.actor,
            now=now + timedelta(microseconds=place),
        )
    return project


def _fields(desk: Desk, part: ProjectPart) -> dict[str, Any]:
    goal_ids = desk.ids["goals"]
    return {
        "description": part.description,
        "status": part.status,
        "target_date": part.target_date,
        "color": part.color,
        "lead_agent_id": desk.agent_id(part.lead),
        "goal_ids": [goal_ids[slug] for slug in part.goals if slug in goal_ids],
        "execution_workspace_policy": dict(part.policy) if part.policy else None,
    }
