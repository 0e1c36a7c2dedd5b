"""What follows a failed run: process loss, bounded retries, continuations after used-up turns, diagnostic retries."""

from __future__ import annotations

import threading
from datetime import UTC, datetime, timedelta

import pytest
from django.db import connection, transaction

from heartbeat import claims, followups, lifecycle
from heartbeat.adapters.base import Result
from heartbeat.endings import Ending
from heartbeat.models import ProviderGate, Run, RunEvent, WakeupRequest
from heartbeat.outcomes import Remains
from heartbeat.retries import backoff, classify, diagnostic, max_turns, promotion, transient
from issues.models import Issue
from paperclip.companies import actors
from paperclip.companies.models import Agent
from paperclip.core import clock
from tests import factories
from tests.heartbeat.test_wakeups import comment_wake, wake

pytestmark = pytest.mark.django_db

NOW = datetime(2030, 1, 15, 12, 0, tzinfo=UTC)
UPSTREAM = Result(error_message="529 Overloaded", error_family="transient_upstream")
TURNS = Result(error_message="Reached maximum number of turns (20)", error_code="max_turns_exhausted")
RESET = Result(error_message="read ECONNRESET")
LIMIT = Result(error_message="HTTP 429 Too Many Requests")
FAILED = Remains(exit_code=1)


def claim(now=NOW, *, runner=None):
    """Claim what may start at `now`, by a runner whose lease holds then."""
    lease = {"last_seen_at": now, "lease_expires_at": now + timedelta(hours=1)}
    return list(claims.claim(runner=runner or factories.runner(**lease), most=10, now=now))


def end(run, result=UPSTREAM, *, remains=FAILED, now=NOW):
    ended = lifecycle.finish(
        run_id=run.pk, claim_token=run.claim_token, result=result, remains=remains, now=now
    )
    assert ended is not None
    run.refresh_from_db()
    return run


def start(agent, issue=None, *, now=NOW, **columns):
    """A run that really was woken and claimed; `columns` are its history."""
    woken = wake(agent, issue=issue, now=now).run
    Run.objects.filter(pk=woken.pk).update(**columns)
    (run,) = claim(now)
    return run


def retry_of(run):
    return Run.objects.get(retry_of_run=run)


def ending_of(run, *, now=NOW):
    """The ended run as the decision sees it, read again from the database."""
    run = Run.objects.select_related("agent__company").get(pk=run.pk)
    run.issue = Issue.objects.select_related("project").filter(pk__in=[run.issue_id]).first()
    return Ending(run=run, issue=run.issue, now=now)


def adapter(agent, kind, **heartbeat):
    config = {"heartbeat": {"enabled": False, "maxConcurrentRuns": 5, **heartbeat}}
    Agent.objects.filter(pk=agent.pk).update(adapter_type=kind, runtime_config=config)
    agent.refresh_from_db()
    return agent


@pytest.fixture
def codex(cast):
    return adapter(cast.engineer, "codex_local")


@pytest.fixture
def claude(cast):
    return adapter(cast.engineer, "claude_local")


@pytest.fixture
def issue(cast):
    return factories.issue(cast.company, assignee_agent=cast.engineer)


@pytest.fixture
def run(cast, issue):
    return start(cast.engineer, issue)


# --- Delays and stated times (pure) ----------------------------------------------------------------------


@pytest.mark.parametrize(
    ("attempt", "least", "middle", "most"),
    [
        pytest.param(1, 90_000, 120_000, 150_000, id="H-120 first"),
        pytest.param(2, 450_000, 600_000, 750_000, id="H-120 second"),
        pytest.param(3, 1_350_000, 1_800_000, 2_250_000, id="H-120 third"),
        pytest.param(4, 5_400_000, 7_200_000, 9_000_000, id="H-120 fourth"),
    ],
)
def test_delays_grow_and_are_spread_by_a_quarter(attempt, least, middle, most):
    found = [backoff.delay(attempt, u=u) for u in (0, 0.5, 1, -3, 7)]
    assert [wait.delay_ms for wait in found] == [least, middle, most, least, most]
    assert found[0].base_ms == middle


