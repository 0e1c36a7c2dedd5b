"""Which place a run gets, by what issue, project and agent say: tables over the pure choice."""

from __future__ import annotations

import pytest

from issues import workspace_links
from issues.workspace_links import AGENT_DEFAULT
from workspaces import configs, modes
from workspaces.choices import WorkspaceMode
from workspaces.modes import Strategy, Wish

ISOLATED = {"enabled": True, "defaultMode": "isolated_workspace"}
SHARED = {"enabled": True, "defaultMode": "shared_workspace"}
OWN = {"workspaceStrategy": {"type": "git_worktree", "baseRef": "own"}, "workspaceRuntime": {"own": 1}}


def decide(settings=None, policy=None, config=None, opts_out=False):
    return modes.decide(
        issue=modes.of_issue(settings),
        policy=modes.of_policy(policy),
        agent_config=config or {},
        opts_out=opts_out,
    )


@pytest.mark.parametrize(
    ("policy", "settings"),
    [
        pytest.param(ISOLATED, {"mode": "isolated_workspace"}, id="WC-1 isolated"),
        pytest.param(SHARED, {"mode": "shared_workspace"}, id="WC-1 shared"),
        pytest.param(None, None, id="WC-1 none"),
        pytest.param({**ISOLATED, "enabled": False}, None, id="W-30 not enabled"),
        pytest.param({"enabled": True, "defaultMode": "adapter_default"}, {"mode": AGENT_DEFAULT}, id="I-58"),
        pytest.param({"enabled": True}, {"mode": "shared_workspace"}, id="W-21 no default mode"),
        pytest.param({"enabled": True, "defaultMode": "isolated"}, {"mode": "isolated_workspace"}, id="W-19"),
    ],
)
def test_new_issues_start_with_their_projects_mode(policy, settings):
    assert workspace_links.initial_settings(policy) == settings


@pytest.mark.parametrize(
    ("settings", "policy", "opts_out", "mode"),
    [
        pytest.param({"mode": "isolated_workspace"}, SHARED, True, "isolated_workspace", id="WC-2"),
        pytest.param(None, ISOLATED, True, "isolated_workspace", id="WC-3 policy wins"),
        pytest.param(None, None, True, AGENT_DEFAULT, id="WC-3 no policy"),
        pytest.param({"mode": "isolated"}, None, False, "isolated_workspace", id="WC-6 isolated"),
        pytest.param({"mode": "project_primary"}, ISOLATED, False, "shared_workspace", id="WC-6 primary"),
        pytest.param({"mode": "inherit"}, ISOLATED, False, "isolated_workspace", id="W-21 inherit"),
        pytest.param({"mode": "reuse_existing"}, SHARED, False, "shared_workspace", id="W-21 reuse"),
        pytest.param(None, {**ISOLATED, "enabled": False}, False, "shared_workspace", id="W-21 disabled"),
        pytest.param("nonsense", 7, False, "shared_workspace", id="W-21 unreadable"),
    ],
)
def test_mode(settings, policy, opts_out, mode):
    assert decide(settings, policy, opts_out=opts_out).mode == mode


def test_the_projects_strategy_and_services_replace_the_agents():  # WC-4, W-23, W-24
    policy = {
        **ISOLATED,
        "workspaceStrategy": {"type": "git_worktree", "baseRef": "main"},
        "workspaceRuntime": {"commands": []},
    }
    order = decide(policy=policy, config=OWN)
    assert order.strategy == Strategy("git_worktree", base_ref="main")
    assert order.runtime == {"commands": []}

    of_issue = {"workspaceStrategy": {"baseRef": "dev"}, "workspaceRuntime": {"mine": 1}}
    order = decide(of_issue, policy, OWN)
    assert (order.strategy, order.runtime) == (Strategy("git_worktree", base_ref="dev"), {"mine": 1})


@pytest.mark.parametrize(
    ("settings", "strategy", "runtime"),
    [
        pytest.param({"mode": "shared_workspace"}, None, {"own": 1}, id="WC-5 shared"),
        pytest.param({"mode": AGENT_DEFAULT}, None, None, id="WC-5 agent default"),
        pytest.param({"mode": "operator_branch"}, None, {"own": 1}, id="W-23 operator branch"),
        pytest.param(None, Strategy("git_worktree", base_ref="own"), {"own": 1}, id="W-22 uncontrolled"),
        pytest.param(
            {"mode": "isolated_workspace"},
            Strategy("git_worktree", base_ref="own"),
            {"own": 1},
            id="W-23 the agent's",
        ),
    ],
)
def test_what_is_left_of_the_agents_own(settings, strategy, runtime):
    order = decide(settings, config=OWN)
    assert (order.strategy, order.runtime) == (strategy, runtime)


def test_an_isolated_place_is_a_worktree_unless_somebody_says_otherwise():  # W-23
    assert decide(policy=ISOLATED).strategy == modes.WORKTREE


@pytest.mark.parametrize(
    ("stored", "strategy"),
    [
        pytest.param({"type": "teleport", "baseRef": "x"}, None, id="W-19 unknown type"),
        pytest.param({"type": "git_worktree", "baseRef": "  "}, Strategy("git_worktree"), id="W-16 blank"),
        pytest.param(["git_worktree"], None, id="W-16 no object"),
        pytest.param({"provisionCommand": 7}, Strategy("git_worktree"), id="W-16 no text"),
    ],
)
def test_strategies_are_read_leniently(stored, strategy):
    assert modes.strategy_of(stored) == strategy


def test_modes_of_records_and_back():  # W-27
    records = {
        word: modes.of_record(word, has_worktree=False) for word in (AGENT_DEFAULT, "operator_branch", "x")
    }
    assert records == {
        AGENT_DEFAULT: WorkspaceMode.ADAPTER_MANAGED,
        "operator_branch": WorkspaceMode.OPERATOR_BRANCH,
        "x": WorkspaceMode.SHARED_WORKSPACE,
    }
    assert modes.of_record("shared_workspace", has_worktree=True) == WorkspaceMode.ISOLATED_WORKSPACE
    back = [
        workspace_links.mode_for(mode) for mode in ("isolated_workspace", "adapter_managed", None, "other")
    ]
    assert back == ["isolated_workspace", AGENT_DEFAULT, AGENT_DEFAULT, "shared_workspace"]
    assert modes.of_issue({}) == Wish()


def test_configurations_are_merged_key_by_key():  # W-15, W-20, WC-30
    stored = {"source": "project_primary", "config": {"environmentId": "e", "provisionCommand": "make"}}
    assert configs.merged(stored, {"environmentId": None})["config"] == {"provisionCommand": "make"}
    only = {"source": "project_primary", "config": {"environmentId": "e"}}
    assert configs.merged(only, {"environmentId": None}) == {"source": "project_primary"}
    assert configs.merged(only, None) == {"source": "project_primary"}
    assert configs.merged(only, {"teardownCommand": " "})["config"] == {"environmentId": "e"}
    assert configs.read({"config": {"desiredState": "loud", "cleanupCommand": ""}}) is None
    assert configs.read({"config": {"desiredState": "manual"}})["desiredState"] == "manual"
