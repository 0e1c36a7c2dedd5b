"""May a workspace be closed, and what would happen to it: an answer to read before it is archived (W-60 to W-62)."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from issues.choices import CLOSED
from issues.models import Issue
from workspaces import configs, git, restoring, services
from workspaces.choices import StrategyType, WorkspaceMode
from workspaces.git import GitError, Repository, Standing
from workspaces.models import ExecutionWorkspace, ProjectWorkspace, RuntimeService

BLOCKED = "blocked"
READY = "ready"
READY_WITH_WARNINGS = "ready_with_warnings"


@dataclass(frozen=True)
class GitFacts:
    """What git says of a worktree."""

    repo: Repository
    folder: Path
    branch: str | None
    base_ref: str | None
    standing: Standing


@dataclass(frozen=True)
class Action:
    """One thing that archiving does; `command` is what people or git would type."""

    kind: str
    label: str
    description: str
    command: str | None = None


@dataclass(frozen=True)
class Readiness:
    """What stands against closing a workspace, what to know before, and what closing does, in order."""

    workspace: ExecutionWorkspace
    blocking_reasons: tuple[str, ...]
    warnings: tuple[str, ...]
    linked_issues: tuple[Issue, ...]
    planned_actions: tuple[Action, ...]
    services: tuple[RuntimeService, ...]
    git: GitFacts | None
    is_project_primary: bool

    @property
    def state(self) -> str:
        """Return `blocked`, `ready_with_warnings` or `ready`."""
        if self.blocking_reasons:
            return BLOCKED
        return READY_WITH_WARNINGS if self.warnings else READY

    @property
    def is_shared(self) -> bool:
        """Whether the workspace is the project's own folder, which outlives its record."""
        return self.workspace.mode == WorkspaceMode.SHARED_WORKSPACE


def look(row: ExecutionWorkspace) -> Readiness:
    """Return whether a workspace may be closed, by its record, its issues and its folder."""
    linked = tuple(Issue.objects.filter(execution_workspace=row).order_by("issue_number"))
    running = tuple(services.live_of(row))
    facts, trouble = _git_facts(row)
    return Readiness(
        workspace=row,
        blocking_reasons=tuple(blocking_reasons(row, linked)),
        warnings=tuple(_warnings(row, linked, running, facts, trouble)),
        linked_issues=linked,
        planned_actions=tuple(_planned(row, running)),
        services=tuple(services.shown_of(row)),
        git=facts,
        is_project_primary=_is_project_primary(row),
    )


def blocking_reasons(row: ExecutionWorkspace, linked: Sequence[Issue]) -> list[str]:
    """Return what forbids closing: work that is not over, unless the folder is the project's own."""
    if row.mode == WorkspaceMode.SHARED_WORKSPACE:
        return []
    open_issues = [issue for issue in linked if issue.status not in CLOSED]
    reasons = [f"{issue.identifier} is still {issue.status}" for issue in open_issues]
    working = Issue.objects.filter(execution_workspace=row, runs__status="running").distinct()
    reasons += [
        f"A run of {issue.identifier} is still going on" for issue in working if issue not in open_issues
    ]
    return reasons


def teardown_command(row: ExecutionWorkspace) -> str | None:
    """Return the command that undoes provisioning: the workspace's own, else the project policy's."""
    own: str | None = (configs.read(row.metadata) or {}).get("teardownCommand")
    if own is not None or row.project is None:
        return own
    strategy = (row.project.execution_workspace_policy or {}).get("workspaceStrategy")
    command = strategy.get("teardownCommand") if isinstance(strategy, dict) else None
    return command.strip() or None if isinstance(command, str) else None


def cleanup_commands(row: ExecutionWorkspace) -> list[str]:
    """Return the cleanup commands in the order they are run: the workspace's, then its project workspace's."""
    code: ProjectWorkspace | None = row.project_workspace
    named = [
        (configs.read(row.metadata) or {}).get("cleanupCommand"),
        code.cleanup_command if code is not None else None,
    ]
    return [command.strip() for command in named if command and command.strip()]


