"""Firing by time: every occurrence once, whoever fires, whatever breaks."""

from __future__ import annotations

import threading
from datetime import UTC, datetime, timedelta

import pytest
from django.db import OperationalError, connection

from heartbeat import duties
from heartbeat.models import Run, Tick, WakeupRequest
from issues import checkout
from issues.models import Issue
from paperclip.companies import actors
from paperclip.companies.models import Activity
from paperclip.core import clock
from routines import firing, tasks, triggers
from routines.models import RoutineRun, Trigger
from tests.routines import recipes
from tests.routines.recipes import MINUTE

pytestmark = pytest.mark.django_db


@pytest.fixture
def now():
    return recipes.minute(clock.now()) + timedelta(seconds=30)


def test_a_due_trigger_fires_once_and_waits_for_its_next_time(cast, now):
    trigger = recipes.due_routine(cast, now, cron="0 9 * * *")
    due = trigger.next_run_at

    assert recipes.fire(now).triggered == 1
    assert recipes.fire(now).triggered == 0

    trigger.refresh_from_db()
    run = RoutineRun.objects.get()
    assert (run.source, run.trigger_id, run.scheduled_at) == ("schedule", trigger.pk, due)
    assert (run.status, run.triggered_at) == ("issue_created", now)
    assert trigger.next_run_at > now
    assert trigger.last_fired_at == now
    assert trigger.last_result == f"Created {run.linked_issue.identifier}"
    row = Activity.objects.get(action="routine.run_triggered")
    assert (row.actor_type, row.actor_id) == ("system", "routine-scheduler")
    assert row.details["triggerId"] == str(trigger.pk)
    assert run.linked_issue.created_by_user_id is None


@pytest.mark.parametrize(
    "stopped",
    [
        pytest.param("disabled", id="R-55 disabled trigger"),
        pytest.param("paused", id="R-55 paused routine"),
        pytest.param("archived", id="R-55 archived routine"),
        pytest.param("company", id="paused company"),
        pytest.param("future", id="R-55 not yet due"),
    ],
)
def test_what_is_not_due_does_not_fire(cast, now, stopped):
    trigger = recipes.due_routine(cast, now)
    if stopped == "disabled":
        Trigger.objects.update(enabled=False)
    elif stopped == "company":
        type(cast.company).objects.filter(pk=cast.company.pk).update(status="paused")
    elif stopped == "future":
        Trigger.objects.update(next_run_at=now + timedelta(seconds=1))
    else:
        type(trigger.routine).objects.update(status=stopped)
    assert recipes.fire(now).triggered == 0


def test_missed_times_become_one_late_run(cast, now):
    trigger = recipes.schedule(recipes.routine(cast), due=recipes.minute(now) - 10 * MINUTE, cron="* * * * *")
    assert recipes.fire(now).triggered == 1
    trigger.refresh_from_db()
    assert trigger.next_run_at == recipes.minute(now) + MINUTE
    assert RoutineRun.objects.get().scheduled_at == recipes.minute(now) - 10 * MINUTE


@pytest.mark.parametrize(
    ("minutes", "expected"),
    [pytest.param(10, 11, id="R-57 all of them"), pytest.param(60, 25, id="R-57 cap")],
)
def test_missed_times_are_caught_up_with(cast, now, minutes, expected):
    routine = recipes.routine(
        cast, catch_up_policy="enqueue_missed_with_cap", concurrency_policy="always_enqueue"
    )
    first = recipes.minute(now) - minutes * MINUTE
    trigger = recipes.schedule(routine, due=first, cron="* * * * *")

    assert recipes.fire(now).triggered == expected

    occurrences = RoutineRun.objects.order_by("scheduled_at").values_list("scheduled_at", flat=True)
    assert list(occurrences) == [first + number * MINUTE for number in range(expected)]
    assert Issue.objects.filter(origin_id=str(routine.pk)).count() == expected
    trigger.refresh_from_db()
    assert trigger.next_run_at == recipes.minute(now) + MINUTE


