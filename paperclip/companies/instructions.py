"""The instructions an agent works by: a folder of texts, with one that is read first (C-61).

A `managed` folder is the product's own, below PAPERCLIP_HOME; an `external` one is any folder of this host that a
person names. Where it is stands in the agent's adapter configuration; what changes it is `instruction_changes`.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import Any
from uuid import UUID

from django.conf import settings

from paperclip.companies.choices import BUNDLE_ADAPTERS, BundleMode
from paperclip.companies.models import Agent
from paperclip.core import folders
from paperclip.core.errors import NotFound, Unprocessable

DEFAULT_ENTRY = "AGENTS.md"
PATH_KEY = "instructionsFilePath"
LEGACY_KEYS = ("promptTemplate", "bootstrapPromptTemplate")
_MARKDOWN = (".md", ".markdown")


@dataclass(frozen=True)
class File:
    """One file of a bundle; `content` is None where only the list was asked for."""

    path: str
    size: int
    is_entry_file: bool
    markdown: bool
    content: str | None = None


@dataclass(frozen=True)
class Bundle:
    """Where an agent's instructions are, and what is there."""

    agent_id: UUID
    company_id: UUID
    mode: str | None
    root_path: str | None
    managed_root_path: str
    entry_file: str
    resolved_entry_path: str | None
    editable: bool
    warnings: Sequence[str]
    legacy_prompt_template_active: bool
    legacy_bootstrap_prompt_template_active: bool
    files: Sequence[File]


def managed_root(agent: Agent) -> Path:
    """Return the folder the product keeps for the agent's instructions."""
    return Path(settings.INSTRUCTIONS_ROOT) / str(agent.company_id) / str(agent.id)


def root_of(agent: Agent) -> Path | None:
    """Return the folder the agent's instructions are in, None without one."""
    if mode_of(agent) == BundleMode.MANAGED:
        return managed_root(agent)
    root = _text(agent.adapter_config, "instructionsRootPath")
    return Path(root) if root else None


def mode_of(agent: Agent) -> str | None:
    """Return `managed` or `external`, None for an agent without a folder of instructions."""
    mode = agent.adapter_config.get("instructionsBundleMode")
    return mode if mode in BundleMode.values else None


def entry_of(agent: Agent) -> str:
    """Return the file that is read first, by its path in the folder."""
    return _text(agent.adapter_config, "instructionsEntryFile") or DEFAULT_ENTRY


def keys(root: Path, *, mode: BundleMode, entry: PurePosixPath) -> dict[str, str]:
    """Return the keys of an adapter configuration that say where instructions are."""
    return {
        "instructionsBundleMode": str(mode),
        "instructionsRootPath": str(root),
        "instructionsEntryFile": str(entry),
        PATH_KEY: str(root / entry),
    }


def begin(agent: Agent, *, entry_file: str | None, files: Mapping[str, str]) -> dict[str, str]:
    """Write the instructions an agent is taken on with; return the keys its configuration gets (C-54).

    Raises Unprocessable for paths that leave the folder, or when the entry file is not among `files`.
    """
    entry = folders.path_of(entry_file or DEFAULT_ENTRY)
    if str(entry) not in files:
        raise Unprocessable(f"instructionsBundle.files must hold the entry file {entry}")
    root = managed_root(agent)
    for path, text in {folders.path_of(name): text for name, text in files.items()}.items():
        folders.write(root, path, text)
    return keys(root, mode=BundleMode.MANAGED, entry=entry)


def refuse_legacy_templates(adapter_type: str, config: Mapping[str, Any]) -> None:
    """Raise Unprocessable for a prompt template of the old kind where instructions take its place (C-54)."""
    named = [key for key in LEGACY_KEYS if _text(config, key)]
    if adapter_type in BUNDLE_ADAPTERS and named:
        raise Unprocessable(
            f"adapterConfig.{named[0]}: new {adapter_type} agents take their instructions as a bundle; send"
            " instructionsBundle instead of a prompt template"
        )


def bundle(agent: Agent) -> Bundle:
    """Return an agent's instructions, without what the files say."""
    root, entry = root_of(agent), entry_of(agent)
    warnings: list[str] = []
    found: list[folders.Entry] = []
    if root is not None:
        try:
            found = folders.listed(root)
        except Unprocessable:
            warnings.append("The folder of the instructions is a link or no folder; nothing is read from it")
        if all(file.path != entry for file in found):
            warnings.append(f"The entry file {entry} is missing")
    if mode_of(agent) is not None and agent.adapter_type not in BUNDLE_ADAPTERS:
        warnings.append(f"Adapter {agent.adapter_type} does not read instructions by itself")
    config = agent.adapter_config
    return Bundle(
        agent_id=agent.id,
        company_id=agent.company_id,
        mode=mode_of(agent),
        root_path=str(root) if root else None,
        managed_root_path=str(managed_root(agent)),
        entry_file=entry,
        resolved_entry_path=str(root / entry) if root else _text(config, PATH_KEY),
        editable=root is not None,
        warnings=warnings,
        legacy_prompt_template_active=_text(config, LEGACY_KEYS[0]) is not None,
        legacy_bootstrap_prompt_template_active=_text(config, LEGACY_KEYS[1]) is not None,
        files=[_file(item, entry) for item in found],
    )


def read(agent: Agent, path: str) -> File:
    """Return one file of an agent's instructions with what it says. Raises NotFound or Unprocessable."""
    place, root = folders.path_of(path), root_of(agent)
    if root is None:
        raise NotFound("Instructions file not found")
    content = folders.read(root, place)
    return _file(folders.Entry(str(place), len(content.encode())), entry_of(agent), content)


def _file(entry: folders.Entry, entry_file: str, content: str | None = None) -> File:
    is_markdown = entry.path.lower().endswith(_MARKDOWN)
    return File(entry.path, entry.size, entry.path == entry_file, is_markdown, content)


def _text(config: Mapping[str, Any], key: str) -> str | None:
    value = config.get(key)
    return value if isinstance(value, str) and value.strip() else None
