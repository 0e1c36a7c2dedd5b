"""Where an issue belongs: project, goal and workspace, and what it inherits of them (I-51 to I-60)."""

from __future__ import annotations

from uuid import UUID

from paperclip.companies import goals
from paperclip.companies.models import Goal, Project, ProjectGoal
from paperclip.core.errors import NotFound, Unprocessable


def require_project(company_id: UUID, project_id: UUID) -> None:
    """Raise NotFound unless the company has the project."""
    if not Project.objects.filter(pk=project_id, company_id=company_id).exists():
        raise NotFound("Project not found")


def require_goal(company_id: UUID, goal_id: UUID) -> None:
    """Raise NotFound unless the company has the goal."""
    if not Goal.objects.filter(pk=goal_id, company_id=company_id).exists():
        raise NotFound("Goal not found")


def fallback_goal(company_id: UUID, project_id: UUID | None) -> UUID | None:
    """Return the goal of an issue that names none: its project's, without one the company's (I-51)."""
    if project_id is not None:
        return project_goal(project_id)
    goal = goals.default_goal(company_id)
    return goal.pk if goal is not None else None


def project_goal(project_id: UUID) -> UUID | None:
    """Return the project's main goal."""
    links = ProjectGoal.objects.filter(project_id=project_id).order_by("position", "id")
    return links.values_list("goal_id", flat=True).first()


def goal_after_edit(
    *, company_id: UUID, goal_id: UUID | None, old_project_id: UUID | None, project_id: UUID | None
) -> UUID | None:
    """Return the goal of an edited issue when the edit names none (I-52).

    A goal that was only the fallback follows the project; one that was chosen stays.
    """
    if goal_id is not None and project_id == old_project_id:
        return goal_id
    if goal_id is None or goal_id == fallback_goal(company_id, old_project_id):
        return fallback_goal(company_id, project_id)
    return goal_id


def default_workspace(project_id: UUID) -> UUID | None:
    """Return the project's workspace of choice: its policy's, else the primary, else the oldest (I-58)."""
    project = Project.objects.filter(pk=project_id)
    policy = project.values_list("execution_workspace_policy", flat=True).first() or {}
    ordered = project.filter(workspaces__isnull=False).order_by(
        "-workspaces__is_primary", "workspaces__created_at"
    )
    workspaces = list(ordered.values_list("workspaces__id", flat=True))
    chosen = policy.get("defaultProjectWorkspaceId")
    return next((each for each in workspaces if str(each) == chosen), workspaces[0] if workspaces else None)


def require_workspace(company_id: UUID, workspace_id: UUID, *, project_id: UUID | None) -> None:
    """Raise NotFound or Unprocessable unless the workspace fits company and project (I-60)."""
    owner = Project.objects.filter(workspaces=workspace_id).values_list("company_id", "pk").first()
    if owner is None:
        raise NotFound("Project workspace not found")
    if owner[0] != company_id:
        raise Unprocessable("Project workspace must belong to the same company")
    if project_id is not None and owner[1] != project_id:
        raise Unprocessable("Project workspace must belong to the issue's project")
