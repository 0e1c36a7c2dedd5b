"""Changing where an agent's instructions are, and what they say (C-61). People decide both, never agents."""

from __future__ import annotations

import hashlib
import re
from datetime import datetime
from pathlib import Path
from typing import Any

from django.conf import settings
from django.db import transaction

from paperclip.companies import activity, agents, instructions, org
from paperclip.companies.actors import Actor
from paperclip.companies.choices import BUNDLE_ADAPTERS, BundleMode, RevisionSource
from paperclip.companies.models import Agent
from paperclip.core import folders
from paperclip.core.errors import Conflict, NotFound, Unprocessable

_PATH_KEY = re.compile(r"[A-Za-z][A-Za-z0-9]{0,60}(?:Path|File)")


def set_path(
    *, agent: Agent, path: str | None, key: str | None, actor: Actor, now: datetime
) -> tuple[str, str | None]:
    """Name one file as the agent's instructions, or none; return the key it stands under and the whole path.

    A relative path begins in the configured working folder. Raises Unprocessable where there is none, or when
    `key` is missing for an adapter that has no usual one.
    """
    key = key or (instructions.PATH_KEY if agent.adapter_type in BUNDLE_ADAPTERS else None)
    if key is None:
        raise Unprocessable(
            f"adapterConfigKey is required: {agent.adapter_type} agents have no usual key for it"
        )
    if not _PATH_KEY.fullmatch(key):
        raise Unprocessable("adapterConfigKey must be a name that ends in Path or File")
    with transaction.atomic():
        row = _locked(agent)
        whole = _whole(row, path) if path is not None else None
        config = {name: value for name, value in row.adapter_config.items() if name != key}
        if whole is not None:
            config[key] = whole
        _store(row, config, RevisionSource.INSTRUCTIONS_PATH_PATCH, actor, now)
        _log(row, "agent.instructions_path_updated", actor, now, {"adapterConfigKey": key, "path": whole})
    return key, whole


def set_bundle(
    *,
    agent: Agent,
    mode: str | None,
    root_path: str | None,
    entry_file: str | None,
    clear_legacy: bool,
    actor: Actor,
    now: datetime,
) -> Agent:
    """Say in which folder the agent's instructions are and which of them is read first.

    What is not given stays; an agent without a folder gets a managed one. Raises Unprocessable for an external
    folder that cannot serve.
    """
    with transaction.atomic():
        row = _locked(agent)
        chosen = BundleMode(mode or instructions.mode_of(row) or BundleMode.MANAGED)
        known = instructions.root_of(row) if instructions.mode_of(row) == BundleMode.EXTERNAL else None
        managed = instructions.managed_root(row)
        root = managed if chosen == BundleMode.MANAGED else _external_root(row, root_path, known)
        entry = folders.path_of(entry_file or instructions.entry_of(row))
        config = _without_legacy(row, clear_legacy) | instructions.keys(root, mode=chosen, entry=entry)
        row = _store(row, config, RevisionSource.INSTRUCTIONS_BUNDLE_PATCH, actor, now)
        details = {
            "mode": chosen,
            "rootPath": str(root),
            "entryFile": str(entry),
            "clearedLegacy": clear_legacy,
        }
        _log(row, "agent.instructions_bundle_updated", actor, now, details)
        return row


def put(
    *,
    agent: Agent,
    path: str,
    content: str,
    clear_legacy: bool,
    actor: Actor,
    now: datetime,
    base: str | None = None,
) -> instructions.File:
    """Write one file of the agent's instructions, in a managed folder unless it has another.

    `base` is the `digest` of what the writer began with, empty for a new file. Raises Conflict when it says something
    else by now, Unprocessable for a path that leaves the folder or leads through a link, TooLarge above 512 KiB.
    """
    place = folders.path_of(path)
    with transaction.atomic():
        row = _locked(agent)
        if base is not None:
            _require_unchanged(row, path, base)
        config = _without_legacy(row, clear_legacy)
        root = instructions.root_of(row)
        if root is None:
            root = instructions.managed_root(row)
            entry = folders.path_of(instructions.entry_of(row))
            config |= instructions.keys(root, mode=BundleMode.MANAGED, entry=entry)
        row = _store(row, config, RevisionSource.INSTRUCTIONS_BUNDLE_FILE_PUT, actor, now)
        size = folders.write(root, place, content)
        _log(row, "agent.instructions_file_updated", actor, now, {"path": str(place), "size": size})
    return instructions.read(row, path)


