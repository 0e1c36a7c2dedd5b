"""What becomes of the calls that changes of issues make: joined, kept waiting, refused, dropped when they are due."""

from __future__ import annotations

import pytest

from heartbeat.models import Run, WakeupRequest
from issues.models import Issue
from paperclip.companies.models import Activity, Agent, Company
from tests import factories
from tests.heartbeat.test_claims import claim
from tests.heartbeat.test_lifecycle import finish
from tests.heartbeat.test_wakeups import wake

CONTEXT = "_paperclipWakeContext"


@pytest.fixture
def issue(cast):
    return factories.issue(cast.company, assignee_agent=cast.engineer)


def say(caller, issue, body="A word", **asks):
    answer = caller.post(f"/api/issues/{issue.pk}/comments", {"body": body, **asks})
    assert answer.status_code == 201, answer.content
    return answer.json()["id"]


def edit(caller, issue, **fields):
    answer = caller.patch(f"/api/issues/{issue.pk}", fields)
    assert answer.status_code == 200, answer.content


def started(cast, issue):
    """The engineer's run on the issue, claimed as a runner does."""
    wake(cast.engineer, issue=issue)
    (run,) = claim()
    return run


def test_words_during_a_run_wait_as_one_and_are_heard_in_order(cast, issue):
    """I-79, I-96: and the run after it is told of all of them."""
    run = started(cast, issue)
    said = [say(cast.as_owner, issue, text) for text in ("one", "two", "three")]

    waiting = WakeupRequest.objects.get(status="deferred_issue_execution")
    assert (waiting.reason, waiting.coalesced_count) == ("issue_execution_deferred", 2)
    context = waiting.payload[CONTEXT]
    assert context["wakeCommentIds"] == said
    assert context["commentId"] == context["wakeCommentId"] == said[-1]

    finish(run)

    waiting.refresh_from_db()
    (following,) = claim()
    assert waiting.reason == "issue_execution_promoted", "I-80"
    assert (waiting.run_id, following.pk) == (following.pk, waiting.run_id)
    assert following.context_snapshot["wakeCommentIds"] == said


@pytest.mark.parametrize("closed_as", ["done", "cancelled"])
def test_word_of_a_person_that_waited_reopens_what_the_run_closed(cast, issue, closed_as):
    """I-80."""
    run = started(cast, issue)
    say(cast.as_owner, issue)
    Issue.objects.filter(pk=issue.pk).update(status=closed_as, execution_state={"status": "completed"})

    finish(run)

    issue.refresh_from_db()
    assert (issue.status, issue.execution_state) == ("todo", None)
    told = Activity.objects.get(action="issue.updated", details__source="deferred_comment_wake")
    assert (told.actor_type, told.actor_id, told.details["reopenedFrom"]) == (
        "system",
        "heartbeat",
        closed_as,
    )


def test_word_of_an_agent_that_waited_reopens_nothing(cast, issue):
    """I-80."""
    run = started(cast, issue)
    say(cast.as_agent(cast.manager), issue)
    Issue.objects.filter(pk=issue.pk).update(status="done")

    finish(run)

    issue.refresh_from_db()
    assert issue.status == "done"


def test_blocked_work_is_not_started_and_hears_what_is_said(cast, issue):
    """I-88."""
    blocker = factories.issue(cast.company, title="Foundation")
    factories.blocks(blocker, issue)
    edit(cast.as_owner, issue, status="blocked")
    edit(cast.as_owner, issue, status="todo")

    refused = WakeupRequest.objects.get()
    assert (refused.status, refused.reason) == ("skipped", "issue_dependencies_blocked")
    assert refused.payload["unresolvedBlockerIssueIds"] == [str(blocker.pk)]

    comment = say(cast.as_owner, issue)

    (run,) = claim()
    heard = run.context_snapshot
    assert (heard["wakeCommentIds"], heard["dependencyBlockedInteraction"]) == ([comment], True)
    assert (heard["unresolvedBlockerIssueIds"], heard["unresolvedBlockerCount"]) == ([str(blocker.pk)], 1)
    assert [blocker["title"] for blocker in heard["unresolvedBlockerSummaries"]] == ["Foundation"]
    issue.refresh_from_db()
    assert (issue.status, issue.checkout_run_id) == ("todo", None), "I-97: only ready work is checked out"


@pytest.mark.parametrize(
    ("scene", "status", "reason"),
    [
        pytest.param("paused", "skipped", "agent_not_invokable", id="I-95 paused agent"),
        pytest.param(
            "on demand off", "skipped", "heartbeat.wakeOnDemand.disabled", id="I-95 on-demand wake off"
        ),
        pytest.param("budget", "skipped", "budget.blocked", id="I-95 budget"),
        pytest.param("hold", "skipped", "issue_tree_hold_active", id="I-95 pause hold"),
        pytest.param("", "queued", "issue_assigned", id="I-95 nothing in the way"),
    ],
)
def test_what_suppresses_the_call_of_an_assignment(cast, scene, status, reason):
    issue = factories.issue(cast.company)
    match scene:
        case "paused":
            Agent.objects.filter(pk=cast.engineer.pk).update(status="paused")
        case "on demand off":
            off = {"heartbeat": {"wakeOnDemand": False}}
            Agent.objects.filter(pk=cast.engineer.pk).update(runtime_config=off)
        case "budget":
            Company.objects.filter(pk=cast.company.pk).update(status="paused", pause_reason="budget")
        case "hold":
            cast.as_owner.post(f"/api/issues/{issue.pk}/tree-holds", {"mode": "pause"})

    edit(cast.as_owner, issue, assigneeAgentId=str(cast.engineer.pk))

    row = WakeupRequest.objects.get()
    assert (row.status, row.reason) == (status, reason)
    assert Run.objects.exists() == (status == "queued")