@pytest.mark.parametrize("attempt", [-1, 0, 5])
def test_there_are_four_attempts(attempt):
    assert backoff.delay(attempt, u=0.5) is None


@pytest.mark.parametrize(
    ("value", "moment"),
    [
        pytest.param("2030-01-15T18:00:00Z", NOW + timedelta(hours=6), id="ISO"),
        pytest.param("2030-01-15T18:00:00", NOW + timedelta(hours=6), id="ISO without a zone is UTC"),
        pytest.param("Tue, 15 Jan 2030 18:00:00 GMT", NOW + timedelta(hours=6), id="as HTTP writes it"),
        pytest.param(int((NOW + timedelta(hours=6)).timestamp() * 1000), NOW + timedelta(hours=6), id="ms"),
        pytest.param(int((NOW + timedelta(hours=6)).timestamp()), NOW + timedelta(hours=6), id="seconds"),
        pytest.param("soon", None, id="H-122 invalid"),
        pytest.param("", None, id="blank"),
        pytest.param(1e300, None, id="beyond the calendar"),
        pytest.param(True, None, id="no number"),
        pytest.param({"at": 1}, None, id="no date"),
        pytest.param("2130-01-01T00:00:00Z", None, id="misread: nobody closes for a century"),
    ],
)
def test_stated_times_are_read_or_passed_over(value, moment):
    assert backoff.not_before({"retryNotBefore": value}, now=NOW) == moment
    assert backoff.not_before({"transientRetryNotBefore": value}, now=NOW) == moment


# --- Transient failures ----------------------------------------------------------------------------------


def test_a_transient_failure_is_scheduled(cast, codex, issue):  # HB-10, H-21, H-127
    run = start(codex, issue, session_id_before="s-1")
    end(run)

    retry = retry_of(run)
    issue.refresh_from_db()
    assert Run.objects.count() == 2
    assert (retry.status, retry.scheduled_retry_reason) == ("scheduled_retry", "transient_failure")
    assert (retry.scheduled_retry_attempt, retry.issue_id, retry.task_key) == (1, issue.pk, run.task_key)
    assert retry.session_id_before == "s-1"
    assert timedelta(seconds=90) <= retry.scheduled_retry_at - NOW <= timedelta(seconds=150)
    context = retry.context_snapshot
    assert (context["codexTransientFallbackMode"], context["modelProfile"]) == ("same_session", "cheap")
    assert (context["wakeReason"], context["retryReason"]) == ("transient_failure_retry", "transient_failure")
    assert context["errorFamily"] == "transient_upstream"
    assert (issue.status, issue.execution_run_id) == ("in_progress", retry.pk)
    assert issue.comments.count() == 0
    request = WakeupRequest.objects.get(run=retry)
    assert (request.status, request.reason, request.source) == (
        "queued",
        "transient_failure_retry",
        "automation",
    )
    assert request.payload["issueId"] == str(issue.pk)
    assert (run.followup_mechanism, run.followup_attempt) == ("scheduled_retry", 1)
    assert (run.followup_due_at, run.issue_comment_status) == (retry.scheduled_retry_at, "not_applicable")
    assert run.followup_reason == "Rate limit: 529 Overloaded"


def test_scheduling_is_told_on_the_failed_run(run):  # H-129
    end(run, Result(error_message="busy", error_family="transient_upstream", retry_not_before=NOW))
    event = RunEvent.objects.get(run=run, payload__retryReason="transient_failure")
    told = event.payload
    assert (event.event_type, event.level) == ("lifecycle", "warn")
    assert told["retryRunId"] == str(retry_of(run).pk)
    assert (told["scheduledRetryAttempt"], told["baseDelayMs"]) == (1, 120_000)
    assert 90_000 <= told["delayMs"] <= 150_000
    assert told["transientRetryNotBefore"] == clock.iso(NOW)


