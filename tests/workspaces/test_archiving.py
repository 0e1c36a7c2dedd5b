"""Closing workspaces with real worktrees: what is removed, what is kept, and what can never be touched."""

from __future__ import annotations

import shutil

import pytest

from issues.models import Issue
from paperclip.core import clock
from paperclip.core.errors import Conflict
from tests import factories
from tests.workspaces.scenes import commit, isolated, place, record_of, repository, run_git
from workspaces import archiving, readiness
from workspaces.models import ExecutionWorkspace, WorkspaceOperation

pytestmark = pytest.mark.django_db


@pytest.fixture
def repo(tmp_path, settings):
    settings.OPERATIONS_ROOT = tmp_path / "operations"
    settings.PROJECTS_ROOT = tmp_path / "projects"
    return repository(tmp_path / "repo")


@pytest.fixture
def work(cast, repo, tmp_path):
    """The worktree of an issue that is done, and its record."""
    issue = isolated(cast.company, repo, title="Work")
    folder = place(cast.engineer, issue, tmp_path / "home").cwd
    Issue.objects.filter(pk=issue.pk).update(status="done")
    return folder, record_of(issue)


def archive(row):
    warnings = archiving.archive(row.pk, now=clock.now())
    row.refresh_from_db()
    return warnings


def branches(repo):
    return run_git(repo, "branch", "--format", "%(refname:short)").split()


def kept(repo, row, path):
    return run_git(repo, "show", f"{archiving.KEPT_REFS}/{row.pk}:{path}")


def test_a_merged_worktree_goes_with_its_branch(repo, work):  # WC-25
    folder, row = work
    commit(folder, mine="x\n")
    run_git(repo, "merge", "--quiet", row.branch_name)
    assert archive(row) == []
    assert not folder.exists()
    assert branches(repo) == ["main"]
    assert (row.status, row.cleanup_reason) == ("archived", None)
    assert row.closed_at
    assert archive(row) == [], "once is enough"


def test_unmerged_commits_keep_their_branch(repo, work):  # WC-26
    folder, row = work
    head = commit(folder, mine="x\n")
    assert archive(row) == [f"Branch {row.branch_name} is kept: it is not merged"]
    assert not folder.exists()
    assert run_git(repo, "rev-parse", row.branch_name) == head
    assert row.status == "archived"


def test_what_is_not_committed_is_kept_under_a_ref(repo, work):  # WW-22, field note 24
    folder, row = work
    (folder / "README.md").write_text("changed\n")
    (folder / "new").mkdir()
    (folder / "new" / "notes.txt").write_text("never added\n")
    (warning,) = archive(row)
    assert not folder.exists()
    assert f"{archiving.KEPT_REFS}/{row.pk}" in warning
    assert (kept(repo, row, "README.md"), kept(repo, row, "new/notes.txt")) == ("changed", "never added")
    assert row.status == "archived"


def test_commits_of_a_detached_head_are_kept(repo, work):
    folder, row = work
    run_git(folder, "checkout", "--quiet", "--detach")
    commit(folder, mine="x\n")
    archive(row)
    assert not folder.exists()
    assert kept(repo, row, "mine") == "x"


def test_work_that_a_command_would_destroy_is_kept_before(repo, work):
    folder, row = work
    (folder / "notes.txt").write_text("precious\n")
    ExecutionWorkspace.objects.update(
        metadata={"config": {"cleanupCommand": "rm notes.txt; echo later > later.txt"}}
    )
    archive(row)
    assert not folder.exists()
    assert kept(repo, row, "later.txt") == "later"
    assert run_git(repo, "show", f"{archiving.KEPT_REFS}/{row.pk}^2:notes.txt") == "precious"


def test_a_repository_inside_stops_the_removal(repo, work):
    folder, row = work
    inner = repository(folder / "vendor")
    (warning,) = archive(row)
    assert "vendor is a repository of its own" in warning
    assert (inner / "README.md").exists()
    assert (row.status, row.cleanup_reason) == ("cleanup_failed", warning)

    shutil.rmtree(inner)  # W-64: asked for again, it goes on
    assert archive(row) == []
    assert row.status == "archived"


