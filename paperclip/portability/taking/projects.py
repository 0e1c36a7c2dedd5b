"""Projects and their folders."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from paperclip.companies.models import Project
from paperclip.core import naming
from paperclip.portability import secrecy, writing
from paperclip.portability.choices import Part
from paperclip.portability.shapes import ProjectPart
from paperclip.portability.taking.desk import Desk, slugs
from workspaces import project_workspaces
from workspaces.models import ProjectWorkspace

_WORKSPACE_COLUMNS = (
    "name", "source_type", "cwd", "repo_url", "repo_ref", "default_ref", "visibility", "setup_command",
    "cleanup_command", "remote_provider", "remote_workspace_ref", "is_primary",
)  # fmt: skip


def chosen(desk: Desk) -> list[Project]:
    """Return the projects that are wanted, and give each its slug."""
    if not desk.wants(Part.PROJECTS, desk.wish.projects, desk.wish.project_issues):
        return []
    rows = Project.objects.filter(company=desk.company, archived_at__isnull=True)
    projects = list(rows.order_by("created_at", "id").prefetch_related("goal_links"))
    known = slugs(((project.pk, desk.scrub.text(project.name)) for project in projects), "project")
    is_everything = Part.PROJECTS in desk.wish.parts and not desk.wish.projects
    wanted = () if is_everything else [*desk.wish.projects, *desk.wish.project_issues]
    chosen = desk.named(projects, known, wanted, "project")
    desk.project_slugs = {project.pk: known[project.pk] for project in chosen}
    return chosen


def parts(desk: Desk, projects: Sequence[Project]) -> tuple[ProjectPart, ...]:
    """Return what there is to say of each."""
    workspaces = project_workspaces.of_projects([project.pk for project in projects])
    return tuple(_part(desk, project, workspaces[project.pk]) for project in projects)


def _part(desk: Desk, project: Project, workspaces: Sequence[ProjectWorkspace]) -> ProjectPart:
    slug = desk.project_slugs[project.pk]
    path = writing.project_path(slug)
    desk.ask(secrecy.environment(project.env), project_slug=slug)
    links = [link.goal_id for link in project.goal_links.all()]
    policy = project.execution_workspace_policy
    return ProjectPart(
        slug=slug,
        name=desk.text(project.name, f"{path}: name") or slug,
        path=path,
        description=desk.text(project.description, path),
        status=project.status,
        target_date=project.target_date.isoformat() if project.target_date else None,
        color=project.color,
        lead=desk.agent_slugs.get(project.lead_agent_id) if project.lead_agent_id else None,
        goals=tuple(desk.goal_slugs[goal_id] for goal_id in links if goal_id in desk.goal_slugs),
        policy=desk.config(policy, f"projects/{slug}: executionWorkspacePolicy") if policy else None,
        workspaces=tuple(_workspace(desk, workspace, slug) for workspace in workspaces),
    )


def _workspace(desk: Desk, workspace: ProjectWorkspace, slug: str) -> dict[str, Any]:
    values = {naming.camel(column): getattr(workspace, column) for column in _WORKSPACE_COLUMNS}
    values["repoUrl"] = secrecy.without_credentials(workspace.repo_url)
    if values["repoUrl"] != workspace.repo_url:
        desk.warnings.append(f"projects/{slug}: the password in the repository's address is left out")
    if workspace.cwd:
        desk.warnings.append(f"projects/{slug}: its folder is a path of this host")
    said = {name: value for name, value in values.items() if value not in (None, "", False)}
    return desk.config(said, f"projects/{slug}: workspace")
