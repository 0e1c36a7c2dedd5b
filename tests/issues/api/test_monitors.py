"""Monitors: scheduled, due, at the end of their bounds, and looked at now."""

from __future__ import annotations

from datetime import timedelta

import pytest

from heartbeat import duties
from heartbeat.models import Run, WakeupRequest
from issues import monitors
from issues.models import Issue
from paperclip.companies.models import Agent
from paperclip.core import clock
from paperclip.core.errors import Unprocessable
from tests import factories
from tests.issues import log
from tests.issues.race import together

NOW = clock.now().replace(microsecond=0)
# Ahead of any clock this file may be run by.
SOON, LATER = NOW + timedelta(days=1), NOW + timedelta(days=2)


def watch(at=SOON, **more):
    return {"monitor": {"nextCheckAt": clock.iso(at), **more}}


def send(caller, issue, code=200, /, **body):
    answer = caller.patch(f"/api/issues/{issue.pk}", body)
    assert answer.status_code == code, answer.content
    return answer.json()


def watched(cast, at=SOON, status="in_progress", who=None, **more):
    """An issue of the engineer with a monitor, set by the board."""
    issue = factories.issue(cast.company, assignee_agent=who or cast.engineer, status=status)
    send(cast.as_owner, issue, executionPolicy=watch(at, **more))
    issue.refresh_from_db()
    return issue


def check_now(caller, issue, code=200):
    answer = caller.post(f"/api/issues/{issue.pk}/monitor/check-now")
    assert answer.status_code == code, answer.content
    return answer.json()


def figures(done):
    return done.checked, done.enqueued, done.skipped, done.failed


# --- Scheduling ------------------------------------------------------------------------------------------


def test_monitor_is_kept_in_order_and_mirrored(cast):
    issue = factories.issue(cast.company, assignee_agent=cast.engineer, status="in_progress")
    sent = watch(
        notes="  look at CI ",
        kind="external_service",
        serviceName=" GitHub ",
        externalRef="https://ci.example/secret-run",
        timeoutAt=clock.iso(LATER),
        maxAttempts=3,
        recoveryPolicy="escalate_to_board",
        scheduledBy="assignee",
    )

    row = send(cast.as_owner, issue, executionPolicy=sent)

    kept = {
        "nextCheckAt": clock.iso(SOON),
        "notes": "look at CI",
        "scheduledBy": "board",
        "kind": "external_service",
        "serviceName": "GitHub",
        "externalRef": "[redacted]",
        "timeoutAt": clock.iso(LATER),
        "maxAttempts": 3,
        "recoveryPolicy": "escalate_to_board",
    }
    assert row["executionPolicy"]["monitor"] == kept, "I-99, I-110"
    state = row["executionState"]
    assert (state["status"], state["currentStageId"]) == ("idle", None)
    assert state["monitor"] == kept | {
        "status": "scheduled",
        "lastTriggeredAt": None,
        "attemptCount": 0,
        "clearedAt": None,
        "clearReason": None,
    }
    mirror = (
        "monitorNextCheckAt",
        "monitorNotes",
        "monitorScheduledBy",
        "monitorAttemptCount",
        "monitorWakeRequestedAt",
    )
    assert [row[name] for name in mirror] == [clock.iso(SOON), "look at CI", "board", 0, None]
    assert log.details(issue, "issue.monitor_scheduled") == {
        "identifier": issue.identifier,
        "nextCheckAt": clock.iso(SOON),
        "previousNextCheckAt": None,
        "notes": "look at CI",
        "scheduledBy": "board",
        "serviceName": "GitHub",
        "timeoutAt": clock.iso(LATER),
        "maxAttempts": 3,
        "recoveryPolicy": "escalate_to_board",
    }
    assert "secret-run" not in str(log.Activity.objects.values_list("details", flat=True))


