"""Whom an edit calls, why, and with what."""

from __future__ import annotations

import pytest

from tests import factories


def patch(caller, issue, **body):
    answer = caller.patch(f"/api/issues/{issue.pk}", body)
    assert answer.status_code == 200, answer.content
    return answer.json()


def sent(calls):
    return [(wake.agent_id, wake.issue_id, wake.reason) for wake in calls]


# --- Assignment and status -------------------------------------------------------------------------------


def test_new_assignee_is_called(cast, calls):
    issue = factories.issue(cast.company, assignee_agent=cast.engineer)

    patch(cast.as_owner, issue, assigneeAgentId=str(cast.peer.id))

    (wake,) = calls
    assert (wake.agent_id, wake.reason, wake.source) == (cast.peer.id, "issue_assigned", "assignment")
    assert wake.payload == {"issueId": str(issue.pk), "mutation": "update"}
    assert wake.context == {"issueId": str(issue.pk), "source": "issue.update"}


def test_assignment_carries_the_comment(cast, calls):
    """IC-56."""
    issue = factories.issue(cast.company)

    row = patch(cast.as_owner, issue, assigneeAgentId=str(cast.peer.id), comment="yours")

    (wake,) = calls
    said = row["comment"]["id"]
    assert (wake.reason, wake.payload["commentId"]) == ("issue_assigned", said)
    assert (wake.context["commentId"], wake.context["wakeCommentId"], wake.context["taskId"]) == (
        said,
        said,
        str(issue.pk),
    )


@pytest.mark.parametrize(
    ("start", "body", "reason"),
    [
        pytest.param("blocked", {"status": "todo"}, "issue_status_changed", id="IC-55 blocked"),
        pytest.param("done", {"status": "todo"}, "issue_status_changed", id="IC-55 done"),
        pytest.param("cancelled", {"status": "todo"}, "issue_status_changed", id="I-90 cancelled"),
        pytest.param("backlog", {"status": "todo"}, "issue_status_changed", id="I-90 out of the backlog"),
        pytest.param("backlog", {"status": "in_progress"}, "issue_status_changed", id="I-90 backlog to work"),
        pytest.param("backlog", {"status": "done"}, None, id="IW-21 backlog straight to done"),
        pytest.param("backlog", {"status": "cancelled"}, None, id="IW-21 backlog straight to cancelled"),
        pytest.param("todo", {"status": "blocked"}, None, id="I-90 other moves"),
        pytest.param("done", {"status": "in_review"}, None, id="I-90 only back to todo"),
        pytest.param("todo", {"status": "todo"}, None, id="I-90 no move"),
        pytest.param("todo", {"title": "x"}, None, id="I-90 other edits"),
        pytest.param("todo", {"comment": "x"}, "issue_commented", id="IC-57 comment only"),
        pytest.param(
            "blocked", {"status": "todo", "comment": "x"}, "issue_commented", id="I-94 comment beats status"
        ),
        pytest.param("done", {"comment": "x"}, "issue_reopened_via_comment", id="I-90 reopened"),
        pytest.param("todo", {"status": "done", "comment": "x"}, None, id="IW-22 a word on finished work"),
        pytest.param("done", {"comment": "x", "status": "done"}, None, id="I-93 closed before and after"),
        pytest.param(
            "todo", {"comment": "@Engineer x"}, "issue_commented", id="IW-23 a mention does not weaken"
        ),
        pytest.param(
            "done",
            {"comment": "@Engineer x", "status": "done"},
            "issue_comment_mentioned",
            id="I-90 a mention is heard",
        ),
    ],
)
def test_edit_calls_the_assignee_once(cast, calls, start, body, reason):
    issue = factories.issue(cast.company, assignee_agent=cast.engineer, status=start)

    patch(cast.as_owner, issue, **body)

    assert sent(calls) == ([(cast.engineer.id, issue.pk, reason)] if reason else [])
    for wake in calls:
        assert wake.source == ("automation" if reason != "issue_assigned" else "assignment")


@pytest.mark.parametrize("status", ["backlog", "done", "cancelled"])
def test_nobody_is_called_to_work_that_is_not_for_now(cast, calls, status):
    """I-92, IW-21."""
    issue = factories.issue(cast.company, status=status)

    patch(cast.as_owner, issue, assigneeAgentId=str(cast.engineer.id))

    assert not calls


