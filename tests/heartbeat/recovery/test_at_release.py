"""What a run that ends leaves behind: its issue is taken up again, or handed to somebody (HB-7 to HB-9, H-142)."""

from __future__ import annotations

import threading

import pytest
from django.db import connection, transaction

from heartbeat import lifecycle
from heartbeat.adapters.base import Result
from heartbeat.models import Run
from heartbeat.outcomes import Remains
from heartbeat.recovery import stranded
from issues import locks, tree_control
from issues.models import Issue
from paperclip.companies import actors
from paperclip.companies.models import Agent
from paperclip.core import clock
from tests import factories
from tests.heartbeat.recovery import scenes
from tests.heartbeat.test_claims import claim
from tests.heartbeat.test_wakeups import comment_wake, wake

pytestmark = pytest.mark.django_db
SECRET = "pcp_" + "a" * 48


@pytest.fixture
def now():
    return clock.now()


def at_work(agent, **fields) -> tuple[Issue, Run]:
    """An issue in progress, and the run that works on it."""
    issue = factories.issue(agent.company, assignee_agent=agent, **fields)
    wake(agent, issue=issue)
    (run,) = claim()
    issue.refresh_from_db()
    return issue, run


def fail(run, message="It said no", code=None):
    return lifecycle.finish(
        run_id=run.pk,
        claim_token=run.claim_token,
        result=Result(error_message=message, error_code=code),
        remains=Remains(exit_code=1),
        now=clock.now(),
    )


def lose(run):
    return lifecycle.lose(run_id=run.pk, message=f"Gone with {SECRET}", remains=Remains(), now=clock.now())


def followup(run):
    run.refresh_from_db()
    return run.followup_mechanism


def test_a_program_lost_twice_is_taken_up_once_more_and_then_handed_on(cast):  # HB-7
    issue, run = at_work(cast.engineer)
    factories.blocks(factories.issue(cast.company, status="done"), issue)
    Run.objects.filter(pk=run.pk).update(process_loss_retry_count=1)

    lose(run)

    retry = scenes.live(issue)
    assert (followup(run), retry.retry_of_run_id) == ("recovery", run.pk)
    assert retry.context_snapshot["retryReason"] == "issue_continuation_needed"
    assert retry.context_snapshot["source"] == "issue.continuation_recovery"
    assert (retry.process_loss_retry_count, retry.recovery_attempt) == (1, 1)
    issue.refresh_from_db()
    assert issue.execution_run_id == retry.pk

    (second,) = claim()
    fail(second)

    issue.refresh_from_db()
    (recovery,) = scenes.recoveries(issue)
    assert followup(second) == "escalation"
    assert (issue.status, issue.execution_run_id, issue.checkout_run_id) == ("blocked", None, None)
    assert Run.objects.filter(issue=issue).count() == 2
    assert scenes.blockers(issue) == [recovery]
    (word,) = [word for word in scenes.words(issue) if word.author_type == "system"]
    assert recovery.identifier in word.body


def test_a_lost_run_on_recovery_blocks_it_where_it_is(cast):  # HB-8
    issue, run = at_work(cast.engineer, origin_kind="stranded_issue_recovery", origin_id="somewhere")
    Run.objects.filter(pk=run.pk).update(process_loss_retry_count=1)

    lose(run)

    issue.refresh_from_db()
    assert (issue.status, Run.objects.count(), Issue.objects.filter(company=cast.company).count()) == (
        "blocked",
        1,
        1,
    )
    (word,) = scenes.words(issue)
    assert SECRET not in word.body


def test_under_a_pause_a_lost_run_changes_nothing(cast, now):  # HB-9
    issue, run = at_work(cast.engineer)
    Run.objects.filter(pk=run.pk).update(process_loss_retry_count=1)
    tree_control.give(root_id=issue.pk, mode="pause", actor=actors.for_user(cast.owner), now=now)
    Run.objects.filter(pk=run.pk).update(cancel_requested_at=None, cancel_reason=None)

    lose(run)

    issue.refresh_from_db()
    assert (issue.status, issue.execution_run_id, issue.checkout_run_id) == ("in_progress", None, run.pk)
    assert (Run.objects.count(), scenes.words(issue), followup(run)) == (1, [], "none")
    assert "paused" in run.followup_reason


def test_a_failed_assignment_is_taken_up_as_one(cast):  # H-142
    issue, run = at_work(cast.engineer)
    Issue.objects.filter(pk=issue.pk).update(status="todo", checkout_run=None)

    fail(run)

    retry = scenes.live(issue)
    assert retry.wakeup_request.reason == "issue_assignment_recovery"
    assert retry.context_snapshot["source"] == "issue.assignment_recovery"