def _git_facts(row: ExecutionWorkspace) -> tuple[GitFacts | None, str | None]:
    """Return what git says of a worktree, or why it cannot say anything. Other places are not looked into."""
    if row.strategy_type != StrategyType.GIT_WORKTREE:
        return None, None
    folder = restoring.folder_of(row)
    if folder is None or not folder.is_dir():
        return None, f"The worktree's folder {folder} is gone" if folder is not None else "It has no folder"
    try:
        repo = git.repository(folder)
        if repo is None:
            return None, f"{folder} is no git worktree any more"
        facts = GitFacts(
            repo, folder, git.current_branch(folder), row.base_ref, git.standing(folder, row.base_ref)
        )
    except GitError as error:
        return None, f"git cannot inspect the worktree: {error}"
    return facts, None


def _warnings(
    row: ExecutionWorkspace,
    linked: Sequence[Issue],
    running: Sequence[RuntimeService],
    facts: GitFacts | None,
    trouble: str | None,
) -> list[str]:
    found = []
    if row.mode == WorkspaceMode.SHARED_WORKSPACE:
        found.append(
            "This is a shared session in the project's folder: archiving it leaves the folder as it is"
        )
        if linked:
            found.append(f"{_counted(len(linked), 'issue')} will no longer point at it")
    if running:
        found.append(f"{_counted(len(running), 'service')} will be stopped")
    if facts is not None:
        found += _standing_warnings(facts.standing, facts.base_ref)
    if trouble is not None:
        found.append(trouble)
    return found


def _standing_warnings(standing: Standing, base_ref: str | None) -> list[str]:
    found = []
    if standing.dirty_entries:
        found.append(f"{_counted(standing.dirty_entries, 'changed file')} not committed")
    if standing.untracked_entries:
        found.append(f"{_counted(standing.untracked_entries, 'untracked file')}")
    if standing.ahead and not standing.is_merged:
        found.append(f"{_counted(standing.ahead, 'commit')} not merged into {base_ref}")
    if standing.behind:
        found.append(f"{_counted(standing.behind, 'commit')} behind {base_ref}")
    return found


def _planned(row: ExecutionWorkspace, running: Sequence[RuntimeService]) -> list[Action]:
    actions = [
        Action("archive_record", "Archive the workspace", "Its record is kept; no run works in it any more.")
    ]
    if running:
        actions.append(
            Action(
                "stop_runtime_services", "Stop its services", f"{_counted(len(running), 'service')} running."
            )
        )
    if row.mode == WorkspaceMode.SHARED_WORKSPACE:
        return actions
    for command in cleanup_commands(row):
        actions.append(
            Action("cleanup_command", "Run a cleanup command", "In the workspace's folder.", command)
        )
    teardown = teardown_command(row)
    if teardown is not None:
        actions.append(
            Action("teardown_command", "Run the teardown command", "In the workspace's folder.", teardown)
        )
    if row.managed_path is not None:
        actions.append(
            Action(
                "git_worktree_remove",
                "Remove the worktree",
                "What is not committed is kept under a ref of the repository first.",
                f"git worktree remove --force {row.managed_path}",
            )
        )
        if row.created_by_runtime and row.branch_name:
            actions.append(
                Action(
                    "git_branch_delete",
                    "Delete the branch",
                    "Only if it is merged; else it stays.",
                    f"git branch -d {row.branch_name}",
                )
            )
    return actions


def _is_project_primary(row: ExecutionWorkspace) -> bool:
    code, folder = row.project_workspace, restoring.folder_of(row)
    if code is None or not code.cwd or folder is None:
        return False
    return code.is_primary and Path(code.cwd).resolve() == folder.resolve()


def _counted(count: int, noun: str) -> str:
    return f"{count} {noun}{'' if count == 1 else 's'}"