@pytest.mark.parametrize(
    ("who", "claims", "stored"),
    [
        pytest.param("owner", "assignee", "board", id="IC-88 board"),
        pytest.param("engineer", "board", "assignee", id="IC-88 assignee agent"),
        pytest.param("peer", "assignee", None, id="IC-88 other agent"),
    ],
)
@pytest.mark.parametrize("door", ["create", "child"])
def test_new_issues_say_who_scheduled(cast, who, claims, stored, door):
    caller = cast.as_owner if who == "owner" else cast.as_agent(getattr(cast, who))
    parent = factories.issue(cast.company)
    path = (
        f"/api/companies/{cast.company.pk}/issues"
        if door == "create"
        else f"/api/issues/{parent.pk}/children"
    )
    body = {
        "title": "x",
        "status": "in_progress",
        "assigneeAgentId": str(cast.engineer.pk),
        "executionPolicy": watch(scheduledBy=claims, externalRef="ref"),
    }

    answer = caller.post(path, body)

    if stored is None:
        assert answer.status_code == 403
        assert answer.json()["error"] == "Only the assignee agent or a board user can manage issue monitors"
        assert Issue.objects.count() == 1
        return
    row = answer.json()
    assert answer.status_code == 201, row
    assert row["executionPolicy"]["monitor"]["scheduledBy"] == row["monitorScheduledBy"] == stored
    assert row["executionPolicy"]["monitor"]["externalRef"] == "[redacted]"
    told = log.details(row["id"], "issue.monitor_scheduled")
    assert "previousNextCheckAt" not in told
    assert told.get("parentId") == (str(parent.pk) if door == "child" else None)


def test_only_assignee_and_board_touch_a_monitor(cast):
    """I-110."""
    issue = watched(cast, status="in_review")
    ceo = cast.as_agent(cast.ceo)
    stored = issue.execution_policy

    for body in (watch(LATER), watch(SOON, notes="x"), None):
        answer = send(ceo, issue, 403, executionPolicy=body)
        assert answer["error"] == "Only the assignee agent or a board user can manage issue monitors"
    assert send(ceo, issue, title="ok", executionPolicy=stored)["monitorScheduledBy"] == "board", "unchanged"
    row = send(cast.as_agent(cast.engineer), issue, executionPolicy=watch(LATER))
    assert (row["monitorNextCheckAt"], row["monitorScheduledBy"]) == (clock.iso(LATER), "assignee")
    told = [
        each.details
        for each in log.Activity.objects.filter(action="issue.monitor_scheduled").order_by("created_at")
    ]
    assert told[-1]["previousNextCheckAt"] == clock.iso(SOON)


@pytest.mark.parametrize(
    "fields",
    [
        pytest.param({"status": "todo", "assignee_agent": "engineer"}, id="IC-89 todo"),
        pytest.param({"status": "blocked", "assignee_agent": "engineer"}, id="I-111 blocked"),
        pytest.param({"status": "in_review"}, id="I-111 nobody's"),
        pytest.param({"status": "in_progress", "assignee_user": "owner"}, id="I-111 a person's"),
    ],
)
def test_monitors_belong_to_agents_at_work(cast, fields):
    issue = factories.issue(
        cast.company,
        **{
            name: getattr(cast, value) if name.startswith("assignee") else value
            for name, value in fields.items()
        },
    )

    answer = send(cast.as_owner, issue, 422, executionPolicy=watch())

    assert answer["error"].startswith("A monitor can only be scheduled")
    assert not WakeupRequest.objects.exists()


@pytest.mark.parametrize(
    ("more", "attempts", "reason"),
    [
        pytest.param(
            {"timeoutAt": clock.iso(NOW - timedelta(seconds=1))}, 0, "timeout_exceeded", id="I-111 too late"
        ),
        pytest.param({"maxAttempts": 2}, 2, "max_attempts_exhausted", id="I-111 no attempt left"),
    ],
)
def test_bounds_that_are_used_up_take_no_schedule(cast, more, attempts, reason):
    issue = factories.issue(cast.company, assignee_agent=cast.engineer, status="in_progress")
    state = {"status": "idle", "monitor": {"status": "triggered", "attemptCount": attempts}}
    Issue.objects.filter(pk=issue.pk).update(execution_state=state)

    answer = send(cast.as_owner, issue, 422, executionPolicy=watch(**more))

    assert answer["details"] == {"clearReason": reason}