def test_a_resumed_routine_catches_up_once(cast, now):
    trigger = recipes.due_routine(cast, now, status="paused")
    assert recipes.fire(now).triggered == 0
    type(trigger.routine).objects.update(status="active")
    assert recipes.fire(now).triggered == 1


@pytest.mark.parametrize(
    ("zone", "evening"),
    [
        ("America/New_York", datetime(2027, 3, 11, 12, tzinfo=UTC)),
        ("America/New_York", datetime(2027, 11, 4, 12, tzinfo=UTC)),
        ("Europe/Berlin", datetime(2027, 3, 25, 12, tzinfo=UTC)),
        ("Europe/Berlin", datetime(2027, 10, 28, 12, tzinfo=UTC)),
        ("Australia/Lord_Howe", datetime(2027, 4, 1, 6, tzinfo=UTC)),
        ("Australia/Lord_Howe", datetime(2027, 9, 30, 6, tzinfo=UTC)),
    ],
)
def test_every_night_around_a_change_of_clock_fires_once(cast, zone, evening):  # RW-4
    """Time travel: one of the nights has no 2:15, or has 1:45 twice."""
    routine = recipes.routine(cast, concurrency_policy="always_enqueue")
    for cron in ("15 2 * * *", "45 1 * * *"):
        fields = {"kind": "schedule", "cron_expression": cron, "timezone": zone}
        triggers.create(routine_id=routine.pk, fields=fields, actor=actors.system("test"), now=evening)
    for night in range(1, 6):
        assert recipes.fire(evening + timedelta(days=night)).triggered == 2
        assert recipes.fire(evening + timedelta(days=night)).triggered == 0
    occurrences = list(RoutineRun.objects.values_list("trigger", "scheduled_at"))
    assert len(set(occurrences)) == len(occurrences) == 10


def test_a_broken_dispatch_does_not_keep_others_from_firing(cast, now):  # RW-5
    ill = recipes.due_routine(cast, now - MINUTE)
    Trigger.objects.filter(pk=ill.pk).update(timezone="Gone/Forever")
    well = recipes.due_routine(cast, now)

    done = recipes.fire(now)

    assert (done.triggered, done.failed, done.broken) == (2, 1, 0)
    ill.refresh_from_db()
    failed = RoutineRun.objects.get(trigger=ill)
    assert (failed.status, failed.reason) == ("failed", "Invalid timezone: Gone/Forever")
    assert (ill.next_run_at, ill.last_result) == (None, "Failed: Invalid timezone: Gone/Forever")
    assert RoutineRun.objects.get(trigger=well).status == "issue_created"


def test_a_trigger_that_breaks_off_stays_due(cast, now, monkeypatch):
    """A fault outside of the dispatch: nothing of it is kept, the others fire, and it is tried again."""
    ill, well = recipes.due_routine(cast, now - MINUTE), recipes.due_routine(cast, now)
    finish = firing.dispatch._finish

    def broken(routine, *rest, **named):
        if routine.pk == ill.routine_id:
            raise RuntimeError("broken")
        return finish(routine, *rest, **named)

    monkeypatch.setattr(firing.dispatch, "_finish", broken)
    done = recipes.fire(now)
    assert (done.triggered, done.broken) == (1, 1)
    assert not RoutineRun.objects.filter(trigger=ill).exists()
    ill.refresh_from_db()
    assert ill.last_result == "Broke off, tried again in a minute: broken"
    assert recipes.fire(now).broken == 0, "it is left alone for a while"
    monkeypatch.undo()

    assert recipes.fire(now + firing.REST).triggered == 2
    ill.refresh_from_db()
    assert ill.retry_at is None
    assert set(RoutineRun.objects.values_list("trigger_id", flat=True)) == {ill.pk, well.pk}


