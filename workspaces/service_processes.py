"""The life of a service's process: started once, seen to be ready, watched, ended with all it started (W-88 to W-97).

The row is written before the process exists and says which launch it waits for, so that whoever comes after a crash
knows where to look. Every step is a conditional update on that launch: the process of an earlier one changes nothing.
"""

from __future__ import annotations

import errno
import socket
import time
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID, uuid4

from django.db import IntegrityError, transaction

from issues.choices import HealthStatus
from paperclip.core import clock
from workspaces import commands, probes, programs, service_specs
from workspaces.choices import SERVICE_LIVE, ServiceProvider, ServiceStatus
from workspaces.models import RuntimeService
from workspaces.refusals import PlaceError
from workspaces.service_specs import AUTO, Spec, Surroundings

END_SECONDS = 12.0
_LOOK_SECONDS = 0.1
_TRIES = 8
_TAIL_CHARS = 2_000
_BEFORE_START = timedelta(seconds=10)


@dataclass(frozen=True)
class Owner:
    """What a service belongs to, by the columns of its row."""

    company_id: UUID
    scope_id: str
    project_id: UUID | None = None
    project_workspace_id: UUID | None = None
    execution_workspace_id: UUID | None = None
    issue_id: UUID | None = None
    agent_id: UUID | None = None


def start(spec: Spec, around: Surroundings, owner: Owner, *, now: datetime) -> tuple[RuntimeService, bool]:
    """Start a service, or return the one that runs already with True. It is `starting` then; see `wait`.

    Raises PlaceError when it cannot be started.
    """
    key = service_specs.reuse_key(spec, owner.scope_id)
    row, is_reused = _reserve(spec, around, owner, key, now=now)
    if is_reused:
        return row, True
    assert row.launch_id is not None
    env = commands.environment(spec.env, {spec.port_key: str(row.port)} if row.port is not None else {})
    try:
        programs.here().start(row.launch_id, [commands.shell(), "-c", spec.command], cwd=spec.cwd, env=env)
    except OSError as error:
        _settle(row, ServiceStatus.FAILED, HealthStatus.UNHEALTHY, now=now)
        raise PlaceError(f'Failed to start runtime service "{row.service_name}": {error.strerror}') from error
    return row, False


def wait(row: RuntimeService, *, seconds: float) -> RuntimeService:
    """Look after a starting service until it is ready, has failed, or `seconds` are over; return its row as it is."""
    until = time.monotonic() + seconds
    while True:
        look_after(row, now=clock.now())
        row.refresh_from_db()
        if row.status != ServiceStatus.STARTING or time.monotonic() >= until:
            return row
        # What is waited for happens in another program, which tells nobody.
        time.sleep((row.readiness or {}).get("interval", _LOOK_SECONDS))


def look_after(row: RuntimeService, *, now: datetime) -> bool:
    """Bring a live service's row up to what its process is now; whether the process was lost with its host.

    May be called by anyone on its host, at any time.
    """
    if row.launch_id is None or row.provider != ServiceProvider.LOCAL_PROCESS:
        return False
    ended = programs.here().ended(row.launch_id)
    if ended is not None and ended.is_lost and now < row.started_at + _BEFORE_START:
        return False  # whoever wrote the row is about to start it
    if ended is not None:
        is_fine = ended.is_fine and row.status == ServiceStatus.RUNNING
        status = ServiceStatus.STOPPED if is_fine or ended.is_lost else ServiceStatus.FAILED
        health = HealthStatus.UNKNOWN if status == ServiceStatus.STOPPED else HealthStatus.UNHEALTHY
        return _settle(row, status, health, now=now) and ended.is_lost
    is_ready = probes.answers(row)
    if row.status == ServiceStatus.STARTING:
        if is_ready:
            _become_ready(row, now=now)
        elif row.ready_by is not None and now >= row.ready_by:
            end(row, reason="It was not ready in time", failed=True, now=now)
        return False
    health = HealthStatus.HEALTHY if is_ready else HealthStatus.UNHEALTHY
    columns: dict[str, Any] = {"health_checked_at": now}
    if health != row.health_status:
        columns |= {"health_status": health, "updated_at": now}
    _current(row).filter(status=ServiceStatus.RUNNING).update(**columns)
    return False


def end(row: RuntimeService, *, reason: str, now: datetime, failed: bool = False) -> RuntimeService:
    """End a service with all it started (W-95) and return its row; one that has ended stays as it is.

    Raises PlaceError when its process belongs to another host, or does not end.
    """
    if (
        row.status in SERVICE_LIVE
        and row.provider == ServiceProvider.LOCAL_PROCESS
        and row.launch_id is not None
    ):
        if row.host != programs.here().host:
            raise PlaceError(f'Service "{row.service_name}" runs on another host, {row.host}')
        _end_process(row, reason)
    status = ServiceStatus.FAILED if failed else ServiceStatus.STOPPED
    _settle(row, status, HealthStatus.UNHEALTHY if failed else HealthStatus.UNKNOWN, now=now)
    row.refresh_from_db()
    return row


def why_failed(row: RuntimeService) -> str:
    """Return in a sentence why a service did not start, with the end of what it printed (W-93)."""
    ended = programs.here().ended(row.launch_id) if row.launch_id is not None else None
    how = "it was not ready in time"
    if ended is not None and ended.error is not None:
        how = ended.error
    elif ended is not None and ended.exit_code is not None:
        how = f"it ended with exit code {ended.exit_code}"
    elif ended is not None and ended.signal is not None and ended.signal != "SIGTERM":
        how = f"it was ended by {ended.signal}"
    said = output_of(row)[-_TAIL_CHARS:].strip()
    return f'Failed to start runtime service "{row.service_name}": {how}' + (f"\n{said}" if said else "")


