"""`POST /heartbeat-runs/:id/watchdog-decisions` (H-153, H-173), and `outputSilence` on run reads (H-154)."""

from __future__ import annotations

from datetime import timedelta

import pytest

from heartbeat.models import WatchdogDecision
from issues.models import Issue
from paperclip.companies.models import Activity
from paperclip.core import clock
from tests import factories

pytestmark = pytest.mark.django_db


@pytest.fixture
def run(cast):
    since = clock.now() - timedelta(hours=2)
    return factories.run(cast.engineer, started_at=since, last_output_at=since)


@pytest.fixture
def evaluation(cast, run):
    return factories.issue(
        cast.company,
        assignee_agent=cast.manager,
        origin_kind="stale_active_run_evaluation",
        origin_id=str(run.pk),
    )


def path(run):
    return f"/api/heartbeat-runs/{run.pk}/watchdog-decisions"


def later(**span):
    return clock.iso(clock.now() + timedelta(**span))


def test_the_board_snoozes(cast, run):  # H-18
    until = later(hours=3)
    answer = cast.as_owner.post(
        path(run), {"decision": "snooze", "snoozedUntil": until, "reason": "r" * 5000}
    )

    assert answer.status_code == 200
    body = answer.json()
    assert (body["decision"], body["snoozedUntil"], body["runId"]) == ("snooze", until, str(run.pk))
    assert (len(body["reason"]), body["createdByUserId"]) == (4000, str(cast.owner.pk))
    assert Activity.objects.get().action == "heartbeat.watchdog_snoozed"
    silent = cast.as_owner.get(f"/api/heartbeat-runs/{run.pk}").json()["outputSilence"]
    assert (silent["level"], silent["snoozedUntil"]) == ("snoozed", until)


@pytest.mark.parametrize("given", [False, True], ids=["H-153 half an hour", "H-153 a given time"])
def test_continue_leaves_it_alone_for_a_time(cast, run, given):
    until = later(hours=1)
    body = {"decision": "continue"} | ({"snoozedUntil": until} if given else {})
    answer = cast.as_owner.post(path(run), body).json()
    made = WatchdogDecision.objects.get()
    assert answer["snoozedUntil"] == (until if given else clock.iso(made.created_at + timedelta(minutes=30)))
    assert Activity.objects.get().action == "heartbeat.watchdog_decision_recorded"


def test_a_false_alarm_is_noted(cast, run):
    answer = cast.as_owner.post(path(run), {"decision": "dismissed_false_positive"})
    assert (answer.status_code, answer.json()["snoozedUntil"]) == (200, None)
    assert cast.as_owner.get(f"/api/heartbeat-runs/{run.pk}").json()["outputSilence"]["level"] == "suspicious"


def test_the_agent_that_was_asked_decides(cast, run, evaluation):
    mine = factories.run(cast.manager, issue=evaluation)
    caller = cast.as_agent(cast.manager, run_id=mine.pk)

    answer = caller.post(path(run), {"decision": "continue", "evaluationIssueId": str(evaluation.pk)})

    assert answer.status_code == 200
    body = answer.json()
    assert (body["createdByAgentId"], body["createdByRunId"]) == (str(cast.manager.pk), str(mine.pk))
    silent = cast.as_owner.get(f"/api/heartbeat-runs/{run.pk}").json()["outputSilence"]
    assert silent["evaluationIssueId"] == str(evaluation.pk)
    assert silent["evaluationIssueIdentifier"] == evaluation.identifier
    assert silent["evaluationIssueAssigneeAgentId"] == str(cast.manager.pk)


@pytest.mark.parametrize(
    "who",
    [
        pytest.param("wrong agent", id="HB-81 wrong agent"),
        pytest.param("unrelated issue", id="HB-81 unrelated issue"),
        pytest.param("closed evaluation", id="HB-81 closed evaluation"),
        pytest.param("foreign run", id="HB-81 foreign createdByRunId"),
        pytest.param("no evaluation", id="H-173 nobody was asked"),
    ],
)
def test_others_may_not_decide(cast, run, evaluation, who):
    body = {"decision": "continue", "evaluationIssueId": str(evaluation.pk)}
    caller = cast.as_agent(cast.manager)
    match who:
        case "wrong agent":
            caller = cast.as_agent(cast.peer)
        case "unrelated issue":
            body["evaluationIssueId"] = str(factories.issue(cast.company, assignee_agent=cast.manager).pk)
        case "closed evaluation":
            Issue.objects.filter(pk=evaluation.pk).update(status="done")
        case "foreign run":
            body["createdByRunId"] = str(factories.run(cast.peer).pk)
        case "no evaluation":
            Issue.objects.filter(pk=evaluation.pk).update(origin_id="elsewhere")
            del body["evaluationIssueId"]

    answer = caller.post(path(run), body)

    assert answer.status_code == 403
    assert not WatchdogDecision.objects.exists()


def test_the_board_names_only_issues_about_the_run(cast, run):
    body = {"decision": "continue", "evaluationIssueId": str(factories.issue(cast.company).pk)}
    assert cast.as_owner.post(path(run), body).status_code == 403


@pytest.mark.parametrize(
    ("body", "names"),
    [
        pytest.param({}, "decision", id="H-173 no decision"),
        pytest.param({"decision": "perhaps"}, "decision", id="H-173 an unknown one"),
        pytest.param({"decision": "snooze"}, "snoozedUntil", id="H-153 snooze needs a time"),
        pytest.param(
            {"decision": "snooze", "snoozedUntil": "2001-01-01T00:00:00Z"}, "snoozedUntil", id="H-153 past"
        ),
        pytest.param({"decision": "snooze", "snoozedUntil": "soon"}, "snoozedUntil", id="C-7 no time"),
        pytest.param({"decision": "continue", "evaluationIssueId": "x"}, "evaluationIssueId", id="C-7 no id"),
        pytest.param(
            {"decision": "dismissed_false_positive", "snoozedUntil": "2101-01-01T00:00:00Z"},
            "snoozedUntil",
            id="H-153 nothing to snooze",
        ),
    ],
)
def test_what_does_not_fit_is_named(cast, run, body, names):
    answer = cast.as_owner.post(path(run), body)
    assert answer.status_code == 400
    assert names in answer.content.decode()


@pytest.mark.parametrize(
    ("caller", "status"),
    [
        pytest.param("as_outsider", 404, id="H-173 another company"),
        pytest.param("as_foreign_agent", 404, id="H-173 another company's agent"),
        pytest.param("as_viewer", 403, id="C-24 a viewer"),
        pytest.param("as_nobody", 401, id="H-173 nobody"),
    ],
)
def test_who_may_not_even_ask(cast, run, caller, status):
    assert getattr(cast, caller).post(path(run), {"decision": "continue"}).status_code == status


def test_live_lists_ask_the_same_for_any_number_of_runs(cast, run, django_assert_max_num_queries):
    for _ in range(10):
        factories.run(cast.peer)
    caller = cast.as_owner
    with django_assert_max_num_queries(8):
        rows = caller.get(f"/api/companies/{cast.company.pk}/live-runs").json()
    assert len(rows) == 11
    assert {row["outputSilence"]["level"] for row in rows} == {"ok", "suspicious"}
