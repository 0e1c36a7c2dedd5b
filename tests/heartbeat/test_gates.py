"""Every reason to refuse, asked at enqueue, at claim and when a retry is due (H-41, H-67, H-70, H-131)."""

from __future__ import annotations

import threading
import time
from datetime import timedelta

import pytest
from django.db import connection, transaction
from django.test.utils import CaptureQueriesContext

from heartbeat import claims, gates, lifecycle, reviews, wake_payload, wakeups
from heartbeat import context as contexts
from heartbeat.models import Run, RunEvent, WakeupRequest
from heartbeat.wakeups import Call
from issues import comments, tree_control
from issues import lifecycle as issue_lifecycle
from issues.models import Document, Issue, IssueDocument
from paperclip.companies import actors
from paperclip.companies.models import Agent, Company, Project
from paperclip.core import clock
from paperclip.governance import approvals
from tests import factories
from tests.heartbeat.test_claims import claim
from tests.heartbeat.test_lifecycle import cancel, finish
from tests.heartbeat.test_wakeups import comment_wake, wake

pytestmark = pytest.mark.django_db


@pytest.fixture
def issue(cast):
    return factories.issue(cast.company, assignee_agent=cast.engineer)


def continuation(agent, issue, **fields):
    """A retry that takes up work which ran out of turns."""
    context = {"issueId": str(issue.pk), "wakeReason": "max_turns_continuation_retry"}
    return factories.run(
        agent, issue=issue, scheduled_retry_reason="max_turns_continuation",
        context_snapshot=context | {"retryReason": "max_turns_continuation"}, **fields,
    )  # fmt: skip


def put_document(issue, body):
    document = Document.objects.create(company=issue.company, latest_body=body)
    IssueDocument.objects.create(
        company=issue.company, issue=issue, document=document, key="continuation-summary"
    )


# --- Who is called for an issue (HW-20) ------------------------------------------------------------------


@pytest.mark.parametrize("assignee", [None, "engineer"])
def test_a_plain_wake_for_somebody_elses_issue_says_what_to_do(cast, assignee):
    issue = factories.issue(cast.company, assignee_agent=cast.engineer if assignee else None)

    outcome = wake(cast.peer, issue=issue, reason="look", source="on_demand")

    assert (outcome.kind, outcome.refused.code) == ("skipped", "issue_not_assigned_to_agent")
    assert "assign it, or name the agent in a comment" in WakeupRequest.objects.get().error
    assert not Run.objects.exists()


def test_the_interface_tells_why_a_wake_was_skipped(cast, issue):  # HW-23
    body = {"reason": "look", "payload": {"issueId": str(issue.pk)}}
    answer = cast.as_owner.post(f"/api/agents/{cast.peer.pk}/wakeup", body).json()
    assert (answer["status"], answer["gate"]) == ("skipped", "issue_not_assigned_to_agent")


def test_who_asked_hears_of_the_approval_although_the_issue_is_anothers(cast, issue):  # HW-20
    approval = cast.company.approvals.create(
        type="request_board_approval", payload={}, requested_by_agent=cast.peer, status="pending"
    )
    issue.approval_links.create(company=cast.company, approval=approval)
    approvals.approve(approval=approval, actor=actors.for_user(cast.owner), now=clock.now())

    (run,) = claim()

    assert (run.agent_id, run.context_snapshot["wakeReason"]) == (cast.peer.pk, "approval_approved")
    issue.refresh_from_db()
    assert (issue.execution_run_id, issue.assignee_agent_id) == (None, cast.engineer.pk)


# --- Blockers --------------------------------------------------------------------------------------------


def test_a_resolved_blocker_lets_the_wake_through(cast, issue):  # HB-68
    blocker = factories.issue(cast.company, assignee_agent=cast.peer)
    factories.blocks(blocker, issue)
    assert wake(cast.engineer, issue=issue).kind == "skipped"

    issue_lifecycle.update(
        issue_id=blocker.pk, fields={"status": "done"}, actor=actors.for_user(cast.owner), now=clock.now()
    )

    (run,) = claim()
    assert (run.issue_id, run.context_snapshot["wakeReason"]) == (issue.pk, "issue_blockers_resolved")


