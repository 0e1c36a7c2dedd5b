"""Closing a workspace: record, services, commands, worktree, branch, in that order (W-62 to W-66).

What is removed from the disk is only ever a worktree that this system made, proven to be that at the moment. Work
that is nowhere else is kept under a ref first; where that cannot be done, nothing is removed.

1. Under locks: refuse while work goes on, close the record. Until the rest is done it says that it is not, so that a
   crash is seen and archiving can be asked for again.
2. Keep what is not committed.
3. Run the board's commands; one that fails is a warning.
4. Remove the worktree, then its branch if it is merged.
5. Write down how it went.
"""

from __future__ import annotations

import shlex
from datetime import datetime
from pathlib import Path
from uuid import UUID

from django.db import transaction

from issues.models import Issue
from paperclip.core import clock, locks
from paperclip.core.errors import Conflict
from workspaces import control, git, host_commands, operations, readiness, restoring, variables
from workspaces.choices import (
    WORKSPACE_OPEN,
    OperationPhase,
    OperationStatus,
    WorkspaceMode,
    WorkspaceStatus,
)
from workspaces.git import GitError, Repository
from workspaces.models import ExecutionWorkspace, ProjectWorkspace
from workspaces.operations import Journal
from workspaces.refusals import PlaceError

KEPT_REFS = "refs/paperclip/archive"
UNFINISHED = "The cleanup was begun and has not ended"


def archive(workspace_id: UUID, *, now: datetime) -> list[str]:
    """Close a workspace that is not archived, and return what to know about how it went.

    Raises Conflict while work goes on in it, or somebody else is closing it. May be repeated after a failure.
    """
    with locks.held(f"workspaces.archive.{workspace_id}") as mine:
        if not mine:
            raise Conflict("The workspace is being archived already")
        row = _close(workspace_id, now=now)
        if row.status == WorkspaceStatus.ARCHIVED:
            return control.stop_all(row, reason="The workspace is archived", now=now)
        journal = Journal(row.company_id, execution_workspace_id=row.pk)
        warnings = _clean_up(row, journal)
        is_left = row.managed_path is not None and Path(row.managed_path).exists()
        columns = {
            "status": WorkspaceStatus.CLEANUP_FAILED if is_left else WorkspaceStatus.ARCHIVED,
            "cleanup_reason": " | ".join(warnings) or None,
            "updated_at": clock.now(),
        }
        ExecutionWorkspace.objects.filter(pk=row.pk).update(**columns)
    return warnings


@transaction.atomic
def _close(workspace_id: UUID, *, now: datetime) -> ExecutionWorkspace:
    """Lock, look once more, and close the record; a shared session has nothing else to be done about (WW-11)."""
    linked = list(
        Issue.objects.select_for_update(no_key=True).filter(execution_workspace=workspace_id).order_by("pk")
    )
    row = (
        ExecutionWorkspace.objects.select_for_update(no_key=True, of=("self",))
        .select_related("project_workspace", "project")
        .get(pk=workspace_id)
    )
    if row.status == WorkspaceStatus.ARCHIVED:
        return row
    reasons = readiness.blocking_reasons(row, linked)
    if reasons:
        raise Conflict("The workspace cannot be archived: " + "; ".join(reasons))
    is_shared = row.mode == WorkspaceMode.SHARED_WORKSPACE
    columns = {
        "status": WorkspaceStatus.ARCHIVED if is_shared else WorkspaceStatus.CLEANUP_FAILED,
        "closed_at": row.closed_at or now,
        "cleanup_reason": None if is_shared else UNFINISHED,
        "updated_at": now,
    }
    ExecutionWorkspace.objects.filter(pk=row.pk).update(**columns)
    for column, value in columns.items():
        setattr(row, column, value)
    if is_shared:
        Issue.objects.filter(execution_workspace=row).update(execution_workspace=None, updated_at=now)
    return row


def _clean_up(row: ExecutionWorkspace, journal: Journal) -> list[str]:
    folder = restoring.folder_of(row)
    repo = restoring.repository_of(row) if row.managed_path is not None else None
    warnings: list[str] = []
    managed = Path(row.managed_path) if row.managed_path is not None else None
    try:
        _keep_work(row, managed)
    except (GitError, OSError) as error:
        return [f"Nothing was removed, for its work cannot be kept elsewhere: {error}"]
    warnings += control.stop_all(row, reason="The workspace is archived", now=clock.now())
    if folder is not None and folder.is_dir():
        warnings += _run_commands(row, folder, repo, journal)
    if managed is not None:
        warnings += _remove(row, managed, repo, journal)
    if repo is not None and git.commit_of(repo.root, f"{KEPT_REFS}/{row.pk}") is not None:
        warnings.append(f"Work that was not committed is kept as {KEPT_REFS}/{row.pk}")
    return warnings