@pytest.mark.parametrize(
    ("body", "reason"),
    [
        pytest.param({"status": "done"}, "done", id="IC-89 done"),
        pytest.param({"status": "cancelled"}, "cancelled", id="I-111 cancelled"),
        pytest.param({"status": "todo"}, "invalid_status", id="I-111 todo"),
        pytest.param(
            {"assigneeAgentId": None, "assigneeUserId": "owner"}, "invalid_assignee", id="I-111 a person"
        ),
        pytest.param({"executionPolicy": None}, "manual", id="I-111 by hand"),
    ],
)
def test_monitor_is_cleared_where_it_does_not_fit(cast, body, reason):
    issue = watched(cast, notes="n")
    if "assigneeUserId" in body:
        body = {**body, "assigneeUserId": str(cast.owner.pk)}

    row = send(cast.as_owner, issue, **body)

    assert (row["executionPolicy"], row["monitorNextCheckAt"], row["monitorNotes"]) == (None, None, None)
    if reason == "manual":
        assert row["executionState"] is None, "I-106"
    else:
        assert row["executionState"]["monitor"]["status"] == "cleared"
        assert row["executionState"]["monitor"]["clearReason"] == reason
    assert log.details(issue, "issue.monitor_cleared") == {
        "identifier": issue.identifier,
        "previousNextCheckAt": clock.iso(SOON),
        "reason": reason,
        "notes": "n",
    }


@pytest.mark.parametrize(
    "body",
    [
        pytest.param({"assigneeAgentId": "Peer"}, id="I-111 another agent"),
        pytest.param({"status": "in_review"}, id="I-111 in review"),
        pytest.param({"title": "x"}, id="I-111 other edits"),
    ],
)
def test_monitor_stays_with_agents_at_work(cast, body):
    row = send(cast.as_owner, watched(cast), **body)

    assert row["monitorNextCheckAt"] == clock.iso(SOON)


@pytest.mark.parametrize(
    ("door", "reason"),
    [
        pytest.param("release", "invalid_assignee", id="I-111 released"),
        pytest.param("cancel-tree", "cancelled", id="I-111 cancelled with its tree"),
    ],
)
def test_monitor_goes_by_every_door(cast, door, reason):
    issue = watched(cast)
    if door == "release":
        assert cast.as_owner.post(f"/api/issues/{issue.pk}/release").status_code == 200
    else:
        assert cast.as_owner.post(f"/api/issues/{issue.pk}/tree-holds", {"mode": "cancel"}).status_code == 201

    issue.refresh_from_db()
    assert (issue.monitor_next_check_at, issue.execution_state["monitor"]["clearReason"]) == (None, reason)
    assert log.details(issue, "issue.monitor_cleared")["reason"] == reason


def test_stages_and_monitor_share_a_policy(cast):
    """I-111: work that goes to a person's judgement is not looked at by an agent."""
    who = {"type": "user", "userId": str(cast.owner.pk)}
    both = {**watch(), "stages": [{"type": "approval", "participants": [who]}]}
    issue = factories.issue(cast.company, assignee_agent=cast.engineer, status="in_progress")
    send(cast.as_owner, issue, executionPolicy=both)

    row = send(cast.as_owner, issue, status="done")

    assert (row["status"], row["assigneeUserId"]) == ("in_review", str(cast.owner.pk))
    assert row["executionState"]["status"] == "pending"
    assert row["executionState"]["monitor"]["clearReason"] == "invalid_assignee"
    assert ("monitor" in row["executionPolicy"], len(row["executionPolicy"]["stages"])) == (False, 1)


# --- Due -------------------------------------------------------------------------------------------------


def test_due_monitor_calls_once(cast, calls):
    """IC-90."""
    issue = watched(
        cast, notes="look", serviceName="CI", externalRef="secret", timeoutAt=clock.iso(LATER), maxAttempts=4
    )

    assert figures(monitors.wake_due(now=SOON - timedelta(seconds=1))) == (0, 0, 0, 0), "not due"
    assert figures(monitors.wake_due(now=SOON)) == (1, 1, 0, 0)
    assert figures(monitors.wake_due(now=SOON)) == (0, 0, 0, 0), "one-shot"

    issue.refresh_from_db()
    assert (issue.execution_policy, issue.monitor_next_check_at, issue.monitor_wake_requested_at) == (
        None,
        None,
        None,
    )
    assert (issue.monitor_attempt_count, issue.monitor_last_triggered_at) == (1, SOON)
    state = issue.execution_state["monitor"]
    assert (state["status"], state["attemptCount"], state["lastTriggeredAt"]) == (
        "triggered",
        1,
        clock.iso(SOON),
    )
    (wake,) = calls
    facts = {
        "issueId": str(issue.pk),
        "nextCheckAt": clock.iso(SOON),
        "monitorAttemptCount": 1,
        "monitorNotes": "look",
        "serviceName": "CI",
        "timeoutAt": clock.iso(LATER),
        "maxAttempts": 4,
        "recoveryPolicy": None,
    }
    assert (wake.agent_id, wake.reason, wake.source) == (cast.engineer.pk, "issue_monitor_due", "automation")
    assert wake.payload == facts | {"source": "scheduled"}
    assert wake.context == facts | {
        "taskId": str(issue.pk),
        "source": "issue.monitor",
        "wakeReason": "issue_monitor_due",
        "manualTrigger": False,
    }
    request = WakeupRequest.objects.get()
    assert request.idempotency_key == f"issue-monitor:{issue.pk}:{clock.iso(SOON)}"
    assert (request.trigger_detail, request.requested_by_actor_type) == ("system", "system")
    assert Run.objects.get().issue_id == issue.pk
    told = log.details(issue, "issue.monitor_triggered")
    assert (told["attemptCount"], told["source"], told["nextCheckAt"]) == (1, "scheduled", clock.iso(SOON))
    assert "secret" not in str(Run.objects.get().context_snapshot) + str(request.payload) + str(told)