def test_a_queued_run_of_an_issue_that_became_blocked_gives_way(cast, issue):  # HB-70
    run = wake(cast.engineer, issue=issue).run
    Issue.objects.filter(pk=issue.pk).update(execution_run=run)
    factories.blocks(factories.issue(cast.company), issue)
    ready = wake(cast.engineer, issue=factories.issue(cast.company, assignee_agent=cast.engineer)).run

    assert [started.pk for started in claim()] == [ready.pk]

    run.refresh_from_db()
    issue.refresh_from_db()
    assert (run.status, run.error_code) == ("cancelled", "issue_dependencies_blocked")
    assert (run.result_json["stopReason"], run.result_json["timeoutSource"]) == (
        "issue_dependencies_blocked", "dependency_gate"
    )  # fmt: skip
    assert run.wakeup_request.status == "skipped"
    assert issue.execution_run_id is None


def test_a_word_keeps_its_weight_when_a_plain_wake_joins_it(cast, issue):
    factories.blocks(factories.issue(cast.company), issue)
    said = comment_wake(cast.engineer, issue, factories.comment(issue)).run
    assert wake(cast.engineer, issue=issue, reason="issue_status_changed").kind == "coalesced"
    assert [run.pk for run in claim()] == [said.pk]


def test_a_limit_of_one_makes_the_second_issue_wait(cast, issue):  # HB-69
    Agent.objects.filter(pk=cast.engineer.pk).update(runtime_config={})
    wake(cast.engineer, issue=issue)
    (first,) = claim()
    second = wake(cast.engineer, issue=factories.issue(cast.company, assignee_agent=cast.engineer)).run

    assert claim() == []
    second.refresh_from_db()
    assert second.status == "queued"
    Issue.objects.filter(pk=issue.pk).update(status="done")
    finish(first)
    assert [run.pk for run in claim()] == [second.pk]


# --- Staleness at claim (H-70) ---------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("change", "code"),
    [
        pytest.param("reassigned", "issue_assignee_changed", id="HB-72 reassigned"),
        pytest.param("done", "issue_terminal_status", id="HB-72 done"),
        pytest.param("cancelled", "issue_terminal_status", id="HB-72 cancelled"),
        pytest.param("gone", "issue_not_found", id="H-70 gone"),
        pytest.param("todo", "issue_not_in_progress", id="HB-72 max-turn, not in progress"),
        pytest.param("lock", "issue_execution_lock_changed", id="HB-72 max-turn, lock elsewhere"),
    ],
)
def test_a_stale_run_is_ended_lightly_at_claim(cast, change, code):
    issue = factories.issue(cast.company, assignee_agent=cast.engineer, status="in_progress")
    holder = factories.run(cast.peer)
    is_continuation = code in ("issue_not_in_progress", "issue_execution_lock_changed")
    run = wake(cast.engineer, issue=issue).run
    if is_continuation:
        Run.objects.filter(pk=run.pk).update(scheduled_retry_reason="max_turns_continuation")
    match change:
        case "reassigned":
            Issue.objects.filter(pk=issue.pk).update(assignee_agent=cast.peer)
        case "gone":
            Run.objects.filter(pk=run.pk).update(issue=None)
        case "lock":
            Issue.objects.filter(pk=issue.pk).update(execution_run=holder)
        case _:
            Issue.objects.filter(pk=issue.pk).update(status=change)

    assert claim() == []

    run.refresh_from_db()
    assert (run.status, run.error_code) == ("cancelled", code)
    assert run.result_json == {
        "stopReason": code, "effectiveTimeoutSec": 0, "timeoutConfigured": False, "timeoutFired": False,
        "timeoutSource": "stale_queued_run_gate",
    }  # fmt: skip
    assert run.wakeup_request.status == "skipped"
    event = RunEvent.objects.get(run=run)
    assert (event.event_type, event.level, event.payload["code"]) == ("lifecycle", "warn", code)
    if change == "lock":
        issue.refresh_from_db()
        assert issue.execution_run_id == holder.pk, "a foreign lock is kept"


