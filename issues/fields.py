"""What may be set on an issue, and by whom."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime
from typing import Any, TypedDict
from uuid import UUID

from paperclip.companies.actors import Actor
from paperclip.core import naming
from paperclip.core.errors import Forbidden


class Fields(TypedDict, total=False):
    """The settable fields. Absent is "leave it", None is "clear it"; origins are for the product itself."""

    title: str
    description: str | None
    status: str
    priority: str
    work_mode: str
    project_id: UUID | None
    project_workspace_id: UUID | None
    goal_id: UUID | None
    parent_id: UUID | None
    assignee_agent_id: UUID | str | None
    assignee_user_id: UUID | str | None
    label_ids: Sequence[UUID]
    blocked_by_issue_ids: Sequence[UUID]
    request_depth: int
    billing_code: str | None
    assignee_adapter_overrides: dict[str, Any] | None
    execution_policy: dict[str, Any] | None
    review_request: dict[str, Any] | None
    hidden_at: datetime | None
    inherit_execution_workspace_from_issue_id: UUID | None
    execution_workspace_id: UUID | None
    execution_workspace_preference: str | None
    execution_workspace_settings: dict[str, Any] | None
    origin_kind: str
    origin_id: str | None
    origin_run_id: str | None
    origin_fingerprint: str


# Columns that are stored as they come.
_PLAIN = (
    "title", "description", "priority", "work_mode", "billing_code", "assignee_adapter_overrides",
    "hidden_at", "origin_kind", "origin_id", "origin_run_id", "origin_fingerprint",
)  # fmt: skip
# Says where other columns come from, and is none itself.
_NOT_STORED = frozenset({"inherit_execution_workspace_from_issue_id"})
# What an agent could have the host do (I-42, WW-13): commands, and folders made anywhere.
_HOST_COMMANDS = ("provisionCommand", "teardownCommand", "worktreeParentDir")


def plain(fields: Fields) -> dict[str, Any]:
    """Return the columns among `fields` that are stored as they come."""
    given: Mapping[str, Any] = fields
    return {column: given[column] for column in _PLAIN if column in given}


def stored(fields: Fields) -> dict[str, Any]:
    """Return `fields` without what is not stored."""
    return {name: value for name, value in fields.items() if name not in _NOT_STORED}


def require_allowed(fields: Fields, actor: Actor) -> None:
    """Raise Forbidden when an agent sends commands for the host (I-42)."""
    if not actor.is_agent:
        return
    settings = fields.get("execution_workspace_settings") or {}
    overrides = fields.get("assignee_adapter_overrides") or {}
    config = overrides.get("adapterConfig")
    found = [
        *(["executionWorkspaceSettings.workspaceRuntime"] if settings.get("workspace_runtime") else []),
        *_commands(settings.get("workspace_strategy"), "executionWorkspaceSettings.workspaceStrategy"),
        *_commands(
            _inner(config, "workspaceStrategy"), "assigneeAdapterOverrides.adapterConfig.workspaceStrategy"
        ),
    ]
    if found:
        raise Forbidden("Agents cannot set host commands", details={"paths": found})


def _inner(value: Any, key: str) -> Any:
    return value.get(key) if isinstance(value, Mapping) else None


def _commands(strategy: Any, path: str) -> Iterator[str]:
    if isinstance(strategy, Mapping):
        spoken = {naming.camel(key): value for key, value in strategy.items()}
        yield from (f"{path}.{name}" for name in _HOST_COMMANDS if spoken.get(name) is not None)