def test_monitor_is_a_duty(cast):
    """H-71, H-72: the scheduler and the runners do it."""
    assert monitors.NAME in duties.names()
    issue = watched(cast)

    assert duties.next_due(NOW)[monitors.NAME] == SOON
    assert duties.do(monitors.NAME, now=SOON) == {"checked": 1, "enqueued": 1, "skipped": 0, "failed": 0}
    assert monitors.NAME not in duties.next_due(SOON)
    assert Run.objects.get().issue_id == issue.pk


@pytest.mark.parametrize(
    "fields",
    [
        pytest.param({"status": "todo"}, id="H-72 todo"),
        pytest.param({"assignee_agent": None, "status": "in_review"}, id="H-72 nobody's"),
    ],
)
def test_monitors_that_do_not_fit_are_not_due(cast, fields):
    issue = watched(cast)
    Issue.objects.filter(pk=issue.pk).update(**fields)

    assert figures(monitors.wake_due(now=LATER)) == (0, 0, 0, 0)
    assert monitors.next_due(LATER) is None


def test_monitors_of_a_paused_company_wait(cast):
    """HW-14."""
    watched(cast)
    type(cast.company).objects.filter(pk=cast.company.pk).update(status="paused")

    assert figures(monitors.wake_due(now=LATER)) == (0, 0, 0, 0)


def test_pass_is_bounded_and_oldest_first(cast):
    """H-72: 50 at a time."""
    policy = {"mode": "normal", "stages": [], **watch()}
    for number in range(53):
        factories.issue(
            cast.company,
            assignee_agent=factories.agent(cast.company),
            status="in_progress",
            execution_policy=policy,
            monitor_next_check_at=NOW + timedelta(seconds=number),
        )

    assert monitors.wake_due(now=LATER).checked == 50
    left = Issue.objects.filter(monitor_next_check_at__isnull=False).values_list(
        "monitor_next_check_at", flat=True
    )
    assert sorted(left) == [NOW + timedelta(seconds=number) for number in (50, 51, 52)]


def test_claim_of_a_pass_that_died_lapses(cast):
    """H-72: taken over after five minutes."""
    issue = watched(cast)
    Issue.objects.filter(pk=issue.pk).update(monitor_wake_requested_at=SOON)

    assert figures(monitors.wake_due(now=SOON + timedelta(minutes=4, seconds=59))) == (0, 0, 0, 0)
    assert monitors.next_due(LATER) is None, "a claimed one does not hurry the runners"
    assert figures(monitors.wake_due(now=SOON + timedelta(minutes=5))) == (1, 1, 0, 0)


def test_one_that_fails_does_not_hold_up_the_rest(cast, monkeypatch):
    """HW-14."""
    bad, good = watched(cast), watched(cast, SOON + timedelta(seconds=1), who=cast.peer)
    whole = monitors._look

    def look(issue_id, *, now):
        if issue_id == bad.pk:
            raise Unprocessable("broken")
        return whole(issue_id, now=now)

    monkeypatch.setattr(monitors, "_look", look)

    assert figures(monitors.wake_due(now=LATER)) == (2, 1, 0, 1)
    good.refresh_from_db()
    assert good.monitor_attempt_count == 1
    monkeypatch.undo()
    assert figures(monitors.wake_due(now=LATER + timedelta(minutes=5))) == (1, 1, 0, 0), "tried again"


