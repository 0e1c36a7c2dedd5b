"""Lists and details of routines, in a fixed number of queries whatever is on them."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from uuid import UUID

from django.contrib.postgres.expressions import ArraySubquery
from django.db.models import Func, OuterRef, QuerySet, UUIDField

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


def newest_runs(routine_ids: Iterable[UUID], *, most: int) -> dict[UUID, list[RoutineRun]]:
    """Return the newest runs of each routine, newest first, in one query that reads no more than these."""
    newest = RoutineRun.objects.filter(routine=OuterRef("pk")).order_by("-created_at", "-id")
    wanted = Routine.objects.filter(pk__in=routine_ids).values(
        run=_Each(ArraySubquery(newest.values("pk")[:most]))
    )
    rows = RoutineRun.objects.filter(pk__in=wanted).select_related("linked_issue", "trigger")
    found: dict[UUID, list[RoutineRun]] = defaultdict(list)
    for run in rows.order_by("-created_at", "-id"):
        found[run.routine_id].append(run)
    return found


class _Each(Func):
    """The elements of an array of ids, as rows."""

    function = "unnest"
    set_returning = True
    output_field = UUIDField()


def _last_runs(routines: Sequence[Routine]) -> dict[UUID, RoutineRun]:
    newest = newest_runs([routine.pk for routine in routines], most=1)
    return {routine_id: runs[0] for routine_id, runs in newest.items()}


def _active_issues(routines: Sequence[Routine]) -> dict[UUID, Issue]:
    found: dict[str, Issue] = {}
    for issue in executions.live(routines):
        found.setdefault(issue.origin_id or "", issue)
    return {routine.pk: found[str(routine.pk)] for routine in routines if str(routine.pk) in found}
