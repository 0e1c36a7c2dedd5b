"""What schedules cost: a tick over many triggers with none due, and one with a thousand due.

The companies drain, so that nothing of what is queued here is started meanwhile, and fire in no other process: their
routines wait until they are measured.
"""

from __future__ import annotations

import time
from datetime import datetime, timedelta

from django.db import connection

from bench import measures
from bench.measures import Measure
from paperclip.companies.models import Agent, Company
from paperclip.core import clock
from routines import firing
from routines.models import Routine, RoutineRun, Trigger

TRIGGERS = 10_000
DUE = 1_000
AGENTS = 20
LOOKS = 50
# Far enough for no other process to find anything due.
_AHEAD = timedelta(days=365)


def tick(count: int = TRIGGERS, due: int = DUE) -> list[Measure]:
    """Tick with `count` active triggers: none due, the look for the next, and `due` of them due."""
    now = clock.shared_now()
    company = _company(now)
    _triggers(company, now, count, due)
    with connection.cursor() as cursor:
        cursor.execute("ANALYZE routines")
        cursor.execute("ANALYZE routine_triggers")
    idle = [_timed(now) for _ in range(LOOKS)]
    looks = [_looked(now) for _ in range(LOOKS)]
    at = now + _AHEAD + timedelta(seconds=1)
    began = time.perf_counter()
    fired = 0
    while (done := firing.fire_due(now=at)).triggered:
        fired += done.triggered
    taken = time.perf_counter() - began
    made = RoutineRun.objects.filter(company=company, status="issue_created").count()
    assert fired == made == due, f"{fired} of {due} fired, {made} issues made"
    Routine.objects.filter(company=company).update(status="paused")
    return [
        measures.times(f"tick over {count:,} schedules, none due", idle, goal=20),
        measures.times(f"next due of {count:,} schedules", looks),
        Measure(f"tick with {due:,} of {count:,} due", "s", taken, goal=20, note=f"{due / taken:,.0f}/s"),
    ]


def _timed(now: datetime) -> float:
    began = time.perf_counter()
    done = firing.fire_due(now=now)
    assert not done.triggered
    return (time.perf_counter() - began) * 1000


def _looked(now: datetime) -> float:
    began = time.perf_counter()
    firing.next_due(now)
    return (time.perf_counter() - began) * 1000


def _company(now: datetime) -> Company:
    return Company.objects.create(
        name=f"Schedules {now:%H%M%S}", issue_prefix=f"S{now:%M%S}".translate(_LETTERS), draining_since=now
    )


# Prefixes are made of letters.
_LETTERS = str.maketrans("0123456789", "ABCDEFGHIJ")


def _triggers(company: Company, now: datetime, count: int, due: int) -> None:
    agents = Agent.objects.bulk_create(
        Agent(company=company, name=f"scheduled-{number}", adapter_config={"command": "/bin/true"})
        for number in range(AGENTS)
    )
    routines = Routine.objects.bulk_create(
        (
            Routine(company=company, title=f"Routine {number}", assignee_agent=agents[number % AGENTS])
            for number in range(count)
        ),
        batch_size=1000,
    )
    Trigger.objects.bulk_create(
        (
            Trigger(
                company=company,
                routine=routine,
                kind="schedule",
                cron_expression=f"{number % 60} {number % 24} * * *",
                timezone="Europe/Berlin",
                next_run_at=now + (_AHEAD if number < due else 2 * _AHEAD),
            )
            for number, routine in enumerate(routines)
        ),
        batch_size=1000,
    )
