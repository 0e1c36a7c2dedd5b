"""What people think of what agents wrote."""

from __future__ import annotations

from datetime import timedelta

import pytest

from issues.models import DocumentRevision, FeedbackVote
from paperclip.companies.models import Company
from paperclip.core import clock
from tests import factories
from tests.issues import log


@pytest.fixture
def scene(cast):
    cast.issue = factories.issue(cast.company, project=factories.project(cast.company))
    cast.comment = factories.comment(
        cast.issue, "Done, with sk-live_0123456789abcdef0123", author_agent=cast.engineer
    )
    return cast


def vote(caller, issue, target, value="up", kind="issue_comment", **more):
    body = {"targetType": kind, "targetId": str(getattr(target, "pk", target)), "vote": value, **more}
    return caller.post(f"/api/issues/{issue.pk}/feedback-votes", body)


def test_vote_on_a_comment(scene):
    """I-210: and the log tells of it without the reason."""
    answer = vote(scene.as_owner, scene.issue, scene.comment, "down", reason="It is not")
    assert answer.status_code == 201
    assert {
        "targetType": "issue_comment",
        "targetId": str(scene.comment.pk),
        "authorUserId": str(scene.owner.pk),
        "vote": "down",
        "reason": "It is not",
        "sharingEnabled": False,
    }.items() <= answer.json().items()
    assert log.details(scene.issue, "issue.feedback_vote_saved") == {
        "identifier": scene.issue.identifier,
        "targetType": "issue_comment",
        "targetId": str(scene.comment.pk),
        "vote": "down",
        "hasReason": True,
        "sharingEnabled": False,
    }


def test_second_vote_takes_the_place_of_the_first(scene):
    first = vote(scene.as_owner, scene.issue, scene.comment, "up").json()
    second = vote(scene.as_owner, scene.issue, scene.comment, "down").json()
    vote(scene.as_operator, scene.issue, scene.comment, "up")
    assert (first["id"], second["vote"]) == (second["id"], "down")
    assert FeedbackVote.objects.count() == 2
    own = scene.as_owner.get(f"/api/issues/{scene.issue.identifier}/feedback-votes").json()
    assert [(row["id"], row["vote"]) for row in own] == [(first["id"], "down")]


def test_vote_on_a_version_of_a_document(scene):
    scene.as_agent(scene.peer).put(
        f"/api/issues/{scene.issue.pk}/documents/plan",
        {"format": "markdown", "body": "The plan", "title": "Plan"},
    )
    revision = DocumentRevision.objects.get()
    assert vote(scene.as_owner, scene.issue, revision, kind="issue_document_revision").status_code == 201
    trace = scene.as_owner.get(f"/api/issues/{scene.issue.pk}/feedback-traces").json()[0]
    assert (trace["targetSummary"]["documentKey"], trace["targetSummary"]["revisionNumber"]) == ("plan", 1)
    assert trace["targetSummary"]["authorAgentId"] == str(scene.peer.pk)


def test_target_must_be_on_the_issue(scene):
    other = factories.comment(factories.issue(scene.company))
    for target in (other, factories.NO_SUCH_ID):
        assert vote(scene.as_owner, scene.issue, target).status_code == 404
    assert vote(scene.as_owner, scene.issue, scene.comment, kind="issue_document_revision").status_code == 404
    assert FeedbackVote.objects.count() == 0


@pytest.mark.parametrize(
    "change",
    [
        pytest.param({"vote": "meh"}, id="I-210 vote"),
        pytest.param({"targetType": "run"}, id="I-210 target type"),
        pytest.param({"targetId": "x"}, id="I-210 target"),
        pytest.param({"reason": "x" * 1001}, id="I-210 reason too long"),
    ],
)
def test_bad_vote_is_refused(scene, change):
    body = {"targetType": "issue_comment", "targetId": str(scene.comment.pk), "vote": "up", **change}
    answer = scene.as_owner.post(f"/api/issues/{scene.issue.pk}/feedback-votes", body)
    assert (answer.status_code, answer.json()["details"][0]["path"]) == (400, list(change))