def test_the_jitter_is_the_callers(cast):  # HB-11
    run = factories.run(cast.engineer, status="failed", result_json={"errorFamily": "transient_upstream"})
    decision = transient.propose(ending_of(run), random=lambda: 0.5)
    assert (decision.due_at, decision.attempt) == (NOW + timedelta(milliseconds=120_000), 1)


@pytest.mark.parametrize(
    ("done", "mode"),
    [
        pytest.param(0, "same_session", id="HB-14 first"),
        pytest.param(1, "safer_invocation", id="HB-14 second"),
        pytest.param(2, "fresh_session", id="HB-14 third"),
        pytest.param(3, "fresh_session_safer_invocation", id="HB-14 fourth"),
    ],
)
def test_codex_is_called_more_carefully_each_time(codex, issue, done, mode):  # H-121, H-123
    run = start(codex, issue, scheduled_retry_attempt=done)
    end(run)
    retry = retry_of(run)
    assert retry.context_snapshot["codexTransientFallbackMode"] == mode
    assert retry.wakeup_request.payload["codexTransientFallbackMode"] == mode


@pytest.mark.parametrize("kind", ["codex_local", "claude_local"])
def test_a_stated_time_replaces_an_earlier_due_time_exactly(cast, issue, kind):  # HB-15, HB-16
    adapter(cast.engineer, kind)
    stated = NOW + timedelta(hours=6)
    run = start(cast.engineer, issue)
    end(run, Result(error_message="busy", error_family="transient_upstream", retry_not_before=stated))
    retry = retry_of(run)
    assert retry.scheduled_retry_at == stated
    assert retry.context_snapshot["transientRetryNotBefore"] == clock.iso(stated)
    assert retry.wakeup_request.payload["transientRetryNotBefore"] == clock.iso(stated)
    assert ("codexTransientFallbackMode" in retry.context_snapshot) is (kind == "codex_local")


def test_a_stated_time_never_moves_a_retry_earlier(run):  # H-122
    end(run, Result(error_message="busy", error_family="transient_upstream", retry_not_before=NOW))
    assert retry_of(run).scheduled_retry_at >= NOW + timedelta(seconds=90)


def test_the_fifth_failure_is_the_end(cast, issue):  # HB-13, H-11, H-128
    run = start(cast.engineer, issue, scheduled_retry_attempt=4)
    end(run)
    event = RunEvent.objects.get(run=run, message__startswith="Bounded retry exhausted")
    assert event.message.startswith("Bounded retry exhausted after 4 attempts")
    assert (event.event_type, event.level) == ("lifecycle", "warn")
    assert event.payload == {"retryReason": "transient_failure", "scheduledRetryAttempt": 5, "maxAttempts": 4}
    assert not Run.objects.filter(status="scheduled_retry").exists()
    assert run.diagnostic_retry_count == 0
    assert not Run.objects.filter(context_snapshot__retryReason="diagnostic_retry").exists(), "HX-2"


@pytest.mark.parametrize(
    ("result", "remains"),
    [
        pytest.param(UPSTREAM, Remains(timed_out=True), id="H-119 timed out"),
        pytest.param(
            Result(error_message="ENOENT", error_family="permanent"), FAILED, id="H-119 other family"
        ),
        pytest.param(
            Result(error_message="ENOENT", error_code="claude_transient_upstream", error_family="permanent"),
            FAILED,
            id="H-119 the family goes before the code",
        ),
    ],
)
def test_only_what_the_adapter_calls_transient_is_scheduled_so(run, result, remains):
    end(run, result, remains=remains)
    assert not Run.objects.filter(scheduled_retry_reason="transient_failure").exists()


