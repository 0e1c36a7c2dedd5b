"""Inboxes of agents and people, and what a person has read."""

from __future__ import annotations

from datetime import timedelta

import pytest

from paperclip.core import clock
from tests import factories
from tests.issues import log

LITE = "/api/agents/me/inbox-lite"
MINE = "/api/agents/me/inbox/mine"


# --- An agent's own work ---------------------------------------------------------------------------------


def test_own_open_work_most_urgent_first(cast):
    """I-152, C-45."""
    now = clock.now()
    for title, fields in {
        "low": {"priority": "low"},
        "old": {"last_activity_at": now - timedelta(days=1)},
        "high": {"priority": "high", "status": "blocked"},
        "working": {"status": "in_progress", "last_activity_at": now},
        "routine": {"origin_kind": "routine_execution", "priority": "critical"},
        "shelved": {"status": "backlog"},
        "reviewed": {"status": "in_review"},
        "finished": {"status": "done"},
        "hidden": {"hidden_at": now},
    }.items():
        factories.issue(cast.company, title=title, assignee_agent=cast.engineer, **fields)
    factories.issue(cast.company, title="peer's", assignee_agent=cast.peer)

    rows = cast.as_agent(cast.engineer).get(LITE).json()

    assert [row["title"] for row in rows] == ["routine", "high", "working", "old", "low"]
    assert set(rows[0]) == {
        "id", "identifier", "title", "status", "priority", "projectId", "goalId", "parentId", "updatedAt",
        "activeRun", "dependencyReady", "unresolvedBlockerCount", "unresolvedBlockerIssueIds",
    }  # fmt: skip


def test_readiness_and_active_run(cast):
    run = factories.run(cast.engineer)
    issue = factories.issue(cast.company, assignee_agent=cast.engineer, execution_run=run)
    open_one, done = factories.issue(cast.company), factories.issue(cast.company, status="done")
    factories.blocks(open_one, issue)
    factories.blocks(done, issue)

    (row,) = cast.as_agent(cast.engineer).get(LITE).json()

    assert (row["dependencyReady"], row["unresolvedBlockerCount"]) == (False, 1)
    assert row["unresolvedBlockerIssueIds"] == [str(open_one.pk)]
    assert row["activeRun"]["id"] == str(run.pk)


@pytest.mark.parametrize("path", [LITE, MINE + "?userId=x"])
@pytest.mark.parametrize("who", ["as_owner", "as_nobody"])
def test_only_agents_have_one(cast, path, who):
    """I-208."""
    assert getattr(cast, who).get(path).status_code == 401


# --- A person's inbox, for an agent ------------------------------------------------------------------------


def test_persons_inbox(cast):
    """C-46, I-152, B-62."""
    factories.issue(cast.company, title="made", created_by_user=cast.owner)
    away = factories.issue(cast.company, title="put away", created_by_user=cast.owner)
    factories.issue(cast.company, title="cancelled", created_by_user=cast.owner, status="cancelled")
    factories.issue(cast.company, title="another's", created_by_user=cast.operator)
    cast.as_owner.post(f"/api/issues/{away.pk}/inbox-archive")
    caller = cast.as_agent(cast.engineer)

    rows = caller.get(MINE, {"userId": str(cast.owner.id)}).json()

    assert [row["title"] for row in rows] == ["made"]
    assert rows[0]["isUnreadForMe"] is False
    cancelled = caller.get(MINE, {"userId": str(cast.owner.id), "status": "cancelled"}).json()
    assert [row["title"] for row in cancelled] == ["cancelled"]


def test_person_is_named(cast):
    """B-63."""
    caller = cast.as_agent(cast.engineer)

    assert caller.get(MINE).status_code == 400
    assert caller.get(MINE, {"userId": "nonsense"}).json() == []
    assert caller.get(MINE, {"userId": str(cast.outsider.id)}).json() == []


# --- Marks -----------------------------------------------------------------------------------------------


def test_read_mark_is_kept_once_and_taken_away(cast):
    """I-17, I-192."""
    issue = factories.issue(cast.company)
    path = f"/api/issues/{issue.pk}/read"

    first, second = cast.as_owner.post(path).json(), cast.as_owner.post(path).json()
    assert first["id"] == second["id"]
    assert second["lastReadAt"] >= first["lastReadAt"]
    assert (second["issueId"], second["userId"]) == (str(issue.pk), str(cast.owner.id))
    assert cast.as_owner.delete(path).json() == {"id": str(issue.pk), "removed": True}
    assert cast.as_owner.delete(path).json() == {"id": str(issue.pk), "removed": False}
    assert log.actions(issue) == ["issue.read_marked"] * 2 + ["issue.read_unmarked"] * 2


def test_archive_is_kept_once_and_taken_away(cast):
    """I-17, I-193."""
    issue = factories.issue(cast.company)
    path = f"/api/issues/{issue.pk}/inbox-archive"

    row = cast.as_owner.post(path).json()
    assert cast.as_owner.post(path).json()["id"] == row["id"]
    assert cast.as_owner.delete(path).json()["id"] == row["id"]
    assert cast.as_owner.delete(path).json() == {"ok": True}


@pytest.mark.parametrize("mark", ["read", "inbox-archive"])
@pytest.mark.parametrize("method", ["post", "delete"])
@pytest.mark.parametrize(
    ("who", "status"),
    [
        ("as_operator", 200),
        ("as_viewer", 403),
        ("as_outsider", 404),
        ("as_foreign_agent", 403),
        ("as_nobody", 403),
    ],
)
def test_who_may_mark(cast, mark, method, who, status):
    issue = factories.issue(cast.company)

    assert getattr(getattr(cast, who), method)(f"/api/issues/{issue.pk}/{mark}").status_code == status


def test_agents_have_no_marks(cast):
    issue = factories.issue(cast.company)

    for mark in ("read", "inbox-archive"):
        assert cast.as_agent(cast.ceo).post(f"/api/issues/{issue.pk}/{mark}").status_code == 403
