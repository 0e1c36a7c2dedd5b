"""One line to make a routine, a trigger or a pass of the scheduler."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any

from paperclip.companies import actors
from paperclip.core import clock
from routines import triggers
from routines.models import Routine, RoutineRun, Trigger
from routines.triggers import Pass
from tests.cast import Cast

MINUTE = timedelta(minutes=1)


def routine(cast: Cast, **fields: Any) -> Routine:
    """A stored routine of the engineer, active unless told otherwise."""
    fields.setdefault("assignee_agent", cast.engineer)
    fields.setdefault("company", cast.company)
    return Routine.objects.create(**{"title": "Sweep the floor"} | fields)


def schedule(of: Routine, *, due: datetime | None, cron: str = "0 9 * * *", **fields: Any) -> Trigger:
    """A stored schedule that is due at `due`."""
    return Trigger.objects.create(
        **{
            "company_id": of.company_id,
            "routine": of,
            "kind": "schedule",
            "cron_expression": cron,
            "timezone": "UTC",
            "next_run_at": due,
        }
        | fields
    )


def due_routine(cast: Cast, now: datetime, *, cron: str = "* * * * *", **fields: Any) -> Trigger:
    """A routine whose schedule has been due for a minute."""
    return schedule(routine(cast, **fields), due=minute(now) - MINUTE, cron=cron)


def minute(moment: datetime) -> datetime:
    return moment.replace(second=0, microsecond=0)


def fire(now: datetime | None = None) -> Pass:
    return triggers.fire_due(now=now or clock.now())


def start(of: Routine, *, actor: Any = None, now: datetime | None = None, **fields: Any) -> RoutineRun:
    """Set a routine off by hand."""
    return triggers.run_now(
        routine_id=of.pk,
        fields={"source": "manual"} | fields,
        actor=actor or actors.system("test"),
        now=now or clock.now(),
    )
