"""What one dispatch of a routine comes to."""

from __future__ import annotations

import hashlib
import json
from datetime import timedelta

import pytest

from heartbeat import claims
from heartbeat.models import Run, WakeupRequest
from issues import comments
from issues.models import Comment, InboxArchive, Issue, ReadState
from paperclip.companies import actors
from paperclip.companies.models import Activity
from paperclip.core import clock
from routines.models import RoutineRun
from tests import factories
from tests.routines import recipes

pytestmark = pytest.mark.django_db


@pytest.fixture
def now():
    return clock.now()


def executions(routine) -> list[Issue]:
    return list(Issue.objects.filter(origin_id=str(routine.pk)).order_by("created_at"))


def finish_runs() -> None:
    """Let every run of the scene be over, its issue still open."""
    Run.objects.update(status="succeeded")


def test_a_dispatch_makes_one_issue_and_wakes_its_agent_once(cast, now):  # RC-14, R-85, R-88
    parent = factories.issue(cast.company)
    goal = factories.goal(cast.company)
    project = factories.project(cast.company)
    routine = recipes.routine(
        cast, description="Well.", priority="high", parent_issue=parent, goal=goal, project=project
    )

    run = recipes.start(routine, actor=actors.for_user(cast.owner), now=now)

    (issue,) = executions(routine)
    assert (run.status, run.linked_issue_id, run.completed_at) == ("issue_created", issue.pk, None)
    assert (issue.title, issue.description) == ("Sweep the floor", "Well.")
    assert (issue.status, issue.priority) == ("todo", "high")
    assert (issue.parent_id, issue.goal_id, issue.project_id) == (parent.pk, goal.pk, project.pk)
    assert (issue.assignee_agent_id, issue.created_by_user_id) == (cast.engineer.pk, cast.owner.pk)
    assert (issue.origin_kind, issue.origin_run_id) == ("routine_execution", str(run.pk))
    assert issue.origin_fingerprint == run.dispatch_fingerprint
    wake = WakeupRequest.objects.get()
    assert (wake.agent_id, wake.source, wake.trigger_detail) == (cast.engineer.pk, "assignment", "system")
    assert wake.reason == "issue_assigned"
    assert wake.payload == {"issueId": str(issue.pk), "mutation": "create"}
    context = Run.objects.get().context_snapshot
    assert (context["issueId"], context["source"]) == (str(issue.pk), "routine.dispatch")
    routine.refresh_from_db()
    assert (routine.last_triggered_at, routine.last_enqueued_at) == (now, now)


def test_the_fingerprint_is_the_contracts(cast):
    routine = recipes.routine(cast, description="Größe")
    run = recipes.start(routine, payload={"b": [2, 1], "a": {"d": None, "c": "é"}})
    written = json.dumps(
        {
            "payload": {"b": [2, 1], "a": {"d": None, "c": "é"}},
            "projectId": None,
            "assigneeAgentId": str(cast.engineer.pk),
            "executionWorkspaceId": None,
            "executionWorkspacePreference": None,
            "executionWorkspaceSettings": None,
            "title": "Sweep the floor",
            "description": "Größe",
        },
        sort_keys=True,
        separators=(",", ":"),
        ensure_ascii=False,
    )
    assert run.dispatch_fingerprint == hashlib.sha256(written.encode()).hexdigest()


@pytest.mark.parametrize(
    ("policy", "status", "word"),
    [
        pytest.param("coalesce_if_active", "coalesced", "Folded into", id="RC-17 coalesce"),
        pytest.param("skip_if_active", "skipped", "Left out", id="RC-19 skip"),
    ],
)
def test_work_that_goes_on_takes_a_second_dispatch_up(cast, now, policy, status, word):
    routine = recipes.routine(cast, concurrency_policy=policy)
    first = recipes.start(routine, now=now)

    second = recipes.start(routine, now=now + timedelta(minutes=5))

    (issue,) = executions(routine)
    assert (second.status, second.linked_issue_id) == (status, issue.pk)
    assert second.coalesced_into_run_id == first.pk
    assert second.completed_at == second.triggered_at
    assert second.reason.startswith(word)
    assert issue.identifier in second.reason
    assert WakeupRequest.objects.count() == 1, "no second wake (R-82)"
    assert not Comment.objects.exists()


