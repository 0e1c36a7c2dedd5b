"""A run called to work leaves a word on its issue, or is asked for one once (H-103, H-104)."""

from __future__ import annotations

import pytest

from heartbeat import context as contexts
from heartbeat import lifecycle, wake_payload
from heartbeat.adapters.base import Result
from heartbeat.models import Run, RunEvent, WakeupRequest
from heartbeat.outcomes import Remains
from issues import comments
from paperclip.companies import actors
from paperclip.core import clock
from tests import factories
from tests.heartbeat.test_claims import claim
from tests.heartbeat.test_lifecycle import finish
from tests.heartbeat.test_wakeups import comment_wake, wake

pytestmark = pytest.mark.django_db


@pytest.fixture
def issue(cast):
    return factories.issue(cast.company, assignee_agent=cast.engineer)


def start(cast, issue, *, reason="issue_assigned", agent=None):
    wake(agent or cast.engineer, issue=issue, reason=reason)
    (run,) = claim()
    return run


def end(run, **result):
    finish(run, result=Result(**result))
    run.refresh_from_db()
    return run


def speak(run, body="Did a part"):
    actor = actors.for_agent(run.agent, run_id=run.pk)
    return comments.add(issue_id=run.issue_id, body=body, actor=actor, now=clock.now())


def warnings(run):
    return list(RunEvent.objects.filter(run=run, level="warn").values_list("message", flat=True))


def test_a_run_without_a_word_is_asked_for_one_once(cast, issue):  # HB-62
    first = end(start(cast, issue))

    retry = Run.objects.get(retry_of_run=first)
    assert first.issue_comment_status == "retry_queued"
    assert first.issue_comment_retry_queued_at == first.finished_at
    assert (first.followup_mechanism, first.followup_attempt) == ("comment_retry", 1)
    assert any("comment" in message for message in warnings(first))
    assert (retry.status, retry.comment_retry_count) == ("queued", 1)
    assert retry.invocation_source == retry.wakeup_request.source == "automation"
    context = retry.context_snapshot
    assert context["wakeReason"] == context["retryReason"] == "missing_issue_comment"
    assert retry.wakeup_request.reason == "missing_issue_comment"
    assert context["missingIssueCommentForRunId"] == str(first.pk)
    assert context["modelProfile"] == retry.wakeup_request.payload["modelProfile"] == "cheap"
    issue.refresh_from_db()
    assert issue.execution_run_id == retry.pk, "the lock moved to it"

    (second,) = claim()
    end(second)
    assert (second.pk, second.issue_comment_status) == (retry.pk, "retry_exhausted")
    assert second.followup_mechanism == "none"
    assert any("once" in message for message in warnings(second))
    assert Run.objects.count() == 2, "no third"


def test_the_agent_is_told_what_is_missing(cast, issue):
    first = end(start(cast, issue))
    (retry,) = claim()
    told = wake_payload.build(contexts.read(retry.context_snapshot), issue)
    assert told["reason"] == "missing_issue_comment"
    assert told["missingIssueComment"]["sourceRunId"] == str(first.pk)
    assert told["missingIssueComment"]["instruction"]


def test_its_own_comment_satisfies(cast, issue):  # HB-65
    run = start(cast, issue)
    said = speak(run)
    end(run, summary="All done")

    assert (run.issue_comment_status, run.issue_comment_satisfied_by_comment_id) == ("satisfied", said.pk)
    own = issue.comments.filter(author_agent=cast.engineer)
    assert [row.pk for row in own] == [said.pk], "no summary comment beside it"
    assert not WakeupRequest.objects.filter(reason="missing_issue_comment").exists()


def test_its_last_word_satisfies(cast, issue):  # H-100, H-103
    run = end(start(cast, issue), summary="All done")
    posted = issue.comments.get(author_agent=cast.engineer)
    assert (run.issue_comment_status, run.issue_comment_satisfied_by_comment_id) == ("satisfied", posted.pk)


