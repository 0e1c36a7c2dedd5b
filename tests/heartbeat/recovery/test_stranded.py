"""The pass over assigned work that nobody moves (HB-33 to HB-49)."""

from __future__ import annotations

import threading
from datetime import timedelta
from functools import partial

import pytest
from django.db import connection

from heartbeat import lifecycle, movement, wakeups
from heartbeat.models import Run, WakeupRequest
from heartbeat.recovery import stranded
from heartbeat.wakeups import Call
from issues import comments, holds, tree_control
from issues.models import Comment, Issue
from paperclip.companies import actors, agents
from paperclip.companies.choices import PauseReason
from paperclip.companies.models import Agent
from paperclip.core import clock
from paperclip.governance.models import Notice
from tests import factories
from tests.heartbeat.recovery import scenes
from tests.issues.race import together

pytestmark = pytest.mark.django_db


@pytest.fixture
def now():
    return clock.now()


def sweep(now):
    return stranded.sweep(now=now)


# --- Called for the first time ---------------------------------------------------------------------------


def test_an_issue_nobody_was_called_for_is_dispatched(cast, now):  # HB-33
    issue = scenes.stranded(cast.engineer, status="todo", last=None)

    done = sweep(now)

    assert (done.assignment_dispatched, done.skipped) == (1, 0)
    (request,) = scenes.calls(issue)
    assert (request.reason, request.status) == ("issue_assigned", "queued")
    assert request.payload["mutation"] == "assigned_todo_liveness_dispatch"
    run = scenes.live(issue)
    assert run.context_snapshot["source"] == "issue.assigned_todo_liveness_dispatch"
    assert "retryReason" not in run.context_snapshot
    issue.refresh_from_db()
    assert issue.status == "todo"
    assert sweep(now) == stranded.Pass(), "a second pass finds nothing to do"


def test_a_call_that_has_no_run_yet_is_waited_for(cast, now):  # HB-34
    issue = scenes.stranded(cast.engineer, status="todo", last=None)
    call(cast.engineer, issue, now)

    assert sweep(now).skipped == 1
    assert not Run.objects.filter(issue=issue).exists()

    later = now + timedelta(minutes=11)
    assert sweep(later).assignment_dispatched == 1, "a call that came to nothing is not waited for for ever"


def call(agent: Agent, issue: Issue, at) -> WakeupRequest:
    return WakeupRequest.objects.create(
        company=agent.company, agent=agent, issue=issue, source="assignment", status="queued", requested_at=at
    )


def test_a_budget_keeps_one_from_being_called_and_not_the_other(cast, now):  # HB-35
    project = factories.project(cast.company, paused_at=now, pause_reason="budget")
    blocked = scenes.stranded(cast.engineer, status="todo", last=None)
    Issue.objects.filter(pk=blocked.pk).update(project=project)
    free = scenes.stranded(cast.peer, status="todo", last=None)

    assert sweep(now).assignment_dispatched == 1

    assert not scenes.calls(blocked)
    assert scenes.live(free).agent_id == cast.peer.pk


@pytest.mark.parametrize("status", ["paused", "terminated", "pending_approval"])
def test_an_agent_that_may_not_run_is_left_alone_and_named(cast, now, status):  # HB-36, field note 17
    issue = scenes.stranded(cast.engineer, status="todo", last=None)
    Agent.objects.filter(pk=cast.engineer.pk).update(status=status)

    assert sweep(now) == stranded.Pass(skipped=1)

    assert not Run.objects.exists()
    found = movement.of(issue, now=now)
    assert found.is_missing
    assert cast.engineer.name in found.sentence


# --- Taken up again --------------------------------------------------------------------------------------


@pytest.mark.parametrize("queued", [False, True], ids=["HB-37", "HB-37 beside an old call"])
def test_an_assignment_that_failed_is_taken_up_again(cast, now, queued):
    issue = scenes.stranded(cast.engineer, status="todo")
    if queued:
        call(cast.engineer, issue, now - timedelta(hours=1))

    assert sweep(now).dispatch_requeued == 1

    run = scenes.live(issue)
    assert run.context_snapshot["retryReason"] == "assignment_recovery"
    assert run.wakeup_request.reason == "issue_assignment_recovery"
    assert (run.recovery_attempt, run.context_snapshot["modelProfile"]) == (1, "cheap")
    issue.refresh_from_db()
    assert issue.execution_run_id == run.pk