def test_reopened_and_reassigned_is_one_assignment(cast, calls):
    """IC-53."""
    issue = factories.issue(cast.company, assignee_agent=cast.engineer, status="done")

    patch(cast.as_owner, issue, comment="again", assigneeAgentId=str(cast.peer.id))

    assert sent(calls) == [(cast.peer.id, issue.pk, "issue_assigned")]


@pytest.mark.parametrize(
    "body",
    [
        {"comment": "working on it @Engineer"},
        {"status": "todo"},
        {"status": "todo", "comment": "x"},
        {"title": "x"},
    ],
)
def test_own_writes_call_nobody(cast, calls, body):
    """An agent that is called for what it wrote itself never stops."""
    issue = factories.issue(cast.company, assignee_agent=cast.engineer, status="blocked")

    patch(cast.as_agent(cast.engineer), issue, **body)

    assert not calls


def test_follow_up_and_interruption_are_told(cast, calls):
    """I-89."""
    issue = factories.issue(cast.company, assignee_agent=cast.engineer, status="in_progress")
    run = factories.run(cast.engineer, issue=issue)

    patch(cast.as_owner, issue, comment="x", resume=True, interrupt=True)

    (wake,) = calls
    for part in (wake.payload, wake.context):
        assert (part["resumeIntent"], part["followUpRequested"], part["interruptedRunId"]) == (
            True,
            True,
            str(run.pk),
        )


# --- Blockers --------------------------------------------------------------------------------------------


def test_last_blocker_calls_whoever_waited(cast, calls):
    """IC-67."""
    first, last = factories.issue(cast.company), factories.issue(cast.company)
    waiting = factories.issue(cast.company, assignee_agent=cast.engineer, status="blocked")
    factories.blocks(first, waiting)
    factories.blocks(last, waiting)

    patch(cast.as_owner, first, status="done")
    assert not calls

    patch(cast.as_owner, last, status="done")
    (wake,) = calls
    assert (wake.agent_id, wake.issue_id, wake.reason) == (
        cast.engineer.id,
        waiting.pk,
        "issue_blockers_resolved",
    )
    facts = {"resolvedBlockerIssueId": str(last.pk), "blockerIssueIds": [str(first.pk), str(last.pk)]}
    assert wake.payload == {"issueId": str(waiting.pk), **facts}
    assert wake.context == {
        "issueId": str(waiting.pk),
        "taskId": str(waiting.pk),
        "wakeReason": "issue_blockers_resolved",
        "source": "issue.blockers_resolved",
        **facts,
    }
    waiting.refresh_from_db()
    assert waiting.status == "blocked", "I-83: the status stays as it is"


@pytest.mark.parametrize(
    ("fields", "called"),
    [
        pytest.param({"status": "todo"}, True, id="todo"),
        pytest.param({"status": "in_progress"}, True, id="in progress"),
        pytest.param({"status": "backlog"}, False, id="I-83 backlog"),
        pytest.param({"status": "done"}, False, id="I-83 done"),
        pytest.param({"status": "cancelled"}, False, id="I-83 cancelled"),
        pytest.param({"status": "todo", "assignee_agent": None}, False, id="I-83 nobody"),
    ],
)
def test_only_open_agents_work_is_called(cast, calls, fields, called):
    blocker = factories.issue(cast.company)
    waiting = factories.issue(cast.company, **{"assignee_agent": cast.engineer} | fields)
    factories.blocks(blocker, waiting)

    patch(cast.as_owner, blocker, status="done")

    assert bool(calls) == called


def test_agent_is_called_for_its_other_issue(cast, calls):
    """What it finished is its own write; what waited for it is not."""
    blocker = factories.issue(cast.company, assignee_agent=cast.engineer)
    waiting = factories.issue(cast.company, assignee_agent=cast.engineer, status="blocked")
    factories.blocks(blocker, waiting)

    patch(cast.as_agent(cast.engineer), blocker, status="done")

    assert sent(calls) == [(cast.engineer.id, waiting.pk, "issue_blockers_resolved")]


def test_cancelled_blocker_calls_once_it_is_removed(cast, calls):
    """I-82, IW-19."""
    blocker, other = factories.issue(cast.company), factories.issue(cast.company, status="done")
    waiting = factories.issue(cast.company, assignee_agent=cast.engineer, status="blocked")
    factories.blocks(blocker, waiting)
    factories.blocks(other, waiting)

    patch(cast.as_owner, blocker, status="cancelled")
    assert not calls

    patch(cast.as_owner, waiting, blockedByIssueIds=[str(other.pk)])
    (wake,) = calls
    assert (wake.reason, wake.payload["resolvedBlockerIssueId"]) == (
        "issue_blockers_resolved",
        str(blocker.pk),
    )


