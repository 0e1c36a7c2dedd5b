"""What schedules will do, told before it happens (RW-6)."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from paperclip.core import clock
from routines import previews, schedule
from routines.models import RoutineRun
from tests.routines import recipes
from tests.routines.recipes import MINUTE

pytestmark = pytest.mark.django_db


@pytest.fixture
def now():
    return recipes.minute(clock.now()) + timedelta(seconds=30)


@pytest.mark.parametrize("policy", ["skip_missed", "enqueue_missed_with_cap"])
@pytest.mark.parametrize("grace", [None, 0, 300])
@pytest.mark.parametrize("minutes", [0, 4, 40])
def test_what_is_told_is_what_a_pass_does(cast, now, policy, grace, minutes):
    routine = recipes.routine(cast, catch_up_policy=policy, concurrency_policy="always_enqueue")
    first = recipes.minute(now) - minutes * MINUTE
    recipes.schedule(routine, due=first, cron="* * * * *", grace_sec=grace)
    now = recipes.minute(now) + (timedelta(seconds=1) if grace == 0 else timedelta())

    (told,) = previews.of_routine(routine.pk, now=now)
    assert not RoutineRun.objects.exists(), "telling changes nothing"
    recipes.fire(now)

    runs = RoutineRun.objects.order_by("scheduled_at")
    made = [run.scheduled_at for run in runs if run.status != "skipped"]
    left_out = [run.scheduled_at for run in runs if run.status == "skipped"]
    assert (list(told.made_up), [told.left_out] if told.left_out else []) == (made, left_out)
    assert len(told.missed) == minutes + 1
    assert told.missed[0] == first


@pytest.mark.parametrize(
    ("off", "said"),
    [
        pytest.param("trigger", "the trigger is switched off", id="trigger"),
        pytest.param("routine", "the routine is paused", id="R-61 what resuming would bring"),
        pytest.param("company", "the company is paused", id="company"),
    ],
)
def test_what_waits_says_for_what(cast, now, off, said):
    trigger = recipes.due_routine(cast, now)
    if off == "trigger":
        type(trigger).objects.update(enabled=False)
    else:
        row = trigger.routine if off == "routine" else cast.company
        type(row).objects.filter(pk=row.pk).update(status="paused")
    (told,) = previews.of_routine(trigger.routine_id, now=now)
    assert told.waits_for == said
    assert len(told.made_up) == 1


def test_changes_of_the_clock_are_marked():
    before = datetime(2027, 3, 12, 12, tzinfo=UTC)
    times = previews.of_expression("30 2 * * *", "America/New_York", now=before, count=4)
    assert [(time.local.isoformat(), time.is_clock_change, time.is_moved) for time in times] == [
        ("2027-03-13T02:30:00-05:00", False, False),
        ("2027-03-14T03:00:00-04:00", True, True),
        ("2027-03-15T02:30:00-04:00", False, False),
        ("2027-03-16T02:30:00-04:00", False, False),
    ]


@pytest.mark.parametrize(
    ("expression", "words"),
    [
        ("0 9 * * *", "At 09:00 every day"),
        ("*/10 * * * *", "Every 10th minute of every hour"),
        ("0 0 13 * 5", "At 00:00 on the 13th day of month or on Friday"),
    ],
)
def test_an_expression_is_told_in_words(expression, words):
    assert schedule.reading(expression) == words


def test_the_interface_tells_what_comes(cast, now):
    trigger = recipes.due_routine(cast, now, cron="0 9 * * *")
    rows = cast.as_viewer.get(f"/api/routines/{trigger.routine_id}/upcoming?count=3").json()
    (row,) = rows
    assert (row["triggerId"], row["reading"]) == (str(trigger.pk), "At 09:00 every day")
    assert (len(row["times"]), len(row["madeUp"]), row["waitsFor"]) == (3, 1, None)
    assert row["times"][0]["local"].endswith("T09:00+00:00")
    recipes.schedule(recipes.routine(cast, status="paused"), due=now)
    week = cast.as_viewer.get(f"/api/companies/{cast.company.pk}/routines/upcoming").json()
    assert [each["triggerId"] for each in week] == [str(trigger.pk)]
    assert len(week[0]["times"]) == 7
    assert cast.as_outsider.get(f"/api/routines/{trigger.routine_id}/upcoming").status_code == 404


def test_a_schedule_that_cannot_be_read_says_why(cast, now):
    recipes.due_routine(cast, now)
    recipes.Trigger.objects.update(timezone="Gone/Forever")
    (row,) = cast.as_owner.get(f"/api/companies/{cast.company.pk}/routines/upcoming").json()
    assert (row["fault"], row["times"], row["reading"]) == ("Invalid timezone: Gone/Forever", [], None)