@pytest.mark.parametrize(
    ("last", "error_code"),
    [
        pytest.param("failed", "adapter_failed", id="HB-38 adapter_failed"),
        pytest.param("failed", "process_lost", id="HB-38 process_lost"),
        pytest.param("timed_out", "timeout", id="HB-38 timed out"),
    ],
)
def test_work_in_progress_that_failed_goes_on(cast, now, last, error_code):
    issue = scenes.stranded(cast.engineer, last=last, error_code=error_code)
    before = Run.objects.get()

    assert sweep(now).continuation_requeued == 1

    run = scenes.live(issue)
    assert run.retry_of_run_id == before.pk
    assert run.context_snapshot["source"] == "issue.continuation_recovery"
    assert run.context_snapshot["retryReason"] == "issue_continuation_needed"
    assert run.task_key == before.task_key
    assert not scenes.recoveries(issue)
    before.refresh_from_db()
    assert (before.followup_mechanism, before.followup_attempt) == ("recovery", 1)


@pytest.mark.parametrize("attempt", [0, 1], ids=["HB-44", "HB-46 after a plain recovery"])
def test_productive_work_left_open_goes_on(cast, now, attempt):
    issue = scenes.stranded(
        cast.engineer, last="succeeded", liveness_state="advanced", recovery_attempt=attempt
    )

    assert sweep(now).continuation_requeued == 1

    run = scenes.live(issue)
    assert run.context_snapshot["source"] == "issue.productive_terminal_continuation_recovery"
    assert run.recovery_attempt == 2
    assert not scenes.words(issue)


def test_work_that_was_put_in_progress_by_hand_is_left_and_told(cast, now):  # HB-47
    issue = scenes.stranded(cast.engineer, last=None)

    assert sweep(now) == stranded.Pass(skipped=1)
    found = movement.of(issue, now=now)
    assert (found.kind, found.action) == ("never_called", "wake")


def test_work_in_a_persons_hands_is_not_looked_at(cast, now):  # HB-48
    issue = factories.issue(cast.company, assignee_user=cast.owner, status="in_progress")

    assert sweep(now) == stranded.Pass()
    issue.refresh_from_db()
    assert issue.status == "in_progress"


def test_a_run_that_somebody_stopped_is_not_started_again(cast, now):  # HW-2
    issue = scenes.stranded(
        cast.engineer, last="cancelled", cancel_requested_at=now, result_json={"stopReason": "cancelled"}
    )

    assert sweep(now) == stranded.Pass(skipped=1)
    assert (movement.of(issue, now=now).kind, Run.objects.count()) == ("called_off", 1)


def test_work_goes_on_when_its_agent_is_resumed(cast, now):
    """A pause stops the run, waiting or at work; it uses up no attempt (beats the cascade of HW-2)."""
    issue = scenes.stranded(cast.engineer, status="todo", last=None)
    person = actors.for_user(cast.owner)
    for _ in range(3):
        sweep(now)
        agents.pause(agent=cast.engineer, actor=person, now=now)
        assert sweep(now).skipped == 1
        agents.resume(agent=cast.engineer, actor=person, now=now)
    assert sweep(now).dispatch_requeued == 1

    run = scenes.live(issue)
    assert (run.recovery_attempt, Run.objects.count()) == (0, 4)
    issue.refresh_from_db()
    assert issue.status == "todo"


def test_a_run_that_a_person_stopped_before_it_began_stays_stopped(cast, now):
    issue = scenes.stranded(cast.engineer, status="todo", last=None)
    sweep(now)
    person = actors.for_user(cast.owner)
    lifecycle.cancel(run_id=scenes.live(issue).pk, reason="Enough", actor=person, now=now)

    assert sweep(now) == stranded.Pass(skipped=1)


def test_a_stop_ends_when_a_person_calls_again_though_the_agent_took_no_calls(cast, now):
    """The agent is paused when the person speaks: the call is refused then, and made up for later."""
    person = actors.for_user(cast.owner)
    issue = scenes.stranded(cast.engineer, status="todo", last=None)
    sweep(now)
    lifecycle.cancel(run_id=scenes.live(issue).pk, reason="Enough", actor=person, now=now)
    agents.pause(agent=cast.engineer, actor=person, now=now)
    comments.add(issue_id=issue.pk, body="Go on, please", actor=person, now=now + timedelta(seconds=1))
    agents.resume(agent=cast.engineer, actor=person, now=now + timedelta(seconds=2))
    assert not Run.objects.filter(issue=issue, status="queued").exists()

    assert sweep(now + timedelta(seconds=3)).dispatch_requeued == 1
    assert scenes.live(issue).agent_id == cast.engineer.pk


