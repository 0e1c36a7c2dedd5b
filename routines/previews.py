"""What schedules will do next, told before it happens (RW-6): missed times that will be made up for, and times to come.

Nothing here changes anything. What is told at a moment is what a pass at that moment would do.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from itertools import islice, takewhile
from uuid import UUID
from zoneinfo import ZoneInfo

from paperclip.companies.choices import CompanyStatus
from paperclip.core.errors import Refusal
from routines import firing, schedule, triggers
from routines.choices import RoutineStatus, TriggerKind
from routines.models import Trigger

COUNT_DEFAULT, COUNT_MAX = 10, 100
DAYS_DEFAULT, DAYS_MAX = 7, 31
# Times of one trigger in a calendar: every minute of a week would be 10,080.
PER_TRIGGER = 200
TRIGGERS_MAX = 500
# Missed times are counted so far.
MISSED_MAX = 100
# How long nothing fires when it is asked what would become of it.
DOWNTIMES = (timedelta(hours=1), timedelta(hours=8), timedelta(days=1), timedelta(days=7))


@dataclass(frozen=True)
class Time:
    """One time to come: in UTC, and as the wall shows it in the trigger's zone with its offset.

    `is_clock_change` is set for the first time after the zone's clock was changed, and `is_moved` where the change
    put a fixed time off.
    """

    at: datetime
    local: datetime
    is_clock_change: bool
    is_moved: bool


@dataclass(frozen=True)
class Preview:
    """What one schedule does next.

    `missed` are the times nobody fired, at most MISSED_MAX; of these `made_up` will be dispatched, and `left_out` as
    too late; `is_waiting` says that nothing fires as things stand, with the reason in `waits_for`. `fault` says why
    the schedule cannot be read.
    """

    trigger: Trigger
    missed: Sequence[datetime] = ()
    made_up: Sequence[datetime] = ()
    left_out: datetime | None = None
    waits_for: str | None = None
    times: Sequence[Time] = ()
    fault: str | None = None


@dataclass(frozen=True)
class Downtime:
    """What a schedule would make of a time in which nothing fired: how many times were missed, at most MISSED_MAX, and
    which of them would be dispatched.
    """

    length: timedelta
    missed: int = 0
    made_up: Sequence[datetime] = ()


def of_routine(routine_id: UUID, *, now: datetime, count: int = COUNT_DEFAULT) -> list[Preview]:
    """Return what each schedule of a routine does next, with `count` times to come."""
    rows = Trigger.objects.filter(routine_id=routine_id, kind=TriggerKind.SCHEDULE)
    rows = rows.select_related("routine", "company").order_by("created_at", "id")
    return [of_trigger(trigger, now=now, count=count) for trigger in rows]


def of_company(company_id: UUID, *, now: datetime, days: int = DAYS_DEFAULT) -> list[Preview]:
    """Return what a company's running schedules do within `days`: those of active routines, the one due next first."""
    rows = Trigger.objects.filter(
        company_id=company_id,
        kind=TriggerKind.SCHEDULE,
        enabled=True,
        routine__status=RoutineStatus.ACTIVE,
        next_run_at__isnull=False,
    )
    rows = rows.select_related("routine", "company").order_by("next_run_at", "created_at")
    until = now + timedelta(days=days)
    return [of_trigger(trigger, now=now, count=PER_TRIGGER, until=until) for trigger in rows[:TRIGGERS_MAX]]


def of_trigger(trigger: Trigger, *, now: datetime, count: int, until: datetime | None = None) -> Preview:
    """Return what a schedule does next: `count` times to come at most, none of them after `until`."""
    waits_for = _waits_for(trigger)
    try:
        times = _times(trigger, now, count, until)
        first = trigger.next_run_at
        if first is None or first > now:
            return Preview(trigger, waits_for=waits_for, times=times)
        planned = firing.plan(trigger, trigger.routine, now)
        expression, zone = triggers.written(trigger)
        missed = schedule.missed(
            expression, zone, first=first, now=now, most=MISSED_MAX, as_shown=triggers.fires_as_shown(trigger)
        )
    except Refusal as error:
        return Preview(trigger, waits_for=waits_for, fault=error.message)
    return Preview(
        trigger,
        missed=missed,
        made_up=planned.occurrences,
        left_out=planned.too_late,
        waits_for=waits_for,
        times=times,
    )


def of_expression(
    expression: str, zone: str, *, now: datetime, count: int = COUNT_DEFAULT, as_shown: bool = False
) -> list[Time]:
    """Return the next times of an expression that nothing fires yet. Raises Unprocessable."""
    coming = schedule.upcoming(expression, zone, now, as_shown=as_shown)
    return _shown(expression, zone, now, list(islice(coming, count)))


def after_downtime(trigger: Trigger, *, now: datetime) -> list[Downtime]:
    """Return what a pass would do now had nothing fired for each of DOWNTIMES (RW-6).

    The trigger and its routine need not be stored. Raises Unprocessable for a schedule that cannot be read.
    """
    expression, zone = triggers.written(trigger)
    as_shown = triggers.fires_as_shown(trigger)
    told = []
    for length in DOWNTIMES:
        first = schedule.next_after(expression, zone, now - length, as_shown=as_shown)
        if first > now:
            told.append(Downtime(length))
            continue
        asleep = Trigger(
            kind=trigger.kind,
            cron_expression=expression,
            timezone=zone,
            clock_changes=trigger.clock_changes,
            grace_sec=trigger.grace_sec,
            next_run_at=first,
        )
        planned = firing.plan(asleep, trigger.routine, now)
        missed = schedule.missed(expression, zone, first=first, now=now, most=MISSED_MAX, as_shown=as_shown)
        told.append(Downtime(length, len(missed), planned.occurrences))
    return told


def _waits_for(trigger: Trigger) -> str | None:
    if not trigger.enabled:
        return "the trigger is switched off"
    if trigger.routine.status != RoutineStatus.ACTIVE:
        return f"the routine is {trigger.routine.status}"
    if trigger.company.status != CompanyStatus.ACTIVE:
        return f"the company is {trigger.company.status}"
    return None


def _times(trigger: Trigger, now: datetime, count: int, until: datetime | None) -> list[Time]:
    expression, zone = triggers.written(trigger)
    coming = triggers.upcoming(trigger, now)
    if until is not None:
        coming = takewhile(lambda time: time <= until, coming)
    return _shown(expression, zone, now, list(islice(coming, count)))


def _shown(expression: str, zone: str, now: datetime, times: Sequence[datetime]) -> list[Time]:
    place = ZoneInfo(zone)
    offset = now.astimezone(place).utcoffset()
    shown: list[Time] = []
    for at in times:
        local = at.astimezone(place)
        is_change = local.utcoffset() != offset
        offset = local.utcoffset()
        shown.append(Time(at, local, is_change, is_change and not schedule.names(expression, local)))
    return shown
