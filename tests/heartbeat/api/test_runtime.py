from __future__ import annotations

import threading

import pytest
from django.db import connection

from heartbeat.models import RuntimeState, TaskSession
from tests import factories
from tests.cast import Caller

pytestmark = pytest.mark.django_db


def session(agent, key, **fields):
    return TaskSession.objects.create(
        company=agent.company, agent=agent, adapter_type="process", task_key=key, **fields
    )


def test_the_state_shows_the_latest_session_without_secrets(cast):  # H-16, H-165, C-41, C-51
    session(
        cast.engineer, "a", session_display_id="s-1", session_params_json={"sessionId": "s-1", "apiKey": "k"}
    )
    body = cast.as_owner.get(f"/api/agents/{cast.engineer.pk}/runtime-state").json()
    assert (body["agentId"], body["sessionDisplayId"], body["totalCostCents"]) == (
        str(cast.engineer.pk),
        "s-1",
        0,
    )
    assert body["sessionParamsJson"] == {"sessionId": "s-1", "apiKey": "***REDACTED***"}


@pytest.mark.django_db(transaction=True)
def test_twelve_first_looks_make_one_row():  # HB-76
    company = factories.company()
    agent = factories.agent(company)
    token = factories.board_token(factories.user(member_of=company))
    answers = []

    def look():
        answers.append(Caller(token).get(f"/api/agents/{agent.pk}/runtime-state").status_code)
        connection.close()

    threads = [threading.Thread(target=look) for _ in range(12)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(timeout=30)
    assert answers == [200] * 12
    assert RuntimeState.objects.count() == 1


@pytest.mark.parametrize(
    ("body", "left", "cleared"),
    [pytest.param({}, [], 2, id="H-167 C-51 all"), pytest.param({"taskKey": "a"}, ["b"], 1, id="H-167 one")],
)
def test_sessions_are_forgotten(cast, body, left, cleared):
    session(cast.engineer, "a")
    session(cast.engineer, "b")
    answer = cast.as_owner.post(f"/api/agents/{cast.engineer.pk}/runtime-state/reset-session", body)
    assert (answer.status_code, answer.json()["clearedTaskSessions"]) == (200, cleared)
    assert list(TaskSession.objects.values_list("task_key", flat=True)) == left


@pytest.mark.parametrize("tail", ["runtime-state", "task-sessions"])
def test_only_who_manages_agents_may_look(cast, tail):
    path = f"/api/agents/{cast.engineer.pk}/{tail}"
    assert cast.as_owner.get(path).status_code == 200
    assert cast.as_operator.get(path).status_code == 403
    assert cast.as_agent(cast.engineer).get(path).status_code == 403
    assert cast.as_outsider.get(path).status_code == 404


def test_the_timers_of_the_instance(cast):  # H-184
    type(cast.engineer).objects.filter(pk=cast.engineer.pk).update(
        runtime_config={"heartbeat": {"enabled": True, "intervalSec": 60}}
    )
    rows = cast.as_owner.get("/api/instance/scheduler-heartbeats").json()
    assert (rows[0]["agentName"], rows[0]["schedulerActive"], rows[0]["intervalSec"]) == (
        "Engineer",
        True,
        60,
    )
    assert len(rows) == 4
    assert cast.as_operator.get("/api/instance/scheduler-heartbeats").status_code == 403