def test_a_pause_of_the_tree_leaves_everything_as_it_is(cast, now):  # HB-43
    issue = scenes.stranded(cast.engineer, last="cancelled", error_code="cancelled")
    tree_control.give(root_id=issue.pk, mode="pause", actor=actors.for_user(cast.owner), now=now)
    assert holds.gate(issue.pk) is not None

    assert sweep(now) == stranded.Pass(skipped=1)
    assert Run.objects.count() == 1
    assert movement.of(issue, now=now).action == "release_hold"


@pytest.mark.parametrize(
    "wait",
    [
        pytest.param("blocker", id="H-5 a blocker"),
        pytest.param("approval", id="H-111 a question to the board"),
        pytest.param("monitor", id="H-150 a planned look"),
        pytest.param("children", id="children that are being worked on"),
    ],
)
def test_what_waits_is_left_to_wait(cast, now, wait):
    issue = scenes.stranded(cast.engineer, last="succeeded", liveness_state="advanced")
    match wait:
        case "blocker":
            factories.blocks(factories.issue(cast.company, assignee_user=cast.owner), issue)
        case "approval":
            approval = issue.company.approvals.create(type="request_board_approval", status="pending")
            issue.approval_links.create(company=issue.company, approval=approval)
        case "monitor":
            Issue.objects.filter(pk=issue.pk).update(monitor_next_check_at=now + timedelta(hours=1))
        case "children":
            factories.issue(cast.company, parent=issue, assignee_user=cast.owner, status="in_progress")

    sweep(now)

    assert Run.objects.filter(issue=issue).count() == 1
    assert not movement.of(Issue.objects.get(pk=issue.pk), now=now).is_missing


def test_a_lock_whose_run_is_over_is_dropped(cast, now):
    issue = scenes.stranded(cast.engineer, last="succeeded")
    run = Run.objects.get()
    Issue.objects.filter(pk=issue.pk).update(execution_run=run, checkout_run=run, status="in_review")

    assert sweep(now).locks_cleared == 1
    issue.refresh_from_db()
    assert (issue.execution_run_id, issue.checkout_run_id) == (None, run.pk)


def test_a_call_nobody_promoted_is_let_in(cast, now):  # HW-9
    issue = scenes.stranded(cast.engineer, status="todo", last="failed")
    holder = factories.run(cast.engineer, issue=issue)
    outcome = wakeups.enqueue(
        agent_id=cast.engineer.pk,
        company_id=cast.company.pk,
        call=Call(
            source="automation",
            reason="issue_commented",
            payload={"issueId": str(issue.pk), "commentId": str(factories.comment(issue).pk)},
        ),
        actor=actors.for_user(cast.owner),
        now=now,
    )
    assert outcome.kind == "deferred"
    Run.objects.filter(pk=holder.pk).update(status="failed", finished_at=now)
    assert movement.of(issue, now=now).kind == "wake"

    done = sweep(now)

    assert (done.waiting_promoted, done.dispatch_requeued) == (1, 0)
    assert scenes.live(issue).wakeup_request.pk == outcome.request.pk


def test_an_agent_that_could_not_be_told_that_the_wait_is_over_is_told_later(cast, now):
    from issues import lifecycle as issue_lifecycle

    person = actors.for_user(cast.owner)
    blocker = factories.issue(cast.company, assignee_user=cast.owner, status="in_progress")
    issue = factories.issue(cast.company, assignee_agent=cast.engineer, status="blocked")
    factories.blocks(blocker, issue)
    agents.pause(agent=cast.engineer, actor=person, now=now)
    issue_lifecycle.update(issue_id=blocker.pk, fields={"status": "done"}, actor=person, now=now)
    assert sweep(now).freed_called == 0
    agents.resume(agent=cast.engineer, actor=person, now=now)
    assert movement.of(issue, now=now).kind == "recovery"

    assert sweep(now).freed_called == 1

    assert scenes.live(issue).wakeup_request.reason == "issue_blockers_resolved"
    assert sweep(now).freed_called == 0


# --- Handed to somebody ----------------------------------------------------------------------------------


