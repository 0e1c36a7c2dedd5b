"""What was done on the host for the workspace of a run (H-177, W-115)."""

from __future__ import annotations

from rest_framework.request import Request
from rest_framework.response import Response

from heartbeat.api.runs import RunView
from paperclip.core import naming
from paperclip.core.api.schema import operation
from workspaces import operations
from workspaces.execution_shapes import OperationOut

MAX_LIST = 500


class RunOperationsView(RunView):
    """`GET /heartbeat-runs/:id/workspace-operations`."""

    @operation(
        "List what was done on the host for a run's workspace, oldest first [H-177]",
        answers=OperationOut,
        many=True,
    )
    def get(self, request: Request, run_id: str) -> Response:
        """Answer the operations of the run, and those its workspace saw outside of any run, at most 500."""
        run = self.run(run_id)
        named = (run.context_snapshot or {}).get("executionWorkspaceId")
        workspace_id = naming.as_field_uuid(named) if isinstance(named, str) else None
        return Response(OperationOut.render_many(operations.of_run(run.pk, workspace_id)[:MAX_LIST]))