@pytest.mark.parametrize("code", ["codex_transient_upstream", "claude_transient_upstream"])
def test_a_code_may_stand_for_the_family(run, code):  # H-119
    end(run, Result(error_message="x", error_code=code))
    assert retry_of(run).scheduled_retry_reason == "transient_failure"


def test_a_cancelled_run_is_not_tried_again(cast, run):  # HW-2, HB-92
    lifecycle.cancel(run_id=run.pk, reason="enough", actor=actors.for_user(cast.owner), now=NOW)
    end(run)
    assert (run.status, Run.objects.count()) == ("cancelled", 1)


def test_no_comment_is_asked_of_a_run_that_is_tried_again(cast, issue):  # HW-19, HX-3
    run = start(cast.engineer, issue)
    assert run.context_snapshot["wakeReason"] == "issue_assigned"
    end(run)
    assert run.issue_comment_status not in ("retry_queued", "retry_exhausted")
    assert Run.objects.count() == 2


def test_everybody_on_the_account_waits_when_it_refuses_calls(cast, issue):
    stated = NOW + timedelta(hours=2)
    run = start(cast.engineer, issue)
    end(run, Result(error_message="429", error_family="transient_upstream", retry_not_before=stated))
    gate = ProviderGate.objects.get()
    assert (gate.state, gate.not_before) == ("closed", stated)
    wake(cast.peer, issue=factories.issue(cast.company, assignee_agent=cast.peer), now=NOW)
    assert claim(NOW + timedelta(minutes=30)) == []


# --- Used-up turns ---------------------------------------------------------------------------------------


def test_used_up_turns_go_on(cast, issue, run):  # HB-17
    end(run, TURNS)
    retry = retry_of(run)
    assert (retry.status, retry.scheduled_retry_reason) == ("scheduled_retry", "max_turns_continuation")
    assert retry.context_snapshot["wakeReason"] == "max_turns_continuation_retry"
    assert retry.scheduled_retry_at == NOW + timedelta(seconds=1)
    assert (run.followup_mechanism, run.followup_attempt) == ("max_turns_continuation", 1)
    key = retry.wakeup_request.idempotency_key
    assert key == f"max-turn-continuation:{cast.company.pk}:{issue.pk}:{run.pk}:1"


def test_used_up_turns_without_an_issue_go_on_too(cast):  # H-126
    run = start(cast.engineer)
    end(run, TURNS)
    assert retry_of(run).wakeup_request.idempotency_key.split(":")[2] == "no-issue"


def test_used_up_turns_go_before_a_transient_family(run):  # H-125
    end(run, Result(error_message="429", error_code="max_turns_exhausted", error_family="transient_upstream"))
    assert retry_of(run).scheduled_retry_reason == "max_turns_continuation"


@pytest.mark.parametrize(
    ("policy", "status", "delay_ms"),
    [
        pytest.param({"enabled": False}, None, None, id="H-125 switched off"),
        pytest.param({"maxAttempts": 0}, None, None, id="H-125 no attempts"),
        pytest.param({"delayMs": 60_000}, "scheduled_retry", 60_000, id="H-125 delay"),
        pytest.param({"delayMs": 9e9, "maxAttempts": 99}, "scheduled_retry", 300_000, id="H-125 bounds"),
        pytest.param({"delayMs": "5", "enabled": 0}, "scheduled_retry", 1000, id="H-3 strict"),
        pytest.param("on", "scheduled_retry", 1000, id="H-3 no object"),
    ],
)
def test_the_agents_policy_says_whether_it_goes_on(cast, issue, policy, status, delay_ms):
    adapter(cast.engineer, "process", maxTurnContinuation=policy)
    run = start(cast.engineer, issue)
    end(run, TURNS)
    retry = Run.objects.filter(retry_of_run=run, scheduled_retry_reason="max_turns_continuation").first()
    if status is None:
        assert retry is None
        event = RunEvent.objects.get(run=run, payload__has_key="policy")
        assert (event.level, set(event.payload["policy"])) == ("warn", {"enabled", "maxAttempts", "delayMs"})
    else:
        assert retry.status == status
        assert retry.scheduled_retry_at == NOW + timedelta(milliseconds=delay_ms)