def test_an_assignment_that_failed_again_is_handed_to_somebody(cast, now):  # HB-39, H-146
    issue = scenes.stranded(cast.engineer, status="todo", recovery_attempt=1, error="secret pcp_" + "a" * 48)
    Issue.objects.filter(pk=issue.pk).update(priority="high", billing_code="B-1")

    done = sweep(now)

    assert (done.escalated, done.failed) == (1, 0)
    issue.refresh_from_db()
    (recovery,) = scenes.recoveries(issue)
    assert (issue.status, issue.execution_run_id, issue.checkout_run_id) == ("blocked", None, None)
    assert (recovery.parent_id, recovery.priority, recovery.billing_code) == (issue.pk, "high", "B-1")
    assert (recovery.status, recovery.assignee_agent_id) == ("todo", cast.manager.pk)
    assert recovery.assignee_adapter_overrides == {"modelProfile": "cheap"}
    assert recovery.origin_run_id == str(Run.objects.get(agent=cast.engineer).pk)
    assert scenes.blockers(issue) == [recovery]
    (word,) = scenes.words(issue)
    assert recovery.identifier in word.body
    assert (word.author_type, word.presentation["kind"]) == ("system", "system_notice")
    (call,) = scenes.calls(recovery)
    assert (call.reason, call.agent_id) == ("issue_assigned", cast.manager.pk)
    assert call.payload["sourceIssueId"] == str(issue.pk)
    assert call.payload["recoveryCause"] == "stranded_assigned_issue"
    told = [row for row in scenes.deeds(issue) if row.action == "issue.updated"]
    assert told[-1].details["source"] == "recovery.reconcile_stranded_assigned_issue"
    assert Notice.objects.get().kind == "issue_stuck"
    assert sweep(now).escalated == 0


@pytest.mark.parametrize("error", [None, "It said no"], ids=["HB-40 only a code", "HB-40 an error text"])
def test_what_a_run_said_is_withheld(cast, now, error):  # H-148
    issue = scenes.stranded(
        cast.engineer, recovery_attempt=1, error=error, error_code="adapter_broke_its_leg"
    )

    assert sweep(now).escalated == 1

    (recovery,) = scenes.recoveries(issue)
    for text in (
        recovery.title,
        recovery.description,
        scenes.words(issue)[0].body,
        Notice.objects.get().body,
    ):
        assert "adapter_broke_its_leg" not in text
        assert error is None or error not in text
    assert "withheld" in recovery.description
    assert "withheld" in scenes.words(issue)[0].body


def test_after_it_went_on_once_productive_work_is_handed_on(cast, now):  # HB-45
    issue = scenes.stranded(cast.engineer, last="succeeded", liveness_state="advanced", recovery_attempt=2)
    assert sweep(now).escalated == 1
    assert scenes.recoveries(issue)


@pytest.mark.parametrize("last", ["failed", "succeeded"])
def test_work_left_open_after_it_was_asked_about_is_handed_on(cast, now, last):  # HB-49
    issue = scenes.stranded(cast.engineer, last=last, handoff_attempt=1)

    done = sweep(now)

    assert (done.successful_run_handoff_escalated, done.continuation_requeued) == (1, 0)
    (word,) = scenes.words(issue)
    assert word.presentation["tone"] == "danger"
    (recovery,) = scenes.recoveries(issue)
    (call,) = scenes.calls(recovery)
    assert call.payload["recoveryCause"] == "successful_run_missing_state"
    assert "issue.successful_run_handoff_escalated" in [row.action for row in scenes.deeds(issue)]


def test_work_on_recovery_is_blocked_where_it_is(cast, now):  # HB-42, H-149
    issue = scenes.stranded(cast.engineer, status="todo", error="pcp_" + "a" * 48)
    origin = {"origin_kind": "stranded_issue_recovery", "origin_id": "somewhere"}
    Issue.objects.filter(pk=issue.pk).update(**origin)

    for number in (1, 2):
        assert sweep(now).escalated == 1
        issue.refresh_from_db()
        assert (issue.status, len(scenes.words(issue))) == ("blocked", number)
        assert Issue.objects.filter(company=cast.company).count() == 1
        assert "aaaa" not in scenes.words(issue)[-1].body
        Issue.objects.filter(pk=issue.pk).update(status="in_progress")
        scenes.ended(issue, cast.engineer, at=now)
    deed = scenes.deeds(issue)[0]
    assert deed.details["source"] == "recovery.reconcile_stranded_recovery_issue"