def test_calls_of_an_issue_at_work_join_or_wait(cast, issue):
    """I-96."""
    run = started(cast, issue)
    Issue.objects.filter(pk=issue.pk).update(status="blocked", checkout_run=None)

    edit(cast.as_owner, issue, status="todo")
    say(cast.as_owner, issue, "@Peer look at this")

    calls = dict(
        WakeupRequest.objects.exclude(run=None, status="claimed").values_list("agent__name", "status")
    )
    assert calls["Peer"] == "deferred_issue_execution"
    joined = WakeupRequest.objects.get(reason="issue_execution_same_name")
    assert (joined.status, joined.agent_id, joined.run_id) == ("coalesced", cast.engineer.pk, run.pk)
    run.refresh_from_db()
    assert run.context_snapshot["wakeReason"] == "issue_status_changed"
    assert Run.objects.count() == 1


@pytest.mark.parametrize(
    ("status", "reason", "taken"),
    [
        pytest.param("todo", "issue_assigned", True, id="I-97 todo"),
        pytest.param("backlog", "issue_assigned", True, id="I-97 backlog"),
        pytest.param("blocked", "issue_assigned", True, id="I-97 blocked"),
        pytest.param("in_progress", "issue_assigned", True, id="I-97 in progress"),
        pytest.param("in_review", "issue_assigned", False, id="I-97 not in review"),
        pytest.param("todo", "issue_comment_mentioned", False, id="I-97 not for a mention"),
        pytest.param("todo", "execution_review_requested", False, id="I-97 not for a stage"),
    ],
)
def test_run_that_starts_checks_its_issue_out(cast, status, reason, taken):
    issue = factories.issue(cast.company, assignee_agent=cast.engineer, status=status)
    payload = {"issueId": str(issue.pk), "commentId": str(factories.comment(issue).pk)}
    wake(cast.engineer, reason=reason, payload=payload)

    (run,) = claim()

    issue.refresh_from_db()
    assert (issue.status, issue.checkout_run_id) == (("in_progress", run.pk) if taken else (status, None))


@pytest.mark.parametrize(
    ("change", "code"),
    [
        pytest.param("gone", "issue_not_found", id="I-98 gone"),
        pytest.param("reassigned", "issue_assignee_changed", id="I-98 reassigned"),
        pytest.param("done", "issue_terminal_status", id="I-98 done"),
        pytest.param("reviewer", "issue_review_participant_changed", id="I-98 another reviewer"),
        pytest.param("waits", "issue_continuation_waiting_on_review", id="I-98 waits for a review"),
        pytest.param("blocked", "issue_dependencies_blocked", id="I-88 blocked meanwhile"),
    ],
)
def test_run_whose_issue_moved_on_is_dropped_when_it_is_claimed(cast, change, code):
    status = "in_progress" if change == "waits" else "in_review" if change == "reviewer" else "todo"
    issue = factories.issue(cast.company, assignee_agent=cast.engineer, status=status)
    summary = {"paperclipContinuationSummary": {"body": "## Next Action\n- Wait for approval"}}
    called = {"reason": "issue_continuation_needed", "context": summary} if change == "waits" else {}
    run = wake(cast.engineer, issue=issue, **called).run
    rows = Issue.objects.filter(pk=issue.pk)
    match change:
        case "gone":
            Run.objects.filter(pk=run.pk).update(issue=None)
        case "reassigned":
            rows.update(assignee_agent=cast.peer)
        case "done":
            rows.update(status="done")
        case "reviewer":
            asked = {"type": "agent", "agentId": str(cast.peer.pk), "userId": None}
            stage = {"currentStageId": factories.NO_SUCH_ID, "currentParticipant": asked}
            rows.update(execution_state={"status": "pending", **stage})
        case "blocked":
            factories.blocks(factories.issue(cast.company), issue)

    assert claim() == []

    run.refresh_from_db()
    assert (run.status, run.error_code) == ("cancelled", code)


def test_word_or_follow_up_starts_on_work_that_moved_on(cast):
    """I-98: a comment is answered whoever has the issue by then, and however it ended."""
    for change in ({"assignee_agent": cast.peer}, {"status": "done"}):
        issue = factories.issue(cast.company, assignee_agent=cast.engineer)
        say(cast.as_owner, issue)
        Issue.objects.filter(pk=issue.pk).update(**change)
        assert [run.issue_id for run in claim()] == [issue.pk], change


def test_run_leaves_a_summary_of_how_the_work_stands(cast, issue):
    """I-136."""
    finish(started(cast, issue))

    written = cast.as_owner.get(f"/api/issues/{issue.pk}/documents/continuation-summary").json()

    assert (written["title"], written["latestRevisionNumber"]) == ("Continuation Summary", 1)
    assert len(written["body"]) <= 8000
    for section in ("Objective", "Recent Concrete Actions", "Next Action"):
        assert f"## {section}" in written["body"]