def test_agent_that_cannot_be_called_is_told(cast):
    """H-72, I-112: a refusal clears the monitor."""
    issue = watched(cast)
    Agent.objects.filter(pk=cast.engineer.pk).update(status="paused")

    assert figures(monitors.wake_due(now=SOON)) == (1, 0, 1, 0)

    issue.refresh_from_db()
    assert (issue.monitor_next_check_at, issue.monitor_attempt_count) == (None, 0)
    assert issue.execution_state["monitor"]["clearReason"] == "dispatch_skipped"
    assert log.details(issue, "issue.monitor_skipped")["reason"] == "agent_not_invokable"


def test_monitor_can_be_set_to_the_same_moment_again(cast):
    """The key of a call names the look, not only its time: a second one is not taken for the first."""
    past = NOW - timedelta(days=400)
    issue = watched(cast, past)
    monitors.wake_due(now=NOW)
    Run.objects.update(status="succeeded", finished_at=NOW)
    send(cast.as_owner, issue, executionPolicy=watch(past))

    assert figures(monitors.wake_due(now=NOW + timedelta(minutes=1))) == (1, 1, 0, 0)

    issue.refresh_from_db()
    assert issue.monitor_attempt_count == 2
    assert Run.objects.filter(issue=issue).count() == 2


def test_attempts_add_up_over_schedules(cast):
    """I-111, I-112."""
    issue = watched(cast, maxAttempts=2)
    monitors.wake_due(now=SOON)
    assert send(cast.as_owner, issue, executionPolicy=watch(LATER, maxAttempts=2))["monitorAttemptCount"] == 1
    monitors.wake_due(now=LATER)

    assert send(cast.as_owner, issue, 422, executionPolicy=watch(LATER, maxAttempts=2))["details"] == {
        "clearReason": "max_attempts_exhausted"
    }
    assert send(cast.as_owner, issue, executionPolicy=watch(LATER, maxAttempts=3))["monitorAttemptCount"] == 2


@pytest.mark.django_db(transaction=True)
def test_several_passes_call_once(crowd):
    """H-72."""
    issues = [watched(crowd, who=factories.agent(crowd.company)) for _ in range(5)]

    passes = together([lambda: monitors.wake_due(now=SOON)] * 4)

    assert sum(each.enqueued for each in passes) == 5
    assert sum(each.failed for each in passes) == 0
    assert WakeupRequest.objects.count() == 5
    for issue in issues:
        issue.refresh_from_db()
        assert issue.monitor_attempt_count == 1


# --- At the end of the bounds ----------------------------------------------------------------------------

BOUNDS = {
    "timeout_exceeded": {"timeoutAt": clock.iso(SOON)},
    "max_attempts_exhausted": {"maxAttempts": 1},
}


def used_up(cast, reason, **more):
    """A due monitor that has reached one of its bounds."""
    issue = watched(cast, **BOUNDS[reason], **more)
    if reason == "max_attempts_exhausted":
        issue.execution_state["monitor"]["attemptCount"] = 1
        issue.save(update_fields=["execution_state"])
    return issue


@pytest.mark.parametrize("reason", BOUNDS)
@pytest.mark.parametrize("policy", [None, "wake_owner"])
def test_owner_is_called_at_the_end(cast, calls, reason, policy):
    """H-72, I-112."""
    issue = used_up(cast, reason, recoveryPolicy=policy)

    assert figures(monitors.wake_due(now=SOON)) == (1, 0, 1, 0)

    issue.refresh_from_db()
    assert (issue.monitor_next_check_at, issue.execution_policy) == (None, None)
    assert issue.execution_state["monitor"]["clearReason"] == reason
    (wake,) = calls
    assert (wake.agent_id, wake.reason, wake.context["source"], wake.payload["clearReason"]) == (
        cast.engineer.pk,
        "issue_monitor_recovery",
        "issue.monitor.recovery",
        reason,
    )
    assert [each for each in log.actions(issue) if "exhausted" in each or "recovery" in each] == [
        "issue.monitor_exhausted",
        "issue.monitor_recovery_wake_queued",
    ]
    assert log.details(issue, "issue.monitor_exhausted")["reason"] == reason


