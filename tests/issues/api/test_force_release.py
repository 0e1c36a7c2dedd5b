"""`POST /issues/:id/admin/force-release`: the board takes a checkout away."""

from __future__ import annotations

import pytest

from issues.models import Issue
from paperclip.core import clock
from tests import factories
from tests.issues import log


@pytest.fixture
def run(cast):
    return factories.run(cast.engineer)


@pytest.fixture
def issue(cast, run):
    return factories.issue(
        cast.company, assignee_agent=cast.engineer, status="in_progress", checkout_run=run, execution_run=run,
        execution_agent_name_key="engineer", execution_locked_at=clock.now(),
    )  # fmt: skip


def force(caller, issue, query=""):
    return caller.post(f"/api/issues/{issue.pk}/admin/force-release{query}")


def test_board_takes_the_lock_and_leaves_the_rest(cast, issue, run, calls):
    """I-67."""
    answer = force(cast.as_owner, issue)

    assert answer.status_code == 200
    body = answer.json()
    assert body["previous"] == {"checkoutRunId": str(run.pk), "executionRunId": str(run.pk)}
    row = body["issue"]
    assert (row["status"], row["assigneeAgentId"]) == ("in_progress", str(cast.engineer.id))
    assert [
        row[name]
        for name in ("checkoutRunId", "executionRunId", "executionAgentNameKey", "executionLockedAt")
    ] == [None] * 4
    assert log.details(issue, "issue.admin_force_release") == {
        "issueId": str(issue.pk), "actorUserId": str(cast.owner.id), "prevCheckoutRunId": str(run.pk),
        "prevExecutionRunId": str(run.pk), "clearAssignee": False,
    }  # fmt: skip
    assert not calls


@pytest.mark.parametrize(
    ("status", "then"), [("in_progress", "todo"), ("blocked", "blocked"), ("in_review", "in_review")]
)
def test_assignee_is_cleared_on_request(cast, issue, status, then):
    """IC-42; work in progress needs somebody, so it goes back to todo."""
    Issue.objects.filter(pk=issue.pk).update(status=status)

    row = force(cast.as_owner, issue, "?clearAssignee=true").json()["issue"]

    assert (row["assigneeAgentId"], row["status"]) == (None, then)


@pytest.mark.parametrize(
    ("who", "status"),
    [
        pytest.param("as_owner", 200, id="admin"),
        pytest.param("as_operator", 200, id="board"),
        pytest.param("as_viewer", 403, id="viewer"),
        pytest.param("as_outsider", 404, id="IC-41 board without the company"),
        pytest.param("as_foreign_agent", 403, id="IC-41 foreign agent"),
        pytest.param("as_nobody", 403, id="nobody on a board route"),
    ],
)
def test_who_may_force(cast, issue, who, status):
    assert force(getattr(cast, who), issue).status_code == status


def test_agents_may_not(cast, issue, run):
    """IC-41."""
    answer = force(cast.as_agent(cast.ceo), issue)

    assert (answer.status_code, answer.json()["error"]) == (403, "Board access required")
    assert Issue.objects.get(pk=issue.pk).checkout_run_id == run.pk


def test_again_on_a_free_issue(cast, issue):
    force(cast.as_owner, issue)

    assert force(cast.as_owner, issue).json()["previous"] == {"checkoutRunId": None, "executionRunId": None}
