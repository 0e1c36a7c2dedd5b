"""Starting, stopping and restarting the services of a workspace, and running its jobs, by hand (W-104 to W-110).

The request waits a while for what it asked for. A service that takes longer goes on starting, and whoever looks after
services says when it is ready: the operation is answered as it stands, and read again later.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from pathlib import Path
from typing import Any
from uuid import uuid4

from django.db import transaction

from paperclip.companies import activity
from paperclip.companies.actors import Actor
from paperclip.core.errors import Conflict, NotFound, Unprocessable
from workspaces import (
    choosing,
    commands,
    configs,
    definitions,
    host_commands,
    restoring,
    rights,
    service_processes,
    service_specs,
    services,
    states,
)
from workspaces.choices import (
    SERVICE_LIVE,
    WORKSPACE_CLOSED,
    DesiredState,
    OperationPhase,
    OperationStatus,
    ServiceScope,
    ServiceStatus,
    WorkspaceStatus,
)
from workspaces.choosing import Chosen, Selection
from workspaces.definitions import Definition
from workspaces.models import ExecutionWorkspace, ProjectWorkspace, RuntimeService, WorkspaceOperation
from workspaces.operations import Journal
from workspaces.refusals import PlaceError
from workspaces.service_processes import Owner
from workspaces.service_specs import Surroundings

ACTIONS = ("start", "stop", "restart", "run")
WAIT_SECONDS = 20.0
Target = ExecutionWorkspace | ProjectWorkspace


def control(
    *, target: Target, action: str, selection: Selection, actor: Actor, now: datetime
) -> WorkspaceOperation:
    """Do what was asked for and return its operation, `running` while a service is still starting.

    Raises NotFound, Forbidden, Conflict for a closed workspace, and Unprocessable, which names the operation when the
    services themselves failed.
    """
    if action not in ACTIONS:
        raise NotFound("Unknown action")
    rights.require_may_control(target, action, actor)
    if isinstance(target, ExecutionWorkspace) and target.status in WORKSPACE_CLOSED:
        raise Conflict("The workspace is closed")
    folder = folder_of(target)
    if folder is None:
        raise Unprocessable("The workspace has no folder")
    declared = definitions.read(runtime_of(target))
    chosen = choosing.choose(selection, action, declared=declared, known=_rows(target))
    journal = _journal(target)
    row = journal.begin(
        OperationPhase.WORKSPACE_TEARDOWN if action == "stop" else OperationPhase.WORKSPACE_PROVISION,
        command=chosen.definition.command if chosen.definition is not None else None,
        cwd=folder,
        metadata=_told(target, action, selection, chosen),
    )
    try:
        touched = _do(target, action, chosen, declared, journal, now=now)
    except PlaceError as error:
        journal.finish(row, OperationStatus.FAILED, said=error.message)
        _record(target, action, row, actor, now)
        raise Unprocessable(error.message, details={"operationId": str(row.pk)}) from error
    if action != "run":
        _remember(target, chosen, declared, running=action != "stop")
    row.metadata = {**(row.metadata or {}), "runtimeServiceCount": len(touched)}
    if any(each.status == ServiceStatus.STARTING for each in touched):
        row.metadata["stillStarting"] = True
    printed = "".join(service_processes.output_of(each) for each in touched if action != "stop")
    journal.finish(row, OperationStatus.SUCCEEDED, printed=printed)
    _record(target, action, row, actor, now)
    return row


def runtime_of(target: Target) -> Mapping[str, Any] | None:
    """Return what a workspace is to run: its own configuration, else its project workspace's (W-105)."""
    if isinstance(target, ProjectWorkspace):
        config = target.runtime_config or {}
        found = config.get("workspaceRuntime")
        return found if isinstance(found, Mapping) else None
    own = (configs.read(target.metadata) or {}).get("workspaceRuntime")
    if own is None and target.project_workspace is not None:
        return runtime_of(target.project_workspace)
    return own


def folder_of(target: Target) -> Path | None:
    """Return the folder of a workspace by its record."""
    if isinstance(target, ExecutionWorkspace):
        folder = restoring.folder_of(target)
        return folder if folder is not None or not target.branch_name else Path("/")
    return Path(target.cwd) if target.cwd and Path(target.cwd).is_dir() else None


def stop_all(target: ExecutionWorkspace, *, reason: str, now: datetime) -> list[str]:
    """End every live service of a workspace and return what went wrong."""
    warnings = []
    for row in services.live_of(target):
        try:
            service_processes.end(row, reason=reason, now=now)
        except PlaceError as error:
            warnings.append(error.message)
    return warnings