def test_always_enqueue_makes_twins_that_may_run_at_once(cast, now):  # RW-11
    routine = recipes.routine(cast, concurrency_policy="always_enqueue")
    runs = [recipes.start(routine, now=now) for _ in range(2)]
    assert [run.status for run in runs] == ["issue_created"] * 2
    assert runs[0].dispatch_fingerprint == runs[1].dispatch_fingerprint

    claimed = list(claims.claim(runner=factories.runner(), most=5, now=now))

    assert len(claimed) == 2
    assert all(issue.execution_run_id for issue in executions(routine))


def test_an_issue_nobody_works_on_takes_nothing_up(cast):  # RC-2, R-81
    routine = recipes.routine(cast)
    recipes.start(routine)
    finish_runs()
    before = executions(routine)[0]

    run = recipes.start(routine)

    first, second = executions(routine)
    assert (run.status, run.linked_issue_id) == ("issue_created", second.pk)
    assert (first.updated_at, first.origin_fingerprint) == (before.updated_at, before.origin_fingerprint)


def test_an_issue_without_a_mark_takes_any_dispatch_up(cast):  # RC-17, R-80
    routine = recipes.routine(cast)
    origin = recipes.start(routine)
    Issue.objects.filter(origin_id=str(routine.pk)).update(origin_fingerprint="default")

    run = recipes.start(routine, payload={"other": True})

    assert (run.status, run.coalesced_into_run_id) == ("coalesced", origin.pk)


@pytest.mark.parametrize(
    "difference",
    [
        pytest.param({"payload": {"branch": "feature/b"}}, id="RC-20 another payload"),
        pytest.param({"project_id": "project"}, id="R-77 another project"),
        pytest.param({"assignee_agent_id": "peer"}, id="R-77 another agent"),
    ],
)
def test_different_work_runs_side_by_side(cast, difference):
    routine = recipes.routine(cast)
    values = {"project": factories.project(cast.company).pk, "peer": cast.peer.pk}
    difference = {
        name: values.get(value, value) if isinstance(value, str) else value
        for name, value in difference.items()
    }
    runs = [recipes.start(routine), recipes.start(routine, **difference)]
    assert [run.status for run in runs] == ["issue_created"] * 2
    assert runs[0].dispatch_fingerprint != runs[1].dispatch_fingerprint


def test_clock_text_does_not_make_work_different(cast, now):  # RW-12, R-30
    routine = recipes.routine(
        cast, title="Report of {{date}}", description="At {{ timestamp }} for {{reader}}"
    )
    moment = now.replace(2026, 4, 28, 12, 17)
    recipes.start(routine, now=moment)
    later = recipes.start(routine, now=moment + timedelta(days=1))
    (issue,) = executions(routine)
    assert issue.title == "Report of 2026-04-28"
    assert issue.description == "At April 28, 2026 at 12:17 PM UTC for {{reader}}"
    assert later.status == "coalesced"


@pytest.mark.parametrize(
    ("stop", "reason"),
    [
        pytest.param("agent", "Agent is not invokable in its current state", id="R-90 paused agent"),
        pytest.param(
            "project", "Project is paused because its budget hard-stop was reached.", id="RW-18 project"
        ),
        pytest.param("company", "Company is paused and cannot start new work.", id="R-90 paused company"),
        pytest.param("parent", "Parent issue not found", id="R-90 refused when made"),
    ],
)
def test_what_stands_against_a_dispatch_is_its_reason_and_leaves_no_issue(
    cast, now, monkeypatch, stop, reason
):
    project = factories.project(cast.company)
    routine = recipes.routine(cast, project=project)
    if stop == "agent":
        type(cast.engineer).objects.filter(pk=cast.engineer.pk).update(status="paused")
    elif stop == "project":
        type(project).objects.filter(pk=project.pk).update(paused_at=now)
    elif stop == "company":
        type(cast.company).objects.filter(pk=cast.company.pk).update(status="paused")
    else:
        elsewhere = factories.issue(cast.elsewhere)
        type(routine).objects.filter(pk=routine.pk).update(parent_issue=elsewhere)

    run = recipes.start(routine, now=now)

    assert (run.status, run.reason, run.linked_issue_id, run.completed_at) == ("failed", reason, None, now)
    assert executions(routine) == []
    assert WakeupRequest.objects.count() == 0
    routine.refresh_from_db()
    assert (routine.last_triggered_at, routine.last_enqueued_at) == (now, None)


