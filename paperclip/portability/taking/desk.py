"""What is at hand while a company is gathered: what is wanted, what was chosen, what people should know of the rest."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any
from uuid import UUID

from paperclip.companies.models import Company
from paperclip.core import naming
from paperclip.portability.choices import DEFAULT_PARTS, InputKind, Part
from paperclip.portability.secrecy import Scrubber
from paperclip.portability.shapes import EnvInput


@dataclass(frozen=True)
class Wish:
    """What is to be exported. Lists name things by slug, id or, for issues, identifier; empty means all of them."""

    parts: Collection[str] = DEFAULT_PARTS
    agents: Sequence[str] = ()
    projects: Sequence[str] = ()
    issues: Sequence[str] = ()
    project_issues: Sequence[str] = ()
    skills: Sequence[str] = ()
    selected_files: Sequence[str] = ()
    expand_skills: bool = False
    sidebar: Mapping[str, Sequence[str]] = field(default_factory=dict)


class Desk:
    """One pass over a company; what later steps name things by is put here by the earlier ones."""

    def __init__(self, company: Company, wish: Wish, scrub: Scrubber, warnings: Iterable[str]) -> None:
        self.company, self.wish, self.scrub, self.warnings = company, wish, scrub, list(warnings)
        self.inputs: list[EnvInput] = []
        self.goal_slugs: dict[UUID, str] = {}
        self.agent_slugs: dict[UUID, str] = {}
        self.project_slugs: dict[UUID, str] = {}
        self.labels: dict[str, str] = {}
        self.task_slugs: set[str] = set()

    def wants(self, part: Part, *named: Sequence[str]) -> bool:
        """Whether a part is wanted as a whole, or something of it by name."""
        return part in self.wish.parts or any(named)

    def named(
        self, rows: Sequence[Any], known: Mapping[UUID, str], wanted: Sequence[str], what: str
    ) -> list[Any]:
        """Return the rows that are named by slug, id or shortname, all when nothing is named."""
        if not wanted:
            return list(rows)
        names = {name.strip().lower() for name in wanted}
        chosen = [row for row in rows if not names.isdisjoint((known[row.pk], str(row.pk), row.url_key))]
        found = {name for row in chosen for name in (known[row.pk], str(row.pk), row.url_key)}
        self.warnings += [f"There is no {what} {name[:80]!r}" for name in sorted(names - found)]
        return chosen

    def ask(
        self, kinds: Mapping[str, str], *, agent_slug: str | None = None, project_slug: str | None = None
    ) -> None:
        """Note the environment variables that have to be given anew."""
        for key, kind in sorted(kinds.items()):
            if self.scrub.text(key) == key:
                self.inputs.append(EnvInput(key, InputKind(kind).value, agent_slug, project_slug))

    def text(self, value: str | None, where: str) -> str | None:
        """Return a text without its secrets; what was taken out is told by where it stood."""
        if not value:
            return None
        clean = self.scrub.text(value)
        if clean != value:
            self.warnings.append(f"{self.scrub.text(where)}: what looks like a secret was taken out")
        return clean

    def config(self, value: Mapping[str, Any], where: str) -> dict[str, Any]:
        """Return an object without its secrets; what was left out is told by where it stood."""
        clean, left_out = self.scrub.config(value)
        self.warnings += [f"{where}.{name} was left out: it looks like a secret" for name in left_out]
        return clean


def slugs(rows: Iterable[tuple[UUID, str]], kind: str, *, taken: Collection[str] = ()) -> dict[UUID, str]:
    """Return a slug for each row, by id: of its name, else of its kind; a number keeps those alike apart."""
    used, found = set(taken), dict[UUID, str]()
    for row_id, name in rows:
        base = naming.slug(name)[:80].strip("-") or kind
        slug, number = base, 1
        while slug in used:
            number += 1
            slug = f"{base}-{number}"
        used.add(slug)
        found[row_id] = slug
    return found
