"""Routines with their variables and schedules."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any
from uuid import UUID

from paperclip.portability import writing
from paperclip.portability.shapes import RoutinePart, TriggerPart
from paperclip.portability.taking.desk import Desk, slugs
from routines.choices import RoutineStatus, TriggerKind
from routines.models import Routine, Trigger


def parts(desk: Desk) -> tuple[RoutinePart, ...]:
    """Return what there is to say of the routines; they come along only where all issues do."""
    if desk.wish.issues or desk.wish.project_issues:
        return ()
    rows = Routine.objects.filter(company=desk.company).exclude(status=RoutineStatus.ARCHIVED)
    routines = list(rows.order_by("created_at", "id"))
    titles = {row.pk: desk.text(row.title, f"routine {row.pk}: title") or "" for row in routines}
    known = slugs(((row.pk, titles[row.pk]) for row in routines), "routine", taken=desk.task_slugs)
    triggers: dict[UUID, list[Trigger]] = {}
    for trigger in Trigger.objects.filter(company=desk.company).order_by("created_at", "id"):
        triggers.setdefault(trigger.routine_id, []).append(trigger)
    return tuple(
        _part(desk, row, known[row.pk], titles[row.pk], triggers.get(row.pk, [])) for row in routines
    )


def _variable(desk: Desk, variable: Mapping[str, Any], path: str) -> dict[str, Any]:
    """Return what is declared of a variable; one whose default stays behind is asked for no more."""
    said = desk.config(variable, f"{path}: variables")
    return said if "defaultValue" in said else {**said, "required": False}


def _part(desk: Desk, row: Routine, slug: str, title: str, triggers: Iterable[Trigger]) -> RoutinePart:
    path = writing.task_path(slug)
    triggers = list(triggers)
    if any(trigger.kind != TriggerKind.SCHEDULE for trigger in triggers):
        desk.warnings.append(
            f"{path}: triggers that are no schedules stay behind, for others hold their keys"
        )
    return RoutinePart(
        slug=slug,
        title=title,
        path=path,
        description=desk.text(row.description, path),
        priority=row.priority,
        project=desk.project_slugs.get(row.project_id) if row.project_id else None,
        goal=desk.goal_slugs.get(row.goal_id) if row.goal_id else None,
        assignee=desk.agent_slugs.get(row.assignee_agent_id) if row.assignee_agent_id else None,
        concurrency_policy=row.concurrency_policy,
        catch_up_policy=row.catch_up_policy,
        variables=tuple(_variable(desk, variable, path) for variable in row.variables),
        triggers=tuple(
            TriggerPart(
                trigger.cron_expression or "",
                trigger.timezone or "",
                desk.text(trigger.label, f"{path}: trigger"),
                trigger.enabled,
                trigger.clock_changes,
                trigger.grace_sec,
            )
            for trigger in triggers
            if trigger.kind == TriggerKind.SCHEDULE
        ),
    )
