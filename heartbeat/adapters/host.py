"""What can be found out about programs and folders of this host without starting anything."""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from heartbeat.adapters.base import Check, mapping, text

# Of the server's own environment these never reach an agent: they are the keys to the whole house.
_OWN_PREFIXES = ("PAPERCLIP_", "DJANGO_", "PG", "CLAUDE_CODE_")
_OWN_NAMES = frozenset({"DATABASE_URL", "CLAUDECODE", "REDIS_URL"})
_DEFAULT_PATH = "/usr/local/bin:/usr/bin:/bin"
_INSTALL = "Install it on this host, or name it by its whole path"


def inherited(environment: Mapping[str, str]) -> dict[str, str]:
    """Return the part of the server's environment that agents may see (H-84)."""
    kept = {
        name: value
        for name, value in environment.items()
        if name not in _OWN_NAMES and not name.startswith(_OWN_PREFIXES)
    }
    kept.setdefault("PATH", _DEFAULT_PATH)
    return kept


def environment(config: Mapping[str, Any]) -> dict[str, str]:
    """Return the environment that a program of `config` would find here, but for secrets."""
    return {**inherited(os.environ), **environment_of(config)}


def is_root() -> bool:
    """Whether programs are started as root here."""
    return os.geteuid() == 0


def environment_of(config: Mapping[str, Any]) -> dict[str, str]:
    """Return the variables that a configuration gives in plain words; secrets are not fetched for a look."""
    found = {}
    for name, binding in mapping(config, "env").items():
        value = binding.get("value") if isinstance(binding, Mapping) else binding
        if isinstance(value, str):
            found[name] = value
    return found


def has_variable(config: Mapping[str, Any], name: str) -> bool:
    """Whether a configuration gives a variable a value, be it by the name of a secret."""
    binding = mapping(config, "env").get(name)
    if isinstance(binding, Mapping):
        return binding.get("type") == "secret_ref" or bool(binding.get("value"))
    return bool(binding)


def program(config: Mapping[str, Any], command: str) -> str | None:
    """Return where a command is, as the runner would look for it; None when it is nowhere."""
    if "/" in command:
        place = Path(text(config, "cwd") or "/") / command
        return str(place) if place.is_file() and os.access(place, os.X_OK) else None
    return shutil.which(command, path=environment_of(config).get("PATH"))


def program_checks(prefix: str, config: Mapping[str, Any], command: str) -> Iterator[Check]:
    """Yield whether a command is found (A-75)."""
    found = program(config, command)
    if found is not None:
        yield Check(f"{prefix}_command_resolvable", "info", "The program is found", detail=found)
    else:
        yield Check(
            f"{prefix}_command_unresolvable",
            "error",
            "The program is not found",
            detail=command,
            hint=_INSTALL,
        )


def folder_checks(prefix: str, config: Mapping[str, Any]) -> Iterator[Check]:
    """Yield whether the folder that a configuration names, if any, is one (A-75). It is not made."""
    cwd = text(config, "cwd")
    if cwd is None:
        return
    if Path(cwd).is_absolute() and Path(cwd).is_dir():
        yield Check(f"{prefix}_cwd_valid", "info", "The folder is there", detail=cwd)
    else:
        hint = "Name an absolute path of a folder on this host; it is not created"
        yield Check(f"{prefix}_cwd_invalid", "error", "The folder is not there", detail=cwd, hint=hint)