@pytest.mark.parametrize(
    ("summary", "waits"),
    [
        pytest.param("## Next Action\n\n- Wait for approval by the board\n- then ship", True, id="HB-74"),
        pytest.param(
            "# Done\nx\n## Next Actions\n* Awaiting human review of the plan", True, id="heading plural"
        ),
        pytest.param("## Next Action\n1. Hold until the operator answers", True, id="numbered"),
        pytest.param(
            "## Next Action\n- Write the tests\n- wait for review", False, id="only the first counts"
        ),
        pytest.param("## Next Action\n- Review the code and merge", False, id="to review is work"),
        pytest.param("## Next Action\n- Update the user guide", False, id="a user guide is no user"),
        pytest.param("- Wait for approval", False, id="no heading"),
        pytest.param("", False, id="empty"),
    ],
)
def test_what_a_summary_says_comes_next(summary, waits):
    assert reviews.waits_for_review(summary) is waits


@pytest.mark.parametrize("where", ["document", "context"])
def test_work_that_waits_for_a_judgement_is_not_continued(cast, where):  # HB-74
    issue = factories.issue(cast.company, assignee_agent=cast.engineer, status="in_progress")
    body = "## Next Action\n- Wait for approval from the board"
    context = {"paperclipContinuationSummary": {"body": body}} if where == "context" else None
    if where == "document":
        put_document(issue, body)
    run = wake(cast.engineer, issue=issue, reason="issue_continuation_needed", context=context).run

    assert claim() == []

    run.refresh_from_db()
    assert run.error_code == "issue_continuation_waiting_on_review"


@pytest.mark.parametrize(
    "scene",
    [
        pytest.param("comment", id="HB-73 somebody speaks"),
        pytest.param("other reason", id="not a continuation"),
        pytest.param("todo", id="not in progress"),
    ],
)
def test_other_runs_do_not_ask_the_summary(cast, scene):
    status = "todo" if scene == "todo" else "in_progress"
    issue = factories.issue(cast.company, assignee_agent=cast.engineer, status=status)
    put_document(issue, "## Next Action\n- Wait for approval")
    reason = "issue_status_changed" if scene == "other reason" else "issue_continuation_needed"
    payload = {"issueId": str(issue.pk)}
    if scene == "comment":
        payload["commentId"] = str(factories.comment(issue).pk)
    run = wake(cast.engineer, reason=reason, payload=payload).run
    assert [started.pk for started in claim()] == [run.pk]


def test_the_gate_of_a_plain_claim_costs_a_fixed_number_of_queries(cast, issue):
    runner = factories.runner()

    def cost():
        with CaptureQueriesContext(connection) as asked:
            assert len(list(claims.claim(runner=runner, most=1, now=clock.now()))) == 1
        return len(asked)

    wake(cast.engineer, issue=issue)
    first = cost()
    leaf = issue
    for _ in range(10):
        leaf = factories.issue(cast.company, parent=leaf)
    Issue.objects.filter(pk=leaf.pk).update(assignee_agent=cast.peer)
    for _ in range(5):
        factories.blocks(factories.issue(cast.company, status="done"), leaf)
    wake(cast.peer, issue=leaf)
    assert cost() == first


# --- A retry that is due (H-131) -------------------------------------------------------------------------


def due(agent, issue, run, **context):
    issue.refresh_from_db()
    agent = Agent.objects.select_related("company").get(pk=agent.pk)
    issue = Issue.objects.select_related("project").get(pk=issue.pk)
    facts = gates.look(
        agent=agent,
        context=contexts.read(run.context_snapshot | context),
        source="automation",
        issue=issue,
        requester=("system", "heartbeat_service"),
        run=run,
        now=clock.now(),
    )
    return gates.at_promotion(facts)


def spoil(cast, issue, run, scene):
    match scene:
        case "company paused":
            Company.objects.filter(pk=cast.company.pk).update(status="paused", pause_reason="budget")
        case "budget":
            Agent.objects.filter(pk=cast.engineer.pk).update(status="paused", pause_reason="budget")
        case "paused":
            Agent.objects.filter(pk=cast.engineer.pk).update(status="paused", pause_reason="manual")
        case "project":
            project = Project.objects.create(company=cast.company, name="P", paused_at=clock.now())
            Issue.objects.filter(pk=issue.pk).update(project=project)
        case "reassigned":
            Issue.objects.filter(pk=issue.pk).update(assignee_agent=cast.peer)
        case "cancelled" | "done" | "blocked" | "todo" | "backlog":
            Issue.objects.filter(pk=issue.pk).update(status=scene)
        case "lock":
            Issue.objects.filter(pk=issue.pk).update(execution_run=factories.run(cast.peer))
        case "hold":
            tree_control.give(
                root_id=issue.pk, mode="pause", actor=actors.for_user(cast.owner), now=clock.now()
            )
        case "blocker":
            factories.blocks(factories.issue(cast.company), issue)


