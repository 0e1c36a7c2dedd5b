"""`POST /issues/:id/checkout`: an issue is taken by one, and by nobody else."""

from __future__ import annotations

from datetime import timedelta
from uuid import uuid4

import pytest

from issues.models import Issue
from paperclip.core import clock
from tests import factories
from tests.issues import log

ALL = ["todo", "backlog", "blocked", "in_review", "in_progress", "done", "cancelled"]


@pytest.fixture
def issue(cast):
    return factories.issue(cast.company)


def checkout(caller, issue, agent, expected=("todo", "backlog", "blocked")):
    body = {"agentId": str(agent.id), "expectedStatuses": list(expected)}
    return caller.post(f"/api/issues/{issue.pk}/checkout", body)


def runner(cast, agent):
    """The agent, calling from a run of its own."""
    run = factories.run(agent)
    return cast.as_agent(agent, run_id=run.pk), run


def test_checkout_takes_the_issue_for_the_run(cast, issue, calls):
    """I-63."""
    caller, run = runner(cast, cast.engineer)

    answer = checkout(caller, issue, cast.engineer)

    assert answer.status_code == 200
    row = answer.json()
    assert (row["status"], row["assigneeAgentId"], row["assigneeUserId"]) == (
        "in_progress",
        str(cast.engineer.id),
        None,
    )
    assert (row["checkoutRunId"], row["executionRunId"]) == (str(run.pk), str(run.pk))
    assert (row["executionAgentNameKey"], row["startedAt"] is None, row["executionLockedAt"] is None) == (
        "engineer",
        False,
        False,
    )
    assert log.details(issue, "issue.checked_out") == {"agentId": str(cast.engineer.id)}
    assert not calls, "IC-40: an agent that takes its own work is not called for it"


def test_second_agent_cannot_checkout_and_is_told_who_holds_it(cast, issue):
    caller, run = runner(cast, cast.engineer)
    checkout(caller, issue, cast.engineer)

    answer = checkout(runner(cast, cast.peer)[0], issue, cast.peer, ALL)

    assert (answer.status_code, answer.json()["error"]) == (409, "Issue checkout conflict")
    details = answer.json()["details"]
    assert details["issueId"] == str(issue.pk)
    assert (details["status"], details["assigneeAgentId"], details["assigneeAgentName"]) == (
        "in_progress",
        str(cast.engineer.id),
        "Engineer",
    )
    assert (details["checkoutRunId"], details["checkoutRunStatus"]) == (str(run.pk), "running")
    assert (details["executionRunId"], details["executionRunStatus"]) == (str(run.pk), "running")
    assert details["executionLockedAt"] is not None


def test_repeated_checkout_changes_nothing(cast, issue):
    """IC-36."""
    caller, _ = runner(cast, cast.engineer)
    first = checkout(caller, issue, cast.engineer).json()

    again = checkout(caller, issue, cast.engineer)

    assert (again.status_code, again.json()) == (200, first)
    assert log.actions(issue) == ["issue.checked_out"]


@pytest.mark.parametrize(
    ("status", "expected", "code"),
    [
        pytest.param("todo", ["backlog"], 409, id="IC-34"),
        pytest.param("backlog", ["todo", "backlog"], 200, id="I-62 one of them"),
        pytest.param("done", ["done"], 200, id="I-62 asked for"),
        pytest.param("cancelled", ["todo"], 409, id="I-62 not asked for"),
    ],
)
def test_status_must_be_expected(cast, status, expected, code):
    issue = factories.issue(
        cast.company, status=status, completed_at=clock.now() if status == "done" else None
    )

    answer = checkout(runner(cast, cast.engineer)[0], issue, cast.engineer, expected)

    assert answer.status_code == code
    if code == 409:
        assert answer.json()["details"]["status"] == status
    if status == "done":
        assert answer.json()["completedAt"] is None, "IW-11: work that goes on is not completed"


@pytest.mark.parametrize(
    "body",
    [
        pytest.param({"expectedStatuses": []}, id="IC-37"),
        pytest.param({"expectedStatuses": ["open"]}, id="I-61 unknown status"),
        pytest.param({"expectedStatuses": None}, id="I-61 null"),
        pytest.param({"agentId": "engineer"}, id="I-61 agent is an id"),
        pytest.param({"agentId": None}, id="I-61 agent is required"),
    ],
)
def test_bad_bodies(cast, issue, body):
    sent = {"agentId": str(cast.engineer.id), "expectedStatuses": ["todo"]} | body

    assert cast.as_owner.post(f"/api/issues/{issue.pk}/checkout", sent).status_code == 400


def test_agent_needs_a_run(cast, issue):
    """IC-32."""
    answer = checkout(cast.as_agent(cast.engineer), issue, cast.engineer)

    assert (answer.status_code, answer.json()["error"]) == (401, "Agent run id required")


def test_agent_takes_work_only_for_itself(cast, issue):
    """IC-33."""
    answer = checkout(runner(cast, cast.engineer)[0], issue, cast.peer)

    assert (answer.status_code, answer.json()["error"]) == (403, "Agent can only checkout as itself")


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
def test_who_may_checkout_for_an_agent(cast, issue, who, status):
    assert checkout(getattr(cast, who), issue, cast.engineer).status_code == status


