"""Runs get their place: real repositories, real commands, and what is written down of both."""

from __future__ import annotations

import shutil
from datetime import timedelta

import pytest

from issues.models import Comment, Issue
from paperclip.core import clock
from tests import factories
from tests.workspaces.scenes import commit, isolated, place, record_of, repository, run_git
from workspaces import checkouts
from workspaces.models import ExecutionWorkspace, WorkspaceOperation
from workspaces.refusals import PlaceError

pytestmark = pytest.mark.django_db


@pytest.fixture
def repo(tmp_path):
    return repository(tmp_path / "repo")


@pytest.fixture
def home(tmp_path, settings):
    settings.OPERATIONS_ROOT = tmp_path / "operations"
    settings.PROJECTS_ROOT = tmp_path / "projects"
    return tmp_path / "home"


def phases(**filters):
    rows = WorkspaceOperation.objects.filter(**filters).order_by("started_at", "created_at")
    return [(row.phase, row.status) for row in rows]


def test_an_isolated_issue_gets_a_worktree_and_stays_in_it(cast, repo, home):  # WC-10, W-40, W-45
    issue = isolated(cast.company, repo, title="Add Worktree Support", execution_workspace_settings=None)
    first = place(cast.engineer, issue, home)

    branch = f"{issue.identifier}-add-worktree-support"
    assert (first.branch, first.source, first.strategy) == (branch, "project_primary", "git_worktree")
    assert first.cwd == repo / ".paperclip" / "worktrees" / branch
    row = record_of(issue)
    assert (row.mode, row.provider_type, row.provider_ref, row.name) == (
        "isolated_workspace",
        "git_worktree",
        str(first.cwd),
        branch,
    )
    assert (row.managed_path, row.created_by_runtime, row.source_issue_id) == (str(first.cwd), True, issue.pk)
    issue.refresh_from_db()
    assert issue.execution_workspace_preference == "reuse_existing"
    assert issue.execution_workspace_settings == {"mode": "isolated_workspace"}
    (comment,) = Comment.objects.filter(issue=issue)
    assert branch in comment.body
    assert (comment.author_type, comment.author_agent_id) == ("system", None), "no word of the agent's own"

    again = place(cast.peer, issue, home)
    assert (again.cwd, again.source, again.branch) == (first.cwd, "task_session", branch)  # WC-32
    assert record_of(issue).pk == row.pk
    assert record_of(issue).created_by_runtime, "WW-9: it is written once"
    assert phases(execution_workspace=row) == [("worktree_prepare", "succeeded")], (
        "W-39: no git call on reuse"
    )
    assert Comment.objects.filter(issue=issue).count() == 1


def test_commands_of_the_board_make_a_worktree_ready(cast, repo, home):  # WC-17 to WC-19, W-54 to W-56
    script = 'echo "$PAPERCLIP_WORKSPACE_CREATED $PWD $PAPERCLIP_ISSUE_IDENTIFIER" >> seen; echo %s'
    commit(repo, setup_sh=script % "old")
    command = "sh ./setup_sh --fast"
    issue = isolated(cast.company, repo, strategy={"provisionCommand": command})
    first = place(cast.engineer, issue, home)
    assert (first.cwd / "seen").read_text() == f"true {first.cwd} {issue.identifier}\n"
    assert phases() == [("worktree_prepare", "succeeded"), ("workspace_provision", "succeeded")]
    row = WorkspaceOperation.objects.get(phase="workspace_provision")
    assert (row.command, row.stdout_excerpt, row.exit_code) == (command, "old\n", 0)
    assert row.metadata["resolvedCommand"] == f"sh {repo}/setup_sh --fast"
    assert row.execution_workspace_id == record_of(issue).pk
    assert row.log_bytes
    assert len(row.log_sha256) == 64

    # WC-18: a worktree that is found again by its branch is made ready again, by the script as it is now.
    (repo / "setup_sh").write_text(script % "new")
    Issue.objects.filter(pk=issue.pk).update(execution_workspace_preference=None)
    place(cast.engineer, issue, home)
    assert (first.cwd / "seen").read_text().splitlines()[1].startswith("false ")
    newest = WorkspaceOperation.objects.filter(phase="workspace_provision").latest("started_at")
    assert newest.stdout_excerpt == "new\n"
    assert ExecutionWorkspace.objects.count() == 1


