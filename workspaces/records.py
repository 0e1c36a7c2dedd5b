"""The record of a place that runs work in, and the issue that points at it (W-40 to W-45)."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any
from uuid import UUID

from django.db import IntegrityError, transaction

from issues import comments, wakes, workspace_links
from issues.choices import WorkspacePreference
from issues.models import Issue
from paperclip.companies import actors
from paperclip.companies.models import Agent, Project
from workspaces import configs
from workspaces.choices import WORKSPACE_OPEN, ProviderType, WorkspaceMode, WorkspaceStatus
from workspaces.models import ExecutionWorkspace, ProjectWorkspace
from workspaces.refusals import PlaceError

ACTOR = actors.system("workspaces")
_LINKED_BACK = (WorkspaceMode.ISOLATED_WORKSPACE, WorkspaceMode.OPERATOR_BRANCH)


@dataclass(frozen=True)
class Facts:
    """What is written on the record of a place. `managed_path` is the folder that is this system's to remove."""

    project: Project
    code: ProjectWorkspace | None
    mode: WorkspaceMode
    strategy: str
    provider: ProviderType
    cwd: Path
    source: str
    branch: str | None = None
    base_ref: str | None = None
    repo_root: Path | None = None
    managed_path: Path | None = None
    made_branch: bool = False
    is_new: bool = False
    config: Mapping[str, Any] | None = None


@transaction.atomic
def keep(
    facts: Facts, *, issue: Issue, agent: Agent, run_id: UUID | None, now: datetime
) -> ExecutionWorkspace:
    """Write the record of a run's place, have the issue point at it, and return it.

    Runs that share a folder share its record (WW-10), and a record that is there keeps its configuration. A worktree
    that was made now is told of on the issue.
    """
    row = _known(facts, issue)
    if row is None:
        row = _create(facts, issue, agent, now) or _known(facts, issue)
        assert row is not None  # what stood in its way is what was looked for
    _link(issue, row, now=now)
    _refresh(row, cwd=facts.cwd, branch=facts.branch, now=now)
    if facts.is_new:
        _tell(Issue.objects.select_for_update(no_key=True).get(pk=issue.pk), row, run_id, now)
    return row


@transaction.atomic
def touch(row: ExecutionWorkspace, *, cwd: Path, issue: Issue, now: datetime) -> None:
    """Write on the record that a run went back to its place (W-41)."""
    _link(issue, row, now=now)
    _refresh(row, cwd=cwd, branch=row.branch_name, now=now)


def is_branch_of_other_work(branch: str, issue: Issue) -> bool:
    """Return whether a workspace of another issue of the project has this branch (WW-17)."""
    rows = ExecutionWorkspace.objects.filter(project=issue.project, branch_name=branch)
    return rows.exclude(status=WorkspaceStatus.ARCHIVED).exclude(source_issue=issue).exists()


def _known(facts: Facts, issue: Issue) -> ExecutionWorkspace | None:
    """Return the open record that these facts are about."""
    rows = ExecutionWorkspace.objects.filter(
        project=facts.project, project_workspace=facts.code, mode=facts.mode, status__in=WORKSPACE_OPEN
    ).order_by("created_at", "id")
    if facts.mode == WorkspaceMode.SHARED_WORKSPACE:
        return rows.first()
    rows = rows.filter(cwd=str(facts.cwd))
    if facts.mode == WorkspaceMode.ISOLATED_WORKSPACE:
        rows = rows.filter(source_issue=issue)
    return rows.first()


def _create(facts: Facts, issue: Issue, agent: Agent, now: datetime) -> ExecutionWorkspace | None:
    """Write a new record; None when a run beside this one has just written the same."""
    metadata: dict[str, Any] = {"source": facts.source}
    try:
        with transaction.atomic():
            return ExecutionWorkspace.objects.create(
                company_id=issue.company_id,
                project=facts.project,
                project_workspace=facts.code,
                source_issue=issue,
                mode=facts.mode,
                strategy_type=facts.strategy,
                name=_name(facts, issue, agent),
                cwd=str(facts.cwd),
                repo_url=facts.code.repo_url if facts.code is not None else None,
                base_ref=facts.base_ref,
                branch_name=facts.branch,
                provider_type=facts.provider,
                provider_ref=str(facts.cwd) if facts.provider == ProviderType.GIT_WORKTREE else None,
                repo_root=str(facts.repo_root) if facts.repo_root is not None else None,
                managed_path=_claimed(facts),
                created_by_runtime=facts.made_branch,
                metadata=configs.merged(metadata, facts.config),
                opened_at=now,
                last_used_at=now,
                created_at=now,
                updated_at=now,
            )
    except IntegrityError:
        if _known(facts, issue) is None:
            raise
        return None


