from __future__ import annotations

import uuid

import pytest

from heartbeat import environments, events, lifecycle, outcomes
from heartbeat.adapters.base import Result
from heartbeat.models import Run
from heartbeat.runner import records, rundir, shim
from paperclip.companies import actors
from paperclip.companies.models import Activity
from paperclip.core import clock
from tests import factories

pytestmark = pytest.mark.django_db


@pytest.fixture
def issue(cast):
    return factories.issue(cast.company, assignee_agent=cast.engineer, status="in_progress")


@pytest.fixture
def run(cast, issue):
    return factories.run(
        cast.engineer,
        issue=issue,
        stdout_excerpt="out",
        result_json={"summary": "s" * 600, "stdout": "long", "costUsd": 0.5},
        context_snapshot={
            "issueId": str(issue.pk),
            "wakeReason": "issue_assigned",
            "apiKey": "k" * 20,
            "more": 1,
        },
    )


BY_ID = ["", "/events", "/log"]
LIVE_KEYS = {
    *(
        "id",
        "companyId",
        "status",
        "invocationSource",
        "triggerDetail",
        "contextCommentId",
        "contextWakeCommentId",
    ),
    *(
        "startedAt",
        "finishedAt",
        "createdAt",
        "agentId",
        "agentName",
        "adapterType",
        "logBytes",
        "livenessState",
    ),
    *(
        "livenessReason",
        "continuationAttempt",
        "lastUsefulActionAt",
        "nextAction",
        "lastOutputAt",
        "lastOutputSeq",
    ),
    *("lastOutputStream", "lastOutputBytes", "processStartedAt", "issueId", "outputSilence"),
}


@pytest.mark.parametrize("tail", BY_ID)
@pytest.mark.parametrize(
    ("caller", "status"),
    [
        pytest.param("as_owner", 200, id="owner"),
        pytest.param("as_viewer", 200, id="B-21 viewer reads"),
        pytest.param("as_outsider", 404, id="B-17 outsider learns nothing"),
        pytest.param("as_foreign_agent", 404, id="B-17 foreign agent learns nothing"),
        pytest.param("as_nobody", 401, id="B-19 nobody"),
    ],
)
def test_who_may_read_a_run(cast, run, settings, tmp_path, tail, caller, status):
    write_log(settings, tmp_path, run, ["hello"])
    answer = getattr(cast, caller).get(f"/api/heartbeat-runs/{run.pk}{tail}")
    assert answer.status_code == status
    assert status == 200 or str(cast.engineer.pk) not in answer.content.decode()


def test_an_agent_reads_the_runs_of_its_company(cast, run):
    assert cast.as_agent(cast.peer).get(f"/api/heartbeat-runs/{run.pk}").status_code == 200


@pytest.mark.parametrize("reference", ["nonsense", "00000000-0000-4000-8000-000000000000", "%00", "1" * 400])
def test_an_unknown_run_is_not_found(cast, reference):  # HW-24
    assert cast.as_owner.get(f"/api/heartbeat-runs/{reference}").status_code in (400, 404)


def test_a_list_row_says_little(cast, run):  # H-12
    (row,) = cast.as_owner.get(f"/api/companies/{cast.company.pk}/heartbeat-runs").json()
    assert row["stdoutExcerpt"] is None
    assert row["resultJson"] == {"summary": "s" * 500, "costUsd": 0.5}
    assert row["contextSnapshot"] == {"issueId": str(run.issue_id), "wakeReason": "issue_assigned"}


def test_the_whole_run_says_more_but_no_secret(cast, run):  # H-11, HB-86, H-171
    body = cast.as_owner.get(f"/api/heartbeat-runs/{run.pk}").json()
    assert body["stdoutExcerpt"] == "out"
    assert body["resultJson"]["stdout"] == "long"
    assert body["contextSnapshot"]["apiKey"] == "***REDACTED***"
    assert body["outputSilence"]["level"] == "ok"
    assert body["retryExhaustedReason"] is None


def test_a_huge_result_is_cut(cast, run):  # HB-86
    Run.objects.filter(pk=run.pk).update(result_json={"stdout": "x" * 70_000, "other": 1})
    result = cast.as_owner.get(f"/api/heartbeat-runs/{run.pk}").json()["resultJson"]
    assert len(result["stdout"]) == 4096
    assert (result["stdoutTruncated"], result["truncated"]) == (True, True)
    assert "other" not in result


@pytest.mark.parametrize(
    ("query", "count"),
    [
        pytest.param("", 5, id="H-168 all"),
        pytest.param("?limit=2", 2, id="H-168 limit"),
        pytest.param("?limit=0", 5, id="H-168 zero is the default"),
        pytest.param("?limit=junk", 5, id="H-168 junk is the default"),
    ],
)
def test_lists_are_bounded(cast, query, count):
    for _ in range(5):
        factories.run(cast.engineer, status="succeeded")
    rows = cast.as_owner.get(f"/api/companies/{cast.company.pk}/heartbeat-runs{query}").json()
    assert len(rows) == count
    assert rows == sorted(rows, key=lambda row: row["createdAt"], reverse=True)