def test_a_command_that_fails_fails_the_run_and_says_why(cast, repo, home):  # W-54, W-43
    issue = isolated(cast.company, repo, strategy={"provisionCommand": "echo no luck >&2; exit 7"})
    with pytest.raises(PlaceError, match=r"exit code 7: no luck"):
        place(cast.engineer, issue, home)
    assert phases() == [("worktree_prepare", "succeeded"), ("workspace_provision", "failed")]
    row = record_of(issue)
    assert row.managed_path, "what was made is known and can be removed again"


def test_much_output_is_kept_by_its_end(cast, repo, home):  # WC-20
    command = "head -c 400000 /dev/zero | tr '\\0' a; echo END"
    place(cast.engineer, isolated(cast.company, repo, strategy={"provisionCommand": command}), home)
    row = WorkspaceOperation.objects.get(phase="workspace_provision")
    assert row.metadata["stdoutTruncated"] is True
    assert row.metadata["stderrTruncated"] is False
    assert row.metadata["stdoutBytes"] == 400_004
    assert row.stdout_excerpt.endswith("aEND\n")
    assert len(row.stdout_excerpt) == 4096


def test_secrets_do_not_reach_the_log(cast, repo, home):
    command = "echo API_TOKEN=sk-abcdefghijklmnopqrstuvwxyz0123"
    place(cast.engineer, isolated(cast.company, repo, strategy={"provisionCommand": command}), home)
    row = WorkspaceOperation.objects.get(phase="workspace_provision")
    logged = (home.parent / "operations" / row.log_ref).read_text()
    assert "abcdefghijklm" not in logged + row.stdout_excerpt
    assert "REDACTED" in logged


def test_a_worktree_that_went_missing_is_restored_before_the_run(cast, repo, home):  # WW-15, WC-22
    issue = isolated(cast.company, repo, strategy={"provisionCommand": "touch ready"})
    first = place(cast.engineer, issue, home)
    head = commit(first.cwd, work="mine\n")
    shutil.rmtree(first.cwd)
    again = place(cast.engineer, issue, home)
    assert again.cwd == first.cwd
    assert run_git(again.cwd, "rev-parse", "HEAD") == head
    assert (again.cwd / "ready").exists()
    restored = WorkspaceOperation.objects.filter(phase="worktree_prepare").latest("started_at")
    assert restored.metadata["restored"] is True
    assert record_of(issue).created_by_runtime


def test_two_issues_with_one_slug_have_a_branch_each(cast, repo, home):  # WW-17
    first = isolated(cast.company, repo, strategy={"branchTemplate": "work/{{slug}}"}, title="Same")
    second = factories.issue(
        cast.company, project=first.project, project_workspace=first.project_workspace, title="Same"
    )
    places = [place(cast.engineer, issue, home) for issue in (first, second)]
    assert [each.branch for each in places] == ["work/same", f"work/same-{str(second.pk)[:8]}"]


def test_one_branch_for_all_is_shared_and_one_record_may_remove_it(cast, repo, home):
    first = isolated(cast.company, repo, strategy={"branchTemplate": "release"})
    second = factories.issue(cast.company, project=first.project, project_workspace=first.project_workspace)
    one, two = (place(cast.engineer, issue, home) for issue in (first, second))
    assert one.cwd == two.cwd
    assert [bool(record_of(issue).managed_path) for issue in (first, second)] == [True, False]


def test_shared_runs_share_one_record(cast, tmp_path, home):  # WW-10, W-44, W-27
    project = factories.project(cast.company)
    code = project.workspaces.create(company=cast.company, name="code", cwd=str(tmp_path), is_primary=True)
    issues = [factories.issue(cast.company, project=project) for _ in range(2)]
    for issue in (*issues, issues[0]):
        found = place(cast.engineer, issue, home)
        assert (found.cwd, found.source, found.mode) == (tmp_path, "project_primary", "shared_workspace")
    row = ExecutionWorkspace.objects.get()
    assert (row.mode, row.strategy_type, row.name, row.managed_path) == (
        "shared_workspace",
        "project_primary",
        "code",
        None,
    )
    for issue in issues:
        issue.refresh_from_db()
        assert (issue.execution_workspace_id, issue.project_workspace_id) == (row.pk, code.pk)
        assert issue.execution_workspace_preference is None


def test_the_place_an_issue_leaves_falls_idle(cast, repo, home):  # W-42
    issue = isolated(cast.company, repo)
    place(cast.engineer, issue, home)
    left = record_of(issue)
    Issue.objects.filter(pk=issue.pk).update(
        execution_workspace_preference=None, execution_workspace_settings={"mode": "shared_workspace"}
    )
    assert place(cast.engineer, issue, home).cwd == repo
    left.refresh_from_db()
    assert left.status == "idle"
    assert record_of(issue).mode == "shared_workspace"


