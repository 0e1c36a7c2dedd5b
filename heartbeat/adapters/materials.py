"""What is read on this host for a run before its program is put together: instructions and skills (A-33, A-57)."""

from __future__ import annotations

from collections.abc import Mapping
from functools import cache
from pathlib import Path
from typing import Any

from heartbeat.adapters.base import Instructions, Materials, SkillFiles, text
from paperclip.companies import instructions as bundles
from paperclip.companies import skills
from paperclip.companies.choices import BUNDLE_ADAPTERS, SKILL_ADAPTERS

MOST_BYTES = 1024 * 1024


def gather(adapter_type: str, config: Mapping[str, Any], cwd: Path) -> Materials:
    """Return what a program of `adapter_type` is given; nothing where it reads no such thing.

    An unreadable file of instructions is a fault of the materials, not of the run.
    """
    return Materials(
        instructions=_instructions(config, cwd) if adapter_type in BUNDLE_ADAPTERS else None,
        skills=chosen(config) if adapter_type in SKILL_ADAPTERS else (),
    )


def chosen(config: Mapping[str, Any]) -> tuple[SkillFiles, ...]:
    """Return the skills of the product that a configuration asks for, and those every agent needs (A-57, B-40)."""
    named = set(skills.wanted(skills.with_wanted({}, skills.wanted(config))))
    return tuple(
        SkillFiles(skill.key, skill.name, dict(_files(skill.path.parent)))
        for skill in skills.catalogue()
        if skill.is_required or skill.key in named
    )


def _instructions(config: Mapping[str, Any], cwd: Path) -> Instructions | None:
    named = text(config, bundles.PATH_KEY)
    if named is None:
        return None
    path = cwd / named  # an absolute path stays as it is
    try:
        with path.open("rb") as file:
            found = file.read(MOST_BYTES + 1)
    except OSError as error:
        return Instructions(path, fault=error.strerror or type(error).__name__)
    if len(found) > MOST_BYTES:
        return Instructions(path, fault=f"it is larger than {MOST_BYTES} bytes")
    return Instructions(path, found.decode("utf-8", "replace"))


@cache
def _files(folder: Path) -> tuple[tuple[str, str], ...]:
    """Return the texts below the folder of a skill of the product; they change with the product only."""
    pages = (page for page in sorted(folder.rglob("*")) if page.is_file() and not page.name.startswith("."))
    return tuple((page.relative_to(folder).as_posix(), page.read_text()) for page in pages)
