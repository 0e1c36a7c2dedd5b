"""Timers: who is due, who has anything to do, and what it costs to ask (H-71, field note 12)."""

from __future__ import annotations

from datetime import timedelta

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from heartbeat import timers, wakeups
from heartbeat.models import Run, WakeupRequest
from paperclip.companies.models import Agent
from paperclip.core import clock
from tests import factories
from tests.heartbeat.test_wakeups import wake

pytestmark = pytest.mark.django_db


@pytest.fixture
def now():
    return clock.now()


def timed(cast, now, *, seconds=60, since=None, **heartbeat):
    """An agent with a manager, whose timer is due and who has nothing to do."""
    config = {"heartbeat": {"enabled": True, "intervalSec": seconds, **heartbeat}}
    return factories.agent(
        cast.company,
        role="engineer",
        reports_to=cast.manager,
        runtime_config=config,
        last_heartbeat_at=since or now - timedelta(minutes=10),
    )


def woken(now):
    timers.wake_due(now=now)
    return set(Run.objects.filter(invocation_source="timer").values_list("agent_id", flat=True))


# --- Anything to do? -------------------------------------------------------------------------------------


def test_an_agent_with_nothing_to_do_is_counted_not_woken(cast, now):
    agent = timed(cast, now)

    done = timers.wake_due(now=now)

    assert (done.checked, done.enqueued, done.skipped, done.idle) == (1, 0, 1, 1)
    assert not Run.objects.exists()
    row = WakeupRequest.objects.get()
    assert (row.agent_id, row.source, row.status, row.reason) == (
        agent.pk, "timer", "skipped", "heartbeat.nothing_to_do"
    )  # fmt: skip
    assert row.error


def test_idle_beats_are_counted_on_one_row_once_per_interval(cast, now):
    timed(cast, now)
    for second in range(0, 190, 5):  # ticks come every few seconds
        timers.wake_due(now=now + timedelta(seconds=second))
    row = WakeupRequest.objects.get()
    assert row.coalesced_count == 3


def test_an_idle_agent_has_one_row_a_day(cast, now):
    timed(cast, now, seconds=3600)
    for hour in range(50):
        timers.wake_due(now=now + timedelta(hours=hour))
    assert WakeupRequest.objects.count() == 3


SCENES = [
    pytest.param("todo", True, id="open work"),
    pytest.param("in_progress", True, id="work in progress"),
    pytest.param("backlog", False, id="work nobody wants yet"),
    pytest.param("in_review", False, id="work that waits for a judgement"),
    pytest.param("done", False, id="finished work"),
    pytest.param("waiting", False, id="work that waits for others"),
    pytest.param("ready", True, id="work whose blockers are done"),
    pytest.param("another's", False, id="work of another"),
    pytest.param("comment", True, id="something was said on its issue"),
    pytest.param("old comment", False, id="something was said before"),
    pytest.param("own comment", False, id="it said something itself"),
    pytest.param("comment on closed", False, id="something was said on finished work"),
    pytest.param("refused call", True, id="a call was turned away because it takes none"),
    pytest.param("old refused call", False, id="a call was turned away before"),
    pytest.param("approval", True, id="its question was decided"),
    pytest.param("old approval", False, id="its question was decided before"),
    pytest.param("open approval", False, id="its question is open"),
    pytest.param("wakeWhenIdle", True, id="it asks to be woken"),
    pytest.param("wakeWhenIdle text", False, id="H-3 text is no flag"),
    pytest.param("ceo", True, id="it leads the company"),
    pytest.param("no manager", True, id="it has no manager"),
]


@pytest.mark.parametrize(("scene", "is_woken"), SCENES)
def test_what_counts_as_something_to_do(cast, now, scene, is_woken):
    agent = timed(cast, now)
    before, after = now - timedelta(minutes=11), now - timedelta(minutes=1)
    match scene.split():
        case ["todo" | "in_progress" | "backlog" | "in_review" | "done"]:
            factories.issue(cast.company, assignee_agent=agent, status=scene)
        case ["waiting" | "ready"]:
            issue = factories.issue(cast.company, assignee_agent=agent)
            status = "done" if scene == "ready" else "cancelled"
            factories.blocks(factories.issue(cast.company, status=status), issue)
        case ["another's"]:
            factories.issue(cast.company, assignee_agent=cast.peer)
        case [*_, "comment"] | ["comment", "on", "closed"]:
            status = "done" if scene.endswith("closed") else "in_review"
            issue = factories.issue(cast.company, assignee_agent=agent, status=status)
            author = {"author_agent": agent} if scene == "own comment" else {}
            factories.comment(issue, at=before if scene == "old comment" else after, **author)
        case [*_, "refused", "call"]:
            config = {**agent.runtime_config["heartbeat"], "wakeOnDemand": False}
            Agent.objects.filter(pk=agent.pk).update(runtime_config={"heartbeat": config})
            issue = factories.issue(cast.company, assignee_agent=cast.peer)
            at = before if scene.startswith("old") else after
            assert wake(agent, issue=issue, reason="issue_comment_mentioned", now=at).kind == "skipped"
        case [*_, "approval"]:
            decided = {"approval": after, "old approval": before}.get(scene)
            cast.company.approvals.create(
                type="request_board_approval", payload={}, requested_by_agent=agent,
                status="approved" if decided else "pending", decided_at=decided,
            )  # fmt: skip
        case ["wakeWhenIdle", *text]:
            config = {**agent.runtime_config["heartbeat"], "wakeWhenIdle": "true" if text else True}
            Agent.objects.filter(pk=agent.pk).update(runtime_config={"heartbeat": config})
        case ["ceo"]:
            Agent.objects.filter(pk=agent.pk).update(role="ceo")
        case ["no", "manager"]:
            Agent.objects.filter(pk=agent.pk).update(reports_to=None)

    assert (agent.pk in woken(now)) is is_woken


