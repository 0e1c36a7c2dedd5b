"""A run gets its place (W-37 to W-46): found again, or made, and written down on the record its issue points at.

1. Choose mode, strategy and base folder from what issue, project and agent say.
2. An issue that stays in its workspace goes there; a folder that went missing is restored first.
3. Else a worktree is made or found, or the base folder is used.
4. Record and issue are written in one transaction, before anything is run in the place: what a crash leaves behind is
   found again by its record.
5. A worktree that was made or found is provisioned.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import datetime
from pathlib import Path
from typing import Any
from uuid import UUID

from issues.choices import WorkspacePreference
from issues.models import Issue
from issues.workspace_links import AGENT_DEFAULT
from paperclip.companies.models import Agent, Project
from workspaces import (
    branches,
    checkouts,
    configs,
    git,
    host_commands,
    leases,
    modes,
    records,
    restoring,
    selection,
    variables,
    worktrees,
)
from workspaces.choices import ProviderType, StrategyType, WorkspaceMode, WorkspaceStatus
from workspaces.models import ExecutionWorkspace, ProjectWorkspace, RuntimeService
from workspaces.modes import Order, Strategy
from workspaces.operations import Journal
from workspaces.refusals import PlaceError
from workspaces.selection import Choice
from workspaces.variables import Occasion
from workspaces.worktrees import Made


@dataclass(frozen=True)
class Request:
    """Who needs a place, and for what. `config` is the effective configuration of the agent."""

    company_id: UUID
    agent: Agent
    issue: Issue | None
    config: Mapping[str, Any]
    agent_home: Path
    run_id: UUID | None = None
    session_cwd: str | None = None


@dataclass(frozen=True)
class Place:
    """Where a run works. `code` is the project workspace it came from, `record` the execution workspace it is."""

    cwd: Path
    source: str
    mode: str
    strategy: str
    code: ProjectWorkspace | None = None
    record: ExecutionWorkspace | None = None
    branch: str | None = None
    worktree_path: Path | None = None
    hints: tuple[ProjectWorkspace, ...] = ()
    services: tuple[RuntimeService, ...] = ()
    warnings: tuple[str, ...] = ()


def for_run(request: Request, *, now: datetime) -> Place:
    """Return the place of a run. Raises PlaceError when there can be none."""
    issue = request.issue
    project = issue.project if issue is not None else None
    order = _order(request, project)
    codes = _codes(project)
    journal = Journal(request.company_id, run_id=request.run_id)
    kept = _kept(issue)
    if kept is not None and issue is not None:
        place = _return_to(kept, request, issue, journal, now)
    else:
        place = _new(request, project, order, codes, journal, now)
    used: list[RuntimeService] = []
    if place.record is not None and request.run_id is not None:
        used = leases.take(place.record, run_id=request.run_id, now=now)
    return replace(place, hints=tuple(codes), services=tuple(used))


def _order(request: Request, project: Project | None) -> Order:
    issue = request.issue
    overrides = issue.assignee_adapter_overrides if issue is not None else None
    opts_out = (
        isinstance(overrides, dict)
        and overrides.get("useProjectWorkspace") is False
        and issue is not None
        and issue.assignee_agent_id == request.agent.pk
    )
    return modes.decide(
        issue=modes.of_issue(issue.execution_workspace_settings if issue is not None else None),
        policy=modes.of_policy(project.execution_workspace_policy if project is not None else None),
        agent_config=request.config,
        opts_out=opts_out,
    )


def _codes(project: Project | None) -> list[ProjectWorkspace]:
    if project is None:
        return []
    return list(ProjectWorkspace.objects.filter(project=project).order_by("created_at", "id"))


# --- Going back ------------------------------------------------------------------------------------------


def _kept(issue: Issue | None) -> ExecutionWorkspace | None:
    """Return the workspace an issue stays in (W-39); a closed one is no place for work."""
    if issue is None or issue.execution_workspace_id is None:
        return None
    if issue.execution_workspace_preference != WorkspacePreference.REUSE_EXISTING:
        return None
    row = ExecutionWorkspace.objects.select_related("project_workspace", "project").get(
        pk=issue.execution_workspace_id
    )
    is_closed = row.status in (WorkspaceStatus.ARCHIVED, WorkspaceStatus.CLEANUP_FAILED)
    return row if not is_closed and (row.cwd or row.provider_ref or row.branch_name) else None


def _return_to(
    row: ExecutionWorkspace, request: Request, issue: Issue, journal: Journal, now: datetime
) -> Place:
    journal.belongs_to(row)
    folder = restoring.folder_of(row)
    if folder is None or not folder.is_dir():
        # A folder that is gone was made by somebody; the work on its branch is not (WW-15).
        folder = restoring.restore(row, journal=journal, issue=issue, agent=request.agent)
    records.touch(row, cwd=folder, issue=issue, now=now)
    is_worktree = row.strategy_type == StrategyType.GIT_WORKTREE
    return Place(
        cwd=folder,
        source=selection.SESSION,
        mode=row.mode,
        strategy=row.strategy_type,
        code=row.project_workspace,
        record=row,
        branch=row.branch_name,
        worktree_path=folder if is_worktree else None,
    )


# --- A place of today ------------------------------------------------------------------------------------


def _new(
    request: Request,
    project: Project | None,
    order: Order,
    codes: list[ProjectWorkspace],
    journal: Journal,
    now: datetime,
) -> Place:
    base = _base(request, project, order, codes)
    journal.project_workspace_id = base.workspace.pk if base.workspace is not None else None
    made = None
    if order.strategy is not None and order.strategy.type == StrategyType.GIT_WORKTREE:
        made = _worktree(request, base, order.strategy, journal)
    cwd = made.path if made is not None else base.cwd
    place = Place(
        cwd=cwd,
        source=base.source,
        mode=order.mode,
        strategy=StrategyType.GIT_WORKTREE if made is not None else StrategyType.PROJECT_PRIMARY,
        code=base.workspace,
        branch=made.branch if made is not None else None,
        worktree_path=made.path if made is not None else None,
        warnings=base.warnings,
    )
    if request.issue is not None and project is not None:
        row = _record(request, request.issue, project, order, place, made, now)
        journal.belongs_to(row)
        place = replace(place, record=row)
    if made is not None and order.strategy is not None and order.strategy.provision_command:
        host_commands.provision(
            order.strategy.provision_command,
            cwd=made.path,
            repo_root=made.repo.root,
            variables=variables.of(
                _occasion(request, base),
                cwd=made.path,
                branch=made.branch,
                repo_root=made.repo.root,
                is_new=made.is_new,
            ),
            journal=journal,
        )
    return place


def _base(request: Request, project: Project | None, order: Order, codes: list[ProjectWorkspace]) -> Choice:
    """Return the base folder (W-37, W-38): the project's, or one that is kept for it, or the agent's."""
    own = project if order.mode != AGENT_DEFAULT else None
    preferred_id = request.issue.project_workspace_id if request.issue is not None else None
    cwd = request.config.get("cwd")
    choice = selection.decide(
        workspaces=codes if own is not None else [],
        preferred_id=preferred_id,
        configured_cwd=cwd if isinstance(cwd, str) and cwd.strip() else None,
        agent_home=request.agent_home,
        session_cwd=request.session_cwd,
    )
    if own is None or choice.source == selection.PROJECT:
        return choice
    cloned = next(
        (each for each in selection.ordered(codes, preferred_id) if each.repo_url and not each.cwd), None
    )
    if cloned is not None:
        folder, warning = checkouts.ensure(own.pk, cloned.repo_url)
        return Choice(folder, selection.PROJECT, cloned, (*choice.warnings, *([warning] if warning else [])))
    if not codes and choice.source != selection.CONFIGURED:
        folder, _ = checkouts.ensure(own.pk, None)
        return Choice(folder, selection.PROJECT)
    return choice


def _worktree(request: Request, base: Choice, strategy: Strategy, journal: Journal) -> Made:
    repo = git.repository(base.cwd) if base.cwd.is_dir() else None
    if repo is None:
        raise PlaceError(f"A git worktree needs a repository, and {base.cwd} is in none")
    code = base.workspace
    return worktrees.realize(
        repo,
        branch=_branch(request, base, strategy),
        strategy=strategy,
        repo_ref=code.repo_ref if code is not None else None,
        journal=journal,
    )


def _branch(request: Request, base: Choice, strategy: Strategy) -> str:
    """Return the branch of the work (W-48), another where a workspace of other work has it (WW-17)."""
    issue, agent, code = request.issue, request.agent, base.workspace
    identifier = issue.identifier if issue is not None else None
    title = issue.title if issue is not None else ""
    values = {
        "issue.id": str(issue.pk) if issue is not None else None,
        "issue.identifier": identifier,
        "issue.title": title,
        "agent.id": str(agent.pk),
        "agent.name": agent.name,
        "project.id": str(issue.project_id) if issue is not None and issue.project_id else None,
        "workspace.repoRef": code.repo_ref if code is not None else None,
        "slug": branches.slug(title, identifier=identifier),
    }
    name = branches.branch_name(
        branches.render(strategy.branch_template or branches.DEFAULT_TEMPLATE, values)
    )
    # A template that says nothing of the issue means one branch for all of them.
    is_of_issue = "{{" in (strategy.branch_template or branches.DEFAULT_TEMPLATE)
    if is_of_issue and issue is not None and records.is_branch_of_other_work(name, issue):
        return branches.with_suffix(name, str(issue.pk)[:8])
    return name


def _record(
    request: Request,
    issue: Issue,
    project: Project,
    order: Order,
    place: Place,
    made: Made | None,
    now: datetime,
) -> ExecutionWorkspace:
    mode = modes.of_record(order.mode, has_worktree=made is not None)
    strategy = order.strategy
    return records.keep(
        records.Facts(
            project=project,
            code=place.code,
            mode=mode,
            strategy=place.strategy,
            provider=ProviderType.GIT_WORKTREE if made is not None else _provider(mode),
            cwd=place.cwd,
            branch=place.branch,
            base_ref=made.base_ref if made is not None else None,
            repo_root=made.repo.root if made is not None else None,
            managed_path=_managed(made),
            made_branch=made is not None and made.is_new_branch,
            config=configs.snapshot(strategy, order.runtime),
            is_new=made is not None and made.is_new,
            source=place.source,
        ),
        issue=issue,
        agent=request.agent,
        run_id=request.run_id,
        now=now,
    )


def _provider(mode: WorkspaceMode) -> ProviderType:
    return ProviderType.ADAPTER_MANAGED if mode == WorkspaceMode.ADAPTER_MANAGED else ProviderType.LOCAL_FS


def _managed(made: Made | None) -> Path | None:
    """Return the folder that is ours to remove: one made now, or before a crash in the place where we make them."""
    if made is None:
        return None
    is_ours = made.is_new or made.path.is_relative_to(worktrees.default_parent(made.repo).resolve())
    return made.path.resolve() if is_ours else None


def _occasion(request: Request, base: Choice) -> Occasion:
    issue = request.issue
    return Occasion(
        company_id=request.company_id,
        base_cwd=base.cwd,
        source=base.source,
        project_id=issue.project_id if issue is not None else None,
        code=base.workspace,
        issue=issue,
        agent=request.agent,
    )
