"""Routines, paused, with their schedules."""

from __future__ import annotations

from datetime import timedelta

from paperclip.companies.models import Company
from paperclip.portability.bringing.desk import Desk
from routines import lifecycle, triggers
from routines.choices import RoutineStatus, TriggerKind


def make(desk: Desk, company: Company) -> None:
    """Make the routines of the plan."""
    parts = {part.slug: part for part in desk.package.routines}
    for place, step in enumerate(desk.plan.routines):
        part, now = parts[step.slug], desk.at(place)
        routine = lifecycle.create(
            company_id=company.pk,
            fields={
                "title": part.title,
                "description": part.description,
                "priority": part.priority,
                "status": RoutineStatus.PAUSED,
                "concurrency_policy": part.concurrency_policy,
                "catch_up_policy": part.catch_up_policy,
                "variables": [dict(variable) for variable in part.variables],
                "project_id": desk.id_of("projects", part.project),
                "goal_id": desk.id_of("goals", part.goal),
                "assignee_agent_id": desk.agent_id(part.assignee),
            },
            actor=desk.actor,
            now=now,
        )
        desk.ids["routines"][step.slug] = routine.pk
        for number, trigger in enumerate(part.triggers):
            triggers.create(
                routine_id=routine.pk,
                fields={
                    "kind": TriggerKind.SCHEDULE,
                    "cron_expression": trigger.cron_expression,
                    "timezone": trigger.timezone,
                    "label": trigger.label,
                    "enabled": trigger.enabled,
                    "clock_changes": trigger.clock_changes,
                    "grace_sec": trigger.grace_sec,
                },
                actor=desk.actor,
                now=now + timedelta(microseconds=number),
            )
