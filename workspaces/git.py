"""The only module that calls git. Every call is bounded in time, asks nobody for anything, and sees no secret of ours.

Names that come from people or agents never stand where git looks for options: a ref is resolved to a commit first, a
branch is checked, a path is absolute.
"""

from __future__ import annotations

import fcntl
import os
import re
import shutil
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from workspaces import commands
from workspaces.commands import Finished

READ_SECONDS = 60.0
WRITE_SECONDS = 300.0
FETCH_SECONDS = 60.0
CLONE_SECONDS = 600.0

_QUIET = {
    "GIT_TERMINAL_PROMPT": "0",
    "GIT_ASKPASS": "true",
    "SSH_ASKPASS": "true",
    "GIT_OPTIONAL_LOCKS": "0",
    "LC_ALL": "C",
}
_AUTHOR = {
    "GIT_AUTHOR_NAME": "Paperclip",
    "GIT_AUTHOR_EMAIL": "paperclip@localhost",
    "GIT_COMMITTER_NAME": "Paperclip",
    "GIT_COMMITTER_EMAIL": "paperclip@localhost",
}
_SAID = 500
_PASSWORD = re.compile(r"://[^/@\s]+@")  # who fetches, in an address
_MOST_BYTES = 64 * 1024 * 1024  # of an answer
_REPOSITORY = "160000"  # how a tree lists a repository of its own, whose content it does not hold


class GitError(Exception):
    """git was called and refused, or did not come to an end."""


@dataclass(frozen=True)
class Repository:
    """A repository by its main folder, whichever worktree of it was looked at (W-47)."""

    root: Path
    common_dir: Path


@dataclass(frozen=True)
class Worktree:
    """One folder that git knows to be a worktree; `branch` is None where HEAD is detached."""

    path: Path
    branch: str | None
    head: str | None
    is_gone: bool


@dataclass(frozen=True)
class Standing:
    """What is in a folder that is nowhere else: counts of entries and commits (W-60)."""

    dirty_entries: int
    untracked_entries: int
    ahead: int | None
    behind: int | None
    is_merged: bool | None


def call(
    folder: Path, *words: str, seconds: float = READ_SECONDS, env: Mapping[str, str] | None = None
) -> Finished:
    """Run `git <words>` in a folder and return how it ended, whatever it said. Raises GitError when it cannot run."""
    argv = ["git", "-c", "core.fsmonitor=false", "-c", "core.quotePath=false", *words]
    try:
        return commands.run(
            argv,
            cwd=folder,
            env=commands.environment(_QUIET, env or {}),
            timeout_seconds=seconds,
            kept_bytes=_MOST_BYTES,
        )
    except OSError as error:
        raise GitError(f"git cannot be run in {folder}: {error.strerror}") from error


def ask(
    folder: Path, *words: str, seconds: float = READ_SECONDS, env: Mapping[str, str] | None = None
) -> str:
    """Return what `git <words>` prints. Raises GitError with its words when it refuses or takes too long."""
    done = call(folder, *words, seconds=seconds, env=env)
    if not done.is_fine:
        raise refusal(words, done, seconds)
    if done.stdout.is_truncated:
        raise GitError(f"git {words[0]} answered with more than {_MOST_BYTES} bytes")
    return os.fsdecode(done.stdout.tail)


def refusal(words: tuple[str, ...], done: Finished, seconds: float) -> GitError:
    """Return the error for a call that did not go well."""
    verb = " ".join(word for word in words[:2] if not word.startswith("-"))
    if done.timed_out:
        return GitError(f"git {verb} did not end within {seconds:g} s")
    said = _PASSWORD.sub("://", (done.stderr.text or done.stdout.text).strip())
    return GitError(f"git {verb} failed: {said[-_SAID:] or f'exit code {done.exit_code}'}")


# --- Looking ---------------------------------------------------------------------------------------------


