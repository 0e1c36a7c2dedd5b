"""How a run gets its place: mode, strategy and services, chosen from what issue, project and agent say (W-15 to W-27).

Pure: no database, no disk. Stored JSON is read leniently, under wire names: what is not understood counts as absent.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from issues import workspace_links
from issues.workspace_links import AGENT_DEFAULT, NAMED_MODES, RENAMED
from workspaces.choices import StrategyType, WorkspaceMode

_INHERITING = ("inherit", "reuse_existing")


@dataclass(frozen=True)
class Strategy:
    """How a place is made (W-16); blank texts count as absent."""

    type: str
    base_ref: str | None = None
    branch_template: str | None = None
    worktree_parent_dir: str | None = None
    provision_command: str | None = None
    teardown_command: str | None = None


@dataclass(frozen=True)
class Wish:
    """What an issue (W-18) or an enabled project policy (W-17) asks for."""

    mode: str | None = None
    strategy: Strategy | None = None
    runtime: Mapping[str, Any] | None = None


@dataclass(frozen=True)
class Order:
    """The place a run gets. Without a strategy it works in the base folder."""

    mode: str
    strategy: Strategy | None
    runtime: Mapping[str, Any] | None


NOTHING = Wish()
WORKTREE = Strategy(StrategyType.GIT_WORKTREE)


def of_issue(settings: Any) -> Wish:
    """Return what stored `executionWorkspaceSettings` ask for."""
    if not isinstance(settings, Mapping):
        return NOTHING
    mode = _text(settings.get("mode"))
    return Wish(
        mode=RENAMED.get(mode, mode) if mode is not None else None,
        strategy=strategy_of(settings.get("workspaceStrategy")),
        runtime=_object(settings.get("workspaceRuntime")),
    )


def of_policy(policy: Any) -> Wish | None:
    """Return what a stored project policy asks for; None unless it is enabled."""
    mode = workspace_links.policy_mode(policy)
    if mode is None:
        return None
    return Wish(
        mode=mode,
        strategy=strategy_of(policy.get("workspaceStrategy")),
        runtime=_object(policy.get("workspaceRuntime")),
    )


def strategy_of(stored: Any) -> Strategy | None:
    """Return a stored strategy; one of an unknown type is void (W-19). Without a type it is a git worktree."""
    if not isinstance(stored, Mapping):
        return None
    kind = _text(stored.get("type")) or StrategyType.GIT_WORKTREE.value
    if kind not in StrategyType.values:
        return None
    return Strategy(
        type=kind,
        base_ref=_text(stored.get("baseRef")),
        branch_template=_text(stored.get("branchTemplate")),
        worktree_parent_dir=_text(stored.get("worktreeParentDir")),
        provision_command=_text(stored.get("provisionCommand")),
        teardown_command=_text(stored.get("teardownCommand")),
    )


def decide(*, issue: Wish, policy: Wish | None, agent_config: Mapping[str, Any], opts_out: bool) -> Order:
    """Return the place of a run (W-21 to W-24).

    `opts_out` says that the issue tells the agent that runs, its assignee, not to use the project's workspace.
    """
    mode = decide_mode(issue=issue, policy=policy, opts_out=opts_out)
    own_strategy = strategy_of(agent_config.get("workspaceStrategy"))
    own_runtime = _object(agent_config.get("workspaceRuntime"))
    is_controlled = policy is not None or issue != NOTHING or opts_out
    if not is_controlled:
        return Order(mode, own_strategy, own_runtime)
    wished = policy or NOTHING
    strategy = None
    if mode == WorkspaceMode.ISOLATED_WORKSPACE:
        strategy = issue.strategy or wished.strategy or own_strategy or WORKTREE
    runtime = None if mode == AGENT_DEFAULT else issue.runtime or wished.runtime or own_runtime
    return Order(mode, strategy, runtime)


def decide_mode(*, issue: Wish, policy: Wish | None, opts_out: bool) -> str:
    """Return the mode of a run (W-21): the issue's word, the project's, the assignee's, else the shared folder."""
    if issue.mode is not None and issue.mode not in _INHERITING:
        return issue.mode
    if policy is not None and policy.mode is not None:
        return policy.mode
    return AGENT_DEFAULT if opts_out else WorkspaceMode.SHARED_WORKSPACE.value


def of_record(mode: str, *, has_worktree: bool) -> WorkspaceMode:
    """Return the mode that the record of a place gets (W-27).

    A worktree is an issue's own whoever asked for it: an agent's own strategy makes no shared place.
    """
    if has_worktree:
        return WorkspaceMode.ISOLATED_WORKSPACE
    if mode == AGENT_DEFAULT:
        return WorkspaceMode.ADAPTER_MANAGED
    return WorkspaceMode(mode) if mode in NAMED_MODES else WorkspaceMode.SHARED_WORKSPACE


def _text(value: Any) -> str | None:
    return value.strip() or None if isinstance(value, str) else None


def _object(value: Any) -> Mapping[str, Any] | None:
    return value if isinstance(value, Mapping) else None
