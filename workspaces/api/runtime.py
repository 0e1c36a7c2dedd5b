"""Starting and stopping what a workspace runs (W-104, W-128, W-131)."""

from __future__ import annotations

from rest_framework.request import Request
from rest_framework.response import Response

from paperclip.companies.api.projects import COMPANY_QUERY
from paperclip.core.api.fields import Int, Text, Uuid
from paperclip.core.api.inputs import Input
from paperclip.core.api.outputs import Output
from paperclip.core.api.schema import operation
from workspaces import control, execution_shapes, shapes
from workspaces.api.execution_workspaces import ExecutionWorkspaceBase
from workspaces.api.project_workspaces import WorkspaceBase
from workspaces.choosing import Selection
from workspaces.execution_shapes import ExecutionWorkspaceOut, OperationOut
from workspaces.models import ExecutionWorkspace, ProjectWorkspace
from workspaces.shapes import ProjectWorkspaceOut


class SelectionIn(Input):
    """What of a workspace is meant; nothing is everything. Strict."""

    strict = True
    workspace_command_id = Text(required=False, allow_null=True, min_length=1, max_length=500)
    runtime_service_id = Uuid(required=False, allow_null=True)
    service_index = Int(required=False, allow_null=True, min_value=0)


class ExecutionControlOut(Output):
    """An execution workspace as it is now, and what was done."""

    workspace = ExecutionWorkspaceOut()
    operation = OperationOut()


class ProjectControlOut(Output):
    """A project workspace as it is now, and what was done."""

    workspace = ProjectWorkspaceOut()
    operation = OperationOut()


class ExecutionRuntimeView(ExecutionWorkspaceBase):
    """`POST /execution-workspaces/:id/runtime-services/:action` and `…/runtime-commands/:action`."""

    @operation(
        "Start, stop or restart services of a workspace, or run a job [W-128]",
        reads=SelectionIn,
        answers=ExecutionControlOut,
    )
    def post(self, request: Request, workspace_id: str, action: str) -> Response:
        """Do it, and answer the workspace with the operation."""
        selection = Selection(**SelectionIn.read(request.data))
        row = self.workspace(workspace_id)
        done = control.control(target=row, action=action, selection=selection, actor=self.actor, now=self.now)
        changed = ExecutionWorkspace.objects.select_related("project_workspace").get(pk=row.pk)
        body = {"workspace": execution_shapes.render(changed), "operation": OperationOut.render(done)}
        return Response(body)


class ProjectRuntimeView(WorkspaceBase):
    """`POST /projects/:id/workspaces/:wid/runtime-services/:action` and `…/runtime-commands/:action`."""

    @operation(
        "Start, stop or restart services of a project's workspace, or run a job [W-131]",
        reads=SelectionIn,
        answers=ProjectControlOut,
        query=[COMPANY_QUERY],
    )
    def post(self, request: Request, project_ref: str, workspace_id: str, action: str) -> Response:
        """Do it, and answer the workspace with the operation."""
        selection = Selection(**SelectionIn.read(request.data))
        row = self.workspace(project_ref, workspace_id)
        done = control.control(target=row, action=action, selection=selection, actor=self.actor, now=self.now)
        changed = ProjectWorkspace.objects.get(pk=row.pk)
        return Response({"workspace": shapes.render(changed), "operation": OperationOut.render(done)})
