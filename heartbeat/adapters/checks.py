"""Whether an adapter's configuration could work on this host, before any run tries it (A-75). Nothing is started."""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from heartbeat.adapters import registry


@dataclass(frozen=True)
class Check:
    """One finding: `level` is info, warn or error."""

    code: str
    level: str
    message: str
    detail: str | None = None
    hint: str | None = None


@dataclass(frozen=True)
class Report:
    """All findings about one configuration; `status` is the worst of them as pass, warn or fail."""

    adapter_type: str
    status: str
    checks: Sequence[Check]


def look(kind: str, config: Mapping[str, Any]) -> Report:
    """Return what can be said about `config` of an adapter of `kind` on this host."""
    checks = list(_findings(kind, config))
    levels = {check.level for check in checks}
    return Report(kind, "fail" if "error" in levels else "warn" if "warn" in levels else "pass", checks)


def _findings(kind: str, config: Mapping[str, Any]) -> Iterator[Check]:
    if kind not in registry.KINDS:
        known = ", ".join(sorted(registry.KINDS))
        yield Check(
            "adapter_unavailable",
            "error",
            f"Agents of type {kind} cannot run here",
            hint=f"This installation runs agents of type {known}",
        )
        return
    yield from _process(config)


def _process(config: Mapping[str, Any]) -> Iterator[Check]:
    command, cwd = _text(config, "command"), _text(config, "cwd")
    if command is None:
        yield Check(
            "process_command_missing", "error", "No command is configured", hint="Set adapterConfig.command"
        )
    else:
        yield Check("process_command_present", "info", "A command is configured", detail=command)
    if cwd is not None:
        if Path(cwd).is_absolute() and Path(cwd).is_dir():
            yield Check("process_cwd_valid", "info", "The folder is there", detail=cwd)
        else:
            hint = "Name an absolute path of a folder on this host; it is not created"
            yield Check("process_cwd_invalid", "error", "The folder is not there", detail=cwd, hint=hint)
    if command is None:
        return
    found = _program(command, cwd, config)
    if found is not None:
        yield Check("process_command_resolvable", "info", "The program is found", detail=found)
    else:
        hint = "Install it on this host, or name it by its whole path"
        yield Check(
            "process_command_unresolvable", "error", "The program is not found", detail=command, hint=hint
        )


def _program(command: str, cwd: str | None, config: Mapping[str, Any]) -> str | None:
    """Return where the program is, as the runner would look for it."""
    if "/" in command:
        place = Path(cwd or "/") / command
        return str(place) if place.is_file() and os.access(place, os.X_OK) else None
    env = config.get("env")
    binding = env.get("PATH") if isinstance(env, Mapping) else None
    path = binding.get("value") if isinstance(binding, Mapping) else binding
    return shutil.which(command, path=path if isinstance(path, str) else None)


def _text(config: Mapping[str, Any], key: str) -> str | None:
    value = config.get(key)
    return value if isinstance(value, str) and value.strip() else None
