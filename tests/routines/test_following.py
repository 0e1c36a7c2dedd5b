"""Runs follow the issue they made, through every door (R-93 to R-96, RW-8, RW-9)."""

from __future__ import annotations

from datetime import timedelta

import pytest

from heartbeat.models import Run
from issues import lifecycle as issue_lifecycle
from issues.models import Issue
from paperclip.companies import actors
from paperclip.core import clock
from routines.models import RoutineRun
from tests.routines import recipes

pytestmark = pytest.mark.django_db


@pytest.fixture
def now():
    return clock.now()


def move(issue, status, cast, now):
    issue_lifecycle.update(
        issue_id=issue.pk, fields={"status": status}, actor=actors.for_user(cast.owner), now=now
    )


@pytest.mark.parametrize(
    ("status", "word", "reason"),
    [
        pytest.param("done", "completed", None, id="R-94 done"),
        pytest.param("blocked", "failed", "Execution issue moved to blocked", id="R-94 blocked"),
        pytest.param("cancelled", "failed", "Execution issue moved to cancelled", id="R-94 cancelled"),
    ],
)
def test_the_outcome_of_the_issue_is_the_outcome_of_its_runs(cast, now, status, word, reason):
    routine = recipes.routine(cast)
    made, folded = recipes.start(routine, now=now), recipes.start(routine, now=now)
    later = now + timedelta(minutes=3)

    move(made.linked_issue, status, cast, later)

    made.refresh_from_db()
    folded.refresh_from_db()
    assert (made.status, made.reason, made.completed_at) == (word, reason, later)
    assert (made.outcome, made.outcome_at) == (word, later)
    assert (folded.status, folded.outcome, folded.outcome_at) == ("coalesced", word, later)  # RW-9
    assert folded.reason.startswith("Folded into"), "why it was folded stays"


def test_what_failed_may_still_be_completed(cast, now):  # R-96, RW-9
    run = recipes.start(recipes.routine(cast), now=now)
    for status in ("blocked", "todo", "done"):
        move(run.linked_issue, status, cast, now)
        run.refresh_from_db()
        assert run.status == {"blocked": "failed", "todo": "failed", "done": "completed"}[status]
    assert run.reason is None


def test_an_agents_own_word_reaches_the_run(cast, now):  # RW-8
    run = recipes.start(recipes.routine(cast), now=now)
    answer = cast.as_owner.patch(f"/api/issues/{run.linked_issue_id}", {"status": "done"})
    assert answer.status_code == 200
    run.refresh_from_db()
    assert run.status == "completed"


def test_a_cancelled_tree_reaches_the_run(cast, now):  # RW-8
    run = recipes.start(recipes.routine(cast), now=now)
    answer = cast.as_owner.post(
        f"/api/issues/{run.linked_issue_id}/tree-holds", {"mode": "cancel", "reason": "no more"}
    )
    assert answer.status_code in (200, 201), answer.json()
    run.refresh_from_db()
    assert (run.status, run.reason) == ("failed", "Execution issue moved to cancelled")


def test_a_deleted_issue_fails_its_run(cast, now):
    run = recipes.start(recipes.routine(cast), now=now)
    issue_lifecycle.delete(issue_id=run.linked_issue_id, actor=actors.for_user(cast.owner), now=now)
    run.refresh_from_db()
    assert (run.status, run.reason, run.linked_issue_id) == ("failed", "Execution issue was deleted", None)


def test_other_issues_and_earlier_runs_are_left_alone(cast, now):
    routine = recipes.routine(cast)
    first = recipes.start(routine, now=now)
    Run.objects.update(status="succeeded")
    second = recipes.start(routine, now=now)
    assert first.linked_issue_id != second.linked_issue_id
    move(second.linked_issue, "done", cast, now)
    first.refresh_from_db()
    assert (first.status, first.outcome) == ("issue_created", None)


def test_work_that_was_closed_meanwhile_takes_nothing_up(cast, now, monkeypatch):
    """The issue is closed between being looked at and being linked: the dispatch makes one of its own."""
    routine = recipes.routine(cast)
    first = recipes.start(routine, now=now)
    look = recipes.starts.dispatch.executions.live_of_kind

    def closed_behind_its_back(*arguments):
        issue = look(*arguments)
        Issue.objects.filter(pk=issue.pk).update(status="done")
        return issue

    monkeypatch.setattr("routines.executions.live_of_kind", closed_behind_its_back)
    second = recipes.start(routine, now=now)
    assert (second.status, second.linked_issue_id != first.linked_issue_id) == ("issue_created", True)
    assert RoutineRun.objects.count() == 2