@pytest.mark.parametrize(
    "query", [pytest.param("", id="HB-83 by itself"), pytest.param("?limit=0", id="HB-83 zero")]
)
def test_live_runs_are_at_most_fifty(cast, query):
    Run.objects.bulk_create(
        Run(company=cast.company, agent=cast.engineer, status="queued") for _ in range(75)
    )
    rows = cast.as_owner.get(f"/api/companies/{cast.company.pk}/live-runs{query}").json()
    assert len(rows) == 50


def test_a_list_can_be_of_one_agent(cast, run):
    factories.run(cast.peer)
    listing = f"/api/companies/{cast.company.pk}/heartbeat-runs?agentId="
    assert [row["id"] for row in cast.as_owner.get(listing + str(cast.engineer.pk)).json()] == [str(run.pk)]
    assert cast.as_owner.get(listing + "junk").status_code == 400


def test_live_runs_leave_out_scheduled_ones_and_are_filled_up(cast, run):  # H-169
    factories.run(cast.peer, status="succeeded")
    factories.run(cast.peer, status="scheduled_retry", scheduled_retry_at=clock.now())
    listing = f"/api/companies/{cast.company.pk}/live-runs"
    assert [row["id"] for row in cast.as_owner.get(listing).json()] == [str(run.pk)]
    assert len(cast.as_owner.get(f"{listing}?minCount=2").json()) == 2
    row = cast.as_owner.get(listing).json()[0]
    assert (row["agentName"], row["issueId"]) == (cast.engineer.name, str(run.issue_id))
    assert set(row) == LIVE_KEYS, "H-170"


def test_events_follow_a_cursor(cast, run):  # H-174, H-14
    for number in range(3):
        events.append(
            run, f"step {number}", now=clock.now(), payload={"token": "x", "apiKey": "secret-value"}
        )
    rows = cast.as_owner.get(f"/api/heartbeat-runs/{run.pk}/events?afterSeq=1&limit=1").json()
    assert [(row["seq"], row["message"]) for row in rows] == [(2, "step 1")]
    assert rows[0]["payload"]["apiKey"] == "***REDACTED***"


def write_log(settings, tmp_path, run, lines):
    settings.RUNS_ROOT = tmp_path / "runs"
    spec = records.Spec(
        run_id=str(run.pk), argv=("true",), cwd="/", stdin=None, timeout_sec=0, grace_sec=1,
        max_log_bytes=1 << 20, adapter_type="process", claim_token="t",
    )  # fmt: skip
    directory = rundir.create(settings.RUNS_ROOT, str(run.pk), spec, {})
    text = "".join(f'{{"ts":"t","stream":"stdout","chunk":"{line}\\n"}}\n' for line in lines)
    (directory.path / shim.LOG_FILE).write_text(text)
    return text


def test_a_log_is_read_in_whole_lines(cast, run, settings, tmp_path):  # H-175, K-34
    text = write_log(settings, tmp_path, run, [f"line {number} ä" for number in range(50)])
    content, offset = "", 0
    for _ in range(200):
        page = cast.as_owner.get(f"/api/heartbeat-runs/{run.pk}/log?offset={offset}&limitBytes=120").json()
        assert page["content"] == "" or page["content"].endswith("\n")
        content += page["content"]
        if "nextOffset" not in page:
            break
        offset = page["nextOffset"]
    assert content == text
    assert page["store"] == "local_file"


def test_a_run_without_a_log_says_so(cast, run, settings, tmp_path):
    settings.RUNS_ROOT = tmp_path
    answer = cast.as_owner.get(f"/api/heartbeat-runs/{run.pk}/log")
    assert (answer.status_code, answer.json()) == (404, {"error": "Run log not found"})


def test_the_issues_of_a_run(cast, run, issue):  # H-176, HB-88
    other = factories.issue(cast.company, title="Touched")
    hidden = factories.issue(cast.company, hidden_at=clock.now())
    for touched in (other, hidden):
        Activity.objects.create(
            company=cast.company, actor_type="agent", actor_id="x", action="issue.updated",
            entity_type="issue", entity_id=str(touched.pk), run=run,
        )  # fmt: skip
    rows = cast.as_owner.get(f"/api/heartbeat-runs/{run.pk}/issues").json()
    assert [row["issueId"] for row in rows] == [str(issue.pk), str(other.pk)]
    assert cast.as_outsider.get(f"/api/heartbeat-runs/{run.pk}/issues").json() == []
    assert cast.as_nobody.get(f"/api/heartbeat-runs/{uuid.uuid4()}/issues").status_code == 401


