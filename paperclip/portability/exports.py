"""Taking a company along as files (C-106)."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

from django.db import transaction

from paperclip.companies import activity, rights
from paperclip.companies.actors import Actor
from paperclip.companies.models import Company
from paperclip.core.errors import Forbidden
from paperclip.portability import files as package_files
from paperclip.portability import gathering, writing
from paperclip.portability.shapes import File, Package
from paperclip.portability.taking import desk
from paperclip.portability.taking.desk import Wish

CEO_ONLY = "Only CEO agents can manage company exports"


@dataclass(frozen=True)
class Export:
    """What leaves: the files, what they say, and what a person should know of what stays behind."""

    company: Company
    package: Package
    files: Mapping[str, File]
    warnings: Sequence[str]

    @property
    def root_path(self) -> str:
        """The name of the folder the files belong in."""
        return desk.slugs([(self.company.pk, self.company.name)], "company")[self.company.pk]

    @property
    def counts(self) -> dict[str, int]:
        """How many things of each kind there are."""
        package = self.package
        return {
            "files": len(self.files),
            "agents": len(package.agents),
            "projects": len(package.projects),
            "issues": len(package.issues),
            "routines": len(package.routines),
            "goals": len(package.goals),
            "skills": len(package.skills),
            "envInputs": len(package.env_inputs),
        }


def require_exporter(actor: Actor) -> None:
    """Raise Forbidden unless a person or a CEO calls; they are in the company already (C-106)."""
    if actor.is_agent and not rights.is_ceo(actor):
        raise Forbidden(CEO_ONLY)


def preview(*, company: Company, wish: Wish) -> Export:
    """Return what an export would give; nothing is written. Raises Unprocessable for more issues than it takes."""
    with transaction.atomic():
        gathered = gathering.gather(company, wish)
    files = writing.files_of(gathered.package)
    warnings = list(gathered.warnings)
    if wish.selected_files:
        unknown = sorted(set(wish.selected_files) - set(files))
        warnings += [f"There is no file {name[:200]!r}" for name in unknown]
        files = package_files.selected(files, wish.selected_files)
    return Export(company, gathered.package, files, warnings)


def export(*, company: Company, wish: Wish, actor: Actor, now: datetime) -> Export:
    """Return what leaves, and note in the log who took it."""
    made = preview(company=company, wish=wish)
    activity.record(
        company_id=company.pk,
        actor=actor,
        action="company.exported",
        entity_type="company",
        entity_id=company.pk,
        details={
            "include": sorted(wish.parts),
            "fileCount": len(made.files),
            "warningCount": len(made.warnings),
        },
        now=now,
    )
    return made


def kinds_of(export: Export) -> Mapping[str, str]:
    """Return what each file of an export is about, by path."""
    package = export.package
    kinds = {part.path: "agent" for part in package.agents} | {
        part.path: "project" for part in package.projects
    }
    kinds |= {part.path: "issue" for part in package.issues} | {
        part.path: "routine" for part in package.routines
    }
    kinds |= {part.path: "skill" for part in package.skills}
    kinds |= {writing.COMPANY_FILE: "company", writing.SIDECAR: "extension", writing.README: "readme"}
    return {path: kinds.get(path, "other") for path in export.files}


def summary(export: Export) -> str:
    """Return the export in one line: `3 agents, 1 project`."""
    counts = Counter(export.counts)
    words = ("agents", "projects", "issues", "routines", "goals")
    said = [f"{counts[word]} {word if counts[word] != 1 else word[:-1]}" for word in words if counts[word]]
    return ", ".join(said) or "the company itself"
