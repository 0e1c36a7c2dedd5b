"""What agents may not write: commands for the host, and where a workspace is (W-123, WW-12, WW-13).

Agents run on the host, and whoever sets such a command runs it there for everybody: it is the board's to say.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from paperclip.companies.actors import Actor
from paperclip.core import naming
from paperclip.core.errors import Forbidden
from workspaces.choices import WORKSPACE_OPEN

_OF_CONFIG = ("provisionCommand", "teardownCommand", "cleanupCommand", "workspaceRuntime")
_OF_PROJECT_WORKSPACE = ("setup_command", "cleanup_command", "runtime_config")
# What an agent may say of an execution workspace.
_FREE = frozenset({"name", "status"})


def require_may_change_code(fields: Mapping[str, Any], actor: Actor) -> None:
    """Raise Forbidden when an agent sends host commands for a project workspace; null counts too."""
    if not actor.is_agent:
        return
    found = [naming.camel(name) for name in _OF_PROJECT_WORKSPACE if name in fields]
    if "runtimeConfig" in (fields.get("metadata") or {}):
        found.append("metadata.runtimeConfig")
    _refuse_commands(found)


def require_may_change(fields: Mapping[str, Any], actor: Actor) -> None:
    """Raise Forbidden when an agent would aim, configure or close an execution workspace."""
    if not actor.is_agent:
        return
    config, metadata = fields.get("config") or {}, fields.get("metadata") or {}
    inner = metadata.get("config")
    found = [f"config.{key}" for key in _OF_CONFIG if key in config]
    found += [f"metadata.config.{key}" for key in _OF_CONFIG if isinstance(inner, dict) and key in inner]
    _refuse_commands(found)
    closed = sorted(naming.camel(name) for name in fields if name not in _FREE)
    if fields.get("status") not in (None, *WORKSPACE_OPEN):
        closed.append("status")
    if closed:
        raise Forbidden(f"Agent keys cannot move, configure or archive workspaces ({', '.join(closed)}).")


def _refuse_commands(paths: list[str]) -> None:
    if paths:
        raise Forbidden(
            f"Agent keys cannot modify host-executed workspace commands ({', '.join(paths)}).",
            details={"paths": paths},
        )
