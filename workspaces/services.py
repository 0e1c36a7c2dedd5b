"""The runtime services of a workspace, as they are recorded (W-3, W-11, W-111)."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from uuid import UUID

from django.db.models import Q

from workspaces import configs
from workspaces.choices import SERVICE_LIVE, ServiceScope, WorkspaceMode
from workspaces.models import ExecutionWorkspace, RuntimeService


def live_of(row: ExecutionWorkspace) -> list[RuntimeService]:
    """Return the services of an execution workspace that are starting or running."""
    return list(RuntimeService.objects.filter(execution_workspace=row, status__in=SERVICE_LIVE))


def shown_of(row: ExecutionWorkspace) -> list[RuntimeService]:
    """Return what is shown of an execution workspace's services; see `shown_of_many`."""
    return shown_of_many([row])[row.pk]


def shown_of_many(rows: Sequence[ExecutionWorkspace]) -> dict[UUID, list[RuntimeService]]:
    """Return, by workspace, the newest row of each of its services, stopped ones included; one query for all.

    A shared workspace that configures none of its own shows those of its project workspace (W-111).
    """
    lenders = {row.pk: row.project_workspace_id for row in rows if _borrows(row) and row.project_workspace_id}
    found: dict[UUID, list[RuntimeService]] = {row.pk: [] for row in rows}
    lent: dict[UUID, list[RuntimeService]] = {lender: [] for lender in lenders.values()}
    if not found:
        return found
    wanted = Q(execution_workspace__in=found)
    if lent:
        wanted |= Q(project_workspace__in=lent, scope_type=ServiceScope.PROJECT_WORKSPACE)
    for service in RuntimeService.objects.filter(wanted).order_by("-updated_at", "-id"):
        if service.execution_workspace_id in found:
            found[service.execution_workspace_id].append(service)
        if service.project_workspace_id in lent and service.scope_type == ServiceScope.PROJECT_WORKSPACE:
            lent[service.project_workspace_id].append(service)
    return {
        row_id: newest(lent[lenders[row_id]] if row_id in lenders else own) for row_id, own in found.items()
    }


def shown_of_project_workspaces(row_ids: Sequence[UUID]) -> dict[UUID, list[RuntimeService]]:
    """Return, by project workspace, what is shown of its services; one query for all."""
    found: dict[UUID, list[RuntimeService]] = {row_id: [] for row_id in row_ids}
    if found:
        rows = RuntimeService.objects.filter(
            project_workspace__in=row_ids, scope_type=ServiceScope.PROJECT_WORKSPACE
        )
        for row in rows.order_by("-updated_at", "-id"):
            assert row.project_workspace_id is not None  # they were looked for by it
            found[row.project_workspace_id].append(row)
    return {row_id: newest(rows) for row_id, rows in found.items()}


def _borrows(row: ExecutionWorkspace) -> bool:
    config = configs.read(row.metadata) or {}
    return row.mode == WorkspaceMode.SHARED_WORKSPACE and config.get("workspaceRuntime") is None


def newest(rows: Iterable[RuntimeService]) -> list[RuntimeService]:
    """Return the first row of each identity, given newest first (W-111)."""
    found: dict[object, RuntimeService] = {}
    for row in rows:
        identity: object = row.reuse_key or (
            row.scope_type,
            row.scope_id,
            row.service_name,
            row.command,
            row.cwd,
        )
        found.setdefault(identity, row)
    return list(found.values())
