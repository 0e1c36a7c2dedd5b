"""Execution workspaces as people and agents see and edit them (W-10, W-118, W-124 to W-126)."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import PurePath
from typing import Any
from uuid import UUID

from django.db import IntegrityError, transaction
from django.db.models import F, QuerySet

from paperclip.companies import activity
from paperclip.companies.actors import Actor
from paperclip.core import naming
from paperclip.core.errors import Conflict, Unprocessable
from workspaces import archiving, configs, git, guards
from workspaces.choices import WorkspaceMode, WorkspaceStatus
from workspaces.models import ExecutionWorkspace

_PLACES = ("cwd", "provider_ref")


@dataclass(frozen=True)
class Filters:
    """Which workspaces of a company are asked for; what is None does not narrow."""

    project_id: UUID | None = None
    project_workspace_id: UUID | None = None
    source_issue_id: UUID | None = None
    statuses: Sequence[str] | None = None


def of_company(company_id: UUID, filters: Filters) -> QuerySet[ExecutionWorkspace]:
    """Return a company's workspaces, the most recently used first (W-124)."""
    rows = ExecutionWorkspace.objects.filter(company_id=company_id)
    if filters.project_id is not None:
        rows = rows.filter(project_id=filters.project_id)
    if filters.project_workspace_id is not None:
        rows = rows.filter(project_workspace_id=filters.project_workspace_id)
    if filters.source_issue_id is not None:
        rows = rows.filter(source_issue_id=filters.source_issue_id)
    if filters.statuses is not None:
        rows = rows.filter(status__in=filters.statuses)
    return rows.order_by(F("last_used_at").desc(nulls_last=True), "id")


def update(
    *, workspace: ExecutionWorkspace, fields: Mapping[str, Any], actor: Actor, now: datetime
) -> ExecutionWorkspace:
    """Change what was sent of a workspace and return it; the status `archived` closes it (W-63).

    Raises Forbidden, Unprocessable, or Conflict while work goes on in a workspace that is to be closed, or where
    another one is open in its place.
    """
    guards.require_may_change(fields, actor)
    _require_sound(fields)
    closes = fields.get("status") == WorkspaceStatus.ARCHIVED and workspace.status != WorkspaceStatus.ARCHIVED
    columns = {name: value for name, value in fields.items() if name not in ("config", "metadata", "status")}
    if "status" in fields and not closes:
        columns["status"] = fields["status"]
    try:
        with transaction.atomic():
            row = ExecutionWorkspace.objects.select_for_update(no_key=True).get(pk=workspace.pk)
            if "metadata" in fields or "config" in fields:
                columns["metadata"] = _metadata(row, fields)
            if columns:
                ExecutionWorkspace.objects.filter(pk=row.pk).update(**columns, updated_at=now)
    except IntegrityError as error:
        raise Conflict("Another open workspace has this place") from error
    warnings = archiving.archive(workspace.pk, now=now) if closes else []
    row = ExecutionWorkspace.objects.select_related("project_workspace", "project").get(pk=workspace.pk)
    details: dict[str, Any] = {"changedKeys": sorted(naming.camel(name) for name in fields)}
    if warnings:
        details["cleanupWarnings"] = warnings
    activity.record(
        company_id=row.company_id,
        actor=actor,
        action="execution_workspace.updated",
        entity_type="execution_workspace",
        entity_id=row.pk,
        details=details,
        now=now,
    )
    return row


def adopt_settings(workspace_id: UUID, settings: Mapping[str, Any], *, now: datetime) -> bool:
    """Let a workspace follow the settings of an issue that stays in it (W-34); whether it still takes any.

    Cleanup command and desired states stay.
    """
    strategy = settings.get("workspaceStrategy")
    strategy = strategy if isinstance(strategy, Mapping) else {}
    sent = {
        "environmentId": settings.get("environmentId"),
        "provisionCommand": strategy.get("provisionCommand"),
        "teardownCommand": strategy.get("teardownCommand"),
        "workspaceRuntime": settings.get("workspaceRuntime"),
    }
    with transaction.atomic():
        row = ExecutionWorkspace.objects.select_for_update(no_key=True).filter(pk=workspace_id).first()
        if row is None:
            return False
        ExecutionWorkspace.objects.filter(pk=row.pk).update(
            metadata=configs.merged(row.metadata, sent), updated_at=now
        )
    return True


def is_closed_isolated(row: ExecutionWorkspace) -> bool:
    """Return whether nothing can be said or done any more in the workspace of an issue (W-35)."""
    is_closed = row.closed_at is not None or row.status in (
        WorkspaceStatus.ARCHIVED,
        WorkspaceStatus.CLEANUP_FAILED,
    )
    return row.mode == WorkspaceMode.ISOLATED_WORKSPACE and is_closed


def _metadata(row: ExecutionWorkspace, fields: Mapping[str, Any]) -> dict[str, Any] | None:
    """Return the metadata after an edit (W-20); what only the machine says stays as it is."""
    stored = configs.sent_metadata(fields["metadata"]) if "metadata" in fields else row.metadata
    return configs.merged(stored, fields["config"]) if "config" in fields else stored


def _require_sound(fields: Mapping[str, Any]) -> None:
    for name in _PLACES:
        place = fields.get(name)
        if place is not None and not PurePath(place).is_absolute():
            raise Unprocessable(f"{naming.camel(name)} must be an absolute path")
    branch = fields.get("branch_name")
    if branch is not None and not git.is_branch_name(branch):
        raise Unprocessable("branchName is no name git accepts for a branch")
    if fields.get("status") == WorkspaceStatus.CLEANUP_FAILED:
        raise Unprocessable("status cleanup_failed is for the cleanup itself to set")