def test_work_that_comes_between_two_beats_is_found_at_the_next(cast, now):
    agent = timed(cast, now)
    timers.wake_due(now=now)
    factories.issue(cast.company, assignee_agent=agent)
    assert woken(now + timedelta(seconds=30)) == set()
    assert woken(now + timedelta(seconds=61)) == {agent.pk}


# --- Who is due ------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("seconds", "is_due"),
    [
        pytest.param(600, True, id="to the second"),
        pytest.param(601, False, id="not yet"),
        pytest.param(0.5, True, id="less than a second"),
        pytest.param(0, False, id="none"),
        pytest.param(-5, False, id="negative"),
        pytest.param("60", False, id="H-3 text is no number"),
        pytest.param(True, False, id="H-3 a flag is no number"),
        pytest.param(None, False, id="null"),
        pytest.param([60], False, id="a list"),
        pytest.param(1e300, False, id="longer than the world lasts"),
    ],
)
def test_whose_interval_has_passed(cast, now, seconds, is_due):
    agent = timed(cast, now, seconds=seconds, wakeWhenIdle=True)
    assert (agent.pk in woken(now)) is is_due


@pytest.mark.parametrize("number", ["1e400", "1e-400"])
def test_a_number_no_float_holds_stops_nobodys_timer(cast, now, number):  # HW-14
    broken = timed(cast, now, wakeWhenIdle=True)
    with connection.cursor() as cursor:
        cursor.execute(
            "UPDATE agents SET runtime_config = jsonb_set(runtime_config, '{heartbeat,intervalSec}', %s::jsonb)"
            " WHERE id = %s",
            [number, broken.pk],
        )
    working = timed(cast, now, wakeWhenIdle=True)
    assert working.pk in woken(now)


@pytest.mark.parametrize("status", ["paused", "terminated", "pending_approval"])
def test_an_agent_that_may_not_run_is_not_asked(cast, now, status):
    agent = timed(cast, now, wakeWhenIdle=True)
    Agent.objects.filter(pk=agent.pk).update(status=status)
    assert timers.wake_due(now=now).checked == 0
    assert not WakeupRequest.objects.exists()


def test_one_agent_that_fails_keeps_no_other_from_its_timer(cast, now, monkeypatch, caplog):  # HW-14
    agents = [timed(cast, now, wakeWhenIdle=True) for _ in range(3)]
    broken = min(agent.pk for agent in agents)
    enqueue = wakeups.enqueue

    def fails_for_one(*, agent_id, **rest):
        if agent_id == broken:
            with connection.cursor() as cursor:
                cursor.execute("SELECT 1 / 0")
        return enqueue(agent_id=agent_id, **rest)

    monkeypatch.setattr("heartbeat.wakeups.enqueue", fails_for_one)

    done = timers.wake_due(now=now)

    assert (done.enqueued, done.failed) == (2, 1)
    assert str(broken) in caplog.text


def test_a_refused_timer_is_asked_once_per_interval(cast, now):
    """What stands against a run may do so for long: one refusal per beat, not one per tick."""
    agent = timed(cast, now, wakeWhenIdle=True)
    agent.loop_stops.create(company=cast.company, runs=20, reason="r")
    for second in range(0, 115, 5):
        timers.wake_due(now=now + timedelta(seconds=second))
    row = WakeupRequest.objects.get()
    assert (row.reason, row.coalesced_count) == ("loop_stopped", 1)


def test_a_tick_costs_the_same_for_any_number_of_idle_agents(cast, now):
    def cost(at):
        with CaptureQueriesContext(connection) as asked:
            done = timers.wake_due(now=at)
        return len(asked), done.idle

    for _ in range(3):
        timed(cast, now)
    few, idle = cost(now)
    for _ in range(40):
        timed(cast, now)
    many, more_idle = cost(now + timedelta(seconds=61))
    assert (idle, more_idle) == (3, 43)
    assert many <= few + 1, "one query more: some have their row already"


def test_a_tick_without_due_agents_is_one_look(cast, now):
    for _ in range(10):
        timed(cast, now, since=now)
    with CaptureQueriesContext(connection) as asked:
        timers.wake_due(now=now)
    assert len(asked) == 1
