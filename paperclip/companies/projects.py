"""Projects: bodies of work with goals, a lead, an environment and a workspace policy (C-65 to C-68).

What a project shows of its workspaces lives on a higher floor, which registers an extender here.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from datetime import datetime
from typing import Any
from uuid import UUID

from django.db import transaction
from django.db.models import ProtectedError, QuerySet

from paperclip.companies import activity, adapter_config, bindings, goals, org, rights, shortnames, signals
from paperclip.companies.actors import Actor
from paperclip.companies.choices import PROJECT_COLORS
from paperclip.companies.models import Agent, Company, Project, ProjectGoal
from paperclip.core import naming
from paperclip.core.errors import Conflict, Unprocessable

Extender = Callable[[Sequence[Project]], Mapping[UUID, Mapping[str, Any]]]

# What a project shows of its workspaces when it has none; extenders lay their values over it, key by key.
NO_WORKSPACES: Mapping[str, Any] = {
    "workspaces": [],
    "primaryWorkspace": None,
    "codebase": {
        "workspaceId": None,
        "repoUrl": None,
        "repoRef": None,
        "defaultRef": None,
        "repoName": None,
        "localFolder": None,
        "managedFolder": None,
        "effectiveLocalFolder": None,
        "origin": "managed_checkout",
    },
}
_extenders: list[Extender] = []
_NULLABLE = frozenset(
    {
        "description",
        "target_date",
        "lead_agent_id",
        "color",
        "env",
        "archived_at",
        "execution_workspace_policy",
    }
)
_NOT_COLUMNS = frozenset({"goal_id", "goal_ids", "workspace"})


def extend(extender: Extender) -> None:
    """Register what a higher floor adds to projects.

    `extender(projects)` returns, by project id, values for the wire names `workspaces`, `primaryWorkspace`
    and `codebase`. It is called once per answer, so it can read for all projects at a time.
    """
    if extender not in _extenders:
        _extenders.append(extender)


def extensions(projects: Sequence[Project]) -> dict[UUID, dict[str, Any]]:
    """Return what higher floors show of each project, complete with defaults."""
    shown = {project.id: dict(NO_WORKSPACES) for project in projects}
    for extender in _extenders if projects else ():
        for project_id, values in extender(projects).items():
            shown[project_id].update(values)
    return shown


def of_company(company_id: UUID) -> QuerySet[Project]:
    """Return the projects of a company with their goals at hand, oldest first."""
    rows = Project.objects.filter(company_id=company_id).order_by("created_at", "id")
    return rows.prefetch_related("goal_links__goal")


def create(*, company: Company, fields: Mapping[str, Any], actor: Actor, now: datetime) -> Project:
    """Start a project; `fields` by column name, with `goal_ids` (or the older `goal_id`) and `workspace`.

    The name is made unique by its shortname, the colour is the next of the palette unless given. Raises
    Unprocessable for goals, lead or environment bindings that do not hold, Forbidden for what agents may not
    set.
    """
    with transaction.atomic():
        org.lock(company.id)
        columns = _columns(company.id, fields, before=None, actor=actor)
        names = list(Project.objects.filter(company=company).values_list("name", flat=True))
        columns["name"] = _free_name(columns["name"], names)
        columns.setdefault("color", None)
        columns["color"] = columns["color"] or PROJECT_COLORS[len(names) % len(PROJECT_COLORS)]
        project = Project.objects.create(company=company, **columns, created_at=now, updated_at=now)
        _set_goals(project, _goal_ids(fields) or [])
        bindings.save_project(project, actor=actor, now=now)
        answers = signals.project_created.send(
            sender=Project, project=project, workspace=fields.get("workspace"), actor=actor, now=now
        )
        workspace_id = next((made for _, made in answers if made is not None), None)
        details = {"name": project.name, "workspaceId": workspace_id, "envKeys": sorted(project.env or {})}
        _log(project, "project.created", actor, now, details)
        return of_company(company.id).get(pk=project.pk)


def update(*, project: Project, fields: Mapping[str, Any], actor: Actor, now: datetime) -> Project:
    """Change a project; `fields` holds only what was sent. Refuses as `create` does."""
    with transaction.atomic():
        row = Project.objects.select_for_update(no_key=True).get(pk=project.pk)
        columns = _columns(row.company_id, fields, before=row, actor=actor)
        Project.objects.filter(pk=row.pk).update(**columns, updated_at=now)
        if "env" in columns:
            row.env = columns["env"]
            bindings.save_project(row, actor=actor, now=now)
        goal_ids = _goal_ids(fields)
        if goal_ids is not None:
            _set_goals(row, goal_ids)
        details: dict[str, Any] = {"changedKeys": sorted(naming.camel(name) for name in fields)}
        if "env" in fields:
            details["envKeys"] = sorted(fields["env"] or {})
        _log(row, "project.updated", actor, now, details)
        return of_company(row.company_id).get(pk=row.pk)


def delete(*, project: Project, actor: Actor, now: datetime) -> None:
    """Delete a project; its issues stay without one. Raises Conflict when something still depends on it."""
    rights.require_remover(actor, owner_agent_id=project.lead_agent_id, what="projects")
    try:
        with transaction.atomic():
            _log(project, "project.deleted", actor, now, None)
            bindings.forget(project)
            Project.objects.filter(pk=project.pk).delete()
    except ProtectedError as error:
        raise Conflict("Project is still in use and cannot be deleted") from error


def _columns(
    company_id: UUID, fields: Mapping[str, Any], *, before: Project | None, actor: Actor
) -> dict[str, Any]:
    columns = {
        name: value
        for name, value in fields.items()
        if name not in _NOT_COLUMNS and (value is not None or name in _NULLABLE)
    }
    policy = columns.get("execution_workspace_policy")
    if policy is not None and policy.get("environmentId") is not None:
        raise Unprocessable("executionWorkspacePolicy.environmentId: environment not found in this company")
    if columns.get("env") is not None:
        columns["env"] = bindings.normalized(columns["env"], "env")
    if actor.is_agent and policy is not None:
        stored = (before.execution_workspace_policy if before else None) or {}
        adapter_config.refuse_strategy_changes(stored, policy, "executionWorkspacePolicy")
    lead = columns.get("lead_agent_id")
    if lead is not None and not Agent.objects.filter(company_id=company_id, pk=lead).exists():
        raise Unprocessable("Lead agent not found in this company")
    goals.require_known(company_id, _goal_ids(fields) or [])
    return columns


def _goal_ids(fields: Mapping[str, Any]) -> list[UUID] | None:
    """Return the goals asked for, each once and in order; None when nothing was said.

    `goal_ids` is the truth.
    """
    if fields.get("goal_ids") is not None:
        return list(dict.fromkeys(fields["goal_ids"]))
    if "goal_id" in fields:
        return [fields["goal_id"]] if fields["goal_id"] is not None else []
    return None


def _set_goals(project: Project, goal_ids: Iterable[UUID]) -> None:
    ProjectGoal.objects.filter(project=project).delete()
    ProjectGoal.objects.bulk_create(
        ProjectGoal(project=project, goal_id=goal_id, position=position)
        for position, goal_id in enumerate(goal_ids)
    )


def _free_name(name: str, names: Iterable[str]) -> str:
    """Only plain names share a shortname; others carry a part of their id and stay apart by themselves."""
    if not name.isascii():
        return name
    return shortnames.free_name(name, (naming.slug(other) for other in names if other.isascii()))


def _log(
    project: Project, action: str, actor: Actor, now: datetime, details: Mapping[str, Any] | None
) -> None:
    activity.record(
        company_id=project.company_id,
        actor=actor,
        action=action,
        entity_type="project",
        entity_id=project.id,
        details=details,
        now=now,
    )