SCENES = [
    pytest.param(("budget",), "budget_blocked", id="HB-23 HB-30 budget before invokability"),
    pytest.param(("company paused", "paused"), "budget_blocked", id="HB-30 company out of budget"),
    pytest.param(("project",), "budget_blocked", id="HB-30 project out of budget"),
    pytest.param(("paused", "reassigned"), "agent_not_invokable", id="HB-30 agent paused"),
    pytest.param(("reassigned", "cancelled"), "issue_reassigned", id="HB-26 reassigned"),
    pytest.param(("cancelled", "hold"), "issue_cancelled", id="HB-27 cancelled"),
    pytest.param(("done", "hold"), "issue_terminal_status", id="HB-30 done"),
    pytest.param(("hold", "blocker"), "issue_paused", id="HB-30 hold"),
    pytest.param(("blocker",), "issue_dependencies_blocked", id="HB-30 blocker"),
    pytest.param((), None, id="nothing in the way"),
    pytest.param(("todo",), None, id="a transient retry needs no work in progress"),
]


@pytest.mark.parametrize(("scenes", "code"), SCENES)
def test_what_stands_against_a_retry(cast, scenes, code):
    issue = factories.issue(cast.company, assignee_agent=cast.engineer, status="in_progress")
    context = {"issueId": str(issue.pk), "wakeReason": "transient_failure_retry"}
    run = factories.run(
        cast.engineer, issue=issue, status="scheduled_retry", scheduled_retry_at=clock.now(),
        scheduled_retry_reason="transient_failure", context_snapshot=context,
    )  # fmt: skip
    for scene in scenes:
        spoil(cast, issue, run, scene)
    refused = due(cast.engineer, issue, run)
    assert (refused.code if refused else None) == code


@pytest.mark.parametrize(
    ("scenes", "code"),
    [
        pytest.param(("blocked",), "issue_not_in_progress", id="HB-20 HB-21 blocked"),
        pytest.param(("todo", "lock"), "issue_not_in_progress", id="HB-20 HB-21 todo"),
        pytest.param(("backlog",), "issue_not_in_progress", id="HB-20 HB-21 backlog"),
        pytest.param(("lock", "hold"), "issue_execution_lock_changed", id="HB-19 lock elsewhere"),
        pytest.param(("blocker",), "issue_dependencies_blocked", id="HB-24 open blocker"),
        pytest.param((), None, id="everything as it was left"),
    ],
)
def test_what_stands_against_going_on_after_too_many_turns(cast, scenes, code):
    issue = factories.issue(cast.company, assignee_agent=cast.engineer, status="in_progress")
    run = continuation(cast.engineer, issue, status="scheduled_retry", scheduled_retry_at=clock.now())
    Issue.objects.filter(pk=issue.pk).update(execution_run=run)
    for scene in scenes:
        spoil(cast, issue, run, scene)
    refused = due(cast.engineer, issue, run)
    assert (refused.code if refused else None) == code
    if code == "issue_not_in_progress":
        assert refused.details == {"currentStatus": scenes[0], "requiredStatus": "in_progress"}


def test_a_retry_of_an_answer_goes_through_what_the_answer_went_through(cast, issue):
    """The word of a person that a failed run was to answer is still to be answered."""
    run = factories.run(cast.engineer, issue=issue, context_snapshot={"issueId": str(issue.pk)})
    spoil(cast, issue, run, "hold")
    spoil(cast, issue, run, "blocker")
    assert due(cast.engineer, issue, run, treeHoldInteraction=True).code == "issue_dependencies_blocked"
    assert due(cast.engineer, issue, run, treeHoldInteraction=True, dependencyBlockedInteraction=True) is None


