"""One line to make a routine, a trigger or a pass of the scheduler."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any

from paperclip.companies import actors
from paperclip.core import clock
from routines import firing, starts, triggers
from routines.firing import Pass
from routines.models import Routine, RoutineRun, Trigger
from routines.triggers import Made
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
    return firing.fire_due(now=now or clock.now())


def start(of: Routine, *, actor: Any = None, now: datetime | None = None, **fields: Any) -> RoutineRun:
    """Set a routine off by hand."""
    return starts.run_now(
        routine_id=of.pk,
        fields={"source": "manual"} | fields,
        actor=actor or actors.system("test"),
        now=now or clock.now(),
    )


def text(name: str) -> dict[str, Any]:
    """A required text variable as it is stored."""
    return {
        "name": name, "label": None, "type": "text", "defaultValue": None, "required": True, "options": [],
    }  # fmt: skip


def webhook(of: Routine, **fields: Any) -> Made:
    """A webhook made by the verb, with its secret."""
    return triggers.create(
        routine_id=of.pk, fields={"kind": "webhook"} | fields, actor=actors.system("test"), now=clock.now()
    )
