"""Folders that are kept for projects below the home: clones of their repositories, or plain folders (W-37, W-38)."""

from __future__ import annotations

import re
import tempfile
from pathlib import Path
from uuid import UUID

from django.conf import settings

from workspaces import git
from workspaces.git import GitError
from workspaces.refusals import PlaceError

_WITHOUT_REPOSITORY = "_default"
_NOT_IN_NAMES = re.compile(r"[^A-Za-z0-9._-]+")


def folder_of(project_id: UUID, repo_url: str | None) -> Path:
    """Return the folder kept for a project, or for one of its repositories, whether it is there or not."""
    name = _WITHOUT_REPOSITORY
    if repo_url:
        last = re.split(r"[/:\\]", repo_url.rstrip("/"))[-1].removesuffix(".git")
        name = _NOT_IN_NAMES.sub("-", last).strip("-.") or "repository"
    return Path(settings.PROJECTS_ROOT) / str(project_id) / name


def ensure(project_id: UUID, repo_url: str | None) -> tuple[Path, str | None]:
    """Return the folder kept for a project, made or cloned if it is not there, and a warning about it, if any.

    Raises PlaceError when it cannot be.
    """
    folder = folder_of(project_id, repo_url)
    try:
        folder.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        if repo_url is None:
            folder.mkdir(exist_ok=True)
            return folder, None
        if folder.is_dir() and any(folder.iterdir()):
            if (folder / ".git").exists():
                return folder, None
            return folder, f"{folder} is used as it is: it holds files and is no clone of {repo_url}"
        _clone(repo_url, folder)
    except GitError as error:
        raise PlaceError(str(error)) from error
    except OSError as error:
        raise PlaceError(f"The folder {folder} cannot be made: {error.strerror}") from error
    return folder, None


def _clone(repo_url: str, folder: Path) -> None:
    """Clone beside the folder and put it in its place whole: what a crash leaves half done is never worked in."""
    with tempfile.TemporaryDirectory(prefix=f".{folder.name}-", dir=folder.parent) as half:
        made = Path(half) / folder.name
        git.clone(repo_url, made)
        try:
            made.rename(folder)
        except OSError:
            if not (folder / ".git").exists():  # else another run was first
                raise
