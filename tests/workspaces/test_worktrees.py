"""Worktrees in real repositories: made, found again, and refused where something else is in the way."""

from __future__ import annotations

import shutil

import pytest

from tests import factories
from tests.workspaces.scenes import commit, found, repository, run_git
from workspaces import git, worktrees
from workspaces.models import WorkspaceOperation
from workspaces.modes import WORKTREE, Strategy
from workspaces.operations import Journal
from workspaces.refusals import PlaceError

pytestmark = pytest.mark.django_db


@pytest.fixture
def journal():
    return Journal(factories.company().pk)


@pytest.fixture
def repo(tmp_path):
    return repository(tmp_path / "repo")


def realize(folder, journal, branch="work", strategy=WORKTREE, **more):
    options = {"repo_ref": None, "journal": journal} | more
    return worktrees.realize(found(folder), branch=branch, strategy=strategy, **options)


def operations():
    return list(WorkspaceOperation.objects.order_by("created_at"))


def test_a_worktree_is_made_once(repo, journal):  # WC-10, W-50, W-53
    made = realize(repo, journal)
    assert (made.is_new, made.is_new_branch) == (True, True)
    assert made.path == repo / ".paperclip" / "worktrees" / "work"
    assert git.current_branch(made.path) == "work"
    assert run_git(repo, "status", "--porcelain") == "", "the main folder does not show the worktrees"

    again = realize(repo, journal)
    assert (again.path, again.is_new, again.is_new_branch) == (made.path, False, False)
    first, second = operations()
    assert (first.phase, first.status, first.metadata["created"]) == ("worktree_prepare", "succeeded", True)
    assert first.command.startswith("git worktree add -b work ")
    assert (second.command, second.metadata["reused"], second.metadata["created"]) == (None, True, False)
    assert second.metadata["repoRoot"] == str(repo)


def test_a_worktree_of_a_worktree_lies_beside_it(repo, journal):  # W-47, WC-12
    first = realize(repo, journal)
    inside = first.path / "deep"
    inside.mkdir()
    assert realize(inside, journal).path == first.path
    assert realize(inside, journal, "other").path == repo / ".paperclip" / "worktrees" / "other"


@pytest.mark.parametrize(
    ("prepare", "told"),
    [
        pytest.param("folder", ["not a registered git worktree"], id="WC-11 plain folder"),
        pytest.param("other branch", ["branch elsewhere", "not on branch work"], id="WC-13 both names told"),
        pytest.param("detached", ["on no branch", "not on branch work"], id="WC-13 no branch"),
        pytest.param("foreign", ["not a registered git worktree"], id="W-52 another repository"),
        pytest.param("link", ["not a registered git worktree"], id="W-52 link"),
    ],
)
def test_what_is_in_the_way_is_told_and_left(repo, journal, tmp_path, prepare, told):
    target = repo / ".paperclip" / "worktrees" / "work"
    if prepare == "folder":
        target.mkdir(parents=True)
    elif prepare == "foreign":
        repository(target)
    elif prepare == "link":
        target.parent.mkdir(parents=True)
        target.symlink_to(tmp_path)
    else:
        run_git(repo, "worktree", "add", "-b", "elsewhere", str(target))
        if prepare == "detached":
            run_git(target, "checkout", "--quiet", "--detach")
    with pytest.raises(PlaceError) as refused:
        realize(repo, journal)
    assert all(words in refused.value.message for words in told), refused.value.message
    assert target.exists()


def test_a_branch_that_is_checked_out_elsewhere_is_used_there(repo, journal, tmp_path):  # WC-14
    elsewhere = tmp_path / "elsewhere"
    run_git(repo, "worktree", "add", "-b", "work", str(elsewhere))
    made = realize(repo, journal, strategy=Strategy("git_worktree", worktree_parent_dir=str(tmp_path / "p")))
    assert (made.path, made.is_new) == (elsewhere, False)
    (row,) = operations()
    assert (row.command, row.metadata["reused"], row.metadata["worktreePath"]) == (None, True, str(elsewhere))


def test_an_existing_branch_keeps_its_commits(repo, journal):  # WC-21, W-52 d
    run_git(repo, "checkout", "--quiet", "-b", "work")
    head = commit(repo, file="mine\n")
    run_git(repo, "checkout", "--quiet", "main")
    made = realize(repo, journal)
    assert run_git(made.path, "rev-parse", "HEAD") == head
    assert (made.is_new, made.is_new_branch) == (True, False)
    assert operations()[0].metadata["reusedExistingBranch"] is True


@pytest.mark.parametrize(
    ("default", "head"),
    [
        pytest.param("master", False, id="WC-24 only origin/master"),
        pytest.param("trunk", True, id="WC-24 origin/HEAD"),
    ],
)
def test_work_starts_from_what_origin_has_now(tmp_path, journal, default, head):  # W-51, WW-18
    origin = repository(tmp_path / "origin", branch=default)
    clone = tmp_path / "clone"
    run_git(tmp_path, "clone", "--quiet", str(origin), str(clone))
    if not head:
        run_git(clone, "remote", "set-head", "origin", "--delete")
    newest = commit(origin, later="x\n")
    made = realize(clone, journal)
    assert made.base_ref == f"origin/{default}"
    assert run_git(made.path, "rev-parse", "HEAD") == newest


def test_an_origin_that_does_not_answer_does_not_stop_the_work(tmp_path, journal, repo):
    run_git(repo, "remote", "add", "origin", str(tmp_path / "gone"))
    assert realize(repo, journal).base_ref == "main"


@pytest.mark.parametrize("asked", ["nowhere", "--upload-pack=touch /tmp/x", "-b"])
def test_a_base_that_is_none_is_refused(repo, journal, asked):  # hostile names are no options
    with pytest.raises(PlaceError, match="is no commit"):
        realize(repo, journal, strategy=Strategy("git_worktree", base_ref=asked))


def test_a_base_of_the_strategy_comes_before_the_workspaces(repo, journal):  # W-51
    first = run_git(repo, "rev-parse", "HEAD")
    run_git(repo, "tag", "start")
    commit(repo, later="x\n")
    made = realize(repo, journal, strategy=Strategy("git_worktree", base_ref="start"), repo_ref="main")
    assert run_git(made.path, "rev-parse", "HEAD") == first


@pytest.mark.parametrize("parent", ["../../out", "link"])
def test_worktrees_do_not_leave_the_repository_by_a_relative_way(repo, journal, tmp_path, parent):
    (repo / "link").symlink_to(tmp_path)
    with pytest.raises(PlaceError, match="leads out of"):
        realize(repo, journal, strategy=Strategy("git_worktree", worktree_parent_dir=parent))


def test_a_link_that_a_repository_brings_leads_nowhere(repo, journal, tmp_path):
    (repo / ".paperclip").symlink_to(tmp_path / "victim")
    (tmp_path / "victim").mkdir()
    with pytest.raises(PlaceError, match="leads out of"):
        realize(repo, journal)
    assert list((tmp_path / "victim").iterdir()) == []


def test_a_repository_without_a_commit_says_so(tmp_path, journal):
    folder = tmp_path / "empty"
    folder.mkdir()
    run_git(folder, "init", "--quiet")
    with pytest.raises(PlaceError, match="has no commit to start from"):
        realize(folder, journal)


def test_a_worktree_whose_folder_went_missing_is_made_again(repo, journal):
    made = realize(repo, journal)
    head = commit(made.path, file="mine\n")
    shutil.rmtree(made.path)
    again = realize(repo, journal)
    assert (again.path, again.is_new) == (made.path, True)
    assert run_git(again.path, "rev-parse", "HEAD") == head
