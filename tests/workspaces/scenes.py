"""Real git repositories, small enough to be made for each test."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path
from typing import Any

from issues.models import Issue
from paperclip.companies.models import Agent, Company
from paperclip.core import clock
from tests import factories
from tests.cast import Cast
from workspaces import git, placing
from workspaces.models import ExecutionWorkspace
from workspaces.placing import Place, Request

# A server of what lies in the workspace.
WEB = {
    "id": "web",
    "name": "web",
    "command": f"exec {sys.executable} -u -m http.server $PORT --bind 127.0.0.1",
    "port": {"type": "auto"},
    "readiness": {"type": "http", "urlTemplate": "http://127.0.0.1:{{port}}/"},
}
_CLEAN = {
    "PATH": os.environ["PATH"],
    "HOME": "/nonexistent",
    "GIT_CONFIG_GLOBAL": "/dev/null",
    "GIT_CONFIG_SYSTEM": "/dev/null",
    "GIT_AUTHOR_NAME": "Tester",
    "GIT_AUTHOR_EMAIL": "tester@example.com",
    "GIT_COMMITTER_NAME": "Tester",
    "GIT_COMMITTER_EMAIL": "tester@example.com",
}


def run_git(folder: Path, *words: str) -> str:
    """Run git as a person would, and return what it printed."""
    done = subprocess.run(
        ["git", "-c", "protocol.file.allow=always", *words],
        cwd=folder,
        env=_CLEAN,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, (words, done.stderr)
    return done.stdout.strip()


def repository(folder: Path, *, branch: str = "main", files: dict[str, str] | None = None) -> Path:
    """Make a repository with one commit."""
    folder.mkdir(parents=True)
    run_git(folder, "init", "--quiet", "--initial-branch", branch)
    commit(folder, **(files or {"README.md": "hello\n"}))
    return folder


def commit(folder: Path, message: str = "A change", **files: str) -> str:
    """Write files, commit them, and return the commit. `a__b` in a name stands for `a/b`."""
    for name, content in files.items():
        path = folder / name.replace("__", "/")
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(content)
    run_git(folder, "add", "--all")
    run_git(folder, "commit", "--quiet", "--allow-empty", "-m", message)
    return run_git(folder, "rev-parse", "HEAD")


def found(folder: Path) -> git.Repository:
    """The repository of a folder, as the product sees it."""
    repo = git.repository(folder)
    assert repo is not None
    return repo


def place(
    agent: Agent, issue: Issue | None, home: Path, *, config: dict[str, Any] | None = None, **more: Any
) -> Place:
    """Give a run of `agent` for `issue` its place."""
    home.mkdir(parents=True, exist_ok=True)
    if issue is not None:
        issue = Issue.objects.select_related("project").get(pk=issue.pk)
    request = Request(
        company_id=agent.company_id, agent=agent, issue=issue, config=config or {}, agent_home=home, **more
    )
    return placing.for_run(request, now=clock.now())


def isolated(
    company: Company, folder: Path, *, strategy: dict[str, Any] | None = None, **issue: Any
) -> Issue:
    """An issue of a project in `folder` whose policy gives each issue a worktree."""
    policy = {"enabled": True, "defaultMode": "isolated_workspace"}
    if strategy is not None:
        policy["workspaceStrategy"] = {"type": "git_worktree", **strategy}
    project = factories.project(company, execution_workspace_policy=policy)
    code = project.workspaces.create(company=company, name="code", cwd=str(folder), is_primary=True)
    return factories.issue(company, project=project, project_workspace=code, **issue)


def record_of(issue: Issue) -> ExecutionWorkspace:
    """The workspace an issue points at."""
    row = ExecutionWorkspace.objects.select_related("project_workspace", "project").get(issues=issue)
    return row


def page(folder: Path) -> Path:
    """A folder with a page in it, to be served."""
    made = folder / "served"
    made.mkdir()
    (made / "index.html").write_text("hello from here")
    return made


def make_place(cast: Cast, folder: Path, *commands: dict[str, Any], **config: Any) -> ExecutionWorkspace:
    """A workspace in a folder, with these commands or the one that serves it."""
    runtime = {"commands": list(commands or (WEB,))}
    return ExecutionWorkspace.objects.create(
        company=cast.company, mode="isolated_workspace", name="w", cwd=str(folder),
        metadata={"config": {"workspaceRuntime": runtime, **config}},
    )  # fmt: skip
