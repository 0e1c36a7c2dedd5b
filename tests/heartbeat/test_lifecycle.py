from __future__ import annotations

import uuid

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from heartbeat import lifecycle, outcomes, words
from heartbeat.adapters.base import Result, Usage
from heartbeat.choices import Mechanism
from heartbeat.models import Run, RunEvent, RuntimeState, TaskSession, WakeupRequest
from heartbeat.outcomes import Remains
from paperclip.companies import actors
from paperclip.core import clock
from paperclip.governance.models import CostEvent
from tests import factories
from tests.heartbeat.test_claims import claim
from tests.heartbeat.test_wakeups import comment_wake, wake

pytestmark = pytest.mark.django_db
OK = Remains(exit_code=0)
# Statements in the transaction that ends a run, its savepoints included; what the issue adds is its evidence, its
# summary, the comment and the decision.
QUERIES_FREE = 17
QUERIES_WITH_ISSUE = 25


def finish(run, *, result=None, remains=OK, token=None):
    return lifecycle.finish(
        run_id=run.pk,
        claim_token=token or run.claim_token,
        result=result or Result(),
        remains=remains,
        now=clock.now(),
    )


@pytest.fixture
def issue(cast):
    return factories.issue(cast.company, assignee_agent=cast.engineer)


@pytest.fixture
def run(cast, issue):
    wake(cast.engineer, issue=issue)
    (claimed,) = claim()
    return claimed


@pytest.mark.parametrize(
    ("remains", "result", "expected"),
    [
        pytest.param(OK, Result(), ("succeeded", None, "completed"), id="H-95 exit 0"),
        pytest.param(
            OK,
            Result(error_message="it said no"),
            ("failed", "adapter_failed", "adapter_failed"),
            id="A-5 message fails",
        ),
        pytest.param(
            Remains(exit_code=3),
            Result(error_message="x"),
            ("failed", "adapter_failed", "adapter_failed"),
            id="H-95 exit 3",
        ),
        pytest.param(
            Remains(signal="SIGKILL"),
            Result(),
            ("failed", "adapter_failed", "adapter_failed"),
            id="HW-5 signal is no success",
        ),
        pytest.param(
            Remains(), Result(), ("failed", "adapter_failed", "adapter_failed"), id="unknown is no success"
        ),
        pytest.param(
            Remains(timed_out=True), Result(), ("timed_out", "timeout", "timeout"), id="H-95 timed out"
        ),
        pytest.param(
            Remains(exit_code=1),
            Result(error_message="x", error_code="max_turns_exhausted"),
            ("failed", "max_turns_exhausted", "max_turns_exhausted"),
            id="H-97 max turns",
        ),
    ],
)
def test_the_verdict_is_computed_from_what_is_left(remains, result, expected):
    verdict = outcomes.decide(result=result, remains=remains, cancel_reason=None)
    assert (verdict.status, verdict.error_code, verdict.stop_reason) == expected


@pytest.mark.parametrize(
    ("reason", "word"),
    [
        pytest.param("Cancelled by the board", "cancelled", id="H-97 cancelled"),
        pytest.param("Cancelled due to agent pause", "paused", id="H-97 paused"),
        pytest.param("Cancelled due to budget pause", "budget_paused", id="H-97 budget"),
    ],
)
def test_a_cancelled_run_is_cancelled_whatever_its_exit(reason, word):
    verdict = outcomes.decide(result=Result(), remains=OK, cancel_reason=reason)
    assert (verdict.status, verdict.stop_reason) == ("cancelled", word)


def test_finish_commits_everything_that_follows(cast, issue, run):  # H-100, H-30, H-36
    usage = Usage(input_tokens=10, output_tokens=5)
    result = Result(
        usage=usage,
        cost_usd=0.42,
        provider="acme",
        model="m-1",
        session_params={"sessionId": "s-1"},
        session_display_id="s-1",
        summary="All done",
    )
    type(issue).objects.filter(pk=issue.pk).update(status="done")
    finish(run, result=result, remains=Remains(exit_code=0, log_bytes=120, stdout_excerpt="hi"))

    run.refresh_from_db()
    issue.refresh_from_db()
    cast.engineer.refresh_from_db()
    assert (run.status, run.exit_code, run.log_bytes, run.stdout_excerpt) == ("succeeded", 0, 120, "hi")
    assert (run.followup_mechanism, run.liveness_state) == ("none", "completed")
    assert run.result_json["stopReason"] == "completed"
    assert WakeupRequest.objects.get().status == "completed"
    assert (issue.execution_run_id, issue.checkout_run_id) == (None, run.pk)
    assert run.issue_comment_status == "satisfied"
    assert issue.comments.get().body == "All done"
    assert cast.engineer.status == "idle"
    assert cast.engineer.last_heartbeat_at is not None
    assert CostEvent.objects.get().cost_cents == 42
    state = RuntimeState.objects.get(agent=cast.engineer)
    assert (state.last_run_status, state.total_input_tokens, state.total_cost_cents) == ("succeeded", 10, 42)
    assert TaskSession.objects.get().session_display_id == "s-1"
    assert [event.seq for event in RunEvent.objects.filter(run=run).order_by("seq")] == [1, 2]