def revive(row: RuntimeService, *, now: datetime) -> bool:
    """Start a service again that was lost with its host and is still to run (W-103); whether it was."""
    target: Target | None = row.execution_workspace or row.project_workspace
    if target is None or (
        isinstance(target, ExecutionWorkspace) and target.status == WorkspaceStatus.ARCHIVED
    ):
        return False
    serving = definitions.services(definitions.read(runtime_of(target)))
    index, folder = choosing.index_of(row, serving), folder_of(target)
    if index is None or folder is None or not folder.is_dir():
        return False
    stored = _stored(target)
    wanted = states.current(
        stored.get("desiredState"), stored.get("serviceStates"), count=len(serving), any_running=False
    )
    if wanted.services[str(index)] != DesiredState.RUNNING:
        return False
    default = _default_scope(target)
    around = Surroundings(folder, _values(target, folder))
    spec = service_specs.resolve(serving[index], around, default_scope=default)
    service_processes.start(spec, around, _owner(target, spec.scope), now=now)
    return True


def _rows(target: Target) -> list[RuntimeService]:
    if isinstance(target, ExecutionWorkspace):
        return services.shown_of(target)
    return services.shown_of_project_workspaces([target.pk])[target.pk]


# --- Doing it ---------------------------------------------------------------------------------------------


def _do(
    target: Target,
    action: str,
    chosen: Chosen,
    declared: Sequence[Definition],
    journal: Journal,
    *,
    now: datetime,
) -> list[RuntimeService]:
    touched: list[RuntimeService] = []
    if action in ("stop", "restart"):
        touched = _stop(target, chosen, now=now)
    if action == "stop":
        return touched
    folder = _ready_folder(target, journal)
    around = Surroundings(folder, _values(target, folder))
    if action == "run":
        assert chosen.definition is not None
        _run_job(chosen.definition, around, journal)
        return []
    wanted = [chosen.definition] if chosen.definition is not None else definitions.services(declared)
    return [_start(target, each, around, now=now) for each in wanted]


def _stop(target: Target, chosen: Chosen, *, now: datetime) -> list[RuntimeService]:
    """Stop what was selected and nothing else; what has no live process is left (WW-2)."""
    rows = [each for each in _rows(target) if each.status in SERVICE_LIVE]
    if not chosen.is_everything:
        rows = [each for each in rows if chosen.row is not None and each.pk == chosen.row.pk]
    return [service_processes.end(row, reason="Stopped by hand", now=now) for row in rows]


def _ready_folder(target: Target, journal: Journal) -> Path:
    if isinstance(target, ExecutionWorkspace):
        return restoring.ensure(target, journal=journal, issue=target.source_issue)
    folder = folder_of(target)
    assert folder is not None  # asked before
    return folder


def _start(target: Target, definition: Definition, around: Surroundings, *, now: datetime) -> RuntimeService:
    spec = service_specs.resolve(definition, around, default_scope=_default_scope(target))
    row, _ = service_processes.start(spec, around, _owner(target, spec.scope), now=now)
    seconds = min(WAIT_SECONDS, service_specs.readiness_seconds(spec) + 1)
    row = service_processes.wait(row, seconds=seconds)
    if row.status not in SERVICE_LIVE:
        raise PlaceError(service_processes.why_failed(row))
    return row


def _run_job(definition: Definition, around: Surroundings, journal: Journal) -> None:
    spec = service_specs.resolve(definition, around, default_scope=ServiceScope.RUN)
    try:
        done = journal.perform(
            OperationPhase.WORKSPACE_PROVISION,
            [commands.shell(), "-c", spec.command],
            shown=spec.command,
            cwd=spec.cwd,
            env=commands.environment(spec.env),
            timeout_seconds=host_commands.TIMEOUT_SECONDS,
            metadata={"workspaceCommandKind": "job", "workspaceCommandId": definition.id},
        )
    except OSError as error:
        raise PlaceError(f'Job "{definition.name}" cannot be run: {error.strerror}') from error
    if not done.is_fine:
        raise PlaceError(f'Job "{definition.name}" failed: {host_commands.why(done)}')


def _default_scope(target: Target) -> ServiceScope:
    is_project = isinstance(target, ProjectWorkspace)
    return ServiceScope.PROJECT_WORKSPACE if is_project else ServiceScope.EXECUTION_WORKSPACE


def _stored(target: Target) -> Mapping[str, Any]:
    if isinstance(target, ProjectWorkspace):
        return target.runtime_config or {}
    return configs.read(target.metadata) or {}


