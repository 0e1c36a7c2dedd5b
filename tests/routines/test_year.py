"""A year of schedules, tick by tick, in every kind of zone: lost 0, doubled 0.

What is due is worked out here by walking over every minute of the year and looking at the wall, without cron.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from datetime import UTC, date, datetime, timedelta
from functools import cache
from itertools import pairwise, takewhile
from zoneinfo import ZoneInfo

import pytest

from paperclip.companies import actors
from routines import firing, triggers
from routines.models import RoutineRun, Trigger
from tests.routines import recipes

MINUTE = timedelta(minutes=1)
# Zones with a gap at night, half an hour of it, one at midnight, and none.
YEARS = {
    "America/New_York": 2027,
    "Europe/Berlin": 2026,
    "Australia/Lord_Howe": 2026,
    "America/Sao_Paulo": 2018,
    "UTC": 2026,
}
# How many hours lie between ticks, over and over.
APART = (5, 43, 97, 71)
FIXED = {"0 0 * * *": (0, 0), "30 1 * * *": (1, 30), "15 2 * * *": (2, 15), "0 3 * * *": (3, 0)}
EVERY: dict[str, Callable[[datetime], bool]] = {
    "*/30 * * * *": lambda wall: wall.minute % 30 == 0,
    "45 */6 * * 1-5": lambda wall: wall.minute == 45 and wall.hour % 6 == 0 and wall.isoweekday() <= 5,
    "* 2 1,15 * *": lambda wall: wall.hour == 2 and wall.day in (1, 15),
}


def minutes_of(zone: str) -> Iterator[tuple[datetime, datetime]]:
    """Every minute of the zone's year, in UTC and as the wall shows it.

    The wall is looked at every quarter of an hour: none of these clocks is ever changed in between.
    """
    place, year = ZoneInfo(zone), YEARS[zone]
    at = datetime(year, 1, 1, tzinfo=place).astimezone(UTC)
    end = datetime(year + 1, 1, 1, tzinfo=place).astimezone(UTC)
    while at < end:
        wall = at.astimezone(place).replace(tzinfo=None)
        for _ in range(15):
            yield at, wall
            at += MINUTE
            wall += MINUTE


@cache
def expected(zone: str) -> dict[str, list[datetime]]:
    """When each expression is due in the zone's year.

    A fixed time is due once a day: at the first minute whose wall shows it or, where a gap swallowed it, the first one
    after the gap. Any other expression is due at every minute whose wall it matches.
    """
    found: dict[str, list[datetime]] = {expression: [] for expression in [*FIXED, *EVERY]}
    today, waiting = date.min, dict(FIXED)
    for at, wall in minutes_of(zone):
        if wall.date() > today:
            today, waiting = wall.date(), dict(FIXED)
        for expression, time in list(waiting.items()):
            if (wall.hour, wall.minute) >= time:
                found[expression].append(at)
                del waiting[expression]
        for expression, matches in EVERY.items():
            if matches(wall):
                found[expression].append(at)
    return found


@pytest.mark.parametrize("zone", YEARS)
def test_the_schedules_of_a_year_are_the_walls(zone):  # R-52, RW-4
    place = ZoneInfo(zone)
    start = datetime(YEARS[zone], 1, 1, tzinfo=place).astimezone(UTC) - MINUTE
    end = datetime(YEARS[zone] + 1, 1, 1, tzinfo=place).astimezone(UTC)
    for expression, due in expected(zone).items():
        trigger = Trigger(kind="schedule", cron_expression=expression, timezone=zone)
        fired = list(takewhile(lambda time: time < end, triggers.upcoming(trigger, start)))
        assert fired == due, expression
        # A tick finds each from the one before: all of the fixed ones, and of the others some and those at a change.
        for number, (before, after) in enumerate(pairwise(due)):
            changed = before.astimezone(place).utcoffset() != after.astimezone(place).utcoffset()
            if expression in FIXED or changed or number % 37 == 0:
                assert triggers.next_after(trigger, before) == after, expression


@pytest.mark.django_db
@pytest.mark.parametrize("zone", YEARS)
def test_a_year_of_ticks_fires_each_occurrence_once(cast, zone):
    """Ticks come at odd times, hours or days apart and some twice: whatever was missed is made up for."""
    routine = recipes.routine(
        cast, catch_up_policy="enqueue_missed_with_cap", concurrency_policy="always_enqueue"
    )
    # Kept with a reason instead of an issue: what is counted here is occurrences.
    type(cast.engineer).objects.filter(pk=cast.engineer.pk).update(status="paused")
    place = ZoneInfo(zone)
    now = datetime(YEARS[zone], 1, 1, tzinfo=place).astimezone(UTC) - MINUTE
    end = datetime(YEARS[zone] + 1, 1, 1, tzinfo=place).astimezone(UTC)
    wanted = ["0 0 * * *"] if zone == "America/Sao_Paulo" else ["30 1 * * *", "15 2 * * *"]
    made = {}
    for expression in wanted:
        fields = {"kind": "schedule", "cron_expression": expression, "timezone": zone}
        made[expression] = triggers.create(
            routine_id=routine.pk, fields=fields, actor=actors.system("test"), now=now
        ).trigger
    step = 0
    while now < end:
        step += 1
        now = min(now + timedelta(hours=APART[step % len(APART)], seconds=step), end - MINUTE)
        firing.fire_due(now=now)
        if step % 3 == 0:
            firing.fire_due(now=now)
        if now == end - MINUTE:
            break

    for expression in wanted:
        runs = RoutineRun.objects.filter(trigger=made[expression]).order_by("scheduled_at")
        fired = list(runs.values_list("scheduled_at", flat=True))
        assert len(fired) == len(set(fired)), "doubled"
        assert fired == [at for at in expected(zone)[expression] if at <= now], "lost"
