"""What commands that are run for a workspace find in their environment (W-56)."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from uuid import UUID

from issues.models import Issue
from paperclip.companies.models import Agent
from workspaces.models import ProjectWorkspace


@dataclass(frozen=True)
class Occasion:
    """For whom and from where a place is made; what is not known is left out of the environment."""

    company_id: UUID
    base_cwd: Path
    source: str
    project_id: UUID | None = None
    code: ProjectWorkspace | None = None
    issue: Issue | None = None
    agent: Agent | None = None


def of(
    occasion: Occasion,
    *,
    cwd: Path,
    branch: str | None = None,
    repo_root: Path | None = None,
    is_new: bool = False,
) -> Mapping[str, str]:
    """Return the variables for a command in `cwd`, by name."""
    code, issue, agent = occasion.code, occasion.issue, occasion.agent
    known = {
        "PAPERCLIP_WORKSPACE_CWD": str(cwd),
        "PAPERCLIP_WORKSPACE_PATH": str(cwd),
        "PAPERCLIP_WORKSPACE_WORKTREE_PATH": str(cwd) if repo_root is not None else None,
        "PAPERCLIP_WORKSPACE_BRANCH": branch,
        "PAPERCLIP_WORKSPACE_BASE_CWD": str(occasion.base_cwd),
        "PAPERCLIP_WORKSPACE_REPO_ROOT": str(repo_root) if repo_root is not None else None,
        "PAPERCLIP_WORKSPACE_SOURCE": occasion.source,
        "PAPERCLIP_WORKSPACE_REPO_REF": code.repo_ref if code is not None else None,
        "PAPERCLIP_WORKSPACE_REPO_URL": code.repo_url if code is not None else None,
        "PAPERCLIP_WORKSPACE_CREATED": "true" if is_new else "false",
        "PAPERCLIP_PROJECT_ID": str(occasion.project_id) if occasion.project_id is not None else None,
        "PAPERCLIP_PROJECT_WORKSPACE_ID": str(code.pk) if code is not None else None,
        "PAPERCLIP_AGENT_ID": str(agent.pk) if agent is not None else None,
        "PAPERCLIP_AGENT_NAME": agent.name if agent is not None else None,
        "PAPERCLIP_COMPANY_ID": str(occasion.company_id),
        "PAPERCLIP_ISSUE_ID": str(issue.pk) if issue is not None else None,
        "PAPERCLIP_ISSUE_IDENTIFIER": issue.identifier if issue is not None else None,
        "PAPERCLIP_ISSUE_TITLE": issue.title if issue is not None else None,
        "PAPERCLIP_ISSUE_WORK_MODE": issue.work_mode if issue is not None else None,
    }
    # No variable can hold NUL; PostgreSQL texts cannot either, so none comes.
    return {name: value for name, value in known.items() if value}