@pytest.mark.parametrize("reason", BOUNDS)
def test_recovery_issue_is_made_at_the_end(cast, calls, reason):
    """H-72, I-112."""
    issue = used_up(cast, reason, recoveryPolicy="create_recovery_issue", serviceName="CI")

    monitors.wake_due(now=SOON)

    made = issue.children.get()
    assert (made.origin_kind, made.origin_id, made.origin_fingerprint) == (
        "stranded_issue_recovery",
        str(issue.pk),
        f"issue_monitor:{reason}",
    )
    assert (made.priority, made.status, made.assignee_agent_id) == ("high", "todo", cast.engineer.pk)
    told = log.details(issue, "issue.monitor_recovery_issue_created")
    assert (told["recoveryIssueId"], told["recoveryIdentifier"]) == (str(made.pk), made.identifier)
    (wake,) = calls
    assert (wake.issue_id, wake.reason, wake.context["source"]) == (
        made.pk,
        "issue_monitor_recovery_issue",
        "issue.monitor.recovery_issue",
    )


@pytest.mark.parametrize("reason", BOUNDS)
def test_board_is_told_at_the_end(cast, calls, reason):
    """H-72, I-112."""
    issue = used_up(cast, reason, recoveryPolicy="escalate_to_board")

    monitors.wake_due(now=SOON)

    comment = issue.comments.get()
    assert (comment.author_type, comment.presentation["kind"]) == ("system", "system_notice")
    assert "issue.monitor_escalated_to_board" in log.actions(issue)
    assert not calls


def test_board_is_told_when_the_owner_cannot_be_called(cast):
    issue = used_up(cast, "max_attempts_exhausted")
    Agent.objects.filter(pk=cast.engineer.pk).update(status="paused")

    monitors.wake_due(now=SOON)

    assert issue.comments.count() == 1
    assert "issue.monitor_escalated_to_board" in log.actions(issue)


# --- Now -------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("who", ["owner", "engineer"])
def test_look_is_taken_now(cast, calls, who):
    """I-113, H-183."""
    issue = watched(cast, LATER)
    caller = cast.as_owner if who == "owner" else cast.as_agent(cast.engineer)

    assert check_now(caller, issue) == {"ok": True}

    (wake,) = calls
    assert (wake.reason, wake.source, wake.payload["source"], wake.context["manualTrigger"]) == (
        "issue_monitor_due",
        "on_demand",
        "manual",
        True,
    )
    assert WakeupRequest.objects.get().trigger_detail == "manual"
    assert log.details(issue, "issue.monitor_triggered")["source"] == "manual"
    issue.refresh_from_db()
    assert (issue.monitor_next_check_at, issue.monitor_attempt_count) == (None, 1)
    assert check_now(caller, issue, 409)["error"] == "Issue has no scheduled monitor"


def test_who_may_look_now(cast):
    """I-113."""
    issue = watched(cast)

    check_now(cast.as_agent(cast.ceo), issue, 403)
    check_now(cast.as_viewer, issue, 403)
    check_now(cast.as_outsider, issue, 404)
    check_now(cast.as_nobody, issue, 401)
    answer = cast.as_owner.post("/api/issues/nothing/monitor/check-now")
    assert answer.status_code == 404


@pytest.mark.parametrize(
    "change",
    [
        pytest.param({"monitor_next_check_at": None}, id="I-113 nothing scheduled"),
        pytest.param({"assignee_agent": None, "status": "in_review"}, id="I-113 nobody's"),
        pytest.param({"status": "blocked"}, id="I-113 wrong status"),
        pytest.param({"monitor_wake_requested_at": LATER}, id="I-113 being looked at"),
    ],
)
def test_nothing_to_look_at_now(cast, change):
    issue = watched(cast)
    Issue.objects.filter(pk=issue.pk).update(**change)

    check_now(cast.as_owner, issue, 409)

    assert not WakeupRequest.objects.exists()


def test_schedule_stays_when_nobody_can_be_called(cast):
    issue = watched(cast, LATER)
    Agent.objects.filter(pk=cast.engineer.pk).update(status="paused")

    assert check_now(cast.as_owner, issue, 409)["details"] == {"reason": "agent_not_invokable"}

    issue.refresh_from_db()
    assert issue.monitor_next_check_at == LATER


def test_look_past_its_bounds_ends_the_monitor(cast):
    issue = used_up(cast, "max_attempts_exhausted", recoveryPolicy="escalate_to_board")

    check_now(cast.as_owner, issue)

    assert issue.comments.get().author_type == "system"
    assert "issue.monitor_exhausted" in log.actions(issue)
