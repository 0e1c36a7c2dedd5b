"""What the workspaces floor does on news from lower floors. Inside the transaction of the cause; own rows only."""

from __future__ import annotations

from datetime import datetime
from typing import Any
from uuid import UUID

from django.dispatch import receiver

from issues import signals as issue_signals
from issues.models import Issue
from paperclip.companies import signals
from paperclip.companies.actors import Actor
from paperclip.companies.models import Project
from paperclip.core.errors import Invalid
from workspaces import execution_workspaces, project_workspaces
from workspaces.inputs import ProjectWorkspaceIn


@receiver(signals.project_created)
def make_first_workspace(
    *, project: Project, workspace: dict[str, Any] | None, actor: Actor, now: datetime, **_: Any
) -> UUID | None:
    """Create the workspace that was sent with a new project; its faults are named under `workspace`."""
    if workspace is None:
        return None
    try:
        fields = ProjectWorkspaceIn.read(workspace)
    except Invalid as error:
        raise error.below("workspace") from error
    return project_workspaces.create(project=project, fields=fields, actor=actor, now=now).pk


@receiver(issue_signals.workspace_settings_changed)
def follow_settings(*, issue: Issue, now: datetime, **_: Any) -> None:
    """Let the workspace an issue stays in follow the issue's new settings (W-34)."""
    if issue.execution_workspace_id is not None:
        settings = issue.execution_workspace_settings or {}
        execution_workspaces.adopt_settings(issue.execution_workspace_id, settings, now=now)
