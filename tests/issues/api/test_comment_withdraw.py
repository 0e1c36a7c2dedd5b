"""`DELETE /issues/:id/comments/:commentId`: a comment nobody has seen yet is taken back."""

from __future__ import annotations

from datetime import timedelta

import pytest

from issues.models import Comment
from paperclip.core import clock
from tests import factories
from tests.issues import log


@pytest.fixture
def issue(cast):
    return factories.issue(cast.company, assignee_agent=cast.engineer, status="in_progress")


@pytest.fixture
def run(cast, issue):
    return factories.run(cast.engineer, issue=issue, started_at=clock.now() - timedelta(minutes=5))


def withdraw(caller, issue, comment):
    return caller.delete(f"/api/issues/{issue.pk}/comments/{comment.pk}")


def test_own_queued_comment_is_taken_back(cast, issue, run):
    """I-72, IC-62."""
    comment = factories.comment(issue, "wait", author_user=cast.owner)

    answer = withdraw(cast.as_owner, issue, comment)

    assert (answer.status_code, answer.json()["body"]) == (200, "wait")
    assert not Comment.objects.exists()
    told = log.details(issue, "issue.comment_cancelled")
    assert (told["source"], told["queueTargetRunId"], told["commentId"]) == (
        "queue_cancel",
        str(run.pk),
        str(comment.pk),
    )
    assert withdraw(cast.as_owner, issue, comment).status_code == 404


def test_comment_the_run_started_with_stays(cast, issue, run):
    """IC-63."""
    comment = factories.comment(issue, author_user=cast.owner, at=run.started_at - timedelta(seconds=1))

    assert withdraw(cast.as_owner, issue, comment).status_code == 409


@pytest.mark.parametrize("author", ["operator", "engineer"])
def test_others_comments_stay(cast, issue, run, author):
    """IC-63."""
    signed = {"author_user": cast.operator} if author == "operator" else {"author_agent": cast.engineer}
    comment = factories.comment(issue, **signed)

    answer = withdraw(cast.as_owner, issue, comment)

    assert answer.status_code == 403
    assert Comment.objects.exists()


def test_nothing_is_queued_without_a_run(cast, issue):
    """IC-63."""
    comment = factories.comment(issue, author_user=cast.owner)

    assert withdraw(cast.as_owner, issue, comment).status_code == 409


def test_run_cannot_take_back_its_own_comment(cast, issue, run):
    comment = factories.comment(issue, author_agent=cast.engineer)
    issue.__class__.objects.filter(pk=issue.pk).update(checkout_run=run)

    assert withdraw(cast.as_agent(cast.engineer, run_id=run.pk), issue, comment).status_code == 409


@pytest.mark.parametrize(
    ("who", "status"),
    [("as_viewer", 403), ("as_outsider", 404), ("as_foreign_agent", 404), ("as_nobody", 401)],
)
def test_who_may_not(cast, issue, run, who, status):
    comment = factories.comment(issue, author_user=cast.owner)

    assert withdraw(getattr(cast, who), issue, comment).status_code == status
