from __future__ import annotations

import threading
from datetime import timedelta

import pytest
from django.db import connection

from heartbeat import claims
from heartbeat.models import Run, RunEvent, WakeupRequest
from paperclip.core import clock
from tests import factories
from tests.heartbeat.test_wakeups import comment_wake, wake

pytestmark = pytest.mark.django_db


def claim(runner=None, most=10):
    return list(claims.claim(runner=runner or factories.runner(), most=most, now=clock.now()))


def test_a_claimed_run_owns_its_issue(cast):  # H-22, H-74
    issue = factories.issue(cast.company, assignee_agent=cast.engineer)
    outcome = wake(cast.engineer, issue=issue)

    (run,) = claim()

    issue.refresh_from_db()
    assert (run.pk, run.status) == (outcome.run.pk, "running")
    assert run.claim_token is not None
    assert (issue.status, issue.checkout_run_id, issue.execution_run_id) == ("in_progress", run.pk, run.pk)
    assert run.context_snapshot["paperclipHarnessCheckedOut"] is True
    cast.engineer.refresh_from_db()
    assert cast.engineer.status == "running"
    assert WakeupRequest.objects.get().status == "claimed"


def test_a_mentioned_agent_never_owns_the_issue(cast):  # HB-64
    issue = factories.issue(cast.company, assignee_agent=cast.engineer)
    comment_wake(cast.peer, issue, factories.comment(issue), reason="issue_comment_mentioned")

    (run,) = claim()

    issue.refresh_from_db()
    assert run.agent_id == cast.peer.pk
    assert (issue.status, issue.execution_run_id, issue.assignee_agent_id) == ("todo", None, cast.engineer.pk)


@pytest.mark.parametrize(
    ("change", "code"),
    [
        pytest.param({"status": "done"}, "issue_terminal_status", id="HB-72 done"),
        pytest.param({"assignee_agent": None}, "issue_assignee_changed", id="HB-72 reassigned"),
        pytest.param("blocker", "issue_dependencies_blocked", id="HB-70 blocked"),
        pytest.param("paused", None, id="H-65 paused agent waits"),
    ],
)
def test_a_stale_run_is_ended_at_claim_with_its_reason(cast, change, code):  # H-24, H-69
    issue = factories.issue(cast.company, assignee_agent=cast.engineer)
    run = wake(cast.engineer, issue=issue).run
    if change == "blocker":
        factories.blocks(factories.issue(cast.company), issue)
    elif change == "paused":
        type(cast.engineer).objects.filter(pk=cast.engineer.pk).update(status="paused")
    else:
        type(issue).objects.filter(pk=issue.pk).update(**change)

    assert claim() == []

    run.refresh_from_db()
    if code is None:
        assert run.status == "queued"
        return
    assert (run.status, run.error_code) == ("cancelled", code)
    assert run.result_json["stopReason"] == code
    assert run.wakeup_request.status == "skipped"
    assert RunEvent.objects.get(run=run).level == "warn"


def test_a_dropped_run_lets_the_waiting_wake_go_on(cast):  # HW-9
    issue = factories.issue(cast.company, assignee_agent=cast.engineer)
    dropped = wake(cast.engineer, issue=issue).run
    assert (
        comment_wake(cast.peer, issue, factories.comment(issue), reason="issue_comment_mentioned").kind
        == "deferred"
    )
    type(issue).objects.filter(pk=issue.pk).update(status="done")

    claim(most=1)

    dropped.refresh_from_db()
    assert dropped.status == "cancelled"
    assert Run.objects.exclude(pk=dropped.pk).get().agent_id == cast.peer.pk


def test_the_queue_is_ordered_by_progress_priority_and_age(cast):  # H-66
    wanted = []
    for number, (status, priority) in enumerate(
        [("todo", "low"), ("todo", "critical"), ("in_progress", "low"), ("todo", "low")]
    ):
        agent = factories.agent(cast.company)
        issue = factories.issue(cast.company, assignee_agent=agent, status=status, priority=priority)
        now = clock.now() + timedelta(milliseconds=number)
        wanted.append(wake(agent, issue=issue, now=now).run.pk)
    loose = wake(factories.agent(cast.company), reason="manual", source="on_demand").run.pk

    first, second, third, fourth = wanted
    assert [run.pk for run in claim()] == [third, second, first, fourth, loose]


@pytest.mark.parametrize(
    "limit", [pytest.param(1, id="H-64 default of one"), pytest.param(3, id="H-64 three")]
)
def test_an_agent_never_runs_more_than_its_limit(cast, limit):
    config = {"heartbeat": {"maxConcurrentRuns": limit}}
    agent = factories.agent(cast.company, runtime_config=config)
    for number in range(5):
        wake(agent, reason="manual", source="on_demand", payload={"taskKey": str(number)})

    assert len(claim()) == limit
    assert claim() == []
    Run.objects.filter(status="running").update(status="succeeded")
    assert len(claim()) == min(limit, 5 - limit)


def test_a_busy_agent_does_not_hold_up_others(cast):
    type(cast.peer).objects.filter(pk=cast.peer.pk).update(runtime_config={})
    for number in range(80):
        wake(cast.peer, reason="manual", source="on_demand", payload={"taskKey": str(number)})
    other = wake(cast.engineer, reason="manual", source="on_demand").run

    first = [run.agent_id for run in claim()]
    second = [run.pk for run in claim()]

    assert first == [cast.peer.pk]
    assert second == [other.pk]


@pytest.mark.django_db(transaction=True)
def test_two_runners_share_a_queue_without_doubles_or_excess():  # HW-12
    company = factories.company()
    agents = [
        factories.agent(company, runtime_config={"heartbeat": {"maxConcurrentRuns": 2}}) for _ in range(5)
    ]
    for agent in agents:
        for number in range(6):
            wake(agent, reason="manual", source="on_demand", payload={"taskKey": str(number)})
    runners = [factories.runner() for _ in range(4)]
    taken: list[Run] = []
    gate = threading.Barrier(4)

    def work(runner):
        try:
            gate.wait()
            for _ in range(5):
                taken.extend(claims.claim(runner=runner, most=10, now=clock.now()))
        finally:
            connection.close()

    threads = [threading.Thread(target=work, args=[runner]) for runner in runners]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(timeout=30)

    assert len({run.pk for run in taken}) == len(taken) == 10
    for agent in agents:
        assert Run.objects.filter(agent=agent, status="running").count() == 2