def _keep_work(row: ExecutionWorkspace, managed: Path | None) -> None:
    """Keep what is in a worktree and in no branch. Raises GitError where that cannot be done."""
    if managed is not None and managed.is_dir():
        git.keep(managed, f"{KEPT_REFS}/{row.pk}", f"Work left in {row.name}")


def _run_commands(
    row: ExecutionWorkspace, folder: Path, repo: Repository | None, journal: Journal
) -> list[str]:
    teardown = readiness.teardown_command(row)
    commands = [*readiness.cleanup_commands(row), *([teardown] if teardown is not None else [])]
    root = repo.root if repo is not None else None
    values = variables.of(
        restoring.occasion_of(row, issue=row.source_issue, agent=None),
        cwd=folder,
        branch=row.branch_name,
        repo_root=root,
    )
    warnings = []
    for command in commands:
        try:
            done = host_commands.run(
                OperationPhase.WORKSPACE_TEARDOWN,
                command,
                cwd=folder,
                repo_root=root,
                variables=values,
                journal=journal,
            )
        except PlaceError as error:
            warnings.append(error.message)
            continue
        if not done.is_fine:
            warnings.append(f"{command}: {operations.mask()(host_commands.why(done))}")
    return warnings


def _remove(row: ExecutionWorkspace, managed: Path, repo: Repository | None, journal: Journal) -> list[str]:
    """Remove the worktree and, if this system made it and it is merged, the branch."""
    if repo is None:
        return ["The workspace's repository is not to be found on this host"]
    try:
        with git.alone(repo):
            if managed.exists():
                _require_ours(row, managed, repo)
                _keep_work(row, managed)  # what the commands left behind
                words = ["worktree", "remove", "--force", str(managed)]
                _perform(words, repo, journal)
            else:
                git.prune(repo)
            return _delete_branch(row, repo, journal)
    except (GitError, OSError) as error:
        return [str(error)]


def _require_ours(row: ExecutionWorkspace, managed: Path, repo: Repository) -> None:
    """Raise GitError unless the folder is still the worktree that was made, and nobody else's place."""
    if managed.is_symlink() or managed.resolve() != managed:
        raise GitError(f"{managed} is not removed: a link leads somewhere else")
    if managed not in {each.path for each in git.worktrees(repo)[1:]}:
        raise GitError(f"{managed} is not removed: it is no worktree of {repo.root}")
    others = ExecutionWorkspace.objects.filter(cwd=str(managed), status__in=WORKSPACE_OPEN).exclude(pk=row.pk)
    if others.exists():
        raise GitError(f"{managed} is not removed: another workspace is in it")
    codes = ProjectWorkspace.objects.filter(cwd__isnull=False).values_list("cwd", flat=True)
    if any(cwd and Path(cwd).resolve().is_relative_to(managed) for cwd in codes):
        raise GitError(f"{managed} is not removed: a project's own folder lies in it")


def _delete_branch(row: ExecutionWorkspace, repo: Repository, journal: Journal) -> list[str]:
    branch = row.branch_name
    if not row.created_by_runtime or not branch or not git.has_branch(repo, branch):
        return []
    try:
        _perform(["branch", "-d", "--", branch], repo, journal)
    except GitError:
        return [f"Branch {branch} is kept: it is not merged"]
    return []


def _perform(words: list[str], repo: Repository, journal: Journal) -> None:
    """Have git do something to the worktree, as an operation. Raises GitError."""
    done = git.call(repo.root, *words, seconds=git.WRITE_SECONDS)
    journal.note(
        OperationPhase.WORKTREE_CLEANUP,
        OperationStatus.SUCCEEDED if done.is_fine else OperationStatus.FAILED,
        command=shlex.join(["git", *words]),
        cwd=repo.root,
        said=done.stderr.text,
    )
    if not done.is_fine:
        raise git.refusal(tuple(words), done, git.WRITE_SECONDS)
