"""Making a recorded place usable again: by hand before its services are controlled, and before a run goes back to it.

The work is on its branch; a worktree that went missing is added again for it and never reset (W-59).
"""

from __future__ import annotations

from pathlib import Path

from issues.models import Issue
from paperclip.companies.models import Agent
from workspaces import checkouts, configs, git, host_commands, variables, worktrees
from workspaces.choices import StrategyType
from workspaces.git import Repository
from workspaces.models import ExecutionWorkspace
from workspaces.modes import Strategy
from workspaces.operations import Journal
from workspaces.refusals import PlaceError
from workspaces.variables import Occasion


def folder_of(row: ExecutionWorkspace) -> Path | None:
    """Return the folder a workspace is in by its record, whether it is there or not."""
    named = row.cwd or row.provider_ref
    return Path(named) if named and Path(named).is_absolute() else None


def ensure(
    row: ExecutionWorkspace, *, journal: Journal, issue: Issue | None = None, agent: Agent | None = None
) -> Path:
    """Return the folder of a workspace, restored when it is gone and provisioned in any case. Raises PlaceError."""
    folder = folder_of(row)
    if folder is None or not folder.is_dir():
        return restore(row, journal=journal, issue=issue, agent=agent)
    if row.strategy_type == StrategyType.GIT_WORKTREE:
        _provision(row, folder, git.repository(folder), journal, issue, agent, is_new=False)
    return folder


def restore(
    row: ExecutionWorkspace, *, journal: Journal, issue: Issue | None = None, agent: Agent | None = None
) -> Path:
    """Make the folder of a workspace again and return it. Raises PlaceError where that cannot be done."""
    folder = folder_of(row)
    if row.strategy_type != StrategyType.GIT_WORKTREE:
        if folder is None:
            raise PlaceError("The workspace has no folder")
        raise PlaceError(f"The workspace's folder {folder} is gone")
    if not row.branch_name:
        raise PlaceError("The workspace's worktree is gone, and no branch is recorded to restore it from")
    if not git.is_branch_name(row.branch_name):
        raise PlaceError(f"{row.branch_name!r} is no name of a branch")
    repo = repository_of(row)
    if repo is None:
        raise PlaceError("The workspace's repository is not to be found on this host")
    made = worktrees.realize(
        repo,
        branch=row.branch_name,
        strategy=Strategy(StrategyType.GIT_WORKTREE, base_ref=row.base_ref),
        repo_ref=None,
        journal=journal,
        path=folder,
    )
    _provision(row, made.path, repo, journal, issue, agent, is_new=made.is_new)
    return made.path


def repository_of(row: ExecutionWorkspace) -> Repository | None:
    """Return the repository of a workspace, found through what is left of it."""
    code = row.project_workspace
    candidates = [row.repo_root, code.cwd if code is not None else None]
    if code is not None and code.repo_url and row.project_id is not None:
        candidates.append(str(checkouts.folder_of(row.project_id, code.repo_url)))
    for candidate in candidates:
        if candidate and Path(candidate).is_dir():
            repo = git.repository(Path(candidate))
            if repo is not None:
                return repo
    return None


def occasion_of(row: ExecutionWorkspace, *, issue: Issue | None, agent: Agent | None) -> Occasion:
    """Return what a command for the workspace is told of it."""
    code = row.project_workspace
    base = row.repo_root or (code.cwd if code is not None else None) or row.cwd or "/"
    return Occasion(
        company_id=row.company_id,
        base_cwd=Path(base),
        source=str((row.metadata or {}).get("source") or "task_session"),
        project_id=row.project_id,
        code=code,
        issue=issue,
        agent=agent,
    )


def _provision(
    row: ExecutionWorkspace,
    folder: Path,
    repo: Repository | None,
    journal: Journal,
    issue: Issue | None,
    agent: Agent | None,
    *,
    is_new: bool,
) -> None:
    command = (configs.read(row.metadata) or {}).get("provisionCommand")
    if not command:
        return
    root = repo.root if repo is not None else None
    host_commands.provision(
        command,
        cwd=folder,
        repo_root=root,
        variables=variables.of(
            occasion_of(row, issue=issue, agent=agent),
            cwd=folder,
            branch=row.branch_name,
            repo_root=root,
            is_new=is_new,
        ),
        journal=journal,
    )