def test_a_closed_workspace_is_no_place_for_work(cast, repo, home):  # W-39
    issue = isolated(cast.company, repo)
    place(cast.engineer, issue, home)
    closed = record_of(issue)
    ExecutionWorkspace.objects.update(status="archived", closed_at=clock.now())
    place(cast.engineer, issue, home)
    assert record_of(issue).pk != closed.pk


def test_stored_configuration_is_kept_on_reuse(cast, repo, home):  # WC-31, W-41
    issue = isolated(cast.company, repo, strategy={"provisionCommand": "true"})
    place(cast.engineer, issue, home)
    config = {"config": {"provisionCommand": "touch mine"}}
    earlier = clock.now() - timedelta(hours=1)
    ExecutionWorkspace.objects.update(metadata=config, last_used_at=earlier)
    place(cast.engineer, issue, home)
    row = record_of(issue)
    assert row.metadata == config
    assert row.last_used_at > earlier


def test_an_agents_own_strategy_holds_where_nobody_says_otherwise(cast, repo, home):  # W-22
    project = factories.project(cast.company)
    project.workspaces.create(company=cast.company, name="code", cwd=str(repo), is_primary=True)
    issue = factories.issue(cast.company, project=project)
    found = place(cast.engineer, issue, home, config={"workspaceStrategy": {"type": "git_worktree"}})
    assert found.worktree_path is not None
    assert record_of(issue).mode == "isolated_workspace"


def test_a_worktree_needs_a_repository(cast, tmp_path, home):
    with pytest.raises(PlaceError, match="needs a repository"):
        place(cast.engineer, isolated(cast.company, tmp_path), home)


def test_without_a_project_nothing_is_recorded(cast, tmp_path, home):  # W-10, W-38
    issue = factories.issue(cast.company)
    assert place(cast.engineer, issue, home).source == "agent_home"
    found = place(cast.engineer, issue, home, session_cwd=str(tmp_path))
    assert (found.cwd, found.source) == (tmp_path, "task_session")
    assert place(cast.engineer, None, home, session_cwd=str(tmp_path / "gone")).source == "agent_home"
    configured = place(cast.engineer, issue, home, config={"cwd": "/srv"}, session_cwd=str(tmp_path))
    assert configured.source == "agent_config"
    assert not ExecutionWorkspace.objects.exists()


def test_an_issue_may_leave_it_to_its_agent(cast, tmp_path, home):  # W-21 (3), W-27
    project = factories.project(cast.company)
    project.workspaces.create(company=cast.company, name="code", cwd=str(tmp_path), is_primary=True)
    issue = factories.issue(
        cast.company,
        project=project,
        assignee_agent=cast.engineer,
        assignee_adapter_overrides={"useProjectWorkspace": False},
    )
    assert place(cast.engineer, issue, home).cwd == home
    assert record_of(issue).mode == "adapter_managed"
    assert place(cast.peer, issue, home).cwd == tmp_path, "only for its assignee"


def test_a_project_without_a_folder_gets_one(cast, tmp_path, home):  # W-37, W-38
    plain = factories.issue(cast.company, project=factories.project(cast.company))
    found = place(cast.engineer, plain, home)
    assert found.cwd == checkouts.folder_of(plain.project_id, None)
    assert found.cwd.is_dir()

    origin = repository(tmp_path / "origin.git")
    project = factories.project(cast.company)
    code = project.workspaces.create(company=cast.company, name="code", repo_url=str(origin), is_primary=True)
    issue = factories.issue(cast.company, project=project)
    cloned = place(cast.engineer, issue, home)
    assert (cloned.cwd.name, cloned.code.pk) == ("origin", code.pk)
    assert (cloned.cwd / "README.md").exists()
    commit(origin, later="x\n")
    assert place(cast.engineer, issue, home).cwd == cloned.cwd, "it is cloned once"


def test_a_repository_that_cannot_be_cloned_says_so_without_its_password(cast, tmp_path, home):
    project = factories.project(cast.company)
    url = f"file://someone:hunter2secret@localhost{tmp_path}/gone"
    project.workspaces.create(company=cast.company, name="code", repo_url=url, is_primary=True)
    with pytest.raises(PlaceError, match="git clone failed") as refused:
        place(cast.engineer, factories.issue(cast.company, project=project), home)
    assert "hunter2secret" not in refused.value.message