def test_turns_are_continued_twice(cast, issue):  # HB-22
    run = start(cast.engineer, issue, scheduled_retry_attempt=2)
    end(run, TURNS)
    event = RunEvent.objects.get(run=run, message__startswith="Bounded retry exhausted")
    assert event.payload == {
        "retryReason": "max_turns_continuation", "scheduledRetryAttempt": 3, "maxAttempts": 2,
    }  # fmt: skip
    assert not Run.objects.filter(status="scheduled_retry").exists()
    assert not Run.objects.filter(context_snapshot__retryReason="diagnostic_retry").exists()


@pytest.mark.parametrize("status", ["blocked", "todo", "backlog"])
def test_work_that_was_put_away_is_not_continued(issue, run, status):  # HB-20
    Issue.objects.filter(pk=issue.pk).update(status=status)
    end(run, TURNS)
    assert not Run.objects.filter(scheduled_retry_reason="max_turns_continuation").exists()
    event = RunEvent.objects.get(run=run, payload__code="issue_not_in_progress")
    assert (event.level, event.payload["outcome"]) == ("warn", "not_scheduled")
    assert (event.payload["currentStatus"], event.payload["requiredStatus"]) == (status, "in_progress")


@pytest.mark.parametrize(
    ("scene", "code"),
    [
        pytest.param("budget", "budget_blocked", id="HB-23 budget before invokability"),
        pytest.param("blocker", "issue_dependencies_blocked", id="HB-24 open blocker"),
        pytest.param("lock", "issue_execution_lock_changed", id="H-126 somebody else's lock"),
        pytest.param("paused", "agent_not_invokable", id="H-131 paused agent"),
    ],
)
@pytest.mark.parametrize("result", [TURNS, UPSTREAM, RESET], ids=["turns", "transient", "diagnostic"])
def test_gates_are_asked_before_a_retry_is_made(cast, issue, run, scene, code, result):  # HW-26
    match scene:
        case "budget":
            Agent.objects.filter(pk=cast.engineer.pk).update(status="paused", pause_reason="budget")
        case "paused":
            Agent.objects.filter(pk=cast.engineer.pk).update(status="paused")
        case "blocker":
            factories.blocks(factories.issue(cast.company), issue)
        case "lock":
            Issue.objects.filter(pk=issue.pk).update(execution_run_id=None)
    end(run, result)
    made = Run.objects.filter(context_snapshot__retryReason__in=[max_turns.RETRY_REASON, "transient_failure"])
    if scene == "lock" and result is not TURNS:
        assert Run.objects.filter(retry_of_run=run).count() == 1, "only continuations need the lock"
        return
    assert not made.exists()
    assert RunEvent.objects.get(run=run, payload__outcome="not_scheduled").payload["code"] == code