def test_a_stale_claim_cannot_end_a_run(run):
    assert finish(run, token=uuid.uuid4()) is None
    run.refresh_from_db()
    assert run.status == "running"


def test_an_ended_run_cannot_end_again(run):  # H-34
    finish(run)
    assert finish(run, remains=Remains(exit_code=9)) is None
    run.refresh_from_db()
    assert (run.status, run.exit_code) == ("succeeded", 0)


def test_a_failed_run_leaves_the_agent_in_error(cast, run):  # H-35
    finish(run, result=Result(error_message="boom"), remains=Remains(exit_code=1))
    cast.engineer.refresh_from_db()
    assert cast.engineer.status == "error"


def test_the_end_of_a_run_does_not_wake_a_paused_agent_up(cast, run):  # C-62, CW-28
    type(cast.engineer).objects.filter(pk=cast.engineer.pk).update(status="paused")
    finish(run)
    cast.engineer.refresh_from_db()
    assert cast.engineer.status == "paused"


def test_a_waiting_comment_becomes_the_next_run(cast, issue, run):  # HB-58, H-62
    first, second = factories.comment(issue), factories.comment(issue)
    comment_wake(cast.engineer, issue, first)
    comment_wake(cast.engineer, issue, second)

    finish(run)

    following = Run.objects.exclude(pk=run.pk).get()
    assert (following.status, following.issue_id) == ("queued", issue.pk)
    assert following.context_snapshot["wakeCommentIds"] == [str(first.pk), str(second.pk)]
    assert following.wakeup_request.reason == "issue_execution_promoted"
    issue.refresh_from_db()
    assert issue.execution_run_id == following.pk


@pytest.mark.parametrize(
    ("speaker", "reopened"),
    [
        pytest.param("person", True, id="HB-60 a person reopens"),
        pytest.param("agent", False, id="HB-61 an agent does not"),
    ],
)
def test_a_waiting_comment_on_work_closed_meanwhile(cast, issue, run, speaker, reopened):
    actor = actors.for_user(cast.owner) if speaker == "person" else actors.for_agent(cast.peer)
    comment_wake(cast.engineer, issue, factories.comment(issue), actor=actor)
    type(issue).objects.filter(pk=issue.pk).update(status="done", completed_at=clock.now())

    finish(run)

    issue.refresh_from_db()
    following = Run.objects.exclude(pk=run.pk).get()
    assert issue.status == ("todo" if reopened else "done")
    assert (issue.completed_at is None) is reopened
    assert following.context_snapshot.get("reopenedFrom") == ("done" if reopened else None)


def test_a_waiting_wake_of_a_paused_agent_is_closed_with_its_reason(cast, issue, run):  # H-60
    comment_wake(cast.peer, issue, factories.comment(issue), reason="issue_comment_mentioned")
    type(cast.peer).objects.filter(pk=cast.peer.pk).update(status="paused")
    type(issue).objects.filter(pk=issue.pk).update(status="in_review")

    finish(run, result=Result(summary="To be judged"))

    waiting = WakeupRequest.objects.get(agent=cast.peer)
    assert (waiting.status, bool(waiting.error)) == ("failed", True)
    assert Run.objects.count() == 1


def lose(run):
    return lifecycle.lose(run_id=run.pk, message="gone", remains=Remains(), now=clock.now())


def test_a_lost_program_is_started_once_more_with_everything(cast, issue, run):  # HB-4, H-113, H-32, H-140
    type(run).objects.filter(pk=run.pk).update(session_id_before="s-7")
    lose(run)

    run.refresh_from_db()
    retry = Run.objects.get(retry_of_run=run)
    assert (run.status, run.error_code, run.result_json["stopReason"]) == (
        "failed",
        "process_lost",
        "process_lost",
    )
    assert (run.followup_mechanism, run.followup_attempt) == ("process_loss_retry", 1)
    assert (retry.status, retry.issue_id, retry.task_key) == ("queued", issue.pk, run.task_key)
    assert (retry.session_id_before, retry.process_loss_retry_count) == ("s-7", 1)
    assert retry.context_snapshot["wakeReason"] == "process_lost_retry"
    issue.refresh_from_db()
    assert (issue.execution_run_id, issue.checkout_run_id) == (retry.pk, run.pk)