def test_cancel_is_the_boards(cast, issue):  # H-172, B-18
    run = factories.run(cast.engineer, issue=issue, status="queued")
    path = f"/api/heartbeat-runs/{run.pk}/cancel"
    assert cast.as_agent(cast.engineer).post(path).status_code == 403
    assert cast.as_viewer.post(path).status_code == 403
    assert cast.as_outsider.post(path).status_code == 404
    assert cast.as_nobody.post(path).status_code == 403

    answer = cast.as_owner.post(path)

    assert (answer.status_code, answer.json()["status"]) == (200, "cancelled")
    assert Activity.objects.get(action="heartbeat.cancelled").details["issueId"] == str(issue.pk)


def test_the_ledger_of_an_issue(cast, run, issue):  # H-178, H-179, H-180
    rows = cast.as_owner.get(f"/api/issues/{issue.identifier.lower()}/runs").json()
    assert [(row["runId"], row["adapterType"]) for row in rows] == [(str(run.pk), "process")]
    assert "stdout" not in (rows[0]["resultJson"] or {})
    live = cast.as_owner.get(f"/api/issues/{issue.pk}/live-runs").json()
    assert [row["id"] for row in live] == [str(run.pk)]
    assert cast.as_outsider.get(f"/api/issues/{issue.pk}/runs").status_code == 404


def test_the_ledger_tells_where_a_run_worked_and_that_its_place_is_free_again(cast, run, issue):  # H-78, HB-6
    def lease():
        row = cast.as_owner.get(f"/api/issues/{issue.pk}/runs").json()[-1]
        assert row["environment"] == {"name": "Local", "driver": "local"}
        return row["environmentLease"]

    assert lease() == {
        "runId": str(run.pk),
        "status": "active",
        "acquiredAt": clock.iso(run.started_at),
        "releasedAt": None,
        "failureReason": None,
    }
    now = clock.now()

    lifecycle.lose(run_id=run.pk, message="The program is gone", remains=outcomes.Remains(), now=now)

    told = lease()
    assert (told["status"], told["failureReason"]) == ("failed", "process_lost")
    assert told["releasedAt"] == clock.iso(now)
    waiting = cast.as_owner.get(f"/api/issues/{issue.pk}/runs").json()[0]
    assert (waiting["status"], waiting["environmentLease"]) == ("queued", None), "nothing was claimed yet"


@pytest.mark.parametrize(
    ("result", "remains", "stop", "status"),
    [
        pytest.param({}, {"exit_code": 0}, False, "released", id="H-78 succeeded"),
        pytest.param({}, {"exit_code": 3}, False, "failed", id="H-78 failed"),
        pytest.param({}, {"timed_out": True}, False, "failed", id="H-78 timed out"),
        pytest.param({}, {"signal": "SIGTERM"}, True, "released", id="H-78 cancelled"),
        pytest.param(
            {"error_code": "cwd_missing", "error_message": "-"}, {}, False, "failed", id="H-78 set-up"
        ),
    ],
)
def test_whatever_ends_a_run_lets_go_of_its_place(cast, run, result, remains, stop, status):
    now = clock.now()
    if stop:
        lifecycle.cancel(run_id=run.pk, reason="Enough", actor=actors.for_user(cast.owner), now=now)
    ended = lifecycle.finish(
        run_id=run.pk,
        claim_token=run.claim_token,
        result=Result(**result),
        remains=outcomes.Remains(**remains),
        now=now,
    )
    lease = environments.lease_of(ended)
    assert (lease.status, lease.released_at) == (status, now)


@pytest.mark.parametrize(
    ("lock", "expected"),
    [
        pytest.param("own", "run", id="H-181 the lock's run"),
        pytest.param(None, "run", id="HB-84 the assignee's run"),
    ],
)
def test_the_active_run_of_an_issue(cast, run, issue, lock, expected):
    type(issue).objects.filter(pk=issue.pk).update(execution_run=run if lock else None)
    body = cast.as_owner.get(f"/api/issues/{issue.pk}/active-run").json()
    assert body["id"] == str(run.pk)


def test_an_issue_nobody_works_on_has_no_active_run(cast):
    issue = factories.issue(cast.company)
    answer = cast.as_owner.get(f"/api/issues/{issue.pk}/active-run")
    assert (answer.status_code, answer.json()) == (200, None)


def test_query_counts_do_not_grow(cast, django_assert_num_queries):
    def queries(path):
        from django.db import connection
        from django.test.utils import CaptureQueriesContext

        with CaptureQueriesContext(connection) as seen:
            assert cast.as_owner.get(path).status_code == 200
        return len(seen)

    paths = [
        f"/api/companies/{cast.company.pk}/{tail}" for tail in ("heartbeat-runs", "live-runs?minCount=50")
    ]
    cast.as_owner.get(paths[0])
    factories.run(cast.engineer, status="succeeded")
    few = [queries(path) for path in paths]
    for _ in range(15):
        factories.run(cast.engineer, status="succeeded")
    assert [queries(path) for path in paths] == few