def test_a_recovery_run_knows_the_issue_and_not_what_came_before(cast):  # H-142
    issue = factories.issue(cast.company, assignee_agent=cast.engineer)
    comment_wake(cast.engineer, issue, factories.comment(issue))
    (run,) = claim()

    fail(run)

    context = scenes.live(issue).context_snapshot
    assert (context["issueId"], context["taskId"]) == (str(issue.pk), str(issue.pk))
    assert "wakeCommentIds" not in context


@pytest.mark.parametrize(
    "why",
    [
        pytest.param("cancelled", id="HW-2 a person's cancel"),
        pytest.param("reassigned", id="H-142 no longer its own"),
        pytest.param("done", id="H-142 closed meanwhile"),
        pytest.param("paused", id="H-143 the agent may not run"),
        pytest.param("asked", id="H-111 a question to the board is open"),
        pytest.param("no_wakes", id="H-43 no calls besides the timer"),
    ],
)
def test_no_recovery_follows(cast, now, why):
    issue, run = at_work(cast.engineer)
    match why:
        case "cancelled":
            lifecycle.cancel(
                run_id=run.pk, reason="Cancelled by the board", actor=actors.for_user(cast.owner), now=now
            )
        case "reassigned":
            Issue.objects.filter(pk=issue.pk).update(assignee_agent=cast.peer)
        case "done":
            Issue.objects.filter(pk=issue.pk).update(status="done")
        case "paused":
            Agent.objects.filter(pk=cast.engineer.pk).update(status="paused")
        case "asked":
            approval = cast.company.approvals.create(type="request_board_approval", status="pending")
            issue.approval_links.create(company=cast.company, approval=approval)
        case "no_wakes":
            Agent.objects.filter(pk=cast.engineer.pk).update(
                runtime_config={"heartbeat": {"enabled": False, "wakeOnDemand": False}}
            )
    fail(run)

    assert followup(run) == "none"
    assert run.followup_reason
    assert Run.objects.count() == 1
    assert stranded.sweep(now=clock.now()).escalated == 0


def test_a_second_cancel_blocks_nothing(cast, now):  # HW-2
    issue, run = at_work(cast.engineer)
    person = actors.for_user(cast.owner)
    for _ in range(2):
        lifecycle.cancel(run_id=run.pk, reason="Enough", actor=person, now=now)
    fail(run)
    for _ in range(3):
        assert stranded.sweep(now=clock.now()) == stranded.Pass(skipped=1)
    issue.refresh_from_db()
    assert (issue.status, Run.objects.count()) == ("in_progress", 1)


def test_a_handoff_left_open_is_handed_on_at_its_end(cast):  # H-144g
    issue, run = at_work(cast.engineer)
    Run.objects.filter(pk=run.pk).update(handoff_attempt=1)
    factories.comment(issue, author_agent=cast.engineer, created_by_run=run)

    lifecycle.finish(
        run_id=run.pk,
        claim_token=run.claim_token,
        result=Result(summary="Went on a bit"),
        remains=Remains(exit_code=0),
        now=clock.now(),
    )

    issue.refresh_from_db()
    assert (followup(run), issue.status) == ("escalation", "blocked")
    (word,) = [word for word in scenes.words(issue) if word.author_type == "system"]
    assert word.presentation["tone"] == "danger"


def test_a_failed_handoff_is_not_taken_up_again(cast):  # HX-11
    issue, run = at_work(cast.engineer)
    Run.objects.filter(pk=run.pk).update(handoff_attempt=1)
    fail(run)
    issue.refresh_from_db()
    assert (followup(run), issue.status, len(scenes.recoveries(issue))) == ("escalation", "blocked", 1)


@pytest.mark.django_db(transaction=True)
def test_what_the_end_of_a_run_cannot_lock_the_next_pass_does(cast):
    """The company is held by somebody who draws an issue's number: the end of the run does not wait for them."""
    issue, run = at_work(cast.engineer)
    Run.objects.filter(pk=run.pk).update(recovery_attempt=1)
    holds, may_end = threading.Event(), threading.Event()

    def hold():
        with transaction.atomic():
            locks.company(cast.company.pk)
            holds.set()
            assert may_end.wait(30)
        connection.close()

    other = threading.Thread(target=hold)
    other.start()
    assert holds.wait(30)
    try:
        fail(run)
    finally:
        may_end.set()
        other.join(30)
    issue.refresh_from_db()
    assert (followup(run), issue.status) == ("escalation", "in_progress")

    assert stranded.sweep(now=clock.now()).escalated == 1

    issue.refresh_from_db()
    assert (issue.status, len(scenes.recoveries(issue))) == ("blocked", 1)
