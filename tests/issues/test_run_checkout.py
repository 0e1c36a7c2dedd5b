"""What the run engine asks of checkouts (H-22, H-59, H-74)."""

from __future__ import annotations

import pytest

from issues import checkout
from paperclip.core import clock
from tests import factories
from tests.issues import log


@pytest.fixture
def run(cast):
    return factories.run(cast.engineer)


def stamp(cast, issue, run):
    return checkout.stamp_execution(issue_id=issue.pk, run_id=run.pk, agent=cast.engineer, now=clock.now())


def take(cast, issue, run):
    return checkout.take_for_run(issue_id=issue.pk, run_id=run.pk, agent=cast.engineer, now=clock.now())


@pytest.mark.parametrize(
    ("holder", "assignee", "stamped"),
    [
        pytest.param(None, "engineer", True, id="H-22 free"),
        pytest.param("own", "engineer", True, id="H-22 its own"),
        pytest.param("failed", "engineer", True, id="H-22 held by a run that is over"),
        pytest.param("running", "engineer", False, id="H-22 held by another run"),
        pytest.param("queued", "engineer", False, id="H-22 held by a waiting run"),
        pytest.param(None, "peer", False, id="H-22 another's issue"),
        pytest.param(None, None, False, id="H-22 nobody's issue"),
    ],
)
def test_starting_run_takes_the_lock(cast, run, holder, assignee, stamped):
    held = {"own": run, None: None}.get(holder) or (
        factories.run(cast.engineer, status=holder) if holder not in ("own", None) else None
    )
    issue = factories.issue(
        cast.company, assignee_agent=getattr(cast, assignee) if assignee else None, execution_run=held
    )

    assert stamp(cast, issue, run) == stamped

    issue.refresh_from_db()
    assert issue.execution_run_id == (run.pk if stamped else held.pk if held else None)
    assert (issue.execution_agent_name_key, issue.status) == ("engineer" if stamped else None, "todo")


@pytest.mark.parametrize("status", ["todo", "backlog", "blocked"])
def test_run_checks_out_open_work(cast, run, status):
    issue = factories.issue(cast.company, assignee_agent=cast.engineer, status=status)

    assert take(cast, issue, run)

    issue.refresh_from_db()
    assert (issue.status, issue.checkout_run_id, issue.execution_run_id) == ("in_progress", run.pk, run.pk)
    assert issue.started_at is not None
    assert log.details(issue, "issue.checked_out") == {"agentId": str(cast.engineer.id)}
    assert take(cast, issue, run), "again is fine"
    assert log.actions(issue) == ["issue.checked_out"]


@pytest.mark.parametrize(
    ("fields", "taken"),
    [
        pytest.param({"status": "in_progress"}, True, id="H-74 nobody holds it"),
        pytest.param({"status": "in_progress", "checkout_run": "failed"}, True, id="H-74 owner is over"),
        pytest.param({"status": "in_progress", "checkout_run": "running"}, False, id="H-74 owner lives"),
        pytest.param(
            {"status": "in_progress", "execution_run": "running"}, False, id="H-74 another run executes it"
        ),
        pytest.param({"status": "todo", "execution_run": "timed_out"}, True, id="H-74 dead lock"),
        pytest.param({"status": "in_review"}, False, id="H-74 in review"),
        pytest.param({"status": "done"}, False, id="H-74 done"),
        pytest.param({"assignee_agent": "peer"}, False, id="H-74 another's"),
    ],
)
def test_which_work_a_run_takes(cast, run, fields, taken):
    made = {"assignee_agent": cast.engineer}
    for name, value in fields.items():
        if name.endswith("_run"):
            made[name] = factories.run(cast.engineer, status=value)
        else:
            made[name] = cast.peer if value == "peer" else value
    issue = factories.issue(cast.company, **made)

    assert take(cast, issue, run) == taken

    issue.refresh_from_db()
    assert (issue.checkout_run_id == run.pk) == taken


@pytest.mark.parametrize(("blocker", "taken"), [("todo", False), ("cancelled", False), ("done", True)])
def test_blocked_work_is_not_taken(cast, run, blocker, taken):
    """H-5."""
    issue = factories.issue(cast.company, assignee_agent=cast.engineer)
    factories.blocks(factories.issue(cast.company, status=blocker), issue)

    assert take(cast, issue, run) == taken


def test_ended_run_gives_the_lock_back_and_keeps_the_checkout(cast, run):
    """H-59."""
    held = [
        factories.issue(
            cast.company,
            assignee_agent=cast.engineer,
            status="in_progress",
            checkout_run=run,
            execution_run=run,
            execution_agent_name_key="engineer",
            execution_locked_at=clock.now(),
        )
        for _ in range(2)
    ]
    other = factories.issue(cast.company, execution_run=factories.run(cast.peer))

    assert sorted(checkout.clear_lock(run_id=run.pk)) == sorted(issue.pk for issue in held)

    for issue in held:
        issue.refresh_from_db()
        assert (issue.execution_run_id, issue.execution_agent_name_key, issue.execution_locked_at) == (
            None,
            None,
            None,
        )
        assert issue.checkout_run_id == run.pk
    other.refresh_from_db()
    assert other.execution_run_id is not None
    assert checkout.clear_lock(run_id=run.pk) == []


def test_lock_moves_to_the_run_that_follows(cast, run):
    issue = factories.issue(cast.company, assignee_agent=cast.engineer, execution_run=run)
    following = factories.run(cast.engineer, status="queued")

    assert checkout.move_lock(from_run_id=run.pk, to_run_id=following.pk, now=clock.now()) == 1
    assert checkout.move_lock(from_run_id=run.pk, to_run_id=following.pk, now=clock.now()) == 0

    issue.refresh_from_db()
    assert issue.execution_run_id == following.pk
