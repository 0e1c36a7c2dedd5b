"""What is said about a question."""

from __future__ import annotations

import pytest

from paperclip.companies.models import Activity
from paperclip.governance.models import ApprovalComment


@pytest.fixture
def question(cast):
    body = {"type": "request_board_approval", "payload": {"title": "May I?"}}
    path = f"/api/companies/{cast.company.id}/approvals"
    return cast.as_agent(cast.peer).post(path, body).json()["id"]


def say(caller, question, body):
    return caller.post(f"/api/approvals/{question}/comments", {"body": body})


def test_comments_come_oldest_first(cast, question):
    """C-74, C-78, C-82."""
    first = say(cast.as_agent(cast.peer), question, "Please\\nsoon")
    assert first.status_code == 201
    assert (first.json()["body"], first.json()["authorAgentId"]) == ("Please\nsoon", str(cast.peer.id))
    second = say(cast.as_operator, question, "Why?").json()
    assert (second["authorAgentId"], second["authorUserId"]) == (None, str(cast.operator.id))
    listed = cast.as_viewer.get(f"/api/approvals/{question}/comments").json()
    assert [comment["body"] for comment in listed] == ["Please\nsoon", "Why?"]
    entries = Activity.objects.filter(action="approval.comment_added").order_by("created_at")
    assert [entry.details for entry in entries] == [{"commentId": comment["id"]} for comment in listed]


@pytest.mark.parametrize("body", ["", None, 5])
def test_empty_comment_is_refused(cast, question, body):
    """C-78."""
    answer = say(cast.as_owner, question, body)
    assert (answer.status_code, answer.json()["details"][0]["path"]) == (400, ["body"])


def test_viewers_and_strangers_say_nothing(cast, question):
    assert say(cast.as_viewer, question, "x").json()["error"] == "Viewer access is read-only"
    assert say(cast.as_foreign_agent, question, "x").status_code == 404
    assert cast.as_outsider.get(f"/api/approvals/{question}/comments").status_code == 404
    assert not ApprovalComment.objects.exists()


def test_comment_may_follow_a_decision(cast, question):
    cast.as_owner.post(f"/api/approvals/{question}/reject")
    assert say(cast.as_agent(cast.peer), question, "Understood").status_code == 201
