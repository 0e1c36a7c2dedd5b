"""The code bases of a project (C-66 to C-68). While a project has any, exactly one of them is its primary one."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from pathlib import PurePath
from typing import Any
from uuid import UUID

from django.db import transaction

from paperclip.companies import activity
from paperclip.companies.actors import Actor
from paperclip.companies.models import Project
from paperclip.core import naming
from paperclip.core.errors import BadRequest, NotFound, Unprocessable
from workspaces import guards
from workspaces.choices import SourceType
from workspaces.models import ProjectWorkspace


def create(*, project: Project, fields: Mapping[str, Any], actor: Actor, now: datetime) -> ProjectWorkspace:
    """Add a workspace to `project`; the first is its primary one, whatever `fields` say.

    Raises BadRequest when it names neither folder nor repository, Forbidden for commands set by an agent.
    """
    guards.require_may_change_code(fields, actor)
    trouble = _trouble(fields)
    if trouble is not None:
        raise BadRequest(trouble)
    with transaction.atomic():
        Project.objects.select_for_update(no_key=True).values_list("pk").get(pk=project.pk)
        is_first = not ProjectWorkspace.objects.filter(project=project).exists()
        is_primary = is_first or bool(fields.get("is_primary"))
        if is_primary:
            ProjectWorkspace.objects.filter(project=project, is_primary=True).update(
                is_primary=False, updated_at=now
            )
        columns = _filled(
            {name: value for name, value in fields.items() if name not in ("is_primary", "name")}
        )
        workspace = ProjectWorkspace.objects.create(
            company_id=project.company_id,
            project=project,
            name=fields.get("name") or _name_of(fields),
            is_primary=is_primary,
            created_at=now,
            updated_at=now,
            **columns,
        )
        shown = {"name": workspace.name, "cwd": workspace.cwd, "isPrimary": is_primary}
        _log(workspace, "project.workspace_created", actor, now, shown)
    return workspace


def update(
    *, workspace: ProjectWorkspace, fields: Mapping[str, Any], actor: Actor, now: datetime
) -> ProjectWorkspace:
    """Change a workspace; `fields` holds only what was sent. A primary one stays so until another takes its place."""
    guards.require_may_change_code(fields, actor)
    with transaction.atomic():
        Project.objects.select_for_update(no_key=True).values_list("pk").get(pk=workspace.project_id)
        row = ProjectWorkspace.objects.get(pk=workspace.pk)
        after = {name: fields.get(name, getattr(row, name)) for name in _PLACE}
        trouble = _trouble(after)
        if trouble is not None:
            raise Unprocessable(trouble)
        columns = _spoken({name: value for name, value in fields.items() if name != "is_primary"})
        if "name" not in fields and any(after[name] != getattr(row, name) for name in ("cwd", "repo_url")):
            columns["name"] = _name_of(after)
        if fields.get("is_primary"):
            others = ProjectWorkspace.objects.filter(project_id=row.project_id, is_primary=True).exclude(
                pk=row.pk
            )
            others.update(is_primary=False, updated_at=now)
            columns["is_primary"] = True
        ProjectWorkspace.objects.filter(pk=row.pk).update(**columns, updated_at=now)
        row.refresh_from_db()
        changed = sorted(naming.camel(name) for name in fields)
        _log(row, "project.workspace_updated", actor, now, {"changedKeys": changed})
    return row


def delete(*, workspace: ProjectWorkspace, actor: Actor, now: datetime) -> ProjectWorkspace:
    """Forget a workspace (its folder stays) and return what it was; the oldest of the rest becomes primary."""
    with transaction.atomic():
        Project.objects.select_for_update(no_key=True).values_list("pk").get(pk=workspace.project_id)
        was = ProjectWorkspace.objects.filter(pk=workspace.pk).first()
        if was is None:
            raise NotFound("Project workspace not found")
        ProjectWorkspace.objects.filter(pk=was.pk).delete()
        if was.is_primary:
            heir = (
                ProjectWorkspace.objects.filter(project_id=was.project_id)
                .order_by("created_at", "id")
                .first()
            )
            if heir is not None:
                ProjectWorkspace.objects.filter(pk=heir.pk).update(is_primary=True, updated_at=now)
        _log(was, "project.workspace_deleted", actor, now, {"name": was.name})
    return was


def of_projects(project_ids: Sequence[UUID]) -> dict[UUID, list[ProjectWorkspace]]:
    """Return the workspaces of each project, the primary one first, then by age; one query."""
    found: dict[UUID, list[ProjectWorkspace]] = {project_id: [] for project_id in project_ids}
    rows = ProjectWorkspace.objects.filter(project_id__in=project_ids).order_by(
        "-is_primary", "created_at", "id"
    )
    for row in rows:
        found[row.project_id].append(row)
    return found


_PLACE = ("source_type", "cwd", "repo_url", "remote_workspace_ref")


def _trouble(fields: Mapping[str, Any]) -> str | None:
    """Return what a workspace lacks to be one (W-8)."""
    if fields.get("source_type") == SourceType.REMOTE_MANAGED:
        has_place = fields.get("remote_workspace_ref") or fields.get("repo_url")
        return None if has_place else "A remote workspace requires remoteWorkspaceRef or repoUrl."
    has_place = fields.get("cwd") or fields.get("repo_url")
    return None if has_place else "Workspace requires at least one of cwd or repoUrl."


def _spoken(columns: dict[str, Any]) -> dict[str, Any]:
    """Return the columns with the runtime configuration under its wire names; one that says nothing is none."""
    config = columns.get("runtime_config")
    if config is None:
        return columns
    said = {naming.camel(name): value for name, value in config.items() if value is not None}
    return {**columns, "runtime_config": said or None}


def _filled(columns: dict[str, Any]) -> dict[str, Any]:
    """Return the columns of a new workspace with what follows from them (W-7)."""
    kind = SourceType.GIT_REPO if columns.get("repo_url") else SourceType.LOCAL_PATH
    filled = {"source_type": kind, **_spoken(columns)}
    if filled.get("default_ref") is None:
        filled["default_ref"] = filled.get("repo_ref")
    return filled


def _name_of(fields: Mapping[str, Any]) -> str:
    """Return the last part of the folder or repository."""
    place = str(fields.get("cwd") or fields.get("repo_url") or fields.get("remote_workspace_ref") or "")
    return PurePath(place.rstrip("/").removesuffix(".git")).name or "Workspace"


def _log(
    workspace: ProjectWorkspace, action: str, actor: Actor, now: datetime, details: Mapping[str, Any]
) -> None:
    activity.record(
        company_id=workspace.company_id,
        actor=actor,
        action=action,
        entity_type="project",
        entity_id=workspace.project_id,
        details={"workspaceId": workspace.pk, **details},
        now=now,
    )