def _owner(target: Target, scope: str) -> Owner:
    code_id = target.pk if isinstance(target, ProjectWorkspace) else target.project_workspace_id
    place_id = target.pk if isinstance(target, ExecutionWorkspace) else None
    scope_ids = {
        ServiceScope.PROJECT_WORKSPACE.value: code_id or target.project_id,
        ServiceScope.EXECUTION_WORKSPACE.value: place_id,
    }
    return Owner(
        company_id=target.company_id,
        scope_id=str(scope_ids.get(scope) or uuid4()),
        project_id=target.project_id,
        project_workspace_id=code_id,
        execution_workspace_id=place_id,
        issue_id=target.source_issue_id if isinstance(target, ExecutionWorkspace) else None,
    )


def _values(target: Target, folder: Path) -> dict[str, str | None]:
    """Return the names that templates may use (W-83)."""
    is_place = isinstance(target, ExecutionWorkspace)
    issue = target.source_issue if isinstance(target, ExecutionWorkspace) else None
    return {
        "workspace.cwd": str(folder),
        "workspace.branchName": target.branch_name if isinstance(target, ExecutionWorkspace) else None,
        "workspace.worktreePath": str(folder) if is_place else None,
        "workspace.repoUrl": target.repo_url,
        "workspace.repoRef": target.base_ref if isinstance(target, ExecutionWorkspace) else target.repo_ref,
        "issue.id": str(issue.pk) if issue is not None else None,
        "issue.identifier": issue.identifier if issue is not None else None,
        "issue.title": issue.title if issue is not None else None,
    }


# --- What is left of it -----------------------------------------------------------------------------------


def _journal(target: Target) -> Journal:
    if isinstance(target, ProjectWorkspace):
        return Journal(target.company_id, project_workspace_id=target.pk)
    return Journal(
        target.company_id,
        execution_workspace_id=target.pk,
        project_workspace_id=target.project_workspace_id,
    )


@transaction.atomic
def _remember(target: Target, chosen: Chosen, declared: Sequence[Definition], *, running: bool) -> None:
    """Write down what is to run from now on (W-108); a row that no definition fits changes nothing."""
    if chosen.row is not None and chosen.index is None:
        return
    count = len(definitions.services(declared))
    any_running = any(each.status in SERVICE_LIVE for each in _rows(target))
    if isinstance(target, ProjectWorkspace):
        code = ProjectWorkspace.objects.select_for_update(no_key=True).get(pk=target.pk)
        desired = _desired(_stored(code), count, any_running, running, chosen.index)
        config = {**(code.runtime_config or {}), **desired}
        ProjectWorkspace.objects.filter(pk=code.pk).update(runtime_config=config)
        return
    place = ExecutionWorkspace.objects.select_for_update(no_key=True).get(pk=target.pk)
    desired = _desired(_stored(place), count, any_running, running, chosen.index)
    ExecutionWorkspace.objects.filter(pk=place.pk).update(metadata=configs.merged(place.metadata, desired))


def _desired(
    stored: Mapping[str, Any], count: int, any_running: bool, running: bool, index: int | None
) -> dict[str, Any]:
    now = states.current(
        stored.get("desiredState"), stored.get("serviceStates"), count=count, any_running=any_running
    )
    after = states.after(now, running=running, selected=index)
    return {"desiredState": after.state, "serviceStates": dict(after.services)}


def _told(target: Target, action: str, selection: Selection, chosen: Chosen) -> dict[str, Any]:
    definition = chosen.definition
    told = {
        "action": action,
        "executionWorkspaceId": str(target.pk) if isinstance(target, ExecutionWorkspace) else None,
        "projectWorkspaceId": str(target.pk) if isinstance(target, ProjectWorkspace) else None,
        "workspaceCommandId": definition.id if definition is not None else None,
        "workspaceCommandKind": definition.kind if definition is not None else None,
        "workspaceCommandName": definition.name if definition is not None else None,
        "runtimeServiceId": str(chosen.row.pk) if chosen.row is not None else None,
        "serviceIndex": chosen.index,
    }
    return {key: value for key, value in told.items() if value is not None}


def _record(target: Target, action: str, row: WorkspaceOperation, actor: Actor, now: datetime) -> None:
    is_code = isinstance(target, ProjectWorkspace)
    kind = f"project.workspace_runtime_{action}" if is_code else f"execution_workspace.runtime_{action}"
    activity.record(
        company_id=target.company_id,
        actor=actor,
        action=kind,
        entity_type="project" if is_code else "execution_workspace",
        entity_id=target.project_id if isinstance(target, ProjectWorkspace) else target.pk,
        details={"workspaceId": target.pk, "operationId": row.pk, "status": row.status},
        now=now,
    )
