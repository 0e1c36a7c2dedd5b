"""A pause of the board in the engine: what it keeps from starting, what it stops, and who is called when it ends."""

from __future__ import annotations

from datetime import timedelta

import pytest
from django.db import connection

from heartbeat import wakeups
from heartbeat.models import Run, WakeupRequest
from heartbeat.wakeups import Call
from issues import comments, tree_control
from issues.models import Issue
from paperclip.companies import actors
from paperclip.companies.models import Activity
from paperclip.core import clock
from tests import cast as cast_maker
from tests import factories
from tests.heartbeat.test_claims import claim
from tests.heartbeat.test_lifecycle import cancel, finish
from tests.heartbeat.test_wakeups import wake
from tests.issues import log

pytestmark = pytest.mark.django_db


@pytest.fixture
def board(cast):
    return actors.for_user(cast.owner)


@pytest.fixture
def root(cast):
    return factories.issue(cast.company, title="Root")


@pytest.fixture
def issue(cast, root):
    return factories.issue(cast.company, parent=root, assignee_agent=cast.engineer)


def order(board, root, mode="pause", **more):
    return tree_control.give(root_id=root.pk, mode=mode, actor=board, now=clock.now(), **more).hold


def say(issue, actor, body="A word"):
    return comments.add(issue_id=issue.pk, body=body, actor=actor, now=clock.now())


def call(agent, issue, *, reason="issue_commented", source="issue.comment", comment=None, actor=None):
    """A wake as the interface could make it, true or forged."""
    payload = {"issueId": str(issue.pk), **({"commentId": str(comment.pk)} if comment else {})}
    return wakeups.enqueue(
        agent_id=agent.pk,
        company_id=agent.company_id,
        call=Call(source="automation", reason=reason, payload=payload, context={"source": source}),
        actor=actor or actors.system("test"),
        now=clock.now(),
    )


# --- Enqueue ---------------------------------------------------------------------------------------------


def test_a_plain_wake_under_a_pause_is_skipped_and_logged(cast, board, root):  # HB-71, H-41
    leaf = root
    for _ in range(16):
        leaf = factories.issue(cast.company, parent=leaf)
    leaf = factories.issue(cast.company, parent=leaf, assignee_agent=cast.engineer)
    hold = order(board, root)

    outcomes = [wake(cast.engineer, issue=leaf) for _ in range(3)]

    assert [outcome.kind for outcome in outcomes] == ["skipped"] * 3
    row = WakeupRequest.objects.get()
    assert (row.status, row.reason, row.coalesced_count) == ("skipped", "issue_tree_hold_active", 2)
    told = log.details(leaf, "issue.tree_hold_wakeup_deferred")
    assert (told["holdId"], told["rootIssueId"]) == (str(hold.pk), str(root.pk))
    assert (told["requestedReason"], told["source"]) == ("issue_assigned", "assignment")
    assert "triggerDetail" in told


def test_a_persons_own_word_goes_through_a_pause(cast, board, root, issue):  # HB-71, H-8
    hold = order(board, root, reason="Thinking")

    comment = say(issue, board)

    run = Run.objects.get()
    context = run.context_snapshot
    assert (run.agent_id, run.status, context["wakeCommentIds"]) == (
        cast.engineer.pk, "queued", [str(comment.pk)]
    )  # fmt: skip
    assert context["treeHoldInteraction"] is True
    assert context["activeTreeHold"] == {
        "holdId": str(hold.pk), "rootIssueId": str(root.pk), "mode": "pause", "reason": "Thinking",
        "releasePolicy": {"strategy": "manual"}, "interaction": True,
    }  # fmt: skip
    (claimed,) = claim()
    assert claimed.pk == run.pk
    issue.refresh_from_db()
    assert issue.checkout_run_id == run.pk, "the run that answers may take its issue (I-129)"


def test_an_agents_word_to_others_is_heard_under_a_pause(cast, board, root, issue):
    order(board, root)
    say(issue, actors.for_agent(cast.manager), "@Peer please look")
    waiting = WakeupRequest.objects.get(status="deferred_issue_execution")
    assert {Run.objects.get().agent_id, waiting.agent_id} == {cast.engineer.pk, cast.peer.pk}


@pytest.mark.parametrize(
    "forged",
    [
        pytest.param("another's comment", id="HB-71 the comment is somebody else's"),
        pytest.param("no comment", id="H-7 no comment"),
        pytest.param("comment elsewhere", id="H-8 the comment is on another issue"),
        pytest.param("gone", id="H-8 the comment does not exist"),
        pytest.param("origin", id="H-8 the origin does not fit the reason"),
        pytest.param("reason", id="H-7 another reason"),
    ],
)
def test_a_forged_word_does_not_go_through(cast, board, root, issue, forged):
    order(board, root)
    me = actors.for_agent(cast.engineer)
    mine = factories.comment(issue, author_agent=cast.engineer)
    wanted = {"comment": mine, "actor": me}
    match forged:
        case "another's comment":
            wanted["comment"] = factories.comment(issue, author_user=cast.owner)
        case "no comment":
            wanted["comment"] = None
        case "comment elsewhere":
            wanted["comment"] = factories.comment(factories.issue(cast.company), author_agent=cast.engineer)
        case "gone":
            mine.delete()
            mine.pk = factories.NO_SUCH_ID
        case "origin":
            wanted["source"] = "issue.update"
        case "reason":
            wanted["reason"] = "issue_assigned"

    outcome = call(cast.engineer, issue, **wanted)

    assert (outcome.kind, outcome.refused.code) == ("skipped", "issue_tree_hold_active")
    assert not Run.objects.exists()