def test_only_people_judge_and_look(scene):
    assert vote(scene.as_agent(scene.ceo), scene.issue, scene.comment).status_code == 403
    assert vote(scene.as_viewer, scene.issue, scene.comment).status_code == 403
    assert vote(scene.as_outsider, scene.issue, scene.comment).status_code == 404
    made = vote(scene.as_owner, scene.issue, scene.comment).json()
    for path in (
        f"/api/companies/{scene.company.pk}/feedback-traces",
        f"/api/issues/{scene.issue.pk}/feedback-traces",
        f"/api/feedback-traces/{made['id']}",
        f"/api/feedback-traces/{made['id']}/bundle",
    ):
        assert scene.as_viewer.get(path).status_code == 200
        assert scene.as_agent(scene.ceo).get(path).status_code == 403
        assert scene.as_outsider.get(path).status_code in (403, 404)


def test_trace_holds_what_was_judged_without_secrets(scene):
    made = vote(scene.as_owner, scene.issue, scene.comment).json()
    scene.comment.body = "Changed since"
    scene.comment.save()
    short = scene.as_owner.get(f"/api/issues/{scene.issue.pk}/feedback-traces").json()[0]
    whole = scene.as_owner.get(f"/api/feedback-traces/{made['id']}").json()
    assert (short["id"], short["status"], short["payloadSnapshot"]) == (made["id"], "local_only", None)
    assert whole["payloadSnapshot"]["body"].startswith("Done, with ")
    assert "sk-live" not in str(whole)
    bundle = scene.as_owner.get(f"/api/feedback-traces/{made['id']}/bundle").json()
    assert [file["path"] for file in bundle["files"]] == ["trace.json", "judged.md"]
    assert bundle["files"][1]["contents"] == whole["payloadSnapshot"]["body"]
    assert scene.as_owner.get(f"/api/feedback-traces/{factories.NO_SUCH_ID}").status_code == 404


def test_sharing_needs_the_companys_agreement_too(scene):
    """C-30: nothing is sent anywhere; what was agreed to is noted"""
    assert (
        vote(scene.as_owner, scene.issue, scene.comment, allowSharing=True).json()["sharingEnabled"] is False
    )
    scene.as_owner.patch(f"/api/companies/{scene.company.pk}", {"feedbackDataSharingEnabled": True})
    shared = vote(scene.as_owner, scene.issue, scene.comment, allowSharing=True).json()
    assert (shared["sharingEnabled"], shared["consentVersion"]) == (True, "feedback-data-sharing-v1")
    assert Company.objects.get(pk=scene.company.pk).feedback_data_sharing_consent_by_user_id == str(
        scene.owner.pk
    )


def test_traces_are_narrowed(scene):
    """C-30, K-17"""
    other = factories.issue(scene.company)
    down = factories.comment(other)
    vote(scene.as_owner, scene.issue, scene.comment, "up")
    vote(scene.as_owner, other, down, "down")
    path = f"/api/companies/{scene.company.pk}/feedback-traces"

    def votes(query: str) -> list[str]:
        return [row["vote"] for row in scene.as_owner.get(f"{path}?{query}").json()]

    tomorrow = (clock.now() + timedelta(days=1)).date().isoformat()
    assert votes("") == ["down", "up"]
    assert votes("vote=up") == ["up"]
    assert votes(f"issueId={other.pk}") == ["down"]
    assert votes(f"projectId={scene.issue.project_id}") == ["up"]
    assert votes("targetType=issue_document_revision") == []
    assert votes("status=local_only&limit=1") == ["down"]
    assert votes("status=sent") == []
    assert votes("sharedOnly=true") == []
    assert votes(f"from={tomorrow}") == []
    assert votes(f"to={tomorrow}") == ["down", "up"]
    for query in ("vote=x", "targetType=x", "issueId=x", "projectId=x", "from=nonsense", "limit=0"):
        assert scene.as_owner.get(f"{path}?{query}").status_code == 400
    assert scene.as_owner.get(f"{path}?includePayload=true").json()[0]["payloadSnapshot"] is not None
