"""Git worktrees: made, found again and restored, for one branch each (W-47 to W-53, W-59).

A worktree that is there is used as it is: nothing here resets, checks out or overwrites.
"""

from __future__ import annotations

import logging
import shlex
from dataclasses import dataclass
from pathlib import Path

from workspaces import git
from workspaces.choices import OperationPhase, OperationStatus
from workspaces.git import GitError, Repository, Worktree
from workspaces.modes import Strategy
from workspaces.operations import Journal
from workspaces.refusals import PlaceError

log = logging.getLogger(__name__)

DEFAULT_PARENT = ".paperclip/worktrees"
_LONGEST_PATH = 1000
_EXCLUDED = "/.paperclip/"


@dataclass(frozen=True)
class Made:
    """A worktree that is ready for use. `is_new` says that its folder was made now, `is_new_branch` its branch too."""

    repo: Repository
    path: Path
    branch: str
    base_ref: str | None
    is_new: bool = False
    is_new_branch: bool = False


def realize(
    repo: Repository,
    *,
    branch: str,
    strategy: Strategy,
    repo_ref: str | None,
    journal: Journal,
    path: Path | None = None,
) -> Made:
    """Return the worktree of `branch`, made if it is not there (W-52).

    `path` is where it was before, when it is to be restored there; else the strategy says where. Raises PlaceError
    when something else is in the way.
    """
    is_restored = path is not None
    try:
        with git.alone(repo):
            target = path or _target(repo, strategy, branch)
            known = git.worktrees(repo)
            standing = _standing(repo, known, target, branch)
            if standing is not None:
                return _reused(repo, standing, branch, strategy.base_ref, journal)
            if any(each.is_gone for each in known):
                git.prune(repo)
            return _add(repo, target, branch, strategy.base_ref or repo_ref, journal, is_restored=is_restored)
    except GitError as error:
        raise PlaceError(str(error)) from error
    except OSError as error:
        where = error.filename or repo.root
        raise PlaceError(f"The worktree cannot be made at {where}: {error.strerror}") from error


def default_parent(repo: Repository) -> Path:
    """Return the folder below which worktrees are made unless a strategy names another."""
    return repo.root / DEFAULT_PARENT


def _target(repo: Repository, strategy: Strategy, branch: str) -> Path:
    """Return the folder for a branch (W-50); it never leads out of the folder for worktrees."""
    named = strategy.worktree_parent_dir
    parent = (repo.root / Path(named).expanduser()) if named else default_parent(repo)
    if named is None or not Path(named).expanduser().is_absolute():
        _require_inside(parent, repo.root)
    parent = parent.resolve()
    target = parent / branch
    _require_inside(target.parent, parent)
    if len(str(target).encode()) > _LONGEST_PATH:
        raise PlaceError(f"The worktree's path would be longer than {_LONGEST_PATH} bytes: {target}")
    return target


def _require_inside(folder: Path, root: Path) -> None:
    if not folder.resolve().is_relative_to(root.resolve()):
        raise PlaceError(f"The folder {folder} leads out of {root}")


def _standing(repo: Repository, known: list[Worktree], target: Path, branch: str) -> Path | None:
    """Return the worktree to use as it is: the one in the target folder, else one that has the branch (W-52 a, b)."""
    if target.is_symlink() or target.exists():
        _require_usable(known, target, branch)
        return target
    holder = next((each for each in known if each.branch == branch and not each.is_gone), None)
    if holder is None:
        return None
    _require_usable(known, holder.path, branch)
    return holder.path


def _require_usable(known: list[Worktree], path: Path, branch: str) -> None:
    if path.is_symlink() or path.resolve() not in {each.path for each in known}:
        raise PlaceError(f"{path} exists and is not a registered git worktree of this repository")
    if git.top_level(path) != path.resolve():
        raise PlaceError(f"{path} is not the top of its own git worktree")
    found = git.current_branch(path)
    if found != branch:
        raise PlaceError(f"{path} is on {_named(found)}, not on branch {branch}")


def _named(branch: str | None) -> str:
    return f"branch {branch}" if branch is not None else "no branch"


def _reused(repo: Repository, path: Path, branch: str, base_ref: str | None, journal: Journal) -> Made:
    facts = _facts(repo, path, branch, base_ref, created=False) | {"reused": True}
    journal.note(OperationPhase.WORKTREE_PREPARE, OperationStatus.SUCCEEDED, cwd=repo.root, metadata=facts)
    return Made(repo, path, branch, base_ref)


def _add(
    repo: Repository, path: Path, branch: str, asked: str | None, journal: Journal, *, is_restored: bool
) -> Made:
    """Add the worktree of a branch: an existing one as it is, a new one from its base (W-52 c, d)."""
    path.parent.mkdir(parents=True, exist_ok=True)
    _exclude(repo, path)
    has_branch = git.has_branch(repo, branch)
    base, commit = (asked, None) if has_branch else _base(repo, asked)
    words = ["worktree", "add", str(path), branch]
    if commit is not None:
        words = ["worktree", "add", "-b", branch, str(path), commit]
    facts = _facts(repo, path, branch, base, created=commit is not None)
    if has_branch:
        facts |= {"reusedExistingBranch": True}
    if is_restored:
        facts |= {"restored": True}
    command = shlex.join(["git", *words])
    done = git.call(repo.root, *words, seconds=git.WRITE_SECONDS)
    status = OperationStatus.SUCCEEDED if done.is_fine else OperationStatus.FAILED
    journal.note(
        OperationPhase.WORKTREE_PREPARE,
        status,
        command=command,
        cwd=repo.root,
        metadata=facts,
        said=done.stderr.text,
    )
    if not done.is_fine:
        raise git.refusal(tuple(words), done, git.WRITE_SECONDS)
    return Made(repo, path.resolve(), branch, base, is_new=True, is_new_branch=commit is not None)


def _base(repo: Repository, asked: str | None) -> tuple[str, str]:
    """Return the ref a new branch starts from, and its commit (W-51); what `origin` has is asked for first (WW-18)."""
    if git.has_origin(repo):
        try:
            git.fetch(repo)
        except GitError as error:
            log.warning("%s: work starts from what was fetched last: %s", repo.root, error)
    # By its name: what HEAD is differs from worktree to worktree.
    head = git.current_branch(repo.root) or git.commit_of(repo.root, "HEAD")
    candidates = [asked, f"origin/{asked}"] if asked else [git.origin_head(repo), head]
    for ref in candidates:
        commit = git.commit_of(repo.root, ref) if ref else None
        if ref and commit:
            return ref, commit
    raise PlaceError(
        f"The base {asked} is no commit of {repo.root}"
        if asked
        else f"{repo.root} has no commit to start from"
    )


def _exclude(repo: Repository, path: Path) -> None:
    """Keep the folder of worktrees out of what git shows of the main folder."""
    if not path.is_relative_to(repo.root / ".paperclip"):
        return
    file = repo.common_dir / "info" / "exclude"
    lines = file.read_text().splitlines() if file.is_file() else []
    if _EXCLUDED not in lines:
        file.parent.mkdir(exist_ok=True)
        with file.open("a") as out:
            out.write(f"{_EXCLUDED}\n")


def _facts(
    repo: Repository, path: Path, branch: str, base_ref: str | None, *, created: bool
) -> dict[str, object]:
    return {
        "repoRoot": str(repo.root),
        "worktreePath": str(path),
        "branchName": branch,
        "baseRef": base_ref,
        "created": created,
    }
