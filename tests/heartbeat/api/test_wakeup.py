from __future__ import annotations

import pytest

from heartbeat.models import Run, WakeupRequest
from paperclip.companies.models import Activity
from tests import factories

pytestmark = pytest.mark.django_db


def path(agent):
    return f"/api/agents/{agent.pk}/wakeup"


def test_the_board_wakes_an_agent_and_gets_the_run_itself(cast):  # K-50, H-162, H-186
    answer = cast.as_owner.post(path(cast.engineer), {"reason": "look", "payload": {"taskKey": "t"}})

    assert answer.status_code == 202
    run = Run.objects.get()
    body = answer.json()
    assert (body["id"], body["status"], body["agentId"]) == (str(run.pk), "queued", str(cast.engineer.pk))
    assert run.context_snapshot["triggeredBy"] == "board"
    assert run.context_snapshot["forceFreshSession"] is False
    activity = Activity.objects.get(action="heartbeat.invoked")
    assert (activity.entity_type, activity.entity_id) == ("heartbeat_run", str(run.pk))
    listed = cast.as_owner.get(f"/api/companies/{cast.company.pk}/heartbeat-runs").json()
    assert [row["id"] for row in listed] == [str(run.pk)]


@pytest.mark.parametrize(
    ("caller", "status", "error"),
    [
        pytest.param("owner", 202, None, id="C-28 board"),
        pytest.param("self", 202, None, id="C-28 the agent itself"),
        pytest.param("peer", 403, "Agent can only invoke itself", id="C-60 another agent"),
        pytest.param("ceo", 403, "Agent can only invoke itself", id="C-28 not even the CEO"),
        pytest.param(
            "operator", 403, "Missing permission: agents:create", id="B-31 member without the grant"
        ),
        pytest.param("viewer", 403, "Viewer access is read-only", id="B-22 viewer"),
        pytest.param("foreign", 404, "Agent not found", id="B-15 foreign agent learns nothing"),
        pytest.param("outsider", 404, "Agent not found", id="outsider learns nothing"),
        pytest.param("nobody", 401, "Unauthorized", id="C-25 nobody"),
    ],
)
def test_who_may_wake(cast, caller, status, error):
    callers = {
        "self": lambda: cast.as_agent(cast.engineer),
        "peer": lambda: cast.as_agent(cast.peer),
        "ceo": lambda: cast.as_agent(cast.ceo),
        "foreign": lambda: cast.as_foreign_agent,
    }
    client = callers[caller]() if caller in callers else getattr(cast, f"as_{caller}")

    answer = client.post(path(cast.engineer), {})

    assert answer.status_code == status
    assert error is None or answer.json()["error"] == error
    assert Run.objects.exists() is (status == 202)


def test_a_paused_agent_answers_409_and_keeps_a_row(cast):  # H-41.3, HW-23
    type(cast.engineer).objects.filter(pk=cast.engineer.pk).update(status="paused")

    answer = cast.as_owner.post(path(cast.engineer), {})

    assert answer.status_code == 409
    assert answer.json() == {
        "error": "Agent is not invokable in its current state",
        "details": {"status": "paused"},
    }
    assert WakeupRequest.objects.get().reason == "agent_not_invokable"


def test_a_skip_says_which_check_was_in_the_way(cast):  # H-163, HW-23
    issue = factories.issue(cast.company, assignee_agent=cast.engineer)
    factories.blocks(factories.issue(cast.company), issue)

    body = cast.as_owner.post(path(cast.engineer), {"payload": {"issueId": str(issue.pk)}}).json()

    assert (body["status"], body["reason"], body["gate"]) == (
        "skipped",
        "wakeup_skipped",
        "issue_dependencies_blocked",
    )
    assert body["issueId"] == str(issue.pk)


def test_a_deferral_names_who_executes(cast):  # H-163
    issue = factories.issue(cast.company, assignee_agent=cast.peer)
    run = factories.run(cast.engineer, issue=issue)

    body = cast.as_owner.post(path(cast.peer), {"payload": {"issueId": str(issue.pk)}}).json()

    assert (body["reason"], body["executionRunId"]) == ("issue_execution_deferred", str(run.pk))
    assert body["executionAgentName"] == cast.engineer.name


def test_the_same_idempotency_key_makes_one_run(cast):  # HW-13
    first = cast.as_owner.post(path(cast.engineer), {"idempotencyKey": "k"}).json()
    again = cast.as_owner.post(path(cast.engineer), {"idempotencyKey": "k"}).json()
    assert first["id"] == again["id"]


@pytest.mark.parametrize(
    ("body", "field"),
    [
        pytest.param({"source": "magic"}, "source", id="unknown source"),
        pytest.param({"payload": [1]}, "payload", id="payload not an object"),
        pytest.param({"reason": 5}, "reason", id="reason not text"),
        pytest.param({"forceFreshSession": "yes"}, "forceFreshSession", id="flag not a boolean"),
        pytest.param({"idempotencyKey": "x" * 300}, "idempotencyKey", id="key too long"),
    ],
)
def test_bad_input_names_its_field(cast, body, field):  # C-5, H-9
    answer = cast.as_owner.post(path(cast.engineer), body)
    assert answer.status_code == 400
    assert answer.json()["error"] == "Validation error"
    assert [fault["path"] for fault in answer.json()["details"]] == [[field]]


@pytest.mark.parametrize(
    "body",
    [
        pytest.param(None, id="K-54 empty object"),
        pytest.param(
            {"reason": "r", "payload": {"taskKey": "x"}, "forceFreshSession": True}, id="HB-85 fields"
        ),
        pytest.param({"reason": 5, "payload": "x"}, id="H-164 wrong types are passed over"),
    ],
)
def test_invoke_takes_what_it_is_given(cast, body):
    answer = cast.as_owner.post(f"/api/agents/{cast.engineer.pk}/heartbeat/invoke", body)
    assert answer.status_code == 202
    context = Run.objects.get().context_snapshot
    assert context["actorId"] == str(cast.owner.pk)
    assert ("forceFreshSession" in context) is bool(body and body.get("forceFreshSession"))


def test_invoke_takes_an_empty_body(cast):  # K-54
    answer = cast.as_owner.generic("POST", f"/api/agents/{cast.engineer.pk}/heartbeat/invoke")
    assert answer.status_code == 202


def test_a_shortname_names_the_agent(cast):  # K-53
    answer = cast.as_owner.post(f"/api/agents/engineer/wakeup?companyId={cast.company.pk}", {})
    assert answer.status_code == 202
