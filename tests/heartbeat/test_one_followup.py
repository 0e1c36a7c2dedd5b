"""The places where two mechanisms of the reference follow one failure: here one does, or none (HX-1 to HX-11)."""

from __future__ import annotations

import pytest

from heartbeat import lifecycle, sessions
from heartbeat.adapters.base import Result
from heartbeat.choices import RUN_LIVE
from heartbeat.models import Run, RunEvent
from heartbeat.outcomes import Remains
from issues.models import Issue
from paperclip.companies import actors
from paperclip.core import clock
from tests import factories
from tests.heartbeat.test_claims import claim
from tests.heartbeat.test_lifecycle import finish
from tests.heartbeat.test_wakeups import comment_wake, wake

pytestmark = pytest.mark.django_db
FAILED = Remains(exit_code=1)
NETWORK = Result(error_message="read ECONNRESET")
LIMITED = Result(error_message="HTTP 429 Too Many Requests", error_family="transient_upstream")
PLANS = Result(summary="Next I will look at the tests and fix them.")


@pytest.fixture
def issue(cast):
    return factories.issue(cast.company, assignee_agent=cast.engineer)


@pytest.fixture
def run(cast, issue):
    wake(cast.engineer, issue=issue)
    (claimed,) = claim()
    return claimed


def followers(run):
    return list(Run.objects.filter(retry_of_run=run))


@pytest.mark.parametrize(
    ("result", "mechanism"),
    [
        pytest.param(
            NETWORK, "diagnostic_retry", id="HX-1 HX-3 no recovery and no call for a comment beside it"
        ),
        pytest.param(LIMITED, "scheduled_retry", id="HX-2 no diagnostic retry beside it"),
    ],
)
def test_a_failure_is_followed_by_one_mechanism(issue, run, result, mechanism):
    ended = finish(run, result=result, remains=FAILED)
    assert ended.followup_mechanism == mechanism
    assert len(followers(run)) == 1
    assert Run.objects.filter(issue=issue, status__in=RUN_LIVE).count() == 1
    assert followers(run)[0].issue_id == issue.pk, "the retry is of the same work (HX-4)"


def test_what_is_cancelled_while_it_works_is_followed_by_nothing(cast, issue, run):  # HX-5, HX-10, HW-4, HW-7
    person = actors.for_user(cast.owner)
    lifecycle.cancel(run_id=run.pk, reason="Enough", actor=person, now=clock.now())
    ended = finish(run, result=Result(error_message="The adapter broke"), remains=FAILED)
    assert (ended.status, ended.error_code, ended.followup_mechanism) == ("cancelled", "cancelled", "none")
    assert finish(run, result=NETWORK, remains=FAILED) is None, "a run ends once"
    assert Run.objects.get(pk=run.pk).status == "cancelled"
    assert Run.objects.filter(issue=issue).count() == 1


def test_a_run_given_up_for_lost_cannot_end_as_well(issue, run):  # HX-6, HW-3, HW-17
    lifecycle.lose(run_id=run.pk, message="The program is gone", remains=Remains(), now=clock.now())
    assert finish(run, result=NETWORK, remains=FAILED) is None
    lost = Run.objects.get(pk=run.pk)
    assert (lost.status, lost.error_code, lost.followup_mechanism) == (
        "failed", "process_lost", "process_loss_retry"
    )  # fmt: skip
    assert len(followers(run)) == 1


def test_after_the_last_continuation_there_is_one_question_and_no_more(issue, run):  # HX-7
    Run.objects.filter(pk=run.pk).update(continuation_attempt=2)
    ended = finish(run, result=PLANS)
    assert ended.followup_mechanism == "handoff"
    assert [each.handoff_attempt for each in followers(run)] == [1]
    assert Run.objects.filter(issue=issue, status__in=RUN_LIVE).count() == 1


def test_a_run_that_lost_its_issue_leaves_it_to_whoever_waits(cast, issue, run):  # HX-9
    comment_wake(cast.ceo, issue, factories.comment(issue), reason="issue_comment_mentioned")
    Issue.objects.filter(pk=issue.pk).update(
        status="todo", execution_run=None, execution_agent_name_key=None, execution_locked_at=None,
        checkout_run=None,
    )  # fmt: skip
    finish(run, result=LIMITED, remains=FAILED)
    live = Run.objects.filter(issue=issue, status__in=RUN_LIVE)
    assert live.count() == 1, "one run of the issue, whichever it is"
    assert len(followers(run)) <= 1


def test_events_of_a_run_are_counted_without_gap_or_double(cast, issue, run):  # HW-8
    person = actors.for_user(cast.owner)
    lifecycle.cancel(run_id=run.pk, reason="Enough", actor=person, now=clock.now())
    finish(run, remains=FAILED)
    seqs = list(RunEvent.objects.filter(run=run).order_by("id").values_list("seq", flat=True))
    assert seqs == list(range(1, len(seqs) + 1))
    assert len(seqs) >= 3


def test_what_a_run_leaves_is_there_before_the_next_may_start(cast, issue, run):  # HW-16
    """The session is kept in the transaction that queues the next run, so the next one goes on with it."""
    comment_wake(cast.engineer, issue, factories.comment(issue))
    finish(run, result=Result(session_params={"sessionId": "s-1"}, session_display_id="s-1"))
    (following,) = claim()
    following = Run.objects.select_related("agent", "issue").get(pk=following.pk)
    resumed = sessions.resume(following, now=clock.now())
    assert resumed.display_id == "s-1"