def test_the_interface_cannot_forge_the_mark_of_a_word(cast, board, root, issue):
    order(board, root)
    body = {
        "reason": "issue_commented",
        "payload": {"issueId": str(issue.pk), "treeHoldInteraction": True, "source": "issue.comment"},
    }
    answer = cast.as_agent(cast.engineer).post(f"/api/agents/{cast.engineer.pk}/wakeup", body)
    assert (answer.status_code, answer.json()["gate"]) == (202, "issue_tree_hold_active")


# --- Claim and promotion ---------------------------------------------------------------------------------


def test_a_queued_run_is_stopped_at_claim_when_a_pause_slipped_in(cast, board, root, issue):  # H-23
    run = wake(cast.engineer, issue=issue).run
    hold = order(board, factories.issue(cast.company))
    type(hold).objects.filter(pk=hold.pk).update(root_issue=root)  # a pause that did not see the run

    assert claim() == []

    run.refresh_from_db()
    assert (run.status, run.error_code, run.result_json["stopReason"]) == ("cancelled", "cancelled", "paused")
    assert run.wakeup_request.status == "cancelled"
    told = Activity.objects.get(action="issue.tree_hold_run_interrupted", entity_id=str(run.pk))
    assert told.entity_type == "heartbeat_run"
    assert told.details == {
        "issueId": str(issue.pk), "holdId": str(hold.pk), "rootIssueId": str(root.pk),
        "source": "heartbeat.claim_queued_run",
    }  # fmt: skip


def test_a_claim_that_ends_a_run_waits_for_no_lock_of_its_own(transactional_db):  # HW-11, H-68
    """Refused, ended in full, who waited let in, and the slot given to the next run: at once, and all in one pass."""
    scene = cast_maker.make()
    root = factories.issue(scene.company)
    held = factories.issue(scene.company, parent=root, assignee_agent=scene.engineer, priority="critical")
    free = factories.issue(scene.company, assignee_agent=scene.engineer)
    dropped, following = wake(scene.engineer, issue=held).run, wake(scene.engineer, issue=free).run
    hold = order(actors.for_user(scene.owner), factories.issue(scene.company))
    type(hold).objects.filter(pk=hold.pk).update(root_issue=root)
    with connection.cursor() as cursor:
        cursor.execute("SET lock_timeout = '50ms'")
        try:
            claimed = claim()
        finally:
            cursor.execute("RESET lock_timeout")

    dropped.refresh_from_db()
    assert (dropped.status, dropped.result_json["stopReason"]) == ("cancelled", "paused")
    assert [run.pk for run in claimed] == [following.pk]


def test_a_word_said_before_the_pause_is_verified_again_at_claim(cast, board, root, issue):  # H-8
    say(issue, board)
    hold = order(board, factories.issue(cast.company))
    type(hold).objects.filter(pk=hold.pk).update(root_issue=root)

    (run,) = claim()

    assert run.context_snapshot["treeHoldInteraction"] is True


@pytest.mark.parametrize(
    ("speaks", "status"),
    [
        pytest.param(False, "cancelled", id="H-60 a plain wake"),
        pytest.param(True, "queued", id="H-60 a verified word"),
    ],
)
def test_a_waiting_wake_under_a_pause(cast, board, root, issue, speaks, status):
    run = factories.run(cast.peer, issue=issue)
    if speaks:
        say(issue, board)
    else:
        wake(cast.engineer, issue=issue)
    waiting = WakeupRequest.objects.get(status="deferred_issue_execution")
    hold = order(board, factories.issue(cast.company))
    type(hold).objects.filter(pk=hold.pk).update(root_issue=root)

    finish(run)

    waiting.refresh_from_db()
    assert waiting.status == status
    assert Run.objects.filter(status="queued").exists() is speaks


# --- What an order stops ---------------------------------------------------------------------------------


