"""Which folder a run starts from: a pure choice over what is known (H-77, A-19, W-37, W-38)."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from uuid import UUID

from workspaces.models import ProjectWorkspace

PROJECT = "project_primary"
SESSION = "task_session"
CONFIGURED = "agent_config"
HOME = "agent_home"


@dataclass(frozen=True)
class Choice:
    """The folder of a run and where it came from; `warnings` are shown in the run's log."""

    cwd: Path
    source: str
    workspace: ProjectWorkspace | None = None
    warnings: tuple[str, ...] = ()


def ordered(workspaces: Sequence[ProjectWorkspace], preferred_id: UUID | None) -> list[ProjectWorkspace]:
    """Return a project's workspaces, given oldest first: the issue's own one, the primary one, then the others."""
    return sorted(workspaces, key=lambda item: (item.pk != preferred_id, not item.is_primary))


def decide(
    *,
    workspaces: Sequence[ProjectWorkspace],
    preferred_id: UUID | None,
    configured_cwd: str | None,
    agent_home: Path,
    session_cwd: str | None = None,
) -> Choice:
    """Return the first project folder that exists, else the configured folder, the session's, or the agent's home.

    `workspaces` are the project's, oldest first. A configured folder that is missing is returned as it is: the run
    fails and says so. The folder of a saved session counts only while it is there.
    """
    folders = [item for item in ordered(workspaces, preferred_id) if item.cwd]
    for workspace in folders:
        if Path(str(workspace.cwd)).is_dir():
            return Choice(Path(str(workspace.cwd)), PROJECT, workspace)
    warnings = tuple(f"Project folder {item.cwd} does not exist on this host" for item in folders)
    if configured_cwd:
        return Choice(Path(configured_cwd), CONFIGURED, warnings=warnings)
    if session_cwd and Path(session_cwd).is_absolute() and Path(session_cwd).is_dir():
        return Choice(Path(session_cwd), SESSION, warnings=warnings)
    return Choice(agent_home, HOME, warnings=warnings)
