"""Skills: texts that tell agents how to do a kind of work, and which of them an agent wants (C-39, C-52).

The product's own stand in its `skills` folder. What an agent wants stands in its adapter configuration, where its
adapter finds it; an agent may want more than there is here, for programs bring skills of their own.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

from django.conf import settings

from paperclip.companies.choices import SKILL_ADAPTERS, SkillSync
from paperclip.companies.models import Agent
from paperclip.core.errors import NotFound

FILE = "SKILL.md"
_KEY = "paperclipSkillSync"
_PREFIX = "paperclip/"
_FRONT = re.compile(r"\A---\n(.*?)\n---\n", re.DOTALL)


@dataclass(frozen=True)
class Skill:
    """One skill of the product. A required one is given to every agent, wanted or not."""

    key: str
    name: str
    description: str
    is_required: bool
    path: Path


@dataclass(frozen=True)
class Entry:
    """How one skill stands with an agent."""

    key: str
    runtime_name: str
    desired: bool
    managed: bool
    required: bool
    required_reason: str | None
    state: str
    detail: str | None


@dataclass(frozen=True)
class Standing:
    """The skills of an agent: what it wants, what there is, and whether its adapter can be given any."""

    adapter_type: str
    supported: bool
    mode: str
    desired_skills: Sequence[str]
    entries: Sequence[Entry]
    warnings: Sequence[str]


@cache
def catalogue() -> tuple[Skill, ...]:
    """Return the product's own skills by name. They change with the product only, so they are read once."""
    found = []
    for path in sorted(Path(settings.SKILLS_ROOT).glob(f"*/{FILE}")):
        head = _front_matter(path.read_text())
        name = head.get("name", path.parent.name)
        is_required = head.get("required", "true").lower() != "false"
        found.append(Skill(_PREFIX + name, name, head.get("description", ""), is_required, path))
    return tuple(found)


def text_of(name: str, file: str = FILE) -> str:
    """Return a skill's text by its name or key, or another of its pages, such as `references/api.md`.

    Raises NotFound.
    """
    wanted = name.strip().lower().removeprefix(_PREFIX)
    for skill in catalogue():
        if skill.name.lower() == wanted:
            page = pages_of(skill).get(file)
            if page is None:
                raise NotFound("Skill page not found")
            return page.read_text()
    raise NotFound("Skill not found")


def pages_of(skill: Skill) -> dict[str, Path]:
    """Return the pages of a skill by their paths below its folder."""
    folder = skill.path.parent
    return {page.relative_to(folder).as_posix(): page for page in sorted(folder.rglob("*.md"))}


def body_of(skill: Skill) -> str:
    """Return what a skill says, without the lines at its top that describe it."""
    return _FRONT.sub("", skill.path.read_text())


def wanted(config: Mapping[str, Any]) -> list[str]:
    """Return the skills that an adapter configuration asks for."""
    sync = config.get(_KEY)
    named = sync.get("desiredSkills") if isinstance(sync, Mapping) else None
    return [name for name in named if isinstance(name, str)] if isinstance(named, list) else []


def with_wanted(
    config: Mapping[str, Any], named: Iterable[str], mode: SkillSync = SkillSync.REPLACE
) -> dict[str, Any]:
    """Return an adapter configuration that asks for the skills `named`, or for more, or for fewer.

    A name that stands for one skill of the product, in any letter case or in part, is kept as its key (A-57).
    """
    given, before = [_key_of(name) for name in named], wanted(config)
    if mode == SkillSync.ADD:
        given = before + given
    elif mode == SkillSync.REMOVE:
        given = [name for name in before if name not in given]
    sync = config.get(_KEY)
    kept = dict(sync) if isinstance(sync, Mapping) else {}
    return {**config, _KEY: {**kept, "desiredSkills": list(dict.fromkeys(given))}}


def of(agent: Agent) -> Standing:
    """Return how skills stand with an agent (C-52)."""
    named, known = wanted(agent.adapter_config), catalogue()
    can = agent.adapter_type in SKILL_ADAPTERS
    entries = [_entry(skill, skill.key in named, can) for skill in known]
    unknown = [name for name in named if name not in {skill.key for skill in known}]
    entries += [
        Entry(name, name.rsplit("/", 1)[-1], True, False, False, None, "missing", "No skill of the product")
        for name in unknown
    ]
    warnings = [
        f"Skill {name} is not one of the product's; the agent's program may have it" for name in unknown
    ]
    if not can:
        warnings.insert(0, f"Adapter {agent.adapter_type} cannot be given skills; what is wanted is kept")
    return Standing(agent.adapter_type, can, "ephemeral" if can else "unsupported", named, entries, warnings)


def _entry(skill: Skill, is_wanted: bool, can: bool) -> Entry:
    is_due = is_wanted or skill.is_required
    state = "unsupported" if not can else "configured" if is_due else "available"
    reason = "Every agent needs it to work with Paperclip" if skill.is_required else None
    return Entry(skill.key, skill.name, is_due, True, skill.is_required, reason, state, skill.description)


def _key_of(name: str) -> str:
    low = name.strip().lower()
    found = [skill.key for skill in catalogue() if low in (skill.key.lower(), skill.name.lower())]
    found = found or [skill.key for skill in catalogue() if skill.name.lower() == low.rsplit("/", 1)[-1]]
    return found[0] if len(found) == 1 else name.strip()


def _front_matter(text: str) -> dict[str, str]:
    """Return the `name: value` lines between the dashes at the top of a skill."""
    head = _FRONT.match(text)
    lines = head[1].splitlines() if head else []
    pairs = (line.partition(":") for line in lines if not line.startswith(" "))
    return {name.strip(): value.strip().strip("\"'") for name, mark, value in pairs if mark}
