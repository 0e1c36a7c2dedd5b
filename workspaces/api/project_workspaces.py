"""The workspaces of a project (C-67)."""

from __future__ import annotations

from rest_framework.request import Request
from rest_framework.response import Response

from paperclip.companies.api.projects import COMPANY_QUERY, ProjectView
from paperclip.core import naming
from paperclip.core.api.schema import operation
from paperclip.core.errors import NotFound
from workspaces import project_workspaces, shapes
from workspaces.inputs import ProjectWorkspaceIn
from workspaces.models import ProjectWorkspace
from workspaces.shapes import ProjectWorkspaceOut


class WorkspacesView(ProjectView):
    """`/projects/:id/workspaces`."""

    @operation(
        "List a project's workspaces, the primary one first [C-67]",
        answers=ProjectWorkspaceOut,
        many=True,
        query=[COMPANY_QUERY],
    )
    def get(self, request: Request, project_ref: str) -> Response:
        """Answer every workspace of the project."""
        project = self.find_project(project_ref)
        return Response(shapes.render_many(project_workspaces.of_projects([project.pk])[project.pk]))

    @operation(
        "Add a workspace to a project [C-67]",
        reads=ProjectWorkspaceIn,
        answers=ProjectWorkspaceOut,
        status=201,
        query=[COMPANY_QUERY],
    )
    def post(self, request: Request, project_ref: str) -> Response:
        """Add one and answer it."""
        project = self.find_project(project_ref)
        fields = ProjectWorkspaceIn.read(request.data)
        made = project_workspaces.create(project=project, fields=fields, actor=self.actor, now=self.now)
        return Response(shapes.render(made), status=201)


class WorkspaceBase(ProjectView):
    """A view of one workspace of a project."""

    def workspace(self, project_ref: str, reference: str) -> ProjectWorkspace:
        """Return the workspace the path names, or 404."""
        project, row_id = self.find_project(project_ref), naming.as_uuid(reference)
        row = ProjectWorkspace.objects.filter(project=project, pk=row_id).first() if row_id else None
        if row is None:
            raise NotFound("Project workspace not found")
        return row


class WorkspaceView(WorkspaceBase):
    """`/projects/:id/workspaces/:wid`."""

    @operation(
        "Change a workspace [C-67]",
        reads=ProjectWorkspaceIn,
        answers=ProjectWorkspaceOut,
        query=[COMPANY_QUERY],
    )
    def patch(self, request: Request, project_ref: str, workspace_id: str) -> Response:
        """Change what was sent and answer the row."""
        workspace = self.workspace(project_ref, workspace_id)
        fields = ProjectWorkspaceIn.read(request.data, partial=True)
        changed = project_workspaces.update(
            workspace=workspace, fields=fields, actor=self.actor, now=self.now
        )
        return Response(shapes.render(changed))

    @operation(
        "Forget a workspace; its folder stays [C-67]", answers=ProjectWorkspaceOut, query=[COMPANY_QUERY]
    )
    def delete(self, request: Request, project_ref: str, workspace_id: str) -> Response:
        """Forget it and answer what it was."""
        workspace = self.workspace(project_ref, workspace_id)
        return Response(
            shapes.render(project_workspaces.delete(workspace=workspace, actor=self.actor, now=self.now))
        )
