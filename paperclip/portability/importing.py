"""A plan carried out: all of it, or nothing (C-107).

Nothing that comes in starts by itself: agents come paused, routines too, no issue calls anybody, and work that was
under way waits to be begun.
"""

from __future__ import annotations

import shutil
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

from django.db import transaction

from paperclip.companies import org
from paperclip.companies.actors import Actor
from paperclip.companies.models import Company
from paperclip.core.errors import Unprocessable
from paperclip.portability.bringing import agents, goals, issues, projects, routines
from paperclip.portability.bringing import company as own
from paperclip.portability.bringing.desk import Desk
from paperclip.portability.choices import DONE, Action
from paperclip.portability.planning import Plan, Step, look


@dataclass(frozen=True)
class Result:
    """What an import did. `ids` has what each slug has become, by kind."""

    company: Company
    company_action: str
    plan: Plan
    ids: Mapping[str, Mapping[str, UUID]]


def apply(*, plan: Plan, actor: Actor, now: datetime, people_of: Company | None = None) -> Result:
    """Carry out a plan and return what was done.

    `people_of` is the company whose active people join a new one; without it the person who imports owns it. Raises
    Unprocessable for a plan with errors, and whatever the verbs refuse; then nothing is kept, on disk neither.
    """
    if plan.errors:
        raise Unprocessable("The package cannot be imported", details={"errors": list(plan.errors)})
    desk = Desk(plan, actor, now)
    try:
        with transaction.atomic():
            return _carry_out(desk, people_of)
    except BaseException:
        for root in desk.written:
            shutil.rmtree(root, ignore_errors=True)
        raise


def _carry_out(desk: Desk, people_of: Company | None) -> Result:
    """1. the company; 2. goals and labels; 3. agents, managers first; 4. projects; 5. issues; 6. routines."""
    company = own.ready(desk, people_of)
    org.lock(company.pk)
    desk.present = look(company)
    goals.make(desk, company)
    goals.make_labels(desk, company)
    agents.make(desk, company)
    goals.say_whose(desk)
    projects.make(desk, company)
    issues.make(desk, company)
    routines.make(desk, company)
    return Result(Company.objects.get(pk=company.pk), _told(desk.plan.company_action), desk.plan, desk.ids)


def _told(action: str) -> str:
    return {Action.CREATE.value: "created", Action.UPDATE.value: "updated"}.get(action, "unchanged")


def steps_done(steps: Sequence[Step], ids: Mapping[str, UUID]) -> list[dict[str, Any]]:
    """Return what became of the things of a kind, as the interface tells it."""
    return [
        {
            "slug": step.slug,
            "id": ids.get(step.slug),
            "action": DONE[Action(step.action)],
            "name": step.name,
            "reason": step.reason,
        }
        for step in steps
    ]