def test_a_retry_of_an_issue_that_is_gone_is_refused(cast, issue):
    run = factories.run(cast.engineer, context_snapshot={"issueId": str(issue.pk)})
    agent = Agent.objects.select_related("company").get(pk=cast.engineer.pk)
    facts = gates.look(
        agent=agent,
        context=contexts.read(run.context_snapshot),
        source="automation",
        run=run,
        now=clock.now(),
    )
    assert gates.at_promotion(facts).code == "issue_not_found"


# --- Wakes that meet a live run --------------------------------------------------------------------------


def retry_of(agent, issue, **context):
    return factories.run(
        agent, issue=issue, status="scheduled_retry", scheduled_retry_at=clock.now() + timedelta(hours=2),
        context_snapshot={"issueId": str(issue.pk), **context} if issue else context,
    )  # fmt: skip


@pytest.mark.parametrize(
    ("who", "status"),
    [
        pytest.param("person's comment", "queued", id="HW-10 a person speaks"),
        pytest.param("agent's comment", "queued", id="HW-10 an agent speaks"),
        pytest.param("person's call", "queued", id="HW-10 a person calls by hand"),
        pytest.param("assignment", "scheduled_retry", id="H-50 an assignment waits with it"),
        pytest.param("news", "scheduled_retry", id="H-50 news wait with it"),
    ],
)
def test_who_brings_a_retry_forward(cast, issue, who, status):
    retry = retry_of(cast.engineer, issue)
    owner = actors.for_user(cast.owner)
    match who:
        case "person's comment":
            outcome = comment_wake(
                cast.engineer, issue, factories.comment(issue, author_user=cast.owner), actor=owner
            )
        case "agent's comment":
            outcome = comment_wake(cast.engineer, issue, factories.comment(issue, author_agent=cast.peer))
        case "person's call":
            outcome = wake(cast.engineer, issue=issue, source="on_demand", actor=owner)
        case "assignment":
            outcome = wake(cast.engineer, issue=issue)
        case "news":
            outcome = wake(cast.engineer, issue=issue, reason="issue_children_completed", source="automation")
    assert (outcome.kind, outcome.run.pk, outcome.run.status) == ("coalesced", retry.pk, status)
    assert outcome.note is not None
    assert outcome.request.payload["note"] == outcome.note
    told = RunEvent.objects.filter(run=retry, message__startswith="Brought forward")
    assert told.exists() is (status == "queued")


def test_a_call_without_an_issue_is_not_kept_waiting_by_a_retry(cast):  # HW-10
    retry = retry_of(cast.engineer, None)
    actor = actors.for_user(cast.owner)
    outcome = wake(cast.engineer, reason="manual", source="on_demand", actor=actor)
    assert (outcome.run.pk, outcome.run.status) == (retry.pk, "queued")


@pytest.mark.parametrize(
    ("not_before", "status"),
    [
        pytest.param(lambda later: clock.iso(later), "scheduled_retry", id="HW-10 as text"),
        pytest.param(lambda later: later.timestamp() * 1000, "scheduled_retry", id="as milliseconds"),
        pytest.param(lambda later: clock.iso(later - timedelta(days=1)), "queued", id="past"),
        pytest.param(lambda later: "soon", "queued", id="no time at all"),
        pytest.param(lambda later: 1e300, "queued", id="out of range"),
    ],
)
def test_a_retry_whose_provider_refuses_stays(cast, issue, not_before, status):
    later = clock.now() + timedelta(hours=3)
    retry = retry_of(cast.engineer, issue, transientRetryNotBefore=not_before(later))

    outcome = comment_wake(cast.engineer, issue, factories.comment(issue))

    assert (outcome.run.pk, outcome.run.status) == (retry.pk, status)
    assert outcome.run.context_snapshot["wakeCommentIds"]
    if status == "scheduled_retry":
        assert clock.iso(later) in outcome.note


def test_a_wake_does_not_join_a_run_that_is_being_stopped(cast, issue):
    wake(cast.engineer, issue=issue)
    (run,) = claim()
    cancel(run)

    assert wake(cast.engineer, issue=issue).kind == "deferred"

    finish(run)
    assert Run.objects.get(status="queued").issue_id == issue.pk