def test_an_unforeseen_fault_leaves_a_reason_and_no_issue(cast, monkeypatch):  # RC-29
    def broken(**_):
        raise RuntimeError("queue unavailable, key pcp_agent_" + "a" * 48)

    monkeypatch.setattr("heartbeat.wakeups.enqueue", broken)
    routine = recipes.routine(cast)

    run = recipes.start(routine)

    assert (run.status, run.reason) == ("failed", "queue unavailable, key ***REDACTED***")
    assert executions(routine) == []


def test_a_person_who_asks_for_work_that_goes_on_has_it_before_them_again(cast, now):  # RC-18, R-83
    routine = recipes.routine(cast)
    owner = actors.for_user(cast.owner)
    recipes.start(routine, now=now)
    (issue,) = executions(routine)
    InboxArchive.objects.create(company=cast.company, issue=issue, user=cast.owner, archived_at=now)

    recipes.start(routine, actor=owner, now=now + timedelta(seconds=1))

    assert not InboxArchive.objects.exists()
    assert ReadState.objects.get().user == cast.owner


def test_only_who_starts_it_by_hand_is_the_maker(cast):  # RC-15, R-85
    routine = recipes.routine(cast, concurrency_policy="always_enqueue")
    owner = actors.for_user(cast.owner)
    recipes.start(routine, actor=owner)
    recipes.start(routine, actor=owner, source="api")
    assert [issue.created_by_user_id for issue in executions(routine)] == [cast.owner.pk, None]
    written = Activity.objects.filter(action="routine.run_triggered")
    assert {row.actor_id for row in written} == {str(cast.owner.pk)}


def test_what_a_routine_did_is_in_the_log(cast):
    routine = recipes.routine(cast)
    run = recipes.start(routine, actor=actors.for_user(cast.owner))
    row = Activity.objects.get(action="routine.run_triggered")
    assert (row.entity_type, row.entity_id) == ("routine_run", str(run.pk))
    assert row.details == {"routineId": str(routine.pk), "source": "manual", "status": "issue_created"}
    assert Activity.objects.filter(action="issue.created").count() == 1


def test_a_repeated_key_returns_the_first_run(cast):  # RC-47, R-66
    routine = recipes.routine(cast)
    first = recipes.start(routine, idempotency_key="k", payload={"a": 1})
    assert recipes.start(routine, idempotency_key="k", payload={"a": 2}).pk == first.pk
    assert recipes.start(routine, idempotency_key="k", source="api").pk != first.pk, (
        "another source is another key"
    )
    assert RoutineRun.objects.filter(routine=routine).count() == 2


@pytest.mark.parametrize(
    "left", [pytest.param("in_progress", id="R-81 idle"), pytest.param("done", id="reopened")]
)
def test_an_earlier_issue_can_be_worked_on_beside_the_newer_one(cast, now, left):
    """The guard against doubles keeps neither a runner from its queue nor an agent from what came back."""
    routine = recipes.routine(cast)
    earlier = recipes.start(routine).linked_issue
    (run,) = claims.claim(runner=factories.runner(), most=5, now=now)
    finish_runs()
    Issue.objects.filter(pk=earlier.pk).update(status=left, execution_run=None, checkout_run=None)
    newer = recipes.start(routine).linked_issue
    assert len(list(claims.claim(runner=factories.runner(), most=5, now=now))) == 1

    comments.add(issue_id=earlier.pk, body="And this?", actor=actors.for_user(cast.owner), now=now)
    (run,) = claims.claim(runner=factories.runner(), most=5, now=now)

    assert run.issue_id == earlier.pk
    marks = {issue.pk: issue.origin_fingerprint for issue in executions(routine)}
    assert marks == {
        newer.pk: newer.origin_fingerprint,
        earlier.pk: f"{newer.origin_fingerprint}:{earlier.pk}",
    }
    assert recipes.start(routine).status == "coalesced"
    Run.objects.filter(issue=newer).update(status="succeeded")
    assert recipes.start(routine).linked_issue_id == earlier.pk, (
        "marked apart, it still takes the same work up"
    )
