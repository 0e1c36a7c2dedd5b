"""`POST /issues/:id/release`: a checkout is given back."""

from __future__ import annotations

import pytest

from issues.models import Issue
from paperclip.core import clock
from tests import factories
from tests.issues import log

LOCK = ("checkoutRunId", "executionRunId", "executionAgentNameKey", "executionLockedAt")


def at_work(cast, **fields):
    run = factories.run(cast.engineer)
    held = {"checkout_run": run, "execution_run": run, "execution_agent_name_key": "engineer"}
    fields = (
        {"status": "in_progress", "assignee_agent": cast.engineer, "execution_locked_at": clock.now()}
        | held
        | fields
    )
    return factories.issue(cast.company, **fields), run


def release(caller, issue):
    return caller.post(f"/api/issues/{issue.pk}/release")


def test_release_gives_the_issue_back(cast, calls):
    issue, run = at_work(cast, started_at=clock.now())

    answer = release(cast.as_agent(cast.engineer, run_id=run.pk), issue)

    assert answer.status_code == 200
    row = answer.json()
    assert (row["status"], row["assigneeAgentId"], row["startedAt"] is None) == ("todo", None, False)
    assert [row[name] for name in LOCK] == [None] * 4
    assert log.actions(issue) == ["issue.released"]
    assert not calls


def test_empty_body_is_enough(cast):
    """K-54."""
    issue, _ = at_work(cast)

    answer = cast.as_owner.generic(
        "POST", f"/api/issues/{issue.pk}/release", b"", content_type="application/json"
    )

    assert answer.status_code == 200


def test_run_that_is_over_does_not_hold_the_issue(cast):
    """IC-30."""
    issue, _ = at_work(cast, checkout_run=factories.run(cast.engineer, status="failed"), execution_run=None)
    other = factories.run(cast.engineer)

    row = release(cast.as_agent(cast.engineer, run_id=other.pk), issue).json()

    assert (row["status"], row["assigneeAgentId"]) == ("todo", None)
    assert [row[name] for name in LOCK] == [None] * 4


def test_another_live_run_of_the_agent_may_not_release(cast):
    issue, _ = at_work(cast)
    other = factories.run(cast.engineer)

    assert release(cast.as_agent(cast.engineer, run_id=other.pk), issue).status_code == 409


@pytest.mark.parametrize(
    ("who", "status"),
    [
        pytest.param("peer", 409, id="IC-22 another agent"),
        pytest.param("ceo", 409, id="I-66 override is not enough"),
    ],
)
def test_only_the_assignee_releases(cast, who, status):
    issue, _ = at_work(cast)
    agent = getattr(cast, who)

    assert release(cast.as_agent(agent, run_id=factories.run(agent).pk), issue).status_code == status
    assert Issue.objects.get(pk=issue.pk).status == "in_progress"


def test_agent_needs_a_run(cast):
    issue, _ = at_work(cast, status="todo")

    assert release(cast.as_agent(cast.engineer), issue).status_code == 401


@pytest.mark.parametrize("status", ["done", "cancelled"])
def test_closed_issues_stay_closed(cast, status):
    """IW-13."""
    issue = factories.issue(cast.company, status=status, assignee_agent=cast.engineer)

    answer = release(cast.as_owner, issue)

    assert answer.status_code == 409
    assert Issue.objects.get(pk=issue.pk).assignee_agent_id == cast.engineer.id


def test_nobody_releases_what_nobody_has(cast):
    """IW-13: an unassigned issue is no agent's to release."""
    issue = factories.issue(cast.company, status="backlog")

    assert release(cast.as_agent(cast.peer, run_id=factories.run(cast.peer).pk), issue).status_code == 409


@pytest.mark.parametrize(
    ("who", "status"),
    [
        ("as_owner", 200),
        ("as_operator", 200),
        ("as_viewer", 403),
        ("as_outsider", 404),
        ("as_foreign_agent", 404),
        ("as_nobody", 401),
    ],
)
def test_who_may_release(cast, who, status):
    issue, _ = at_work(cast)

    assert release(getattr(cast, who), issue).status_code == status


def test_second_release_is_refused_for_agents_and_harmless_for_the_board(cast):
    issue, run = at_work(cast)
    caller = cast.as_agent(cast.engineer, run_id=run.pk)
    release(caller, issue)

    assert release(caller, issue).status_code == 409
    assert release(cast.as_owner, issue).status_code == 200