def test_a_call_without_an_issue_does_not_join_a_run_that_is_being_stopped(cast):
    run = factories.run(cast.engineer, cancel_requested_at=clock.now())
    outcome = wake(cast.engineer, reason="manual", source="on_demand")
    assert (outcome.kind, outcome.run.pk != run.pk) == ("queued", True)


def test_who_waited_behind_a_dropped_retry_is_let_in(cast):  # HW-9, H-46
    issue = factories.issue(cast.company, assignee_agent=cast.peer)
    old = retry_of(cast.engineer, issue)
    comment_wake(cast.manager, issue, factories.comment(issue), reason="issue_comment_mentioned")
    Agent.objects.filter(pk=cast.peer.pk).update(status="paused")

    assert wake(cast.peer, issue=issue).kind == "refused"

    old.refresh_from_db()
    assert (old.status, old.error_code) == ("cancelled", "issue_reassigned")
    assert Run.objects.get(status="queued").agent_id == cast.manager.pk


def test_a_dropped_retry_says_whom_it_made_way_for(cast):  # HB-25, H-46
    issue = factories.issue(cast.company, assignee_agent=cast.peer)
    old = retry_of(cast.engineer, issue)

    outcome = wake(cast.peer, issue=issue)

    assert outcome.kind == "queued"
    assert not WakeupRequest.objects.filter(status="deferred_issue_execution").exists()
    payload = RunEvent.objects.get(run=old).payload
    assert payload["previousRetryAgentId"] == str(cast.engineer.pk)
    assert payload["currentAssigneeAgentId"] == str(cast.peer.pk)
    assert payload["scheduledRetryAt"] == clock.iso(old.scheduled_retry_at)


def test_a_new_assignee_does_not_wait_for_a_run_that_would_only_be_dropped(cast, issue):
    """The old one's agent may be at its limit for hours, or its provider's account closed."""
    old = wake(cast.engineer, issue=issue).run
    Issue.objects.filter(pk=issue.pk).update(assignee_agent=cast.peer)

    outcome = wake(cast.peer, issue=issue)

    old.refresh_from_db()
    assert (outcome.kind, old.status, old.error_code) == ("queued", "cancelled", "issue_assignee_changed")


def test_a_queued_word_to_another_agent_keeps_its_place(cast, issue):
    said = comment_wake(cast.peer, issue, factories.comment(issue), reason="issue_comment_mentioned").run
    assert wake(cast.engineer, issue=issue).kind == "deferred"
    said.refresh_from_db()
    assert said.status == "queued"


def test_a_retry_that_is_to_answer_a_word_makes_way_and_is_not_lost(cast):
    issue = factories.issue(cast.company, assignee_agent=cast.engineer)
    comment = factories.comment(issue)
    mention = {"wakeReason": "issue_comment_mentioned", "wakeCommentIds": [str(comment.pk)]}
    retry = retry_of(cast.peer, issue, **mention)

    assert wake(cast.engineer, issue=issue, reason="issue_status_changed").kind == "queued"

    retry.refresh_from_db()
    assert retry.status == "cancelled"
    waiting = WakeupRequest.objects.get(status="deferred_issue_execution")
    assert waiting.agent_id == cast.peer.pk
    (run,) = claim()
    Issue.objects.filter(pk=issue.pk).update(status="done")
    finish(run)
    following = Run.objects.get(status="queued")
    assert (following.agent_id, following.context_snapshot["wakeCommentIds"]) == (
        cast.peer.pk, [str(comment.pk)]
    )  # fmt: skip


def test_a_second_word_to_the_same_agent_joins_the_retry_of_the_first(cast):
    issue = factories.issue(cast.company, assignee_agent=cast.engineer)
    first, second = factories.comment(issue), factories.comment(issue)
    mention = {"wakeReason": "issue_comment_mentioned", "wakeCommentIds": [str(first.pk)]}
    retry = retry_of(cast.peer, issue, **mention)

    outcome = comment_wake(cast.peer, issue, second, reason="issue_comment_mentioned")

    assert (outcome.run.pk, outcome.run.status) == (retry.pk, "queued")
    assert outcome.run.context_snapshot["wakeCommentIds"] == [str(first.pk), str(second.pk)]


