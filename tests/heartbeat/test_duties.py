from __future__ import annotations

from datetime import timedelta

import pytest
from django.db import connection

from heartbeat import duties, queries, schedules, tasks, timers
from heartbeat.models import Run, Runner, Tick
from heartbeat.recovery import lost_runs
from paperclip.core import clock
from tests import factories

pytestmark = pytest.mark.django_db
TIMED = {"heartbeat": {"enabled": True, "intervalSec": 60}}


@pytest.fixture
def now():
    return clock.now()


def test_a_due_timer_wakes_its_agent_once(cast, now):  # H-71
    agent = factories.agent(cast.company, runtime_config=TIMED, last_heartbeat_at=now - timedelta(seconds=61))

    assert timers.wake_due(now=now).enqueued == 1
    assert timers.wake_due(now=now).enqueued == 0, "a live timer run is not woken again (HW-15)"

    run = Run.objects.get()
    assert (run.agent_id, run.invocation_source) == (agent.pk, "timer")
    assert run.context_snapshot["wakeReason"] == "heartbeat_timer"


@pytest.mark.parametrize(
    ("config", "age"),
    [
        pytest.param(TIMED, 59, id="H-71 not yet"),
        pytest.param({"heartbeat": {"enabled": True}}, 999, id="H-71 no interval"),
        pytest.param({"heartbeat": {"enabled": False, "intervalSec": 60}}, 999, id="H-71 disabled"),
        pytest.param({"heartbeat": {"enabled": True, "intervalSec": "60"}}, 999, id="H-3 text is no number"),
        pytest.param({"heartbeat": [1]}, 999, id="H-3 not an object"),
    ],
)
def test_timers_that_are_not_due(cast, now, config, age):
    factories.agent(cast.company, runtime_config=config, last_heartbeat_at=now - timedelta(seconds=age))
    assert timers.wake_due(now=now).enqueued == 0


def test_a_paused_company_does_not_stop_other_timers(cast, now):  # HW-14
    past = now - timedelta(hours=1)
    paused = factories.company(status="paused")
    factories.agent(paused, runtime_config=TIMED, last_heartbeat_at=past)
    working = factories.agent(cast.company, runtime_config=TIMED, last_heartbeat_at=past)

    timers.wake_due(now=now)

    assert [run.agent_id for run in Run.objects.all()] == [working.pk]


def silent_runner(now, *, suspected=None) -> Runner:
    return factories.runner(
        last_seen_at=now - timedelta(minutes=2),
        lease_expires_at=now - timedelta(minutes=1),
        suspected_at=suspected,
    )


def test_a_silent_runner_is_suspected_first_and_reaped_later(cast, now):  # H-138, field note 2, H-140
    runner = silent_runner(now)
    issue = factories.issue(cast.company, assignee_agent=cast.engineer, status="in_progress")
    run = factories.run(cast.engineer, issue=issue, runner=runner)

    duties.tick(now)
    run.refresh_from_db()
    assert run.status == "running", "nothing is reaped on one look"

    duties.tick(now + timedelta(seconds=30))
    run.refresh_from_db()
    assert (run.status, run.error_code) == ("failed", "process_lost")
    assert runner.name in run.error
    assert Run.objects.get(retry_of_run=run).status == "queued"


def test_a_runner_that_comes_back_keeps_its_runs(cast, now):
    runner = silent_runner(now)
    run = factories.run(cast.engineer, runner=runner)
    duties.tick(now)
    Runner.objects.filter(pk=runner.pk).update(lease_expires_at=now + timedelta(minutes=1), suspected_at=None)

    duties.tick(now + timedelta(seconds=30))

    run.refresh_from_db()
    assert run.status == "running"


def test_after_an_outage_of_everything_nothing_is_reaped_at_once(cast, now):
    runner = silent_runner(now, suspected=now - timedelta(hours=3))
    run = factories.run(cast.engineer, runner=runner)
    Tick.objects.create(name=lost_runs.NAME, committed_at=now - timedelta(hours=3))

    duties.tick(now)

    run.refresh_from_db()
    assert run.status == "running", "the runner must have time to find its runs again"


def test_one_duty_that_fails_does_not_keep_the_others_from_running(cast, now, monkeypatch):  # H-136
    def broken(*, now):
        raise RuntimeError("broken")

    monkeypatch.setitem(duties._DUTIES, "heartbeat.timers", broken)

    with pytest.raises(RuntimeError, match="broken"):
        duties.tick(now)

    assert Tick.objects.filter(name=lost_runs.NAME).exists()


def test_the_scheduler_leaves_a_mark(cast):
    assert queries.last_tick_age_seconds() is None
    tasks.tick()
    assert 0 <= queries.last_tick_age_seconds() < 5


def test_schedules_are_registered_once(cast):  # H-73
    from django_q.models import Schedule

    Schedule.objects.create(name="a double", func="heartbeat.tasks.tick", schedule_type="I")
    schedules.register()
    schedules.register()
    first, second = Schedule.objects.filter(func="heartbeat.tasks.tick").order_by("next_run")
    assert second.next_run - first.next_run == timedelta(seconds=30), "one of them is due at every look"
    assert {first.minutes, second.minutes} == {1}


@pytest.mark.django_db(transaction=True)
def test_a_pass_that_another_host_holds_is_left_alone(cast, now):  # HW-22
    from paperclip.core import locks

    with connection.copy().cursor() as other:
        other.execute("SELECT pg_advisory_lock(%s)", [locks._key("heartbeat.timers")])
        assert duties.tick(now)["heartbeat.timers"] == "another host is at it"
        other.connection.close()


def test_old_results_of_the_scheduler_are_pruned(cast, now):
    from django_q.models import Task

    for name, success, days in [
        ("new", True, 0),
        ("old", True, 2),
        ("failed", False, 2),
        ("old failure", False, 20),
    ]:
        moment = now - timedelta(days=days)
        Task.objects.create(id=name, name=name, func="f", started=moment, stopped=moment, success=success)

    duties.tick(now)

    assert set(Task.objects.values_list("name", flat=True)) == {"new", "failed"}