def _claimed(facts: Facts) -> str | None:
    """Return the folder this record may have removed one day: one that no other record may."""
    if facts.managed_path is None:
        return None
    path = str(facts.managed_path)
    others = ExecutionWorkspace.objects.filter(managed_path=path).exclude(status=WorkspaceStatus.ARCHIVED)
    return None if others.exists() else path


def _name(facts: Facts, issue: Issue, agent: Agent) -> str:
    if facts.branch:
        return facts.branch
    if facts.mode == WorkspaceMode.SHARED_WORKSPACE:
        return facts.code.name if facts.code is not None else facts.project.name
    return issue.identifier or f"workspace-{str(agent.pk)[:8]}"


def _refresh(row: ExecutionWorkspace, *, cwd: Path, branch: str | None, now: datetime) -> None:
    columns = {
        "cwd": str(cwd),
        "branch_name": branch,
        "status": WorkspaceStatus.ACTIVE,
        "last_used_at": now,
        "updated_at": now,
    }
    if row.provider_type == ProviderType.GIT_WORKTREE:
        columns["provider_ref"] = str(cwd)
    if not ExecutionWorkspace.objects.filter(pk=row.pk, status__in=WORKSPACE_OPEN).update(**columns):
        raise PlaceError("The workspace was archived meanwhile")
    for column, value in columns.items():
        setattr(row, column, value)


def _link(issue: Issue, row: ExecutionWorkspace, *, now: datetime) -> None:
    """Have the issue point at its place (W-45); the one it came from falls idle (W-42)."""
    if not _links(issue, row):
        return
    locked = Issue.objects.select_for_update(no_key=True).get(pk=issue.pk)
    previous_id, columns = locked.execution_workspace_id, _links(locked, row)
    if columns:
        Issue.objects.filter(pk=issue.pk).update(**columns, updated_at=now)
    for column, value in columns.items():
        setattr(issue, column, value)
    if previous_id is not None and previous_id != row.pk:
        left = ExecutionWorkspace.objects.filter(pk=previous_id, status=WorkspaceStatus.ACTIVE)
        left.filter(issues__isnull=True).update(status=WorkspaceStatus.IDLE, updated_at=now)


def _links(issue: Issue, row: ExecutionWorkspace) -> dict[str, Any]:
    """Return the columns of the issue that do not yet say where its work is done."""
    columns: dict[str, Any] = {"execution_workspace_id": row.pk}
    if row.project_workspace_id is not None:
        columns["project_workspace_id"] = row.project_workspace_id
    stays = issue.execution_workspace_preference == WorkspacePreference.REUSE_EXISTING
    if stays or row.mode in _LINKED_BACK:
        columns["execution_workspace_preference"] = WorkspacePreference.REUSE_EXISTING
        settings = issue.execution_workspace_settings
        columns["execution_workspace_settings"] = {
            **(settings if isinstance(settings, dict) else {}),
            "mode": workspace_links.mode_for(row.mode),
        }
    return {column: value for column, value in columns.items() if getattr(issue, column) != value}


def _tell(issue: Issue, row: ExecutionWorkspace, run_id: UUID | None, now: datetime) -> None:
    """Say on the issue that its workspace is ready (W-46). By nobody: it is no word of the agent's on its work."""
    body = f"Workspace ready: branch `{row.branch_name}` in `{row.cwd}`."
    facts = [
        {"type": "key_value", "label": "Branch", "value": row.branch_name or "none"},
        {"type": "key_value", "label": "Folder", "value": row.cwd or "none"},
        {"type": "key_value", "label": "Base", "value": row.base_ref or "an existing branch"},
    ]
    comment = comments.insert(
        issue=issue,
        body=body,
        actor=ACTOR,
        now=now,
        presentation={
            "kind": "system_notice",
            "tone": "info",
            "title": "Workspace ready",
            "detailsDefaultOpen": False,
        },
        metadata={
            "version": 1,
            **({"sourceRunId": str(run_id)} if run_id is not None else {}),
            "sections": [{"title": "Facts", "rows": facts}],
        },
    )
    comments.record(issue, comment, actor=ACTOR, now=now, reopened_from=None, trace=wakes.NO_TRACE)