def digest(content: str) -> str:
    """Return what tells one text from another."""
    return hashlib.sha256(content.encode()).hexdigest()


def _require_unchanged(agent: Agent, path: str, base: str) -> None:
    try:
        content = instructions.read(agent, path).content or ""
    except NotFound:
        if base:
            raise Conflict(
                f"{path} has been deleted meanwhile; save it under this name as a new file"
            ) from None
        return
    if not base:
        raise Conflict(f"There is a file {path} already; open it to change it")
    if digest(content) != base:
        raise Conflict(f"{path} has been changed meanwhile; copy what you wrote and open it anew")


def delete(*, agent: Agent, path: str, actor: Actor, now: datetime) -> Agent:
    """Remove one file of the agent's instructions. Raises NotFound, or Unprocessable for the entry file."""
    place = folders.path_of(path)
    with transaction.atomic():
        row = _locked(agent)
        root = instructions.root_of(row)
        if root is None:
            raise NotFound("Instructions file not found")
        if str(place) == instructions.entry_of(row):
            raise Unprocessable("The entry file cannot be deleted; name another entry file first")
        folders.remove(root, place)
        _log(row, "agent.instructions_file_deleted", actor, now, {"path": str(place)})
        return row


def _locked(agent: Agent) -> Agent:
    """Return the agent's row, locked in the order in which `agents.update` takes its locks."""
    org.lock(agent.company_id)
    return Agent.objects.select_for_update(no_key=True).get(pk=agent.pk)


def _store(
    agent: Agent, config: dict[str, Any], source: RevisionSource, actor: Actor, now: datetime
) -> Agent:
    fields = {"adapter_config": config}
    return agents.update(
        agent=agent, fields=fields, actor=actor, now=now, replace_adapter_config=True, source=source
    )


def _without_legacy(agent: Agent, clear: bool) -> dict[str, Any]:
    gone = instructions.LEGACY_KEYS if clear else ()
    return {name: value for name, value in agent.adapter_config.items() if name not in gone}


def _whole(agent: Agent, path: str) -> str:
    named = Path(path)
    if not path.strip() or not path.isprintable():
        raise Unprocessable("path must name a file")
    if named.is_absolute():
        return str(named)
    cwd = agent.adapter_config.get("cwd")
    if not isinstance(cwd, str) or not Path(cwd).is_absolute():
        raise Unprocessable("A relative instructions path needs an absolute adapterConfig.cwd")
    return str(Path(cwd) / named)


def _external_root(agent: Agent, text: str | None, known: Path | None) -> Path:
    root = Path(text) if text else known
    if root is None:
        raise Unprocessable("rootPath is required for external instructions")
    if not root.is_absolute() or not str(root).isprintable() or ".." in root.parts:
        raise Unprocessable("rootPath must be an absolute path")
    home = Path(settings.PAPERCLIP_HOME).resolve()
    real = root.resolve()
    if real == real.parent or real in home.parents or _is_kept_from(real, home):
        raise Unprocessable("rootPath must not hold the server's own files")
    if root.is_symlink() or not root.is_dir():
        raise Unprocessable("rootPath must be a folder of this server, and no link")
    return root


def _is_kept_from(root: Path, home: Path) -> bool:
    """Below the server's home only the folders that agents work in are open to them."""
    worked_in = (Path(settings.AGENT_HOMES_ROOT).resolve(), Path(settings.PROJECTS_ROOT).resolve())
    return root.is_relative_to(home) and not any(root.is_relative_to(place) for place in worked_in)


def _log(agent: Agent, action: str, actor: Actor, now: datetime, details: dict[str, Any]) -> None:
    activity.record(
        company_id=agent.company_id,
        actor=actor,
        action=action,
        entity_type="agent",
        entity_id=agent.id,
        details=details,
        now=now,
    )