@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize(
    "place", ["issues.lifecycle.create", "heartbeat.wakeups.enqueue", "routines.trail.of_run"]
)
@pytest.mark.parametrize("fault", [OperationalError, SystemExit], ids=["database away", "process ends"])
def test_a_crash_between_claim_and_commit_loses_nothing(cast, now, monkeypatch, place, fault):  # R-59, RW-5
    trigger = recipes.due_routine(cast, now)
    due = trigger.next_run_at

    def crash(*_, **__):
        raise fault("crash")

    monkeypatch.setattr(place, crash)
    with pytest.raises(fault):
        recipes.fire(now)
    monkeypatch.undo()
    trigger.refresh_from_db()
    assert trigger.next_run_at == due
    assert not RoutineRun.objects.exists()
    assert not Issue.objects.filter(origin_kind="routine_execution").exists()

    assert recipes.fire(now).triggered == 1
    assert RoutineRun.objects.get().scheduled_at == due
    assert WakeupRequest.objects.count() == 1


@pytest.mark.django_db(transaction=True)
def test_a_connection_cut_in_the_middle_loses_nothing(cast, now, monkeypatch):
    """The server ends the session after the issue was written, as if the host had lost its power."""
    recipes.due_routine(cast, now)
    finish = firing.dispatch._finish

    def cut(*arguments, **named):
        with connection.cursor() as cursor:
            pid = cursor.execute("SELECT pg_backend_pid()").fetchone()[0]
        with connection.copy().cursor() as other:
            other.execute("SELECT pg_terminate_backend(%s)", [pid])
            other.connection.close()
        return finish(*arguments, **named)

    monkeypatch.setattr(firing.dispatch, "_finish", cut)
    with pytest.raises(OperationalError):
        recipes.fire(now)
    connection.close()
    monkeypatch.undo()

    assert not RoutineRun.objects.exists()
    assert recipes.fire(now).triggered == 1
    assert Issue.objects.filter(origin_kind="routine_execution").count() == 1


