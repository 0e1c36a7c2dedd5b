from __future__ import annotations

import pytest

from paperclip.companies.models import Activity
from paperclip.core import clock
from tests import factories
from tests.heartbeat.test_retries import LIMIT, NOW, RESET, end, retry_of, start

pytestmark = pytest.mark.django_db


@pytest.fixture
def issue(cast):
    return factories.issue(cast.company, assignee_agent=cast.engineer)


@pytest.fixture
def waiting(cast, issue):
    return retry_of(end(start(cast.engineer, issue)))


def path(issue):
    return f"/api/issues/{issue.pk}/scheduled-retry/retry-now"


def test_the_board_starts_a_waiting_retry(cast, issue, waiting):  # HB-28, H-182, I-202, IC-116
    first = cast.as_owner.post(path(issue))
    second = cast.as_owner.post(f"/api/issues/{issue.identifier.lower()}/scheduled-retry/retry-now")
    assert (first.status_code, first.json()["outcome"]) == (200, "promoted")
    assert (second.status_code, second.json()["outcome"]) == (200, "already_promoted")
    body = first.json()
    waiting.refresh_from_db()
    assert body["message"]
    assert body["scheduledRetry"] == {
        "runId": str(waiting.pk),
        "status": "queued",
        "agentId": str(cast.engineer.pk),
        "agentName": "Engineer",
        "retryOfRunId": str(waiting.retry_of_run_id),
        "scheduledRetryAt": clock.iso(waiting.scheduled_retry_at),
        "scheduledRetryAttempt": 1,
        "scheduledRetryReason": "transient_failure",
        "error": None,
        "errorCode": None,
    }


def test_nothing_to_start(cast, issue):  # HB-29, IC-116
    answer = cast.as_owner.post(path(issue))
    assert (answer.status_code, answer.json()["outcome"]) == (200, "no_scheduled_retry")
    assert answer.json()["scheduledRetry"] is None


def test_a_gate_in_the_way_is_told(cast, issue, waiting):  # HB-30, IC-116
    type(cast.engineer).objects.filter(pk=cast.engineer.pk).update(status="paused")
    body = cast.as_owner.post(path(issue)).json()
    assert (body["outcome"], body["scheduledRetry"]["errorCode"]) == (
        "gate_suppressed",
        "agent_not_invokable",
    )
    assert (body["scheduledRetry"]["status"], bool(body["scheduledRetry"]["error"])) == ("cancelled", True)
    assert Activity.objects.filter(action="issue.scheduled_retry_retry_now").count() == 1


@pytest.mark.parametrize(
    ("who", "status"),
    [
        pytest.param("engineer", 403, id="HB-31 agent"),
        pytest.param("viewer", 403, id="viewer"),
        pytest.param("outsider", 404, id="HB-31 foreign board"),
        pytest.param("foreign_agent", 403, id="foreign agent"),
        pytest.param("nobody", 403, id="nobody"),
    ],
)
def test_only_the_companys_board_may(cast, issue, waiting, who, status):
    caller = cast.as_agent(cast.engineer) if who == "engineer" else getattr(cast, f"as_{who}")
    assert caller.post(path(issue)).status_code == status
    waiting.refresh_from_db()
    assert waiting.status == "scheduled_retry"


@pytest.mark.parametrize("reference", [factories.NO_SUCH_ID, "nothing", "PAP-0", "%00"])
def test_an_issue_that_is_not_there(cast, reference):
    assert cast.as_owner.post(f"/api/issues/{reference}/scheduled-retry/retry-now").status_code in (400, 404)


def test_the_issue_shows_its_waiting_retry(cast, issue, waiting):  # HB-32
    retry = cast.as_owner.get(f"/api/issues/{issue.pk}").json()["scheduledRetry"]
    assert (retry["runId"], retry["agentName"]) == (str(waiting.pk), "Engineer")
    assert (retry["scheduledRetryAttempt"], retry["scheduledRetryAt"]) == (
        1,
        clock.iso(waiting.scheduled_retry_at),
    )


def test_the_kind_of_a_failure_is_told_wherever_runs_are(cast, issue):  # H-10, H-115
    run = end(start(cast.engineer, issue), LIMIT)
    retry = retry_of(run)
    shown = {
        "list": cast.as_owner.get(f"/api/companies/{cast.company.pk}/heartbeat-runs").json(),
        "issue": cast.as_owner.get(f"/api/issues/{issue.pk}/runs").json(),
    }
    for rows in shown.values():
        by_id = {row["id"]: row for row in rows}
        failed, waiting = by_id[str(run.pk)], by_id[str(retry.pk)]
        assert (failed["failureCategory"], failed["failureAdvice"]) == ("rate_limit", run.failure_advice)
        assert (failed["diagnosticRetryCount"], waiting["diagnosticRetryCount"]) == (0, 1)
        assert (waiting["failureCategory"], waiting["scheduledRetryReason"]) == (None, "diagnostic_retry")
    whole = cast.as_owner.get(f"/api/heartbeat-runs/{run.pk}").json()
    assert (whole["failureCategory"], whole["followupMechanism"]) == ("rate_limit", "diagnostic_retry")
    assert whole["followupDueAt"] == clock.iso(retry.scheduled_retry_at)


def test_the_end_of_bounded_retries_is_told(cast, issue):  # H-11
    run = end(start(cast.engineer, issue, scheduled_retry_attempt=4))
    whole = cast.as_owner.get(f"/api/heartbeat-runs/{run.pk}").json()
    assert whole["retryExhaustedReason"].startswith("Bounded retry exhausted after 4 attempts")


def test_an_ordinary_failure_has_no_exhausted_reason(cast, issue):
    run = end(start(cast.engineer, issue), RESET, now=NOW)
    assert cast.as_owner.get(f"/api/heartbeat-runs/{run.pk}").json()["retryExhaustedReason"] is None
