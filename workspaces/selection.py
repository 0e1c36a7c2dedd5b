"""Which folder a run works in: a pure choice over what is known (H-77, A-19)."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from uuid import UUID

from workspaces.models import ProjectWorkspace


@dataclass(frozen=True)
class Choice:
    """The folder of a run and where it came from; `warnings` are shown in the run's log."""

    cwd: Path
    source: str
    workspace: ProjectWorkspace | None = None
    warnings: tuple[str, ...] = ()


def decide(
    *,
    workspaces: Sequence[ProjectWorkspace],
    preferred_id: UUID | None,
    configured_cwd: str | None,
    agent_home: Path,
) -> Choice:
    """Return the first project folder that exists, else the configured folder, else the agent's home.

    `workspaces` are the project's, oldest first; the issue's own (`preferred_id`) comes before them, then the
    primary one. A configured folder that is missing is returned as it is: the run fails and says so.
    """
    ordered = sorted(workspaces, key=lambda item: (item.pk != preferred_id, not item.is_primary))
    folders = [item for item in ordered if item.cwd]
    for workspace in folders:
        if Path(str(workspace.cwd)).is_dir():
            return Choice(Path(str(workspace.cwd)), "project_primary", workspace)
    warnings = tuple(f"Project folder {item.cwd} does not exist on this host" for item in folders)
    if configured_cwd:
        return Choice(Path(configured_cwd), "agent_config", warnings=warnings)
    return Choice(agent_home, "agent_home", warnings=warnings)