def test_blockers_that_still_count_stay_when_work_is_handed_on(cast, now):  # H-146
    done = factories.issue(cast.company, status="done")
    issue = scenes.stranded(cast.engineer, recovery_attempt=1)
    factories.blocks(done, issue)

    sweep(now)

    assert scenes.blockers(issue) == scenes.recoveries(issue)


def test_an_open_recovery_issue_is_used_again(cast, now):
    issue = scenes.stranded(cast.engineer, recovery_attempt=1)
    sweep(now)
    (recovery,) = scenes.recoveries(issue)
    issue.blocked_by_links.all().delete()
    Issue.objects.filter(pk=issue.pk).update(status="in_progress")
    scenes.ended(issue, cast.engineer, at=now, recovery_attempt=1)

    assert sweep(now).escalated == 1

    assert scenes.recoveries(issue) == [recovery]
    assert scenes.blockers(issue) == [recovery]
    assert len(scenes.words(issue)) == 2


@pytest.mark.parametrize(
    ("stopped", "expected"),
    [
        pytest.param((), "manager", id="H-147 the assignee's manager"),
        pytest.param(("manager",), "ceo", id="H-147 the CEO when no CTO may run"),
        pytest.param(("manager", "ceo"), "engineer", id="H-147 last the assignee"),
        pytest.param(("manager", "ceo", "engineer"), None, id="H-147 nobody"),
    ],
)
def test_who_is_asked(cast, now, stopped, expected):
    issue = scenes.stranded(cast.engineer, recovery_attempt=1)
    from heartbeat.stranding import owners

    Agent.objects.filter(pk__in=[getattr(cast, name).pk for name in stopped]).update(status="paused")
    found = owners.for_stranded(
        company=cast.company, assignee_id=cast.engineer.pk, creator_id=None, project=issue.project
    )
    assert (found.pk if found else None) == (getattr(cast, expected).pk if expected else None)


def test_without_anybody_to_ask_the_issue_is_blocked_and_says_so(cast, now):  # H-147
    lonely = factories.agent(factories.company(), name="Lonely")
    issue = scenes.stranded(lonely, recovery_attempt=1)
    from heartbeat.stranding import escalation, verdicts

    Agent.objects.filter(pk=lonely.pk).update(status="paused")
    step = verdicts.Step(verdicts.Kind.ESCALATE, "escalated", "It failed", cause=verdicts.STRANDED)
    escalation.escalate(Issue.objects.get(pk=issue.pk), Run.objects.get(), step, now=now)

    issue.refresh_from_db()
    assert (issue.status, scenes.recoveries(issue)) == ("blocked", [])
    assert "No agent may be asked" in scenes.words(issue)[0].body


def test_recovery_issues_are_capped_per_company_and_hour(cast, now, settings):  # field note 10
    settings.RECOVERY_ISSUES_PER_HOUR = 3
    stuck = [scenes.stranded(cast.engineer, recovery_attempt=1) for _ in range(5)]
    elsewhere = scenes.stranded(cast.foreign_agent, recovery_attempt=1)

    assert sweep(now).escalated == 6

    made = [issue for issue in stuck if scenes.recoveries(issue)]
    assert len(made) == 3
    assert scenes.recoveries(elsewhere)
    for issue in set(stuck) - set(made):
        issue.refresh_from_db()
        assert issue.status == "blocked"
        assert "within the hour" in scenes.words(issue)[0].body
    assert Notice.objects.filter(company=cast.company).count() == 5


def test_the_notice_ends_when_the_issue_is_not_stuck_any_more(cast, now):
    issue = scenes.stranded(cast.engineer, recovery_attempt=1)
    sweep(now)
    assert sweep(now).notices_settled == 0
    Issue.objects.filter(pk=issue.pk).update(status="done")

    assert sweep(now).notices_settled == 1
    assert Notice.objects.get().closed_at is not None


# --- One for itself, many at once ------------------------------------------------------------------------


def test_one_issue_that_cannot_be_helped_does_not_stop_the_others(cast, now, monkeypatch):  # HW-14
    first, second = sorted((scenes.stranded(cast.engineer) for _ in range(2)), key=lambda issue: issue.pk)
    from heartbeat.stranding import attempts

    decide = attempts.decision

    def broken(run, step):
        if run.issue_id == first.pk:
            raise RuntimeError("broken")
        return decide(run, step)

    monkeypatch.setattr(attempts, "decision", broken)

    done = sweep(now)

    assert (done.continuation_requeued, done.failed) == (1, 1)
    assert scenes.live(second)


