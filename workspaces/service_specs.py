"""A declared service made concrete: folder, environment, port, address, and how to see that it is ready (W-72 to W-86).

Pure, but for the folders it is given. Templates know the workspace, the issue, the agent and the port.
"""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from workspaces import branches
from workspaces.choices import ServiceLifecycle, ServiceScope
from workspaces.definitions import Definition
from workspaces.refusals import PlaceError

HTTP, TCP, LOG = "http", "tcp", "log"
AUTO = "auto"
MOST_PATTERN = 500
_DEV = re.compile(r"(?:pnpm|npm|yarn|bun)\s+(?:run\s+)?dev\b")
_DEFAULT_SECONDS, _DEV_SECONDS = 30.0, 90.0
_VARIABLE = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")


@dataclass(frozen=True)
class Surroundings:
    """Where a service starts: the workspace's folder, and the names its templates may use."""

    folder: Path
    values: Mapping[str, str | None]


@dataclass(frozen=True)
class Readiness:
    """How to see that a service is ready; times in seconds. Without a kind it is ready once it runs."""

    kind: str | None
    target: str | None
    seconds: float
    interval: float


@dataclass(frozen=True)
class Spec:
    """A service that can be started. `port` is a number, `auto` for one to be found, or None."""

    name: str
    command: str
    cwd: Path
    env: Mapping[str, str]
    port: int | str | None
    port_key: str
    readiness: Mapping[str, Any]
    url_template: str | None
    lifecycle: str
    scope: str
    stop_policy: Mapping[str, Any]
    index: int | None


def resolve(definition: Definition, around: Surroundings, *, default_scope: ServiceScope) -> Spec:
    """Return what to start for a definition. Raises PlaceError, naming the service, for what cannot be."""
    raw = definition.raw
    if not definition.command:
        raise PlaceError(f'Service "{definition.name}" has no command')
    cwd = (around.folder / branches.render(definition.cwd or ".", around.values)).resolve()
    if not cwd.is_dir():
        raise PlaceError(f'The folder {cwd} of service "{definition.name}" does not exist')
    port, port_key = _port(definition)
    _require_pattern(definition)
    readiness = _object(raw.get("readiness"))
    expose = _object(raw.get("expose"))
    return Spec(
        name=definition.name,
        command=definition.command,
        cwd=cwd,
        env=_env(raw.get("env"), around.values),
        port=port,
        port_key=port_key,
        readiness=readiness,
        url_template=_text(expose.get("urlTemplate")) or _text(readiness.get("urlTemplate")),
        lifecycle=definition.lifecycle,
        scope=_scope(raw.get("reuseScope"), definition.lifecycle, default_scope),
        stop_policy=_stop_policy(raw.get("stopPolicy"), definition.lifecycle),
        index=definition.service_index,
    )


def reuse_key(spec: Spec, scope_id: str) -> str | None:
    """Return what two starts of the same service have in common (W-85); None for one that is not shared."""
    if spec.lifecycle != ServiceLifecycle.SHARED:
        return None
    said = {
        "scopeType": spec.scope,
        "scopeId": scope_id,
        "serviceName": spec.name,
        "command": spec.command,
        "cwd": str(spec.cwd),
        "port": spec.port if isinstance(spec.port, int) else None,
        "env": dict(spec.env),
    }
    return hashlib.sha256(json.dumps(said, sort_keys=True).encode()).hexdigest()


def readiness_of(spec: Spec, around: Surroundings, port: int | None, url: str | None) -> Readiness:
    """Return how to see that the service is ready on its port (W-77, W-92, WW-20)."""
    said = spec.readiness
    kind = _text(said.get("type"))
    target: str | None = None
    if kind == HTTP:
        template = _text(said.get("urlTemplate"))
        target = render(template, around, port) if template else url
    elif kind == TCP:
        target = str(port) if port is not None else None
    elif kind == LOG:
        target = (_text(said.get("pattern")) or "")[:MOST_PATTERN] or None
    if target is None:
        kind = None
    return Readiness(
        kind, target, readiness_seconds(spec), max(_number(said.get("intervalMs"), 100.0), 100.0) / 1000
    )


def readiness_seconds(spec: Spec) -> float:
    """Return how long a service may take to become ready (W-92, WC-46)."""
    asked = _number(spec.readiness.get("timeoutSec"), 0.0)
    if asked > 0:
        return min(asked, 3600.0)
    return _DEV_SECONDS if _DEV.match(spec.command.strip()) else _DEFAULT_SECONDS


def render(template: str, around: Surroundings, port: int | None) -> str:
    """Return a template with the port known."""
    return branches.render(template, {**around.values, "port": str(port) if port is not None else None})


def _port(definition: Definition) -> tuple[int | str | None, str]:
    said = definition.raw.get("port")
    key = "PORT"
    if isinstance(said, Mapping):
        named = _text(said.get("envKey"))
        key = named if named and _VARIABLE.fullmatch(named) else "PORT"
        said = said.get("value") if said.get("value") is not None else said.get("type")
    if said is None or said == AUTO:
        return said, key
    if isinstance(said, bool) or not isinstance(said, int) or not 1 <= said <= 65_535:
        raise PlaceError(f'Service "{definition.name}" names no port number from 1 to 65535')
    return said, key


def _require_pattern(definition: Definition) -> None:
    pattern = _object(definition.raw.get("readiness")).get("pattern")
    try:
        re.compile(pattern if isinstance(pattern, str) else "")
    except re.error as error:
        raise PlaceError(f'The readiness of service "{definition.name}" has no pattern: {error}') from error


def _env(said: Any, values: Mapping[str, str | None]) -> dict[str, str]:
    pairs = said.items() if isinstance(said, Mapping) else ()
    return {
        name: branches.render(value, values).replace("\0", "")
        for name, value in pairs
        if isinstance(value, str) and _VARIABLE.fullmatch(name)
    }


def _scope(said: Any, lifecycle: str, default: ServiceScope) -> str:
    """Return the scope; a shared service is its workspace's unless it says otherwise (WW-8)."""
    if said in ServiceScope.values:
        return str(said)
    return str(default) if lifecycle == ServiceLifecycle.SHARED else str(ServiceScope.RUN)


def _stop_policy(said: Any, lifecycle: str) -> dict[str, Any]:
    policy = _object(said)
    kind = policy.get("type")
    if kind == "idle_timeout":
        return {"type": kind, "idleSeconds": int(max(_number(policy.get("idleSeconds"), 1800.0), 1.0))}
    if kind in ("manual", "on_run_finish"):
        return {"type": kind}
    return {"type": "manual" if lifecycle == ServiceLifecycle.SHARED else "on_run_finish"}


def _object(value: Any) -> Mapping[str, Any]:
    return value if isinstance(value, Mapping) else {}


def _text(value: Any) -> str | None:
    return value.strip() or None if isinstance(value, str) else None


def _number(value: Any, default: float) -> float:
    return float(value) if isinstance(value, int | float) and not isinstance(value, bool) else default
