"""`GET /issues/:id/heartbeat-context`: what an agent reads before it starts."""

from __future__ import annotations

from uuid import uuid4

import pytest

from issues.api.issues import HeartbeatContextOut
from tests import factories

ISSUE_KEYS = {
    "id", "identifier", "title", "description", "status", "workMode", "blockerAttention",
    "productivityReview", "scheduledRetry", "priority", "projectId", "goalId", "parentId", "blockedBy",
    "blocks", "assigneeAgentId", "assigneeUserId", "originKind", "originId", "updatedAt",
}  # fmt: skip


@pytest.fixture
def issue(cast):
    return factories.issue(cast.company, assignee_agent=cast.engineer, description="x" * 5000)


def context(caller, issue, **query):
    return caller.get(f"/api/issues/{issue.pk}/heartbeat-context", query)


def test_answer_has_the_contracts_shape(cast, issue):
    """I-153."""
    body = context(cast.as_agent(cast.engineer), issue).json()

    assert set(body) == set(HeartbeatContextOut().fields)
    assert set(body["issue"]) == ISSUE_KEYS
    assert body["issue"]["description"] == "x" * 5000
    assert body["commentCursor"] == {"totalComments": 0, "latestCommentId": None, "latestCommentAt": None}
    assert (body["wakeComment"], body["continuationSummary"], body["attachments"]) == (None, None, [])


def test_surroundings_are_short(cast):
    project = factories.project(cast.company, name="Web")
    goal = factories.goal(cast.company, title="Win")
    top = factories.issue(cast.company, title="Top")
    issue = factories.issue(cast.company, project=project, goal=goal, parent=top)
    blocker = factories.issue(cast.company, status="done")
    factories.blocks(blocker, issue)

    body = context(cast.as_owner, issue).json()

    assert body["ancestors"] == [
        {
            "id": str(top.id),
            "identifier": top.identifier,
            "title": "Top",
            "status": "todo",
            "priority": "medium",
        }
    ]
    assert body["project"] == {"id": str(project.id), "name": "Web", "status": "backlog", "targetDate": None}
    assert body["goal"] == {
        "id": str(goal.id), "title": "Win", "status": "planned", "level": "task", "parentId": None
    }  # fmt: skip
    assert body["issue"]["goalId"] == str(goal.id)
    assert [entry["id"] for entry in body["issue"]["blockedBy"]] == [str(blocker.id)]


def test_cursor_and_wake_comment(cast, issue):
    first, last = factories.comment(issue, "first"), factories.comment(issue, "last", author_user=cast.owner)
    foreign = factories.comment(factories.issue(cast.company), "elsewhere")

    body = context(cast.as_owner, issue, wakeCommentId=str(first.pk)).json()

    assert (body["commentCursor"]["totalComments"], body["commentCursor"]["latestCommentId"]) == (
        2,
        str(last.pk),
    )
    assert (body["wakeComment"]["body"], body["wakeComment"]["authorType"]) == ("first", "system")
    for reference in (str(foreign.pk), str(uuid4()), "nonsense", ""):
        answer = context(cast.as_owner, issue, wakeCommentId=reference)
        assert (answer.status_code, answer.json()["wakeComment"]) == (200, None)


def test_continuation_summary_is_handed_on(cast, issue):
    body = {"format": "markdown", "body": "Where we are", "title": "Continuation Summary"}
    cast.as_owner.put(f"/api/issues/{issue.pk}/documents/continuation-summary", body)

    summary = context(cast.as_owner, issue).json()["continuationSummary"]

    assert (summary["key"], summary["body"], summary["latestRevisionNumber"]) == (
        "continuation-summary", "Where we are", 1
    )  # fmt: skip


def test_blocked_issue_says_who_has_to_move(cast):
    issue = factories.issue(cast.company, status="blocked")

    assert context(cast.as_owner, issue).json()["issue"]["blockerAttention"]["state"] == "needs_attention"


def test_identifier_names_the_issue(cast, issue):
    answer = cast.as_owner.get(f"/api/issues/{issue.identifier.lower()}/heartbeat-context")

    assert answer.json()["issue"]["id"] == str(issue.pk)


@pytest.mark.parametrize(
    ("who", "status"),
    [
        ("as_owner", 200),
        ("as_viewer", 200),
        ("as_outsider", 404),
        ("as_foreign_agent", 404),
        ("as_nobody", 401),
    ],
)
def test_who_may_read(cast, issue, who, status):
    assert context(getattr(cast, who), issue).status_code == status


def test_one_query_beside_the_callers(cast, issue, django_assert_num_queries):
    caller = cast.as_agent(cast.engineer)
    context(caller, issue)

    with django_assert_num_queries(2):
        context(caller, issue)