@pytest.mark.parametrize("keep_open", [True, False])
def test_removing_what_was_not_in_the_way_calls_nobody(cast, calls, keep_open):
    done = factories.issue(cast.company, status="done")
    waiting = factories.issue(cast.company, assignee_agent=cast.engineer, status="blocked")
    factories.blocks(done, waiting)
    if keep_open:
        factories.blocks(factories.issue(cast.company), waiting)
    kept = [str(link.issue_id) for link in waiting.blocked_by_links.exclude(issue=done)]

    patch(cast.as_owner, waiting, blockedByIssueIds=kept)

    assert not calls


# --- Children --------------------------------------------------------------------------------------------


def test_last_child_calls_the_parent(cast, calls):
    """IC-68."""
    parent = factories.issue(cast.company, assignee_agent=cast.manager, status="blocked")
    done = factories.issue(cast.company, title="one", parent=parent, status="done", assignee_agent=cast.peer)
    last = factories.issue(cast.company, title="two", parent=parent)
    factories.comment(done, "early")
    factories.comment(done, "  " + "y" * 600)

    patch(cast.as_owner, last, status="cancelled")

    (wake,) = calls
    assert (wake.agent_id, wake.issue_id, wake.reason) == (
        cast.manager.id,
        parent.pk,
        "issue_children_completed",
    )
    payload = wake.payload
    assert payload["completedChildIssueId"] == str(last.pk)
    assert payload["childIssueIds"] == [str(done.pk), str(last.pk)]
    assert payload["childIssueSummaryTruncated"] is False
    first, second = payload["childIssueSummaries"]
    assert set(first) == {
        "id",
        "identifier",
        "title",
        "status",
        "priority",
        "assigneeAgentId",
        "assigneeUserId",
        "updatedAt",
        "summary",
    }
    assert (first["title"], first["assigneeAgentId"]) == ("one", str(cast.peer.id))
    assert first["summary"] == "y" * 485 + " [truncated]"
    assert (second["status"], second["summary"]) == ("cancelled", None)
    assert wake.context["source"] == "issue.children_completed"


def test_many_children_are_summed_up(cast, calls):
    parent = factories.issue(cast.company, assignee_agent=cast.manager)
    for _ in range(24):
        factories.issue(cast.company, parent=parent, status="done")

    patch(cast.as_owner, factories.issue(cast.company, parent=parent), status="done")

    payload = calls[0].payload
    assert (
        len(payload["childIssueIds"]),
        len(payload["childIssueSummaries"]),
        payload["childIssueSummaryTruncated"],
    ) == (25, 20, True)


@pytest.mark.parametrize(
    ("sibling", "parent", "start", "to"),
    [
        pytest.param("blocked", "todo", "todo", "done", id="IC-69 an open sibling"),
        pytest.param("done", "backlog", "todo", "done", id="I-84 parent in the backlog"),
        pytest.param("done", "done", "todo", "done", id="I-84 parent is done"),
        pytest.param("done", "todo", "done", "cancelled", id="I-84 closed already"),
        pytest.param("done", "todo", "todo", "in_review", id="I-84 not closed"),
    ],
)
def test_parent_is_left_alone(cast, calls, sibling, parent, start, to):
    top = factories.issue(cast.company, assignee_agent=cast.manager, status=parent)
    factories.issue(cast.company, parent=top, status=sibling)
    child = factories.issue(cast.company, parent=top, status=start)

    patch(cast.as_owner, child, status=to)

    assert not calls


def test_child_that_blocks_its_parent_calls_once(cast, calls):
    """I-94: children completed is the later kind."""
    parent = factories.issue(cast.company, assignee_agent=cast.manager, status="blocked")
    child = factories.issue(cast.company, parent=parent)
    factories.blocks(child, parent)

    patch(cast.as_owner, child, status="done")

    assert sent(calls) == [(cast.manager.id, parent.pk, "issue_children_completed")]


def test_wakes_reach_the_run_engine_in_the_same_transaction(cast):
    issue = factories.issue(cast.company)

    patch(cast.as_owner, issue, assigneeAgentId=str(cast.engineer.id))

    request = cast.engineer.wakeups.get()
    assert (request.reason, request.issue_id, request.requested_by_actor_id) == (
        "issue_assigned",
        issue.pk,
        str(cast.owner.id),
    )