def output_of(row: RuntimeService) -> str:
    """Return the end of what a service has printed since it was started last."""
    return programs.here().tail(row.launch_id) if row.launch_id is not None else ""


def _end_process(row: RuntimeService, reason: str) -> None:
    assert row.launch_id is not None
    keeper, until = programs.here(), time.monotonic() + END_SECONDS
    keeper.ask_to_end(row.launch_id, reason)
    while keeper.ended(row.launch_id) is None:
        if time.monotonic() >= until:
            raise PlaceError(f'Service "{row.service_name}" does not end')
        time.sleep(_LOOK_SECONDS)  # as above
        keeper.ask_to_end(row.launch_id, reason)


def _reserve(
    spec: Spec, around: Surroundings, owner: Owner, key: str | None, *, now: datetime
) -> tuple[RuntimeService, bool]:
    """Write the row of a start with a port of its own, or return the live row of the same service."""
    for _ in range(_TRIES):
        live = _live(owner, key)
        if live is not None:
            RuntimeService.objects.filter(pk=live.pk).update(last_used_at=now, stop_at=None)
            return live, True
        old = _newest(owner, key)
        port = _choose_port(spec, old)
        try:
            with transaction.atomic():
                return _write(spec, around, owner, key, old, port, now=now), False
        except IntegrityError:
            continue  # somebody was faster: the same service lives now, or the port is taken
    raise PlaceError(f'No port could be had for service "{spec.name}"')


def _live(owner: Owner, key: str | None) -> RuntimeService | None:
    if key is None:
        return None
    rows = RuntimeService.objects.filter(company_id=owner.company_id, reuse_key=key)
    return rows.filter(status__in=SERVICE_LIVE).first()


def _newest(owner: Owner, key: str | None) -> RuntimeService | None:
    if key is None:
        return None
    rows = RuntimeService.objects.filter(company_id=owner.company_id, reuse_key=key)
    return rows.exclude(status__in=SERVICE_LIVE).order_by("-updated_at", "-id").first()


def _write(
    spec: Spec,
    around: Surroundings,
    owner: Owner,
    key: str | None,
    old: RuntimeService | None,
    port: int | None,
    *,
    now: datetime,
) -> RuntimeService:
    url = service_specs.render(spec.url_template, around, port) if spec.url_template else None
    ready = service_specs.readiness_of(spec, around, port, url)
    columns: Mapping[str, Any] = {
        "project_id": owner.project_id,
        "project_workspace_id": owner.project_workspace_id,
        "execution_workspace_id": owner.execution_workspace_id,
        "issue_id": owner.issue_id,
        "owner_agent_id": owner.agent_id,
        "scope_type": spec.scope,
        "scope_id": owner.scope_id,
        "service_name": spec.name,
        "status": ServiceStatus.STARTING,
        "health_status": HealthStatus.UNKNOWN,
        "lifecycle": spec.lifecycle,
        "reuse_key": key,
        "command": spec.command,
        "cwd": str(spec.cwd),
        "port": port,
        "url": url,
        "provider": ServiceProvider.LOCAL_PROCESS,
        "provider_ref": None,
        "last_used_at": now,
        "started_at": now,
        "stopped_at": None,
        "stop_policy": dict(spec.stop_policy),
        "stop_at": None,
        "config_index": spec.index,
        "host": programs.here().host,
        "launch_id": uuid4(),
        "readiness": {"kind": ready.kind, "target": ready.target, "interval": ready.interval},
        "ready_by": now + timedelta(seconds=ready.seconds),
        "updated_at": now,
    }
    if old is None:
        return RuntimeService.objects.create(company_id=owner.company_id, created_at=now, **columns)
    if old.launch_id is not None:
        programs.here().forget(old.launch_id)
    for column, value in columns.items():
        setattr(old, column, value)
    old.save(update_fields=list(columns))
    return old


def _choose_port(spec: Spec, old: RuntimeService | None) -> int | None:
    if spec.port is None:
        return None
    if spec.port != AUTO:
        assert isinstance(spec.port, int)
        if not _is_free(spec.port):
            raise PlaceError(f'Port {spec.port} of service "{spec.name}" is in use')
        return spec.port
    if old is not None and old.port is not None and _is_free(old.port):
        return old.port
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def _is_free(port: int) -> bool:
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind(("127.0.0.1", port))
        except OSError as error:
            if error.errno in (errno.EADDRINUSE, errno.EACCES):
                return False
            raise
    return True


def _become_ready(row: RuntimeService, *, now: datetime) -> None:
    assert row.launch_id is not None
    pid = programs.here().pid(row.launch_id)
    _current(row).filter(status=ServiceStatus.STARTING).update(
        status=ServiceStatus.RUNNING,
        health_status=HealthStatus.HEALTHY,
        health_checked_at=now,
        provider_ref=str(pid) if pid is not None else None,
        updated_at=now,
    )


def _settle(row: RuntimeService, status: ServiceStatus, health: HealthStatus, *, now: datetime) -> bool:
    """Write that a launch is over, unless another one has begun; whether it was written now."""
    live = _current(row).filter(status__in=SERVICE_LIVE)
    return bool(
        live.update(status=status, health_status=health, stopped_at=now, stop_at=None, updated_at=now)
    )


def _current(row: RuntimeService) -> Any:
    return RuntimeService.objects.filter(pk=row.pk, launch_id=row.launch_id)
