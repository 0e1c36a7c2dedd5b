"""The configuration of an execution workspace: a block of its metadata with known keys (W-15, W-20)."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from workspaces.choices import DesiredState
from workspaces.modes import Strategy

TEXTS = ("environmentId", "provisionCommand", "teardownCommand", "cleanupCommand")
_OBJECTS = ("workspaceRuntime", "serviceStates")
KEYS = (*TEXTS, "workspaceRuntime", "desiredState", "serviceStates")
# What this system says of a workspace itself; nobody else's word counts.
MACHINE_KEYS = ("createdByRuntime",)


def read(metadata: Mapping[str, Any] | None) -> dict[str, Any] | None:
    """Return the configuration with all its keys; None when the metadata holds none that says anything."""
    stored = (metadata or {}).get("config")
    if not isinstance(stored, Mapping):
        return None
    config = {key: _clean(key, stored.get(key)) for key in KEYS}
    return config if any(value is not None for value in config.values()) else None


def snapshot(strategy: Strategy | None, runtime: Mapping[str, Any] | None) -> dict[str, Any]:
    """Return what a new workspace remembers of how it was made (W-40)."""
    return {
        "provisionCommand": strategy.provision_command if strategy is not None else None,
        "teardownCommand": strategy.teardown_command if strategy is not None else None,
        "workspaceRuntime": dict(runtime) if runtime is not None else None,
    }


def merged(metadata: Mapping[str, Any] | None, sent: Mapping[str, Any] | None) -> dict[str, Any] | None:
    """Return `metadata` with `sent` laid on its configuration: null clears a key, no object at all the whole block."""
    kept = {key: value for key, value in (metadata or {}).items() if key != "config"}
    if sent is not None:
        config = {**(read(metadata) or {}), **sent}
        config = {key: cleaned for key in KEYS if (cleaned := _clean(key, config.get(key))) is not None}
        if config:
            kept["config"] = config
    return kept or None


def sent_metadata(sent: Mapping[str, Any] | None) -> dict[str, Any] | None:
    """Return metadata that somebody sent without what only this system may say."""
    return {key: value for key, value in (sent or {}).items() if key not in MACHINE_KEYS} or None


def _clean(key: str, value: Any) -> Any:
    if key in TEXTS:
        return value.strip() or None if isinstance(value, str) else None
    if key in _OBJECTS:
        return value if isinstance(value, Mapping) else None
    return value if value in DesiredState.values else None
