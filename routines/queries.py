"""Lists and details of routines, in a fixed number of queries whatever is on them."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any
from uuid import UUID

from django.db.models import QuerySet

from issues.models import Issue
from paperclip.companies.models import Agent, Project
from routines import executions
from routines.choices import RECENT_RUNS, ROUTINES_MAX
from routines.models import Routine, RoutineRun, Trigger


@dataclass(frozen=True)
class Shown:
    """A routine with what is shown beside it."""

    routine: Routine
    triggers: Sequence[Trigger] = ()
    last_run: RoutineRun | None = None
    active_issue: Issue | None = None


@dataclass(frozen=True)
class Whole(Shown):
    """A routine with everything its own page shows."""

    project: Project | None = None
    assignee: Agent | None = None
    parent_issue: Issue | None = None
    recent_runs: Sequence[RoutineRun] = field(default_factory=list)


def of_company(
    company_id: UUID, *, project_id: UUID | None = None, limit: int = ROUTINES_MAX, offset: int = 0
) -> list[Shown]:
    """Return a page of a company's routines, the one changed last first, archived ones included (R-128, RW-20)."""
    rows = Routine.objects.filter(company_id=company_id).order_by("-updated_at", "title", "id")
    if project_id is not None:
        rows = rows.filter(project_id=project_id)
    routines = list(rows[offset : offset + limit])
    triggers, last, active = _triggers(routines), _last_runs(routines), _active_issues(routines)
    return [
        Shown(routine, triggers.get(routine.pk, []), last.get(routine.pk), active.get(routine.pk))
        for routine in routines
    ]


def whole(routine_id: UUID) -> Whole:
    """Return one routine with its triggers and latest runs (R-129)."""
    routine = Routine.objects.select_related("project", "assignee_agent", "parent_issue").get(pk=routine_id)
    recent = list(runs(routine_id)[:RECENT_RUNS])
    return Whole(
        routine,
        triggers=_triggers([routine]).get(routine.pk, []),
        last_run=recent[0] if recent else None,
        active_issue=_active_issues([routine]).get(routine.pk),
        project=routine.project,
        assignee=routine.assignee_agent,
        parent_issue=routine.parent_issue,
        recent_runs=recent,
    )


def runs(routine_id: UUID) -> QuerySet[RoutineRun]:
    """Return the runs of a routine, newest first, with their issues and triggers at hand (R-18)."""
    rows = RoutineRun.objects.filter(routine_id=routine_id).select_related("linked_issue", "trigger")
    return rows.order_by("-created_at", "-id")


def _triggers(routines: Sequence[Routine]) -> Mapping[UUID, list[Trigger]]:
    found: dict[UUID, list[Trigger]] = defaultdict(list)
    for trigger in Trigger.objects.filter(routine__in=routines).order_by("created_at", "id"):
        found[trigger.routine_id].append(trigger)
    return found


def _last_runs(routines: Sequence[Routine]) -> dict[UUID, RoutineRun]:
    rows = RoutineRun.objects.filter(routine__in=routines).select_related("linked_issue", "trigger")
    newest: Any = rows.order_by("routine_id", "-created_at", "-id").distinct("routine_id")
    return {run.routine_id: run for run in newest}


def _active_issues(routines: Sequence[Routine]) -> dict[UUID, Issue]:
    found: dict[str, Issue] = {}
    for issue in executions.live(routines):
        found.setdefault(issue.origin_id or "", issue)
    return {routine.pk: found[str(routine.pk)] for routine in routines if str(routine.pk) in found}