@pytest.mark.django_db(transaction=True)
def test_schedulers_side_by_side_fire_each_occurrence_once():  # R-58, field note 22
    from tests import cast as standing

    scene = standing.make()
    now = recipes.minute(clock.now()) + timedelta(seconds=30)
    due = [recipes.due_routine(scene, now, concurrency_policy="always_enqueue") for _ in range(30)]
    due += [recipes.schedule(due[0].routine, due=recipes.minute(now), cron="* * * * *") for _ in range(3)]
    gate, done, faults = threading.Barrier(2), [], []

    def work():
        try:
            gate.wait()
            for _ in range(4):
                done.append(firing.fire_due(now=now))
        except Exception as error:  # noqa: BLE001  shown by the assertion below
            faults.append(error)
        finally:
            connection.close()

    threads = [threading.Thread(target=work) for _ in range(2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(timeout=60)

    assert faults == []
    recipes.fire(now)  # whatever one skipped because the other held its routine
    occurrences = list(RoutineRun.objects.values_list("trigger_id", "scheduled_at"))
    assert len(occurrences) == len(set(occurrences)) == len(due)
    assert set(RoutineRun.objects.values_list("status", flat=True)) == {"issue_created"}
    assert Issue.objects.filter(origin_kind="routine_execution").count() == len(due)
    assert WakeupRequest.objects.count() == len(due)


@pytest.mark.django_db(transaction=True)
def test_two_starts_at_once_make_one_issue():  # RC-28
    from tests import cast as standing

    routine = recipes.routine(standing.make())
    gate, runs = threading.Barrier(2), []

    def work():
        try:
            gate.wait()
            runs.append(recipes.start(routine))
        finally:
            connection.close()

    threads = [threading.Thread(target=work) for _ in range(2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(timeout=30)

    assert sorted(run.status for run in runs) == ["coalesced", "issue_created"]
    assert len({run.linked_issue_id for run in runs}) == 1


@pytest.mark.django_db(transaction=True)
def test_a_routine_that_somebody_holds_is_left_for_the_next_pass(cast, now):
    trigger = recipes.due_routine(cast, now)
    with connection.copy().cursor() as other:
        other.execute("BEGIN")
        other.execute("SELECT 1 FROM routines WHERE id = %s FOR UPDATE", [trigger.routine_id])
        assert recipes.fire(now).triggered == 0
        other.connection.close()
    assert recipes.fire(now).triggered == 1


def test_a_start_by_hand_leaves_the_due_occurrence_alone(cast, now):  # RW-19, R-64
    trigger = recipes.due_routine(cast, now, concurrency_policy="always_enqueue")
    due = trigger.next_run_at
    run = recipes.start(trigger.routine, trigger_id=trigger.pk, now=now)
    trigger.refresh_from_db()
    assert (run.trigger_id, run.scheduled_at) == (trigger.pk, None)
    assert (trigger.next_run_at, trigger.last_fired_at) == (due, now)
    assert recipes.fire(now).triggered == 1


def test_the_database_keeps_an_occurrence_from_being_fired_twice(cast, now):
    from django.db import IntegrityError, transaction

    trigger = recipes.due_routine(cast, now)
    recipes.fire(now)
    run = RoutineRun.objects.get()
    with pytest.raises(IntegrityError, match="routine_run_one_per_occurrence"), transaction.atomic():
        RoutineRun.objects.create(
            company=cast.company,
            routine=trigger.routine,
            trigger=trigger,
            source="schedule",
            triggered_at=now,
            scheduled_at=run.scheduled_at,
        )


def test_the_scheduler_and_the_runner_both_fire(cast, now):
    recipes.due_routine(cast, now - MINUTE)
    assert tasks.tick()["triggered"] == 1
    recipes.due_routine(cast, now - MINUTE)
    assert duties.tick()[firing.DUTY]["triggered"] == 1
    assert Tick.objects.get(name=firing.DUTY).summary["triggered"] == 1


def test_the_tick_is_scheduled_for_every_look_and_not_more(cast):
    from django.core.management import call_command
    from django_q.models import Schedule

    for _ in range(2):
        call_command("migrate", verbosity=0)
    rows = Schedule.objects.filter(func="routines.tasks.tick")
    assert [(row.schedule_type, row.minutes, row.repeats) for row in rows] == [("I", 1, -1)] * 2


def test_a_pass_costs_the_same_however_many_triggers_wait(cast, now, django_assert_max_num_queries):
    for _ in range(5):
        recipes.schedule(recipes.routine(cast), due=now + timedelta(days=1))
    with django_assert_max_num_queries(2):
        assert recipes.fire(now).triggered == 0


def test_a_batch_is_bounded_and_the_rest_comes_next(cast, now, monkeypatch):
    for _ in range(7):
        recipes.due_routine(cast, now)
    monkeypatch.setattr(firing, "PASS_SECONDS", -1.0)
    assert recipes.fire(now).triggered == 0, "the pass was over at once"
    monkeypatch.undo()
    monkeypatch.setattr(firing, "BATCH", 3)
    assert [recipes.fire(now).triggered for _ in range(2)] == [7, 0], "one batch after the other"


def test_the_next_due_time_is_known(cast, now):
    assert firing.next_due(now) is None
    later = recipes.schedule(recipes.routine(cast), due=now + timedelta(hours=1))
    assert firing.next_due(now) == later.next_run_at
    recipes.schedule(recipes.routine(cast, status="paused"), due=now)
    assert firing.next_due(now) == later.next_run_at, "what does not fire is not due"
    due = recipes.due_routine(cast, now)
    assert firing.next_due(now) == due.next_run_at


def test_an_occurrence_without_values_is_kept_with_its_reason(cast, now):  # R-92, RW-5
    trigger = recipes.due_routine(cast, now, title="{{x}}", variables=[recipes.text("x")])
    assert recipes.fire(now) == firing.Pass(1, 1, 0)
    run = RoutineRun.objects.get()
    assert (run.status, run.reason) == ("failed", "Missing routine variables: x")
    trigger.refresh_from_db()
    assert trigger.next_run_at > now


@pytest.mark.parametrize(
    ("policy", "grace", "first"),
    [
        pytest.param("skip_missed", 600, 10, id="RW-6 within the grace"),
        pytest.param("enqueue_missed_with_cap", 120, 2, id="RW-6 only what is within"),
    ],
)
def test_what_is_too_late_is_not_made_up_for(cast, now, policy, grace, first):
    routine = recipes.routine(cast, catch_up_policy=policy, concurrency_policy="always_enqueue")
    due = recipes.minute(now) - 60 * MINUTE
    recipes.schedule(routine, due=due, cron="* * * * *", grace_sec=grace)
    recipes.fire(recipes.minute(now))
    runs = RoutineRun.objects.order_by("scheduled_at")
    assert {run.status for run in runs} == {"issue_created"}
    assert runs[0].scheduled_at == recipes.minute(now) - first * MINUTE
    assert len(runs) == (1 if policy == "skip_missed" else first + 1)


def test_a_time_beyond_the_grace_is_kept_as_left_out(cast, now):  # RW-6
    due = recipes.minute(now) - timedelta(hours=3)
    cron = f"{due.minute} {due.hour} * * *"
    trigger = recipes.schedule(recipes.routine(cast), due=due, cron=cron, grace_sec=60)
    assert recipes.fire(now).triggered == 1
    run = RoutineRun.objects.get()
    assert (run.status, run.scheduled_at) == ("skipped", due)
    assert "no later time within the grace of 60 s" in run.reason
    trigger.refresh_from_db()
    assert trigger.next_run_at == due + timedelta(days=1)
    assert not Issue.objects.filter(origin_kind="routine_execution").exists()


def test_a_schedule_may_follow_the_wall_through_a_change_of_clock(cast):  # RW-4
    evening = datetime(2027, 3, 13, 12, tzinfo=UTC)
    routine = recipes.routine(cast)
    due = {}
    for changes in ("once", "as_shown"):
        fields = {
            "kind": "schedule",
            "cron_expression": "30 2 * * *",
            "timezone": "America/New_York",
            "clock_changes": changes,
        }
        made = triggers.create(routine_id=routine.pk, fields=fields, actor=actors.system("test"), now=evening)
        due[changes] = made.trigger.next_run_at.isoformat()
    assert due == {"once": "2027-03-14T07:00:00+00:00", "as_shown": "2027-03-15T06:30:00+00:00"}


@pytest.mark.django_db(transaction=True)
def test_twins_taken_at_the_same_moment_both_run():  # R-84, RW-11
    from tests import cast as standing

    routine = recipes.routine(standing.make(), concurrency_policy="always_enqueue")
    issues = [recipes.start(routine).linked_issue for _ in range(6)]
    runs = {run.issue_id: run for run in Run.objects.select_related("agent")}
    gate, stamped = threading.Barrier(6), []

    def take(issue):
        try:
            run = runs[issue.pk]
            gate.wait()
            stamped.append(
                checkout.stamp_execution(issue_id=issue.pk, run_id=run.pk, agent=run.agent, now=clock.now())
            )
        finally:
            connection.close()

    threads = [threading.Thread(target=take, args=[issue]) for issue in issues]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(timeout=30)

    assert stamped == [True] * 6
    marks = Issue.objects.filter(origin_id=str(routine.pk)).values_list("origin_fingerprint", flat=True)
    assert len(set(marks)) == 6


def test_a_company_goes_with_its_routines(cast, now):
    recipes.due_routine(cast, now)
    recipes.fire(now)
    cast.company.delete()
    assert not RoutineRun.objects.exists()
    assert not Trigger.objects.exists()


def test_a_firing_asks_the_database_little(cast, django_assert_max_num_queries):
    """Each statement more is felt when a thousand are due at nine; most of these are the issue's and its wake's."""
    now = clock.now()
    trigger = recipes.due_routine(cast, now)
    with django_assert_max_num_queries(34):  # the look for what is due and for old receipts among them
        assert recipes.fire(now).triggered == 1
    assert trigger.runs.get().status == "issue_created"
