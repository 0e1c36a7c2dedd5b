"""How workspaces are written, by themselves and as part of their project (C-65, C-66)."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any
from uuid import UUID

from paperclip.companies.models import Project
from paperclip.core.api.outputs import ModelOutput
from workspaces import checkouts, project_workspaces, services
from workspaces.execution_shapes import RuntimeServiceOut
from workspaces.models import ProjectWorkspace, RuntimeService


class ProjectWorkspaceOut(ModelOutput):
    """A code base of a project, with the services that run in it."""

    runtime_services = RuntimeServiceOut(many=True)

    class Meta:
        model = ProjectWorkspace
        fields = [
            "id",
            "company_id",
            "project_id",
            "name",
            "source_type",
            "cwd",
            "repo_url",
            "repo_ref",
            "default_ref",
            "visibility",
            "setup_command",
            "cleanup_command",
            "remote_provider",
            "remote_workspace_ref",
            "shared_workspace_key",
            "metadata",
            "runtime_config",
            "is_primary",
            "runtime_services",
            "created_at",
            "updated_at",
        ]


def render(workspace: ProjectWorkspace) -> dict[str, Any]:
    """Return the JSON object of one workspace; one query for its services."""
    return render_many([workspace])[0]


def render_many(workspaces: Sequence[ProjectWorkspace]) -> list[dict[str, Any]]:
    """Return the JSON objects of many; one query for the services of all."""
    found = services.shown_of_project_workspaces([workspace.pk for workspace in workspaces])
    return [_render(workspace, found[workspace.pk]) for workspace in workspaces]


def _render(workspace: ProjectWorkspace, shown: Sequence[RuntimeService]) -> dict[str, Any]:
    columns = {field.attname: getattr(workspace, field.attname) for field in workspace._meta.concrete_fields}
    return ProjectWorkspaceOut.render({**columns, "runtime_services": shown})


def of_projects(projects: Sequence[Project]) -> Mapping[UUID, Mapping[str, Any]]:
    """Return what each project shows of its workspaces; two queries for all."""
    found = project_workspaces.of_projects([project.pk for project in projects])
    rendered = {shown["id"]: shown for shown in render_many([row for rows in found.values() for row in rows])}
    return {project.pk: _shown(project, found[project.pk], rendered) for project in projects}


def _shown(
    project: Project, workspaces: Sequence[ProjectWorkspace], rendered: Mapping[UUID, dict[str, Any]]
) -> dict[str, Any]:
    primary = next((workspace for workspace in workspaces if workspace.is_primary), None)
    return {
        "workspaces": [rendered[workspace.pk] for workspace in workspaces],
        "primaryWorkspace": rendered[primary.pk] if primary is not None else None,
        "codebase": _codebase(project, primary),
    }


def _codebase(project: Project, primary: ProjectWorkspace | None) -> dict[str, Any]:
    """Where the project's code is: the folder it names, else the folder kept for it under the home."""
    local = primary.cwd if primary is not None else None
    repo_url = primary.repo_url if primary is not None else None
    managed = str(checkouts.folder_of(project.pk, repo_url))
    return {
        "workspaceId": primary.pk if primary is not None else None,
        "repoUrl": repo_url,
        "repoRef": primary.repo_ref if primary is not None else None,
        "defaultRef": primary.default_ref if primary is not None else None,
        "repoName": repo_url.rstrip("/").rsplit("/", 1)[-1].removesuffix(".git") if repo_url else None,
        "localFolder": local,
        "managedFolder": managed,
        "effectiveLocalFolder": local or managed,
        "origin": "local_folder" if local else "managed_checkout",
    }
