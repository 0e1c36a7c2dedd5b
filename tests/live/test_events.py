"""Every event of the table in K-48, written by the database itself whoever changes the row (H-19, CW-31)."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta
from typing import Any
from uuid import UUID

import pytest
from django.db import connection, transaction

from heartbeat import events, wakeups
from heartbeat.models import Run
from paperclip.companies import activity, actors, agents
from paperclip.companies.live import listeners, upkeep
from paperclip.companies.models import Agent, LiveEvent
from paperclip.core import clock
from tests import factories

pytestmark = pytest.mark.django_db


@pytest.fixture
def told(cast) -> Iterator[Any]:
    """What has been told since the test began, of one type."""
    begin = LiveEvent.objects.order_by("-id").values_list("id", flat=True).first() or 0

    def of(kind: str) -> list[dict[str, Any]]:
        with connection.cursor() as cursor:
            cursor.execute("SET CONSTRAINTS ALL IMMEDIATE")  # as the commit would
        rows = LiveEvent.objects.filter(id__gt=begin, type=kind).order_by("id")
        return list(rows.values_list("payload", flat=True))

    return of


def owner(cast):
    return actors.for_user(cast.owner)


def test_call_tells_of_a_queued_run(cast, told):
    """K-48"""
    issue = factories.issue(cast.company, assignee_agent=cast.engineer)
    made = wakeups.enqueue(
        agent_id=cast.engineer.pk, company_id=cast.company.pk, actor=owner(cast), now=clock.now(),
        call=wakeups.manual("look", {"issueId": str(issue.pk)}),
    )  # fmt: skip
    (payload,) = told("heartbeat.run.queued")
    assert set(payload) == {
        "runId", "agentId", "issueId", "invocationSource", "triggerDetail", "wakeupRequestId"
    }  # fmt: skip
    assert payload["runId"] == str(made.run.pk)
    assert payload["issueId"] == str(issue.pk)
    assert payload["wakeupRequestId"] == str(made.run.wakeup_request_id)


def test_end_of_a_run_tells_its_status_and_the_agents(cast, told):
    run = factories.run(cast.engineer, status="running")
    now = clock.now()
    Run.objects.filter(pk=run.pk).update(
        status="failed",
        error="x" * 5000,
        error_code="adapter_failed",
        finished_at=now,
        claim_token=None,
        runner=None,
    )
    Agent.objects.filter(pk=cast.engineer.pk).update(status="error", last_heartbeat_at=now)
    ended = told("heartbeat.run.status")[-1]
    assert ended["status"] == "failed"
    assert ended["errorCode"] == "adapter_failed"
    assert len(ended["error"]) == 2048
    assert ended["finishedAt"] == clock.iso(now)
    assert told("agent.status") == [
        {
            "agentId": str(cast.engineer.pk), "status": "error", "outcome": "failed",
            "lastHeartbeatAt": clock.iso(now),
        }
    ]  # fmt: skip


def test_status_that_does_not_change_is_no_news(cast, told):
    run = factories.run(cast.engineer, status="running")
    before = len(told("heartbeat.run.status"))
    Run.objects.filter(pk=run.pk).update(status="running", log_bytes=17)
    assert len(told("heartbeat.run.status")) == before


def test_retry_that_waits_is_told_as_status_and_as_queued_when_promoted(cast, told):
    run = factories.run(cast.engineer, status="scheduled_retry", scheduled_retry_at=clock.now())
    assert told("heartbeat.run.queued") == []
    assert told("heartbeat.run.status")[-1]["status"] == "scheduled_retry"
    Run.objects.filter(pk=run.pk).update(status="queued")
    assert [payload["runId"] for payload in told("heartbeat.run.queued")] == [str(run.pk)]


def test_step_of_a_run_is_told(cast, told):
    run = factories.run(cast.engineer, status="running")
    events.append(run, "Something", now=clock.now(), payload={"token": "s3cret", "exitCode": 1})
    (payload,) = told("heartbeat.run.event")
    assert set(payload) == {
        "runId", "agentId", "seq", "eventType", "stream", "level", "color", "message", "payload"
    }  # fmt: skip
    assert payload["message"] == "Something"
    assert payload["payload"]["exitCode"] == 1
    assert "s3cret" not in str(payload)


def test_step_too_large_for_an_event_is_told_without_its_parts(cast, told):
    run = factories.run(cast.engineer, status="running")
    events.append(run, "Something", now=clock.now(), payload={"text": "x" * 9000})
    assert told("heartbeat.run.event")[0]["payload"] is None


@pytest.mark.parametrize(
    ("deed", "status"),
    [
        pytest.param(agents.pause, "paused", id="CW-31 pause"),
        pytest.param(agents.terminate, "terminated", id="CW-31 terminate"),
    ],
)
def test_deed_of_a_person_tells_the_agents_status(cast, told, deed, status):
    deed(agent=cast.engineer, actor=owner(cast), now=clock.now())
    assert [payload["status"] for payload in told("agent.status")] == [status]


def test_resume_tells_the_agents_status(cast, told):
    paused = agents.pause(agent=cast.engineer, actor=owner(cast), now=clock.now())
    agents.resume(agent=paused, actor=owner(cast), now=clock.now())
    assert [payload["status"] for payload in told("agent.status")] == ["paused", "idle"]


def test_activity_is_told_without_secrets(cast, told):
    activity.record(
        company_id=cast.company.pk, actor=actors.for_agent(cast.engineer), action="issue.updated",
        entity_type="issue", entity_id="x", details={"apiKey": "s3cret", "title": "seen"}, now=clock.now(),
    )  # fmt: skip
    (payload,) = told("activity.logged")
    assert payload["actorType"] == "agent"
    assert payload["agentId"] == str(cast.engineer.pk)
    assert payload["details"]["title"] == "seen"
    assert "s3cret" not in str(payload)


def test_what_a_person_wrote_into_the_log_by_hand_is_not_told(cast, told):
    fields = {
        "actor_type": "system", "actor_id": "x", "action": "test", "entity_type": "company", "entity_id": "x"
    }  # fmt: skip
    activity.record_by_hand(company=cast.company, fields=fields, actor=owner(cast), now=clock.now())
    assert told("activity.logged") == []


def test_rolled_back_deed_is_never_told(cast, told):
    with transaction.atomic():
        agents.pause(agent=cast.engineer, actor=owner(cast), now=clock.now())
        transaction.set_rollback(True)
    assert told("agent.status") == []


def test_old_events_are_removed_and_young_ones_stay(cast):
    now = clock.now()
    for age in (1, 4000):
        LiveEvent.objects.create(
            company_id=cast.company.pk, type="test", payload={}, created_at=now - timedelta(seconds=age)
        )
    upkeep.prune(now=now)
    left = LiveEvent.objects.filter(type="test").values_list("created_at", flat=True)
    assert list(left) == [now - timedelta(seconds=1)]


def test_no_more_events_are_kept_than_there_may_be(cast, monkeypatch):
    monkeypatch.setattr(upkeep, "MOST_EVENTS", 3)
    for number in range(10):
        LiveEvent.objects.create(
            company_id=cast.company.pk, type="test", payload={"n": number}, created_at=clock.now()
        )
    upkeep.prune(now=clock.now())
    left = LiveEvent.objects.order_by("id").values_list("payload__n", flat=True)
    assert list(left) == [7, 8, 9]


def test_listening_is_known_for_some_minutes(cast):
    listeners.announce([cast.company.pk, UUID(factories.NO_SUCH_ID)])
    with connection.cursor() as cursor:
        cursor.execute("SELECT company_id, until > clock_timestamp() FROM live_listeners")
        assert cursor.fetchall() == [(cast.company.pk, True)]
