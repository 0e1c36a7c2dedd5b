"""What a routine points at: project, goal, parent issue, agent (R-23)."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any
from uuid import UUID

from django.db.models import Model

from issues.models import Issue
from paperclip.companies.choices import AgentStatus
from paperclip.companies.models import Agent, Goal, Project
from paperclip.core.errors import Conflict, NotFound, Unprocessable
from workspaces.models import ExecutionWorkspace

_KINDS: dict[str, tuple[type[Model], str]] = {
    "project_id": (Project, "Project"),
    "goal_id": (Goal, "Goal"),
    "parent_issue_id": (Issue, "Parent issue"),
    "assignee_agent_id": (Agent, "Assignee agent"),
}


def require_valid(company_id: UUID, fields: Mapping[str, Any]) -> None:
    """Raise NotFound, Unprocessable or Conflict unless every reference among `fields` holds. Null ones do."""
    for column, (model, name) in _KINDS.items():
        row_id = fields.get(column)
        if row_id is not None:
            _require(company_id, model, name, row_id)
    if fields.get("assignee_agent_id") is not None:
        _require_assignable(fields["assignee_agent_id"])


def require_workspace(company_id: UUID, workspace_id: UUID | None) -> None:
    """Raise NotFound unless a run's workspace, if it names one, is the company's."""
    if workspace_id is None:
        return
    if not ExecutionWorkspace.objects.filter(company_id=company_id, pk=workspace_id).exists():
        raise NotFound("Execution workspace not found")


def _require(company_id: UUID, model: type[Model], name: str, row_id: UUID) -> None:
    owner = model._default_manager.filter(pk=row_id).values_list("company_id", flat=True).first()
    if owner is None:
        raise NotFound(f"{name} not found")
    if owner != company_id:
        raise Unprocessable(f"{name} must belong to the same company")


def _require_assignable(agent_id: UUID) -> None:
    status = Agent.objects.values_list("status", flat=True).get(pk=agent_id)
    if status == AgentStatus.PENDING_APPROVAL:
        raise Conflict("Cannot assign routines to pending approval agents")
    if status == AgentStatus.TERMINATED:
        raise Conflict("Cannot assign routines to terminated agents")