def test_a_second_loss_is_no_matter_of_the_program_any_more(cast, issue, run):  # H-63
    lose(run)
    (retry,) = claim()
    lose(retry)

    retry.refresh_from_db()
    assert (retry.status, retry.followup_mechanism) == ("failed", "recovery")
    following = Run.objects.get(retry_of_run=retry)
    assert following.process_loss_retry_count == 1, "counters travel along"


@pytest.mark.parametrize("with_issue", [pytest.param(False, id="free"), pytest.param(True, id="of an issue")])
def test_what_the_end_of_an_ordinary_run_costs(cast, with_issue):
    issue = factories.issue(cast.company, assignee_agent=cast.engineer) if with_issue else None
    actor = actors.for_user(cast.owner)
    for _ in range(2):
        wake(cast.engineer, issue=issue, source="on_demand", reason="manual", actor=actor)
        (run,) = claim()
        if issue is not None:
            type(issue).objects.filter(pk=issue.pk).update(status="in_review")
        with CaptureQueriesContext(connection) as asked:
            finish(run, result=Result(summary="Looked at it"))
    assert len(asked) <= (QUERIES_WITH_ISSUE if with_issue else QUERIES_FREE)
    evidence = [query for query in asked.captured_queries if "issue_comments" in query["sql"]]
    assert bool(evidence) is with_issue


def test_a_lost_run_is_lost_once(run):
    lose(run)
    assert lose(run) is None
    assert Run.objects.filter(retry_of_run=run).count() == 1


def cancel(run):
    return lifecycle.cancel(
        run_id=run.pk, reason="Cancelled by the board", actor=actors.system("test"), now=clock.now()
    )


def test_a_waiting_run_is_cancelled_at_once(cast, issue):  # H-33
    run = wake(cast.engineer, issue=issue).run
    cancelled = cancel(run)
    assert (cancelled.status, cancelled.error_code) == ("cancelled", "cancelled")
    assert run.wakeup_request.__class__.objects.get().status == "cancelled"


def test_a_running_run_is_cancelled_when_its_program_is_gone(cast, issue, run):  # HW-2, H-118, H-160
    assert cancel(run).status == "running"
    assert cancel(run).cancel_requested_at is not None

    finish(run, remains=Remains(signal="SIGTERM"))

    run.refresh_from_db()
    assert (run.status, run.error_code, run.result_json["stopReason"]) == (
        "cancelled",
        "cancelled",
        "cancelled",
    )
    assert Run.objects.count() == 1, "a person's cancel is never tried again"
    assert run.followup_reason.startswith("A person cancelled")
    cast.engineer.refresh_from_db()
    assert cast.engineer.status == "idle", "a cancel is nobody's error"


def test_a_cancelled_run_that_is_lost_is_not_tried_again(run):
    cancel(run)
    lose(run)
    run.refresh_from_db()
    assert run.status == "cancelled"
    assert Run.objects.count() == 1


def test_cancelling_an_ended_run_changes_nothing(run):  # H-155
    finish(run)
    assert cancel(run).status == "succeeded"


@pytest.mark.parametrize(
    "said", [pytest.param("a\x00b", id="NUL"), pytest.param("a\ud800b", id="half a character")]
)
@pytest.mark.parametrize(
    "result",
    [
        pytest.param(lambda said: Result(summary=said), id="summary"),
        pytest.param(lambda said: Result(result_json={said: {"deep": [said]}}), id="result"),
        pytest.param(lambda said: Result(error_message=said, error_code=said), id="error"),
        pytest.param(lambda said: Result(session_display_id=said * 99, error_code=said * 99), id="too long"),
        pytest.param(lambda said: Result(session_params={"s": said}, session_display_id=said), id="session"),
    ],
)
def test_whatever_a_program_writes_its_run_ends(run, result, said):
    assert finish(run, result=result(said)) is not None
    run.refresh_from_db()
    assert run.status in ("succeeded", "failed")


@pytest.mark.parametrize("mechanism", [each for each in Mechanism if each != Mechanism.NONE])
def test_the_board_has_a_word_for_everything_that_follows(mechanism):
    ended = Run(status="succeeded", followup_mechanism=mechanism, followup_reason="It was so")
    assert words.followup(ended).endswith(": it was so")


def test_errors_lose_their_secrets(run):
    finish(run, result=Result(error_message="bad key pcp_" + "a" * 48), remains=Remains(exit_code=1))
    run.refresh_from_db()
    assert "aaaa" not in run.error
    assert "aaaa" not in RunEvent.objects.filter(run=run).last().message