def test_a_retry_of_a_mention_is_due_on_anothers_issue(cast):
    issue = factories.issue(cast.company, assignee_agent=cast.engineer)
    run = retry_of(
        cast.peer,
        issue,
        wakeReason="issue_comment_mentioned",
        wakeCommentIds=[str(factories.comment(issue).pk)],
    )
    assert due(cast.peer, issue, run) is None


def test_an_approval_waits_for_the_running_run(cast, issue):  # HB-57
    factories.run(cast.engineer, issue=issue)
    payload = {"issueId": str(issue.pk), "approvalId": "a-1"}

    outcome = wake(cast.engineer, reason="approval_approved", source="automation", payload=payload)

    row = WakeupRequest.objects.get()
    assert (outcome.run, row.status) == (None, "deferred_issue_execution")
    assert row.payload["approvalId"] == "a-1"
    assert row.payload["_paperclipWakeContext"]["wakeReason"] == "approval_approved"
    assert Run.objects.count() == 1


def test_the_next_run_is_told_what_was_said_meanwhile_and_no_more(cast, issue):  # HB-58
    first = factories.comment(issue, "one")
    comment_wake(cast.engineer, issue, first)
    (run,) = claim()
    later = [factories.comment(issue, text) for text in ("two", "three")]
    for comment in later:
        assert comment_wake(cast.engineer, issue, comment).run is None
    finish(run)

    (following,) = claim()

    context = contexts.read(following.context_snapshot)
    payload = wake_payload.build(context, following.issue)
    assert [comment["body"] for comment in payload["comments"]] == ["two", "three"]


def test_a_cancelled_run_lets_the_waiting_word_go_on(cast, issue):  # HB-59
    wake(cast.engineer, issue=issue)
    (run,) = claim()
    comment_wake(cast.engineer, issue, factories.comment(issue, "hear me"))
    cancel(run)
    finish(run)

    (following,) = claim()

    payload = wake_payload.build(contexts.read(following.context_snapshot), following.issue)
    assert payload["commentWindow"] == {"requestedCount": 1, "includedCount": 1, "missingCount": 0}


def test_work_reopened_by_a_waiting_word_is_taken_up(cast, issue):  # HB-60, H-61
    wake(cast.engineer, issue=issue)
    (run,) = claim()
    comment = comments.add(
        issue_id=issue.pk, body="one more thing", actor=actors.for_user(cast.owner), now=clock.now()
    )
    Issue.objects.filter(pk=issue.pk).update(status="done", completed_at=clock.now())
    finish(run)

    (following,) = claim()

    issue.refresh_from_db()
    assert (issue.status, issue.completed_at) == ("in_progress", None)
    assert following.context_snapshot["wakeCommentIds"] == [str(comment.pk)]


def test_a_waiting_mention_runs_without_taking_the_issue(cast, issue):  # HB-61, HB-63
    wake(cast.engineer, issue=issue)
    (run,) = claim()
    comments.add(
        issue_id=issue.pk, body="@Peer look", actor=actors.for_agent(cast.engineer, run_id=run.pk),
        now=clock.now(),
    )  # fmt: skip
    Issue.objects.filter(pk=issue.pk).update(status="done")
    finish(run)

    (following,) = claim()

    issue.refresh_from_db()
    assert (following.agent_id, issue.status) == (cast.peer.pk, "done")
    assert (issue.execution_run_id, issue.assignee_agent_id) == (None, cast.engineer.pk)


def test_a_called_off_call_may_be_made_again_under_its_key(cast, issue):  # HB-52
    first = wake(cast.engineer, issue=issue, idempotency_key="k")
    cancel(first.run)

    again = wake(cast.engineer, issue=issue, idempotency_key="k")

    assert (again.kind, again.run.pk != first.run.pk) == ("queued", True)
    assert WakeupRequest.objects.filter(idempotency_key="k").count() == 2


def test_wakes_that_wait_for_an_issue_go_with_it(cast, issue):
    run = factories.run(cast.engineer, issue=issue)
    comment_wake(cast.engineer, issue, factories.comment(issue))

    issue_lifecycle.delete(issue_id=issue.pk, actor=actors.for_user(cast.owner), now=clock.now())

    row = WakeupRequest.objects.get()
    assert (row.status, bool(row.error)) == ("cancelled", True)
    run.refresh_from_db()
    finish(run)
    assert not Run.objects.filter(status="queued").exists()