@pytest.mark.django_db(transaction=True)
def test_two_continuations_asked_at_once_are_one(cast, issue):  # HB-18
    run = factories.run(cast.engineer, issue=issue, status="failed", error_code="max_turns_exhausted")
    Issue.objects.filter(pk=issue.pk).update(status="in_progress", execution_run_id=run.pk)
    together = threading.Barrier(2)

    def ask():
        try:
            together.wait(timeout=20)
            with transaction.atomic():
                Agent.objects.select_for_update(no_key=True).get(pk=cast.engineer.pk)
                Issue.objects.select_for_update(no_key=True).get(pk=issue.pk)
                followups.settle(ending_of(run))
        finally:
            connection.close()

    threads = [threading.Thread(target=ask) for _ in range(2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(timeout=30)

    retry = retry_of(run)
    request = WakeupRequest.objects.get(run=retry)
    issue.refresh_from_db()
    assert (retry.status, request.coalesced_count) == ("scheduled_retry", 1)
    assert request.idempotency_key.endswith(f"{issue.pk}:{run.pk}:1")
    assert issue.execution_run_id == retry.pk
    assert RunEvent.objects.filter(run=run, message="Goes on already", level="info").count() == 1


# --- Diagnostic retries ----------------------------------------------------------------------------------


def test_a_failure_that_may_pass_is_tried_again_at_once(cast, issue):  # HB-91, H-114, H-117
    run = start(cast.engineer, issue, session_id_before="s-1")
    end(run, RESET)
    retry = retry_of(run)
    issue.refresh_from_db()
    assert Run.objects.count() == 2
    assert (retry.status, retry.diagnostic_retry_count) == ("queued", 1)
    assert (retry.issue_id, retry.task_key, retry.session_id_before) == (issue.pk, run.task_key, "s-1")
    assert retry.wakeup_request.reason == "diagnostic_retry"
    context = retry.context_snapshot
    assert {key: context[key] for key in ("wakeReason", "retryReason", "source", "reason")} == {
        "wakeReason": "diagnostic_retry", "retryReason": "diagnostic_retry",
        "source": "scheduler", "reason": "diagnostic_retry",
    }  # fmt: skip
    assert (context["failedRunId"], context["diagnosticRetryCount"]) == (str(run.pk), 1)
    assert (context["category"], context["analysis"]) == ("network_error", "")
    assert (context["originalError"], context["issueId"]) == ("read ECONNRESET", str(issue.pk))
    assert issue.execution_run_id == retry.pk
    assert (run.followup_mechanism, run.followup_attempt, run.followup_due_at) == (
        "diagnostic_retry",
        1,
        None,
    )
    assert run.followup_reason == "Connection broke: read ECONNRESET"


def test_a_retry_keeps_the_workspace_of_the_failed_run(cast, issue):  # beats H-116
    run = start(cast.engineer, issue)
    context = {**run.context_snapshot, "executionWorkspaceId": "w-1", "projectId": "p-1"}
    Run.objects.filter(pk=run.pk).update(context_snapshot=context, session_id_after=None)
    end(run, RESET)
    kept = retry_of(run).context_snapshot
    assert (kept["executionWorkspaceId"], kept["projectId"]) == ("w-1", "p-1")
    assert "paperclipHarnessCheckedOut" not in kept


@pytest.mark.parametrize(
    ("result", "remains", "category"),
    [
        pytest.param(Result(), Remains(signal="SIGKILL"), "process_killed", id="killed"),
        pytest.param(Result(), Remains(timed_out=True, signal="SIGTERM"), "timeout", id="own clock"),
        pytest.param(Result(error_message="Request timed out."), FAILED, "timeout", id="upstream's clock"),
        pytest.param(Result(error_message="unexpected EOF"), FAILED, "eof_error", id="end of file"),
        pytest.param(
            Result(error_message="No process could be started: timed out", error_code="spawn_failed"),
            Remains(),
            "timeout",
            id="HW-25 set-up failed",
        ),
    ],
)
def test_whatever_ended_the_run_is_diagnosed(run, result, remains, category):
    end(run, result, remains=remains)
    retry = retry_of(run)
    assert (run.failure_category, retry.status) == (category, "queued")
    assert retry.context_snapshot["category"] == category


@pytest.mark.parametrize(
    ("error", "done"),
    [
        pytest.param("model not found (429)", 0, id="HB-93 not found"),
        pytest.param("Permission denied", 0, id="HB-92 permission"),
        pytest.param("out of memory", 0, id="HB-92 memory"),
        pytest.param("it said no", 0, id="HB-92 unknown"),
        pytest.param("read ECONNRESET", 2, id="HB-92 twice already"),
    ],
)
def test_what_would_not_help_is_not_done(cast, error, done):
    run = start(cast.engineer, diagnostic_retry_count=done)
    end(run, Result(error_message=error))
    assert Run.objects.count() == 1
    assert run.followup_mechanism == "none"
    kind = run.failure_category
    assert run.followup_reason.startswith(classify.FailureCategory(kind).label)
    assert run.failure_advice.rstrip(".") in run.followup_reason


def test_a_rate_limit_waits_for_the_next_heartbeat(cast, issue):
    adapter(cast.engineer, "process", enabled=True, intervalSec=900)
    run = start(cast.engineer, issue)
    end(run, LIMIT)
    retry = retry_of(run)
    assert (retry.status, retry.scheduled_retry_reason) == ("scheduled_retry", "diagnostic_retry")
    assert retry.scheduled_retry_at == run.followup_due_at == NOW + timedelta(seconds=900)
    assert retry.context_snapshot["analysis"] == "Wait and retry on next heartbeat interval"
    assert (retry.diagnostic_retry_count, retry.scheduled_retry_attempt) == (1, 0)


@pytest.mark.parametrize(
    ("heartbeat", "wait"),
    [
        pytest.param({"enabled": False, "intervalSec": 900}, timedelta(minutes=5), id="timer off"),
        pytest.param({"enabled": True}, timedelta(minutes=5), id="no interval"),
        pytest.param({"enabled": True, "intervalSec": 1e300}, timedelta(days=35), id="absurd interval"),
    ],
)
def test_a_rate_limit_waits_a_bounded_time_in_any_case(cast, issue, heartbeat, wait):
    adapter(cast.engineer, "process", **heartbeat)
    run = start(cast.engineer, issue)
    end(run, LIMIT)
    assert retry_of(run).scheduled_retry_at == NOW + wait


def test_a_rate_limit_waits_for_the_upstreams_time(cast, issue):
    run = start(cast.engineer, issue)
    stated = NOW + timedelta(hours=3)
    end(run, Result(error_message="429", result_json={"retryNotBefore": clock.iso(stated)}))
    retry = retry_of(run)
    assert (retry.scheduled_retry_reason, retry.scheduled_retry_at) == ("diagnostic_retry", stated)


def test_a_rule_decides_whether_it_is_tried_again(cast, issue):
    cast.company.failure_rules.create(
        name="Flux", pattern="flux", category="rate_limit", is_retryable=True, advice="Charge it."
    )
    cast.company.failure_rules.create(
        name="Dead", pattern="ECONNRESET", category="network_error", is_retryable=False, position=2
    )
    second = end(start(cast.peer), RESET)
    first = end(start(cast.engineer), Result(error_message="flux"))
    assert (first.failure_category, first.failure_advice) == ("rate_limit", "Charge it.")
    assert retry_of(first).status == "scheduled_retry"
    assert (second.failure_category, second.followup_mechanism) == ("network_error", "none")


def test_secrets_reach_neither_advice_nor_context(run):
    secret = "pcp_" + "a" * 48
    end(run, Result(error_message=f"ECONNRESET with {secret} " + "x" * 5000))
    context = retry_of(run).context_snapshot
    told = str([context, run.failure_advice, run.followup_reason, list(RunEvent.objects.values("payload"))])
    assert "aaaa" not in told
    assert len(context["originalError"]) == 2000


def test_a_retry_without_an_issue_is_a_run_of_its_own(cast):  # HX-4
    running = start(cast.engineer)
    other = wake(cast.engineer, reason="manual", source="on_demand", now=NOW).run
    assert other.pk == running.pk, "the scene: a second call joins"
    end(running, RESET)
    retry = retry_of(running)
    assert (retry.pk != running.pk, retry.diagnostic_retry_count) == (True, 1)


def test_a_lost_program_is_process_losss_alone(run):  # H-113, H-135, H-134
    lifecycle.lose(run_id=run.pk, message="timeout: gone", remains=Remains(), now=NOW)
    retry = retry_of(run)
    assert (retry.process_loss_retry_count, retry.diagnostic_retry_count) == (1, 0)
    assert retry.context_snapshot["retryReason"] == "process_lost"


# --- Comments, mentions and chains -----------------------------------------------------------------------


def test_a_comment_that_waited_pulls_the_retry_forward(cast, issue, run):  # HW-10
    said = factories.comment(issue)
    comment_wake(cast.engineer, issue, said, actor=actors.for_user(cast.owner))
    end(run)
    retry = retry_of(run)
    assert (retry.status, retry.context_snapshot["commentId"]) == ("queued", str(said.pk))
    assert not WakeupRequest.objects.filter(status="deferred_issue_execution").exists()
    assert WakeupRequest.objects.get(payload__commentId=str(said.pk)).status == "coalesced"


def test_a_comment_does_not_call_before_the_provider_takes_calls(cast, issue, run):
    comment_wake(cast.engineer, issue, factories.comment(issue), actor=actors.for_user(cast.owner))
    stated = NOW + timedelta(hours=2)
    end(run, Result(error_message="429", error_family="transient_upstream", retry_not_before=stated))
    assert (retry_of(run).status, retry_of(run).scheduled_retry_at) == ("scheduled_retry", stated)


def test_another_agents_wake_waits_on(cast, issue, run):
    comment_wake(cast.peer, issue, factories.comment(issue), reason="issue_comment_mentioned")
    end(run)
    assert retry_of(run).status == "scheduled_retry"
    assert WakeupRequest.objects.get(agent=cast.peer).status == "deferred_issue_execution"


@pytest.mark.parametrize("result", [UPSTREAM, RESET], ids=["transient", "diagnostic"])
def test_a_mention_is_tried_again_although_the_issue_is_anothers(cast, issue, result):
    comment_wake(cast.peer, issue, factories.comment(issue), reason="issue_comment_mentioned")
    (run,) = claim()
    end(run, result)
    promotion.promote_due(now=NOW + timedelta(hours=1))
    (again,) = claim(NOW + timedelta(hours=1))
    assert (again.retry_of_run_id, again.agent_id, again.status) == (run.pk, cast.peer.pk, "running")
    issue.refresh_from_db()
    assert issue.assignee_agent_id == cast.engineer.pk


def test_every_counter_travels_through_every_mechanism(cast, issue):  # HW-1, HX-8
    """Reset, lost, transient, reset, turns: nothing starts from zero."""
    now, run = NOW, start(cast.engineer, issue)
    seen = []
    for failure in (RESET, "lost", UPSTREAM, RESET, TURNS):
        if failure == "lost":
            lifecycle.lose(run_id=run.pk, message="gone", remains=Remains(), now=now)
        else:
            end(run, failure, now=now)
        retry = retry_of(run)
        seen.append(
            (retry.diagnostic_retry_count, retry.process_loss_retry_count, retry.scheduled_retry_attempt)
        )
        now += timedelta(hours=3)
        promotion.promote_due(now=now)
        (run,) = claim(now)
    assert seen == [(1, 0, 0), (1, 1, 0), (1, 1, 1), (2, 1, 1), (2, 1, 2)]


def test_what_a_mechanism_tells_its_retry_is_not_told_to_the_next(codex, issue):
    run = start(codex, issue)
    end(run)
    promotion.promote_due(now=NOW + timedelta(hours=1))
    (retry,) = claim(NOW + timedelta(hours=1))
    end(retry, RESET, now=NOW + timedelta(hours=1))
    context = retry_of(retry).context_snapshot
    assert not {"codexTransientFallbackMode", "errorFamily", "scheduledRetryAt"} & set(context)
    assert context["retryReason"] == "diagnostic_retry"
    assert retry_of(retry).scheduled_retry_reason is None


def test_the_interval_of_an_agent(cast):
    assert diagnostic.interval(adapter(cast.engineer, "process", enabled=True, intervalSec=60)) == timedelta(
        seconds=60
    )
