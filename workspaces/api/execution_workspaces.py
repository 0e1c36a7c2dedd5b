"""Execution workspaces and what was done for them (W-124 to W-127, W-132)."""

from __future__ import annotations

from typing import Any
from uuid import UUID

from drf_spectacular.utils import PolymorphicProxySerializer
from rest_framework.request import Request
from rest_framework.response import Response

from paperclip.companies.api.base import ActorView, CompanyView
from paperclip.core import jsonable, naming
from paperclip.core.api.schema import operation, query
from paperclip.core.api.views import flag, whole_number
from paperclip.core.errors import BadRequest, NotFound
from workspaces import execution_workspaces, operation_logs, operations, readiness
from workspaces.choices import WORKSPACE_OPEN, WorkspaceStatus
from workspaces.execution_shapes import (
    ExecutionWorkspaceOut,
    ExecutionWorkspaceSummaryOut,
    OperationLogOut,
    OperationOut,
    ReadinessOut,
    render,
    render_many,
    render_readiness,
)
from workspaces.execution_workspaces import Filters
from workspaces.inputs import ExecutionWorkspaceIn
from workspaces.models import ExecutionWorkspace, WorkspaceOperation

MAX_LIST = 1000
DEFAULT_LIST = 500
MAX_OPERATIONS = 500
_ROW = PolymorphicProxySerializer(
    "ExecutionWorkspaceRowOut",
    [ExecutionWorkspaceOut, ExecutionWorkspaceSummaryOut],
    resource_type_field_name=None,
    many=True,
)


class CompanyExecutionWorkspacesView(CompanyView):
    """`GET /companies/:companyId/execution-workspaces`."""

    @operation(
        "List execution workspaces, the most recently used first [W-124]",
        answers=_ROW,
        query=[
            query("projectId"),
            query("projectWorkspaceId"),
            query("issueId", text="Those that were made for this issue."),
            query("status", text="Statuses, separated by commas."),
            query("reuseEligible", bool, "Only those a run may go back to."),
            query("summary", bool, "Only id, name, mode and project workspace of each."),
            query("limit", int, "1 to 1000, default 500."),
            query("offset", int),
        ],
    )
    def get(self, request: Request, company_id: str) -> Response:
        """Answer the company's workspaces."""
        limit = whole_number(request, "limit", default=DEFAULT_LIST, least=1, most=MAX_LIST)
        offset = whole_number(request, "offset", default=0, least=0, most=2**31 - 1)
        rows = execution_workspaces.of_company(self.company.pk, _filters(request))
        rows = rows.select_related("project_workspace")[offset : offset + limit]
        if flag(request, "summary"):
            return Response(ExecutionWorkspaceSummaryOut.render_many(rows))
        return Response(render_many(list(rows)))


class ExecutionWorkspaceBase(ActorView):
    """A view of one execution workspace."""

    def workspace(self, reference: str) -> ExecutionWorkspace:
        """Return the workspace the path names, or 404."""
        rows = ExecutionWorkspace.objects.select_related("project_workspace", "project")
        return self.find(rows, reference, what="Execution workspace")


class ExecutionWorkspaceView(ExecutionWorkspaceBase):
    """`GET` and `PATCH /execution-workspaces/:id`."""

    @operation("Read an execution workspace [W-125]", answers=ExecutionWorkspaceOut)
    def get(self, request: Request, workspace_id: str) -> Response:
        """Answer the workspace with its services."""
        return Response(render(self.workspace(workspace_id)))

    @operation(
        "Change an execution workspace, or archive it [W-126]",
        reads=ExecutionWorkspaceIn,
        answers=ExecutionWorkspaceOut,
    )
    def patch(self, request: Request, workspace_id: str) -> Response:
        """Change what was sent; the status `archived` closes the workspace and removes what was made for it."""
        row = self.workspace(workspace_id)
        fields = ExecutionWorkspaceIn.read(request.data, partial=True)
        if fields.get("config") is not None:
            fields["config"] = jsonable.plain(fields["config"])
        changed = execution_workspaces.update(workspace=row, fields=fields, actor=self.actor, now=self.now)
        return Response(render(changed))


class CloseReadinessView(ExecutionWorkspaceBase):
    """`GET /execution-workspaces/:id/close-readiness`."""

    @operation("Ask whether a workspace may be closed, and what that would do [W-60]", answers=ReadinessOut)
    def get(self, request: Request, workspace_id: str) -> Response:
        """Answer reasons, warnings and planned actions."""
        return Response(render_readiness(readiness.look(self.workspace(workspace_id))))


class WorkspaceOperationsView(ExecutionWorkspaceBase):
    """`GET /execution-workspaces/:id/workspace-operations`."""

    @operation(
        "List what was done on the host for a workspace, newest first [W-115]",
        answers=OperationOut,
        many=True,
    )
    def get(self, request: Request, workspace_id: str) -> Response:
        """Answer the newest operations, at most 500."""
        rows = operations.of_workspace(self.workspace(workspace_id))[:MAX_OPERATIONS]
        return Response(OperationOut.render_many(rows))


class OperationLogView(ActorView):
    """`GET /workspace-operations/:id/log`."""

    @operation(
        "Read a piece of an operation's log [W-114]",
        answers=OperationLogOut,
        query=[
            query("offset", int, "In bytes, default 0."),
            query("limitBytes", int, "1 to 1048576, default 256000."),
        ],
    )
    def get(self, request: Request, operation_id: str) -> Response:
        """Answer whole lines from an offset; `nextOffset` only when more is there."""
        row = self.find(WorkspaceOperation.objects.all(), operation_id, what="Workspace operation")
        offset = whole_number(request, "offset", default=0, least=0, most=2**62)
        limit = whole_number(request, "limitBytes", default=256_000, least=1, most=1_048_576)
        page = operation_logs.read(row.log_ref, offset=offset, limit_bytes=limit) if row.log_ref else None
        if page is None:
            raise NotFound("Workspace operation has no log")
        body: dict[str, Any] = {
            "operationId": row.pk,
            "store": row.log_store,
            "logRef": row.log_ref,
            "content": page.content,
        }
        if page.next_offset is not None:
            body["nextOffset"] = page.next_offset
        return Response(body, headers={"Cache-Control": "no-store"})


def _filters(request: Request) -> Filters:
    statuses = _statuses(request.query_params.get("status"))
    if flag(request, "reuseEligible"):
        statuses = [status for status in WORKSPACE_OPEN if statuses is None or status in statuses]
    return Filters(
        project_id=_uuid(request, "projectId"),
        project_workspace_id=_uuid(request, "projectWorkspaceId"),
        source_issue_id=_uuid(request, "issueId"),
        statuses=statuses,
    )


def _statuses(text: str | None) -> list[str] | None:
    if not text:
        return None
    named = [word.strip() for word in text.split(",") if word.strip()]
    unknown = [word for word in named if word not in WorkspaceStatus.values]
    if unknown:
        raise BadRequest(f"status: unknown {', '.join(unknown)[:100]}")
    return named


def _uuid(request: Request, name: str) -> UUID | None:
    text = request.query_params.get(name)
    if not text:
        return None
    found = naming.as_field_uuid(text)
    if found is None:
        raise BadRequest(f"{name} must be an id")
    return found