# --- An agent's own writes (field note 8) ----------------------------------------------------------------


def test_an_agent_is_not_called_for_what_its_own_run_did(cast, issue):
    wake(cast.engineer, issue=issue)
    (run,) = claim()
    child = factories.issue(cast.company, parent=issue)
    me = actors.for_agent(cast.engineer, run_id=run.pk)

    issue_lifecycle.update(issue_id=child.pk, fields={"status": "done"}, actor=me, now=clock.now())

    row = WakeupRequest.objects.exclude(run=run).get()
    assert (row.status, row.reason) == ("skipped", "caused_by_own_run")


def test_an_agent_is_called_for_new_work_it_makes_itself(cast, issue):
    wake(cast.engineer, issue=issue)
    (run,) = claim()
    me = actors.for_agent(cast.engineer, run_id=run.pk)
    made = issue_lifecycle.create(
        company_id=cast.company.pk,
        fields={"title": "Next", "assignee_agent_id": cast.engineer.pk},
        actor=me,
        now=clock.now(),
    )
    assert Run.objects.get(issue=made).status == "queued"


def test_an_agent_may_ask_to_be_called_again(cast, issue):  # I-93
    run = factories.run(cast.engineer, issue=issue)
    Issue.objects.filter(pk=issue.pk).update(status="blocked")
    comments.add(
        issue_id=issue.pk, body="on", resume=True, actor=actors.for_agent(cast.engineer, run_id=run.pk),
        now=clock.now(),
    )  # fmt: skip
    assert WakeupRequest.objects.get().status == "deferred_issue_execution"


def test_an_agent_may_call_itself(cast, issue):
    run = factories.run(cast.engineer, issue=issue)
    outcome = wakeups.enqueue(
        agent_id=cast.engineer.pk,
        company_id=cast.company.pk,
        call=Call(source="on_demand", reason="again", payload={"issueId": str(issue.pk)}),
        actor=actors.for_agent(cast.engineer, run_id=run.pk),
        now=clock.now(),
    )
    assert outcome.kind == "coalesced"


# --- Locks -----------------------------------------------------------------------------------------------


@pytest.mark.django_db(transaction=True)
def test_a_lock_somebody_keeps_holds_up_nobody(transactional_db):  # HB-75
    company = factories.company()
    agent, other = factories.agent(company), factories.agent(company)
    run = wake(agent, reason="manual", source="on_demand").run
    free = wake(other, reason="manual", source="on_demand").run
    held, released = threading.Event(), threading.Event()

    def hold():
        try:
            with transaction.atomic():
                Agent.objects.select_for_update().get(pk=agent.pk)
                held.set()
                released.wait(30)
        finally:
            connection.close()

    keeper = threading.Thread(target=hold)
    keeper.start()
    assert held.wait(10)
    began = time.monotonic()
    assert [started.pk for started in claim()] == [free.pk]
    assert time.monotonic() - began < 5, "a held lock is not waited for"
    released.set()
    keeper.join(10)
    assert [started.pk for started in claim()] == [run.pk]


def test_dropping_a_run_twice_lets_in_once(cast, issue):
    run = wake(cast.engineer, issue=issue).run
    comment_wake(cast.peer, issue, factories.comment(issue), reason="issue_comment_mentioned")
    comment_wake(cast.manager, issue, factories.comment(issue), reason="issue_comment_mentioned")
    refused = gates.Refused("issue_paused", "why")

    assert wakeups.drop_waiting(run, refused, now=clock.now()) is True
    assert wakeups.drop_waiting(run, refused, now=clock.now()) is False

    assert Run.objects.filter(status="queued").count() == 1
    assert WakeupRequest.objects.filter(status="deferred_issue_execution").count() == 1


def test_a_persons_cancel_of_a_waiting_run_is_said_in_one_word(cast, issue):  # H-97, HB-82
    run = wake(cast.engineer, issue=issue).run
    lifecycle.cancel(
        run_id=run.pk, reason="Cancelled due to agent pause", actor=actors.system("t"), now=clock.now()
    )
    run.refresh_from_db()
    assert (run.result_json["stopReason"], run.result_json["effectiveTimeoutSec"]) == ("paused", 0)