def repository(folder: Path) -> Repository | None:
    """Return the repository a folder belongs to, None when it belongs to none."""
    done = call(folder, "rev-parse", "--path-format=absolute", "--git-common-dir")
    if not done.is_fine:
        return None
    common = Path(os.fsdecode(done.stdout.tail).rstrip("\n")).resolve()
    return Repository(common.parent if common.name == ".git" else common, common)


def worktrees(repo: Repository) -> list[Worktree]:
    """Return the worktrees of a repository, its main folder first."""
    listed = ask(repo.root, "worktree", "list", "--porcelain", "-z")
    return [_worktree(entry.split("\0")) for entry in listed.split("\0\0") if entry.strip("\0")]


def top_level(folder: Path) -> Path | None:
    """Return the top folder of the worktree that a folder lies in."""
    done = call(folder, "rev-parse", "--show-toplevel")
    return Path(os.fsdecode(done.stdout.tail).rstrip("\n")).resolve() if done.is_fine else None


def current_branch(folder: Path) -> str | None:
    """Return the branch a worktree is on, None where HEAD is detached."""
    done = call(folder, "symbolic-ref", "--quiet", "--short", "HEAD")
    return done.stdout.text.strip() or None if done.is_fine else None


def commit_of(folder: Path, ref: str) -> str | None:
    """Return the commit a ref names, None when there is none."""
    done = call(folder, "rev-parse", "--verify", "--quiet", "--end-of-options", f"{ref}^{{commit}}")
    return done.stdout.text.strip() or None if done.is_fine else None


def has_branch(repo: Repository, branch: str) -> bool:
    """Return whether the repository has a local branch of that name."""
    return call(repo.root, "show-ref", "--verify", "--quiet", f"refs/heads/{branch}").is_fine


def is_branch_name(text: str) -> bool:
    """Return whether git accepts `text` as the name of a branch."""
    if not text or text.startswith("-") or text == "HEAD" or "@{" in text:
        return False
    return call(Path("/"), "check-ref-format", f"refs/heads/{text}").is_fine


def origin_head(repo: Repository) -> str | None:
    """Return the remote branch that work starts from by default, such as `origin/main` (W-51)."""
    done = call(repo.root, "symbolic-ref", "--quiet", "--short", "refs/remotes/origin/HEAD")
    named = [done.stdout.text.strip()] if done.is_fine else []
    for ref in (*named, "origin/main", "origin/master"):
        if commit_of(repo.root, f"refs/remotes/{ref}") is not None:
            return ref
    return None


def has_origin(repo: Repository) -> bool:
    """Return whether the repository came from somewhere."""
    return call(repo.root, "remote", "get-url", "origin").is_fine


def standing(folder: Path, base_ref: str | None) -> Standing:
    """Return what a worktree holds that its base does not. Raises GitError when it cannot be looked at."""
    entries = ask(folder, "status", "--porcelain", "-z", "--untracked-files=all")
    dirty, untracked = _counts(entries)
    base = commit_of(folder, base_ref) if base_ref else None
    if base is None or commit_of(folder, "HEAD") is None:
        return Standing(dirty, untracked, None, None, None)
    counted = ask(folder, "rev-list", "--left-right", "--count", f"{base}...HEAD").split()
    merged = call(folder, "merge-base", "--is-ancestor", "HEAD", base).is_fine
    return Standing(dirty, untracked, int(counted[1]), int(counted[0]), merged)


def inner_repositories(folder: Path, tree: str) -> list[str]:
    """Return the folders of a worktree that are repositories of their own with files, which no tree would keep."""
    listed = ask(folder, "ls-tree", "-r", "-z", tree)
    found = [entry.partition("\t")[2] for entry in listed.split("\0") if entry.startswith(_REPOSITORY)]
    return [path for path in found if any((folder / path).glob("*"))]


# --- Changing --------------------------------------------------------------------------------------------


def fetch(repo: Repository) -> None:
    """Bring what is known of `origin` up to date. Raises GitError when it does not answer."""
    ask(repo.root, "fetch", "--quiet", "--no-tags", "origin", seconds=FETCH_SECONDS)


