"""What is at hand while a package is brought in: the plan, and what has become of its things."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any, TypeVar
from uuid import UUID

from django.db.models import QuerySet

from paperclip.companies import activity
from paperclip.companies.actors import Actor
from paperclip.companies.models import Agent, Project
from paperclip.core.errors import Conflict
from paperclip.portability.planning import Plan, Present, Step

SOURCE = "company_import"

_Row = TypeVar("_Row", Agent, Project)


class Desk:
    """One import. `ids` has what each slug has become, by kind."""

    def __init__(self, plan: Plan, actor: Actor, now: datetime) -> None:
        self.plan, self.actor, self.now = plan, actor, now
        self.package = plan.package
        self.written: list[Path] = []  # folders of instructions, to be removed if the rows are not kept
        self.present = Present()
        self.ids: dict[str, dict[str, UUID]] = {
            kind: {} for kind in ("goals", "agents", "projects", "issues", "routines")
        }
        self.label_ids: dict[str, UUID] = {}

    def id_of(self, kind: str, slug: str | None) -> UUID | None:
        """Return what a slug has become, None when it stands for nothing."""
        return self.ids[kind].get(slug) if slug is not None else None

    def agent_id(self, slug: str | None) -> UUID | None:
        """Return the agent a slug stands for: of the package, else one of this name in the company."""
        if slug is None:
            return None
        met = self.present.agents.get(slug)
        return self.ids["agents"].get(slug) or (met[0] if met is not None else None)

    def at(self, place: int) -> datetime:
        """Return when the thing at `place` of its kind was made: lists are by age and keep the package's order."""
        return self.now + timedelta(microseconds=place)

    def log(self, agent: Agent, action: str, details: Mapping[str, Any]) -> None:
        """Write what was done to an agent."""
        activity.record(
            company_id=agent.company_id,
            actor=self.actor,
            action=action,
            entity_type="agent",
            entity_id=agent.pk,
            details=details,
            now=self.now,
        )


def there(rows: QuerySet[_Row], step: Step) -> _Row:
    """Return the row a step is about. Raises Conflict when it has gone since the plan was made."""
    assert step.existing_id is not None
    row = rows.filter(pk=step.existing_id).first()
    if row is None:
        raise Conflict(f"{step.name} has just been removed; look at the package once more")
    return row
