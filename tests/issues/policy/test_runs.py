"""What stages, answers and monitors mean for runs: who may start, and what a running run does not swallow."""

from __future__ import annotations

import pytest

from heartbeat import context as contexts
from heartbeat import gates
from heartbeat.models import Run, RunEvent, WakeupRequest
from issues import lifecycle
from issues.interactions import answers, asking
from issues.interactions.asking import Put
from issues.models import Issue
from paperclip.companies import actors
from paperclip.core import clock
from tests import factories
from tests.heartbeat.test_claims import claim
from tests.heartbeat.test_lifecycle import finish
from tests.heartbeat.test_wakeups import comment_wake, wake

pytestmark = pytest.mark.django_db
QUESTION = {"id": "q", "prompt": "?", "selectionMode": "single", "options": [{"id": "a", "label": "A"}]}


def in_review(cast, asked, assignee=None):
    """An issue whose policy asks `asked`, in the hands of `assignee`, who are the same unless something is amiss."""
    who = {"type": "agent", "agentId": str(asked.pk), "userId": None}
    state = {"status": "pending", "currentStageId": factories.NO_SUCH_ID, "currentParticipant": who}
    return factories.issue(
        cast.company, assignee_agent=assignee or asked, status="in_review", execution_state=state
    )


def test_run_of_another_than_who_is_asked_does_not_start(cast):
    """HB-72 other reviewer, H-70."""
    issue = in_review(cast, cast.engineer)
    run = wake(cast.engineer, issue=issue, reason="execution_review_requested").run
    issue.execution_state["currentParticipant"]["agentId"] = str(cast.peer.pk)
    issue.save(update_fields=["execution_state"])

    assert claim() == []

    run.refresh_from_db()
    code = "issue_review_participant_changed"
    assert (run.status, run.error_code, run.result_json["stopReason"]) == ("cancelled", code, code)
    assert run.result_json["timeoutSource"] == "stale_queued_run_gate"
    assert run.wakeup_request.status == "skipped"
    assert RunEvent.objects.get(run=run).payload["code"] == code


@pytest.mark.parametrize(
    "scene",
    [
        pytest.param("comment", id="HB-73 somebody speaks"),
        pytest.param("asked", id="H-70 who is asked"),
        pytest.param("nobody", id="H-70 nobody is asked"),
        pytest.param("over", id="H-70 the stage is over"),
    ],
)
def test_others_start(cast, scene):
    issue = in_review(
        cast, cast.peer if scene in ("comment", "over") else cast.engineer, assignee=cast.engineer
    )
    if scene == "nobody":
        Issue.objects.filter(pk=issue.pk).update(execution_state=None)
    if scene == "over":
        issue.execution_state["status"] = "changes_requested"
        issue.save(update_fields=["execution_state"])
    if scene == "comment":
        run = comment_wake(cast.engineer, issue, factories.comment(issue)).run
    else:
        run = wake(cast.engineer, issue=issue).run

    assert [started.pk for started in claim()] == [run.pk]


@pytest.mark.parametrize("asked", ["engineer", "peer"])
def test_retry_asks_whom_the_policy_asks(cast, asked):
    """H-131."""
    issue = in_review(cast, getattr(cast, asked), assignee=cast.engineer)
    run = factories.run(cast.engineer, issue=issue, status="failed", finished_at=clock.now())
    context = contexts.read(run.context_snapshot)
    facts = gates.look(
        agent=cast.engineer, context=context, source="automation", issue=issue, run=run, now=clock.now()
    )

    refused = gates.at_promotion(facts)

    assert (refused.code if refused else None) == (
        None if asked == "engineer" else "issue_review_participant_changed"
    )


def test_changes_wait_for_the_run_that_submitted(cast):
    """A run that handed its work in and still runs does not swallow what comes of it."""
    issue = factories.issue(cast.company, assignee_agent=cast.engineer, status="in_progress")
    who = {"type": "user", "userId": str(cast.owner.pk)}
    policy = {"stages": [{"type": "approval", "participants": [who]}]}
    owner = actors.for_user(cast.owner)
    lifecycle.update(issue_id=issue.pk, fields={"execution_policy": policy}, actor=owner, now=clock.now())
    wake(cast.engineer, issue=issue)
    (run,) = claim()
    Issue.objects.filter(pk=issue.pk).update(checkout_run=run)
    worker = actors.for_agent(cast.engineer, run_id=run.pk)
    lifecycle.update(issue_id=issue.pk, fields={"status": "done"}, actor=worker, now=clock.now())

    lifecycle.update(
        issue_id=issue.pk, fields={"status": "in_progress"}, comment="Not yet", actor=owner, now=clock.now()
    )

    request = WakeupRequest.objects.order_by("-created_at").first()
    assert (request.agent_id, request.status) == (cast.engineer.pk, "deferred_issue_execution")
    factories.comment(issue, author_agent=cast.engineer, created_by_run=run)
    finish(run)
    (promoted,) = Run.objects.filter(status="queued")
    assert promoted.context_snapshot["executionStage"]["wakeRole"] == "executor"


def asked(cast, issue):
    """A question of the board's on an issue, and how it is answered."""
    owner = actors.for_user(cast.owner)
    payload = {"version": 1, "questions": [QUESTION]}
    row = asking.put(issue_id=issue.pk, what=Put("ask_user_questions", payload), actor=owner, now=clock.now())

    def answer():
        chosen = [{"questionId": "q", "optionIds": ["a"]}]
        answers.respond(
            issue_id=issue.pk, interaction_id=row.pk, answers=chosen, actor=owner, now=clock.now()
        )

    return row, answer


def test_answer_waits_for_the_run_that_may_have_looked(cast):
    issue = factories.issue(cast.company, assignee_agent=cast.engineer)
    row, answer = asked(cast, issue)
    wake(cast.engineer, issue=issue)
    (run,) = claim()

    answer()

    assert WakeupRequest.objects.filter(status="deferred_issue_execution").count() == 1
    factories.comment(issue, author_agent=cast.engineer, created_by_run=run)
    finish(run)
    (promoted,) = Run.objects.filter(status="queued")
    context = promoted.context_snapshot
    assert (context["interactionId"], context["interactionStatus"]) == (str(row.pk), "answered")
    assert "wakeCommentId" not in context, "H-58"


def test_answer_reaches_an_agent_that_waits_for_other_work(cast):
    """IW-34: it may be what the work waits for."""
    issue = factories.issue(cast.company, assignee_agent=cast.engineer, status="blocked")
    factories.blocks(factories.issue(cast.company), issue)
    _, answer = asked(cast, issue)
    assert wake(cast.engineer, issue=issue).kind == "skipped"

    answer()

    (run,) = claim()
    assert run.context_snapshot["dependencyBlockedInteraction"] is True
    assert run.context_snapshot["interactionKind"] == "ask_user_questions"


def test_answer_under_a_pause_is_told_when_it_ends(cast):
    """I-125, IW-34: the board's pause holds, and loses nothing."""
    issue = factories.issue(cast.company, assignee_agent=cast.engineer)
    _, answer = asked(cast, issue)
    assert cast.as_owner.post(f"/api/issues/{issue.pk}/tree-holds", {"mode": "pause"}).status_code == 201

    answer()
    assert claim() == []
    assert cast.as_owner.post(f"/api/issues/{issue.pk}/tree-holds", {"mode": "resume"}).status_code == 200

    assert [run.issue_id for run in claim()] == [issue.pk]
