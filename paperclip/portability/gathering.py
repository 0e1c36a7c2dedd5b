"""A company gathered into a package: what is asked for, in a fixed order, without its secrets (C-106)."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from paperclip.companies.models import Company
from paperclip.portability import secrecy
from paperclip.portability.choices import Part
from paperclip.portability.secrecy import Scrubber
from paperclip.portability.shapes import Package
from paperclip.portability.taking import agents, issues, projects, routines, skills
from paperclip.portability.taking import company as own
from paperclip.portability.taking.desk import Desk, Wish


@dataclass(frozen=True)
class Gathered:
    """A package, and what a person should know of what is not in it."""

    package: Package
    warnings: Sequence[str]


def gather(company: Company, wish: Wish) -> Gathered:
    """Return the package a wish comes to. Raises Unprocessable for more issues than a package takes.

    In the order in which things name each other: agents and projects are chosen before anything is written of them.
    """
    values, warnings = secrecy.known_values(company.pk)
    desk = Desk(company, wish, Scrubber(values), warnings)
    chosen_agents = agents.chosen(desk)
    chosen_projects = projects.chosen(desk)
    goals = own.goals(desk) if Part.COMPANY in wish.parts else ()
    agent_parts = tuple(agents.part(desk, agent) for agent in chosen_agents)
    project_parts = projects.parts(desk, chosen_projects)
    package = Package(
        company=own.part(desk) if Part.COMPANY in wish.parts else None,
        goals=goals,
        agents=agent_parts,
        projects=project_parts,
        issues=issues.parts(desk) if desk.wants(Part.ISSUES, wish.issues, wish.project_issues) else (),
        routines=routines.parts(desk) if Part.ISSUES in wish.parts else (),
        labels=dict(sorted(desk.labels.items())),
        skills=skills.parts(desk, agent_parts),
        env_inputs=tuple(desk.inputs),
        sidebar=_sidebar(desk),
    )
    return Gathered(package, list(dict.fromkeys(desk.warnings)))


def _sidebar(desk: Desk) -> dict[str, tuple[str, ...]]:
    known = {"agents": desk.agent_slugs, "projects": desk.project_slugs}
    ordered: dict[str, tuple[str, ...]] = {}
    for kind, by_id in known.items():
        names = {str(pk): slug for pk, slug in by_id.items()} | {slug: slug for slug in by_id.values()}
        asked = (names[name] for name in desk.wish.sidebar.get(kind, ()) if name in names)
        ordered[kind] = tuple(dict.fromkeys(asked))
    return {kind: found for kind, found in ordered.items() if found}