def test_board_checkout_calls_the_agent(cast, issue, calls):
    """I-65, IC-40."""
    row = checkout(cast.as_owner, issue, cast.engineer).json()

    assert (row["checkoutRunId"], row["executionRunId"], row["executionLockedAt"]) == (None, None, None)
    (wake,) = calls
    assert (wake.agent_id, wake.reason, wake.source) == (cast.engineer.id, "issue_checked_out", "assignment")
    assert wake.payload == {"issueId": str(issue.pk), "mutation": "checkout"}


def test_agent_starts_what_the_board_checked_out_for_it(cast, issue):
    """I-64 a."""
    checkout(cast.as_owner, issue, cast.engineer)
    caller, run = runner(cast, cast.engineer)

    assert checkout(caller, issue, cast.engineer).json()["checkoutRunId"] == str(run.pk)


def test_board_checkout_does_not_take_from_an_agent(cast, issue):
    """IC-35."""
    checkout(runner(cast, cast.engineer)[0], issue, cast.engineer)

    assert checkout(cast.as_owner, issue, cast.peer, ["todo", "in_progress"]).status_code == 409


@pytest.mark.parametrize(
    ("status", "code"), [("pending_approval", 409), ("terminated", 409), ("paused", 200), ("idle", 200)]
)
def test_only_agents_that_can_work_take_work(cast, issue, status, code):
    assert checkout(cast.as_owner, issue, factories.agent(cast.company, status=status)).status_code == code


def test_unknown_and_foreign_agents(cast, issue):
    assert checkout(cast.as_owner, issue, cast.foreign_agent).status_code == 422
    unknown = factories.agent(cast.company)
    unknown.id = uuid4()
    assert checkout(cast.as_owner, issue, unknown).status_code == 404


@pytest.mark.parametrize(("reason", "error"), [("manual", "Project is paused"), ("budget", "budget")])
def test_paused_projects_stand_still(cast, reason, error):
    """I-61."""
    project = factories.project(cast.company, paused_at=clock.now(), pause_reason=reason)
    issue = factories.issue(cast.company, project=project)

    answer = checkout(cast.as_owner, issue, cast.engineer)

    assert answer.status_code == 409
    assert error in answer.json()["error"]


@pytest.mark.parametrize(("blocker", "status"), [("todo", 422), ("cancelled", 422), ("done", 200)])
def test_blockers_come_first(cast, issue, blocker, status):
    """IC-38."""
    waits = factories.issue(cast.company, status=blocker)
    factories.blocks(waits, issue)

    answer = checkout(runner(cast, cast.engineer)[0], issue, cast.engineer)

    assert answer.status_code == status
    if status == 422:
        assert answer.json()["details"]["unresolvedBlockerIssueIds"] == [str(waits.pk)]


def test_a_persons_issue_is_not_taken_from_them(cast):
    """IW-10."""
    issue = factories.issue(cast.company, assignee_user=cast.owner)

    answer = checkout(runner(cast, cast.engineer)[0], issue, cast.engineer)
    assert (answer.status_code, answer.json()["details"]["assigneeUserId"]) == (409, str(cast.owner.id))
    assert checkout(cast.as_owner, issue, cast.engineer).json()["assigneeUserId"] is None


@pytest.mark.parametrize("over", ["succeeded", "failed", "cancelled", "timed_out"])
@pytest.mark.parametrize("held", ["checkout_run", "execution_run"])
def test_dead_runs_hold_nothing(cast, over, held):
    """I-41, I-64 b."""
    dead = factories.run(cast.engineer, status=over)
    status = "in_progress" if held == "checkout_run" else "todo"
    issue = factories.issue(cast.company, assignee_agent=cast.engineer, status=status, **{held: dead})
    caller, run = runner(cast, cast.engineer)

    row = checkout(caller, issue, cast.engineer).json()

    assert (row["checkoutRunId"], row["executionRunId"], row["executionLockedAt"] is None) == (
        str(run.pk),
        str(run.pk),
        False,
    )


@pytest.mark.parametrize("live", ["queued", "running", "scheduled_retry"])
def test_live_runs_hold_on(cast, live):
    due = {"scheduled_retry_at": clock.now()} if live == "scheduled_retry" else {}
    holder = factories.run(cast.engineer, status=live, **due)
    issue = factories.issue(cast.company, assignee_agent=cast.engineer, status="todo", execution_run=holder)

    answer = checkout(runner(cast, cast.engineer)[0], issue, cast.engineer)

    assert (answer.status_code, answer.json()["details"]["executionRunStatus"]) == (409, live)


def test_first_start_keeps_its_time(cast):
    """IW-12."""
    first = clock.now() - timedelta(days=1)
    issue = factories.issue(cast.company, started_at=first)

    assert checkout(runner(cast, cast.engineer)[0], issue, cast.engineer).json()["startedAt"] == clock.iso(
        first
    )


def test_identifier_names_the_issue(cast, issue):
    body = {"agentId": str(cast.engineer.id), "expectedStatuses": ["todo"]}

    assert cast.as_owner.post(f"/api/issues/{issue.identifier.lower()}/checkout", body).status_code == 200
    assert Issue.objects.get(pk=issue.pk).status == "in_progress"
