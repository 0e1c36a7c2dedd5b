"""Judging what agents wrote, on its issue, and reading it all (I-210, C-30)."""

from __future__ import annotations

from issues.models import Comment, FeedbackVote, IssueDocument
from tests import factories
from tests.board.conftest import browse

LIST = "/admin/issues/feedbackvote/"


def judge(client, scene, **fields):
    answer = client.post(f"/admin/issues/issue/{scene.issue.pk}/do/judge/", fields, follow=True)
    return answer.content.decode()


def test_comment_and_document_are_judged_on_their_issue(scene):
    client = browse(scene.owner)
    said = Comment.objects.filter(issue=scene.issue, author_agent__isnull=False).latest("number")
    shown = client.get(f"/admin/issues/issue/{scene.issue.pk}/change/").content.decode()
    assert f'value="issue_comment:{said.pk}"' in shown
    target = f"issue_comment:{said.pk}"
    assert "sent nowhere" in judge(client, scene, target=target, vote="up", reason="Clear")
    judge(client, scene, target=target, vote="down", reason="Not clear")
    vote = FeedbackVote.objects.get(target_id=said.pk)
    assert (vote.vote, vote.reason, vote.is_shared) == ("down", "Not clear", False)
    paper = IssueDocument.objects.get(issue=scene.issue).document
    judge(client, scene, target=f"issue_document_revision:{paper.latest_revision_id}", vote="up")
    assert FeedbackVote.objects.get(target_id=paper.latest_revision_id).reason is None
    page = client.get(f"/admin/issues/issue/{scene.issue.pk}/change/").content.decode()
    assert "Not clear" in page


def test_nonsense_is_refused_in_a_sentence(scene):
    client = browse(scene.owner)
    assert "Choose what you judge" in judge(client, scene, target="issue_comment:1", vote="up")
    assert "Choose what you judge" in judge(client, scene, target=f"run:{scene.running.pk}", vote="up")
    assert "Comment not found" in judge(
        client, scene, target=f"issue_comment:{factories.NO_SUCH_ID}", vote="up"
    )


def test_list_is_narrowed_and_leads_to_what_was_judged(scene, viewer):
    client = browse(scene.owner)
    said = Comment.objects.filter(issue=scene.issue, author_agent__isnull=False).latest("number")
    judge(client, scene, target=f"issue_comment:{said.pk}", vote="down", reason="Too long")
    whole = client.get(LIST).content.decode()
    assert f"/admin/issues/issue/{scene.issue.pk}/change/#comment-{said.pk}" in whole
    assert "Too long" in whole
    assert "Too long" not in client.get(f"{LIST}?vote=up").content.decode()
    assert "Too long" not in client.get(f"{LIST}?about=issue_document_revision").content.decode()
    assert "Too long" in client.get(f"{LIST}?vote=down&about=issue_comment&q=long").content.decode()
    assert "Too long" in browse(viewer).get(LIST).content.decode()
    shown = browse(viewer).get(f"/admin/issues/issue/{scene.issue.pk}/change/").content.decode()
    assert "do/judge/" not in shown
    vote = FeedbackVote.objects.get(target_id=said.pk)
    assert client.get(f"{LIST}{vote.pk}/change/").status_code == 404