@pytest.mark.django_db(transaction=True)
def test_eight_passes_at_once_make_one_recovery_issue(cast, now):  # HB-41
    issue = scenes.stranded(cast.engineer, recovery_attempt=1)
    other = scenes.stranded(cast.peer)

    done = together([partial(sweep, now) for _ in range(8)])

    assert sum(each.failed for each in done) == 0
    assert sum(each.escalated for each in done) == 1
    assert sum(each.continuation_requeued for each in done) == 1
    assert len(scenes.recoveries(issue)) == 1
    assert scenes.blockers(issue) == scenes.recoveries(issue)
    assert Comment.objects.filter(issue=issue).count() == 1
    assert Run.objects.filter(issue=other).count() == 2


@pytest.mark.django_db(transaction=True)
def test_a_pass_beside_people_at_work_waits_for_nobody_in_a_circle(cast, now):
    """Passes, new issues and comments side by side: nothing hangs, nothing fails."""
    from issues import lifecycle as issue_lifecycle

    stuck = [scenes.stranded(cast.engineer, recovery_attempt=1) for _ in range(6)]
    person = actors.for_user(cast.owner)

    def write(parent):
        fields = {"title": "More", "assignee_agent_id": cast.peer.pk}
        return lambda: issue_lifecycle.create_child(parent_id=parent.pk, fields=fields, actor=person, now=now)

    together([partial(sweep, now), partial(sweep, now), *[write(issue) for issue in stuck]])

    while sweep(now).escalated:
        pass
    assert {Issue.objects.get(pk=issue.pk).status for issue in stuck} == {"blocked"}


@pytest.mark.django_db(transaction=True)
def test_a_duty_that_another_host_is_at_does_nothing(cast, now):
    from heartbeat.recovery import passes

    issue = scenes.stranded(cast.engineer)
    began, may_end = threading.Event(), threading.Event()

    def slow(*, now):
        began.set()
        assert may_end.wait(30)
        return stranded.Pass()

    def hold():
        passes.alone(stranded.NAME, slow)(now=now)
        connection.close()

    other = threading.Thread(target=hold)
    other.start()
    assert began.wait(30)
    duty = passes.alone(stranded.NAME, stranded.sweep)
    try:
        assert duty(now=now) is None
    finally:
        may_end.set()
        other.join(30)
    assert duty(now=now).continuation_requeued == 1
    assert scenes.live(issue)


def test_many_are_taken_up_together(cast, now, django_assert_max_num_queries):
    """What most stranded issues need is done at once, with everything that goes with it."""
    issues = [scenes.stranded(agent) for agent in (cast.engineer, cast.peer, cast.ceo) for _ in range(20)]
    with django_assert_max_num_queries(60):
        assert sweep(now).continuation_requeued == 60

    for issue in issues:
        run = scenes.live(issue)
        issue.refresh_from_db()
        assert (issue.execution_run_id, issue.execution_locked_at) == (run.pk, now)
        assert issue.execution_agent_name_key == run.agent.name.lower()
        assert run.wakeup_request.run_id == run.pk
        assert [event.seq for event in run.events.all()] == [1]
        assert run.next_event_seq == 2
        assert run.retry_of_run.followup_mechanism == "recovery"
        assert run.context_snapshot["issueId"] == str(issue.pk)


def test_an_issue_of_a_routine_is_taken_up_with_its_guard(cast, now):
    """A routine's issue is looked at by itself: its lock must not meet another of the same dispatch."""
    issue = scenes.stranded(cast.engineer)
    Issue.objects.filter(pk=issue.pk).update(
        origin_kind="routine_execution", origin_id="r", origin_fingerprint="f"
    )
    assert sweep(now).continuation_requeued == 1
    issue.refresh_from_db()
    assert issue.execution_run_id == scenes.live(issue).pk


def test_a_pass_over_nothing_asks_little(cast, now, django_assert_max_num_queries):
    with django_assert_max_num_queries(8):
        assert sweep(now) == stranded.Pass()


@pytest.mark.parametrize("reason", [PauseReason.MANUAL, PauseReason.BUDGET])
def test_a_paused_company_is_left_alone(cast, now, reason):  # HW-14
    scenes.stranded(cast.engineer)
    scenes.stranded(cast.foreign_agent)
    type(cast.company).objects.filter(pk=cast.company.pk).update(status="paused", pause_reason=reason)

    done = sweep(now)

    assert (done.continuation_requeued, done.skipped) == (1, 1)