def test_commands_run_in_order_and_their_failure_is_a_warning(repo, work, tmp_path):  # WC-27, W-63
    folder, row = work
    seen = tmp_path / "seen"
    config = {"cleanupCommand": f"echo own >> {seen}", "teardownCommand": f"echo teardown >> {seen}; exit 4"}
    ExecutionWorkspace.objects.update(metadata={"config": config})
    row.project_workspace.cleanup_command = f"echo project $PAPERCLIP_WORKSPACE_BRANCH >> {seen}"
    row.project_workspace.save()
    (warning,) = archive(row)
    assert "exit code 4" in warning
    assert seen.read_text().splitlines() == ["own", f"project {row.branch_name}", "teardown"]
    operations = WorkspaceOperation.objects.filter(phase__in=("workspace_teardown", "worktree_cleanup"))
    assert [(row.phase, row.status) for row in operations.order_by("started_at", "created_at")] == [
        ("workspace_teardown", "succeeded"),
        ("workspace_teardown", "succeeded"),
        ("workspace_teardown", "failed"),
        ("worktree_cleanup", "succeeded"),
        ("worktree_cleanup", "succeeded"),
    ]


@pytest.mark.parametrize(
    "aim", ["cwd", "link", "swapped", "not ours", "project folder", "other's", "unregistered"]
)
def test_nothing_else_is_ever_removed(cast, repo, work, tmp_path, aim):  # WW-12
    folder, row = work
    victim = tmp_path / "victim"
    victim.mkdir()
    (victim / "precious").write_text("x\n")
    if aim == "cwd":  # people may point a record elsewhere; what is removed is what was made
        row.cwd = row.provider_ref = str(victim)
        row.save()
    elif aim == "link":
        run_git(repo, "worktree", "remove", str(folder))
        folder.symlink_to(victim)
    elif aim == "swapped":
        shutil.rmtree(folder)
        shutil.copytree(victim, folder)
    elif aim == "not ours":
        row.managed_path = None
        row.save()
    elif aim == "project folder":
        other = factories.project(cast.company)
        other.workspaces.create(company=cast.company, name="code", cwd=str(folder))
    elif aim == "unregistered":
        shutil.rmtree(repo / ".git" / "worktrees")
    else:
        ExecutionWorkspace.objects.create(
            company=cast.company, name="x", mode="isolated_workspace", cwd=str(folder)
        )
    warnings = archive(row)
    assert (victim / "precious").read_text() == "x\n"
    if aim == "cwd":
        assert not folder.exists()
        assert row.status == "archived"
    else:
        assert folder.exists()
        assert row.status == ("archived" if aim == "not ours" else "cleanup_failed")
        assert bool(warnings) == (aim != "not ours")


def test_a_shared_session_is_only_let_go(cast, tmp_path, settings):  # WC-28, WW-11
    project = factories.project(cast.company)
    code = project.workspaces.create(
        company=cast.company, name="code", cwd=str(tmp_path), is_primary=True, cleanup_command="rm -rf ./*"
    )
    (tmp_path / "precious").write_text("x\n")
    issue = factories.issue(cast.company, project=project, project_workspace=code)
    place(cast.engineer, issue, tmp_path / "home")
    row = record_of(issue)

    found = readiness.look(row)
    assert (found.state, len(found.warnings), found.is_shared, found.is_project_primary) == (
        "ready_with_warnings",
        2,
        True,
        True,
    )
    assert [action.kind for action in found.planned_actions] == ["archive_record"]
    assert archive(row) == []
    assert row.status == "archived"
    assert (tmp_path / "precious").exists()
    issue.refresh_from_db()
    assert issue.execution_workspace_id is None


def test_readiness_names_what_is_at_stake(work):  # WC-29, W-60 to W-62
    folder, row = work
    commit(folder, mine="x\n")
    (folder / "loose").write_text("x\n")
    found = readiness.look(row)
    assert (found.state, found.blocking_reasons) == ("ready_with_warnings", ())
    assert [warning.split(" not")[0] for warning in found.warnings] == ["1 untracked file", "1 commit"]
    assert [action.kind for action in found.planned_actions] == [
        "archive_record",
        "git_worktree_remove",
        "git_branch_delete",
    ]
    assert found.git.standing.untracked_entries == found.git.standing.ahead == 1


def test_open_work_stands_against_closing(cast, work):  # W-61
    folder, row = work
    Issue.objects.update(status="in_review")
    assert readiness.look(row).state == "blocked"
    with pytest.raises(Conflict, match="is still in_review"):
        archive(row)
    Issue.objects.update(status="done")
    issue = Issue.objects.get(execution_workspace=row)
    run = factories.run(cast.engineer, issue=issue)
    with pytest.raises(Conflict, match="still going on"):
        archive(row)
    assert folder.exists()
    run.status = "succeeded"
    run.save()
    archive(row)
    assert not folder.exists()


def test_a_worktree_that_is_gone_is_closed_all_the_same(repo, work):
    folder, row = work
    shutil.rmtree(folder)
    assert "is gone" in readiness.look(row).warnings[0]
    assert archive(row) == []
    assert row.status == "archived"
    assert branches(repo) == ["main"]