def test_a_pause_stops_runs_and_calls_off_what_waits(cast, board, root, issue):  # I-128, H-161
    running = factories.run(cast.engineer, issue=issue)
    say(issue, actors.for_agent(cast.manager), "behind the run")
    other = factories.issue(cast.company, parent=issue, assignee_agent=cast.peer)
    queued = wake(cast.peer, issue=other).run
    retried = factories.issue(cast.company, parent=root, assignee_agent=cast.manager)
    retry = factories.run(
        cast.manager, issue=retried, status="scheduled_retry",
        scheduled_retry_at=clock.now() + timedelta(hours=1),
    )  # fmt: skip

    hold = order(board, root)

    running.refresh_from_db()
    queued.refresh_from_db()
    retry.refresh_from_db()
    assert (running.status, running.cancel_requested_at is not None) == ("running", True)
    assert (queued.status, queued.error_code, queued.result_json["stopReason"]) == (
        "cancelled", "cancelled", "paused"
    )  # fmt: skip
    assert retry.status == "scheduled_retry", "its gate decides when it is due"
    waiting = WakeupRequest.objects.get(issue=issue, agent=cast.engineer)
    assert waiting.status == "cancelled"
    stopped = Activity.objects.filter(action="issue.tree_hold_run_interrupted")
    assert {row.entity_id for row in stopped} == {str(running.pk), str(queued.pk)}
    told = Activity.objects.get(action="issue.tree_hold_wakeup_deferred")
    assert (told.entity_type, told.entity_id) == ("agent_wakeup_request", str(waiting.pk))
    assert told.details["previousReason"] == "issue_execution_deferred"
    assert told.details["holdId"] == str(hold.pk)

    finish(running)

    running.refresh_from_db()
    assert running.status == "cancelled"
    assert not Run.objects.filter(status="queued").exists(), "nothing follows under a pause (HB-9)"
    issue.refresh_from_db()
    assert (issue.status, issue.execution_run_id) == ("todo", None)


def test_a_cancelled_tree_gives_up_its_retries_too(cast, board, root, issue):
    retry = factories.run(
        cast.engineer, issue=issue, status="scheduled_retry",
        scheduled_retry_at=clock.now() + timedelta(hours=1),
    )  # fmt: skip
    order(board, root, "cancel")
    retry.refresh_from_db()
    assert (retry.status, retry.result_json["stopReason"]) == ("cancelled", "cancelled")


# --- When a pause ends -----------------------------------------------------------------------------------


def test_whom_a_pause_had_stopped_is_called_again(cast, board, root, issue):
    running = factories.run(cast.engineer, issue=issue)
    turned_away = factories.issue(cast.company, parent=root, assignee_agent=cast.peer)
    untouched = factories.issue(cast.company, parent=root, assignee_agent=cast.manager)
    order(board, root)
    finish(running)
    wake(cast.peer, issue=turned_away)
    assert not Run.objects.filter(status="queued").exists()

    order(board, root, "resume")

    called = {run.issue_id: run for run in Run.objects.filter(status="queued")}
    assert set(called) == {issue.pk, turned_away.pk}
    assert untouched.pk not in called
    context = called[issue.pk].context_snapshot
    assert (context["wakeReason"], context["source"]) == ("issue_tree_resumed", "issue.tree_resume")


def test_words_that_were_meant_for_somebody_are_handed_on(cast, board, root, issue):
    factories.run(cast.engineer, issue=issue)
    first, second = say(issue, board), say(issue, board)
    order(board, root)
    finish(Run.objects.get())

    order(board, root, "resume")

    run = Run.objects.get(status="queued")
    assert run.context_snapshot["wakeCommentIds"] == [str(first.pk), str(second.pk)]
    assert run.context_snapshot["wakeReason"] == "issue_commented"


def test_a_run_that_is_still_being_stopped_does_not_swallow_the_call(cast, board, root, issue):
    running = factories.run(cast.engineer, issue=issue)
    order(board, root)

    order(board, root, "resume")

    assert WakeupRequest.objects.get(status="deferred_issue_execution").agent_id == cast.engineer.pk
    finish(running)
    assert Run.objects.get(status="queued").context_snapshot["wakeReason"] == "issue_tree_resumed"


@pytest.mark.parametrize(
    ("scene", "kept"),
    [
        pytest.param("closed", "status", id="closed meanwhile"),
        pytest.param("reassigned", "assignee", id="given to another meanwhile"),
        pytest.param("held above", "hold", id="still held above"),
        pytest.param("quietly", "metadata", id="the board asks for quiet"),
    ],
)
def test_who_is_not_called_when_a_pause_ends(cast, board, root, issue, scene, kept):
    order(board, root)
    wake(cast.engineer, issue=issue)
    metadata = None
    match scene:
        case "closed":
            Issue.objects.filter(pk=issue.pk).update(status="done")
        case "reassigned":
            Issue.objects.filter(pk=issue.pk).update(assignee_agent=cast.peer)
        case "held above":
            above = factories.issue(cast.company)
            Issue.objects.filter(pk=root.pk).update(parent=above)
            order(board, above)
        case "quietly":
            metadata = {"wakeAgents": False}

    order(board, root, "resume", metadata=metadata)

    assert not Run.objects.exists()


def test_a_cancel_by_a_person_under_a_pause_stays_final(cast, board, root, issue):  # HB-43
    running = factories.run(cast.engineer, issue=issue)
    cancel(running)
    order(board, root)
    finish(running)

    order(board, root, "resume")

    assert not Run.objects.filter(status="queued").exists(), "it was stopped before the pause"