def clone(url: str, into: Path) -> None:
    """Clone a repository into a folder that is not there yet. Raises GitError."""
    ask(into.parent, "clone", "--quiet", "--", url, str(into), seconds=CLONE_SECONDS)


def prune(repo: Repository) -> None:
    """Forget worktrees whose folders are gone."""
    ask(repo.root, "worktree", "prune", seconds=WRITE_SECONDS)


def delete_branch(repo: Repository, branch: str) -> Finished:
    """Delete a branch that is merged; git refuses to delete one that is not."""
    return call(repo.root, "branch", "-d", "--", branch, seconds=WRITE_SECONDS)


def keep(folder: Path, ref: str, message: str) -> str | None:
    """Keep everything in a worktree that is not ignored, under `ref`, and return the commit; None when HEAD has it all.

    Nothing in the folder changes. What was kept under `ref` before stays reachable from it. Raises GitError.
    """
    head, earlier = commit_of(folder, "HEAD"), commit_of(folder, ref)
    with tempfile.TemporaryDirectory(prefix="paperclip-") as own:
        index = Path(own) / "index"
        known = Path(os.fsdecode(call(folder, "rev-parse", "--git-path", "index").stdout.tail).rstrip("\n"))
        if (folder / known).is_file():
            shutil.copyfile(folder / known, index)
        env = {"GIT_INDEX_FILE": str(index), **_AUTHOR}
        ask(folder, "add", "--all", "--", ".", seconds=WRITE_SECONDS, env=env)
        tree = ask(folder, "write-tree", seconds=WRITE_SECONDS, env=env).strip()
        inner = inner_repositories(folder, tree)
        if inner:
            raise GitError(f"{inner[0]} is a repository of its own, whose files cannot be kept")
        is_clean = head is not None and tree == _tree_of(folder, head)
        if is_clean and current_branch(folder) is not None:
            return earlier  # the branch keeps the rest
        if earlier is not None and tree == _tree_of(folder, earlier) and _holds(folder, earlier, head):
            return earlier
        if is_clean and earlier is None:
            commit = head
        else:
            parents = [word for parent in (head, earlier) if parent for word in ("-p", parent)]
            commit = ask(folder, "commit-tree", tree, *parents, "-m", message, env=env).strip()
    assert commit is not None
    ask(folder, "update-ref", ref, commit)
    return commit


@contextmanager
def alone(repo: Repository) -> Iterator[None]:
    """Let one process at a time change the worktrees of a repository on this host."""
    handle = os.open(repo.common_dir / "paperclip.lock", os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    try:
        fcntl.flock(handle, fcntl.LOCK_EX)
        yield
    finally:
        os.close(handle)


def _tree_of(folder: Path, commit: str) -> str:
    return ask(folder, "rev-parse", f"{commit}^{{tree}}").strip()


def _holds(folder: Path, commit: str, earlier: str | None) -> bool:
    return earlier is None or call(folder, "merge-base", "--is-ancestor", earlier, commit).is_fine


def _worktree(lines: list[str]) -> Worktree:
    facts = dict(line.partition(" ")[::2] for line in lines if line)
    path = Path(facts["worktree"])
    branch = facts.get("branch")
    return Worktree(
        path=path.resolve(),
        branch=branch.removeprefix("refs/heads/") if branch else None,
        head=facts.get("HEAD"),
        is_gone="prunable" in facts or not path.is_dir(),
    )


def _counts(entries: str) -> tuple[int, int]:
    """Return the changed tracked entries and the untracked ones of a porcelain status."""
    dirty = untracked = 0
    rest = iter(entries.split("\0"))
    for entry in rest:
        if not entry:
            continue
        if entry.startswith("??"):
            untracked += 1
            continue
        dirty += 1
        if entry[0] in "RC":
            next(rest, None)  # the name it had before
    return dirty, untracked