@pytest.mark.parametrize(
    ("remains", "result"),
    [
        pytest.param(Remains(exit_code=1), Result(error_message="ENOENT"), id="HW-19 failed"),
        pytest.param(Remains(timed_out=True), Result(), id="HW-19 timed out"),
    ],
)
def test_a_failed_run_is_not_asked(cast, issue, remains, result):
    run = start(cast, issue)
    finish(run, remains=remains, result=result)
    run.refresh_from_db()
    assert run.issue_comment_status == "not_applicable"
    assert not WakeupRequest.objects.filter(reason="missing_issue_comment").exists()


@pytest.mark.parametrize(
    ("reason", "is_asked"),
    [
        pytest.param("issue_assigned", True, id="H-103 assigned"),
        pytest.param("execution_review_requested", True, id="H-103 review"),
        pytest.param("execution_approval_requested", True, id="H-103 approval"),
        pytest.param("execution_changes_requested", True, id="H-103 changes"),
        pytest.param("issue_status_changed", False, id="H-103 status"),
        pytest.param("issue_blockers_resolved", False, id="H-103 blockers"),
    ],
)
def test_what_a_run_was_called_for_decides(cast, issue, reason, is_asked):
    run = end(start(cast, issue, reason=reason))
    assert run.issue_comment_status == ("retry_queued" if is_asked else "not_applicable")


def test_a_run_without_an_issue_is_not_asked(cast):
    wake(cast.engineer, reason="issue_assigned")
    (run,) = claim()
    assert end(run).issue_comment_status == "not_applicable"


def test_a_comment_that_waits_will_be_the_occasion(cast, issue):  # H-103
    run = start(cast, issue)
    comment_wake(cast.engineer, issue, factories.comment(issue, author_user=cast.owner))

    end(run)

    assert (run.issue_comment_status, run.followup_mechanism) == ("not_applicable", "deferred_wake")
    noted = RunEvent.objects.filter(run=run, level="info", message__contains="waits to be answered")
    assert noted.count() == 1


def test_a_run_that_lost_the_lock_is_not_asked(cast, issue):  # H-104
    run = start(cast, issue)
    type(issue).objects.filter(pk=issue.pk).update(execution_run=None)
    assert end(run).issue_comment_status == "retry_exhausted"
    assert not WakeupRequest.objects.filter(reason="missing_issue_comment").exists()


@pytest.mark.parametrize(
    "change",
    [
        pytest.param({"status": "paused"}, id="HW-26 agent paused"),
        pytest.param({"runtime_config": {"heartbeat": {"wakeOnDemand": False}}}, id="HW-26 takes no wakes"),
    ],
)
def test_an_agent_that_may_not_be_called_is_not_asked(cast, issue, change):
    run = start(cast, issue)
    type(cast.engineer).objects.filter(pk=cast.engineer.pk).update(**change)
    assert end(run).issue_comment_status == "retry_exhausted"
    assert Run.objects.count() == 1


def test_whoever_asked_before_does_not_ask_again_along_the_chain(cast, issue):
    """The retry fails, is lost and started again, and then says nothing: one question in all."""
    end(start(cast, issue))
    (retry,) = claim()
    lifecycle.lose(run_id=retry.pk, message="gone", remains=Remains(), now=clock.now())
    (again,) = claim()
    assert again.comment_retry_count == 1
    end(again)
    assert WakeupRequest.objects.filter(reason="missing_issue_comment").count() == 1


def test_the_api_shows_where_a_run_stands(cast, issue):  # H-10, H-12
    run = end(start(cast, issue), summary="All done")
    shown = cast.as_owner.get(f"/api/heartbeat-runs/{run.pk}").json()
    assert shown["issueCommentStatus"] == "satisfied"
    assert shown["issueCommentSatisfiedByCommentId"] == str(run.issue_comment_satisfied_by_comment_id)
    assert (shown["livenessState"], shown["continuationAttempt"]) == ("needs_followup", 0)
    assert shown["livenessReason"]
    (row,) = [
        row
        for row in cast.as_owner.get(f"/api/companies/{cast.company.pk}/heartbeat-runs").json()
        if row["id"] == str(run.pk)
    ]
    assert not [key for key in row if key.startswith("issueComment")]
    assert row["livenessState"] == "needs_followup"
