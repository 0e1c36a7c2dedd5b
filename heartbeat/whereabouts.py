"""What a run is told of the place it works in: in its context, and in its program's environment (W-46, H-88)."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from paperclip.core.api.rendering import dumps
from workspaces.placing import Place


def told(place: Place, *, home: Path) -> dict[str, Any]:
    """Return the keys of the run's context; None takes away what an earlier run was told."""
    record, code = place.record, place.code
    hints = _hints(place)
    return {
        "executionWorkspaceId": str(record.pk) if record is not None else None,
        "paperclipWorkspace": {
            "cwd": str(place.cwd),
            "source": place.source,
            "mode": place.mode,
            "strategy": place.strategy,
            "projectId": str(record.project_id) if record is not None and record.project_id else None,
            "workspaceId": str(code.pk) if code is not None else None,
            "repoUrl": code.repo_url if code is not None else None,
            "repoRef": code.repo_ref if code is not None else None,
            "branchName": place.branch,
            "worktreePath": str(place.worktree_path) if place.worktree_path is not None else None,
            "agentHome": str(home),
        },
        "paperclipWorkspaces": hints or None,
        "paperclipRuntimeServices": _services(place) or None,
        "paperclipRuntimePrimaryUrl": _primary_url(place),
    }


def variables(place: Place, *, home: Path) -> dict[str, str]:
    """Return the environment variables that say where the program is."""
    code, hints, services = place.code, _hints(place), _services(place)
    wanted = {
        "AGENT_HOME": str(home),
        "PAPERCLIP_WORKSPACE_CWD": str(place.cwd),
        "PAPERCLIP_WORKSPACE_SOURCE": place.source,
        "PAPERCLIP_WORKSPACE_STRATEGY": place.strategy,
        "PAPERCLIP_WORKSPACE_ID": str(code.pk) if code is not None else None,
        "PAPERCLIP_WORKSPACE_REPO_URL": code.repo_url if code is not None else None,
        "PAPERCLIP_WORKSPACE_REPO_REF": code.repo_ref if code is not None else None,
        "PAPERCLIP_WORKSPACE_BRANCH": place.branch,
        "PAPERCLIP_WORKSPACE_WORKTREE_PATH": str(place.worktree_path) if place.worktree_path else None,
        "PAPERCLIP_WORKSPACES_JSON": dumps(hints).decode() if hints else None,
        "PAPERCLIP_RUNTIME_SERVICES_JSON": dumps(services).decode() if services else None,
        "PAPERCLIP_RUNTIME_PRIMARY_URL": _primary_url(place),
    }
    return {name: value for name, value in wanted.items() if value}


def _hints(place: Place) -> list[dict[str, Any]]:
    """Return the other places of the project's code."""
    return [
        {"workspaceId": str(code.pk), "cwd": code.cwd, "repoUrl": code.repo_url, "repoRef": code.repo_ref}
        for code in place.hints
    ]


def _services(place: Place) -> list[dict[str, Any]]:
    """Return what runs in the place."""
    return [
        {
            "id": str(service.pk),
            "serviceName": service.service_name,
            "scopeType": service.scope_type,
            "status": service.status,
            "healthStatus": service.health_status,
            "lifecycle": service.lifecycle,
            "port": service.port,
            "url": service.url,
        }
        for service in place.services
    ]


def _primary_url(place: Place) -> str | None:
    """Return the address of the first service that has one."""
    return next((service.url for service in place.services if service.url), None)
