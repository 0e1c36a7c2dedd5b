"""Due retries are queued once, in the order of waiting, or dropped with the reason of a gate."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta

import pytest
from django.db import connection, transaction

from heartbeat import duties, lifecycle
from heartbeat.models import LoopStop, Run, RunEvent, WakeupRequest
from heartbeat.retries import promotion
from issues.models import Issue, TreeHold
from paperclip.companies import actors
from paperclip.companies.models import Agent, Company
from paperclip.core import clock
from tests import factories
from tests.heartbeat.test_retries import NOW, RESET, TURNS, UPSTREAM, claim, end, retry_of, start
from tests.heartbeat.test_wakeups import comment_wake, wake

pytestmark = pytest.mark.django_db
LATER = NOW + timedelta(hours=1)


@pytest.fixture
def issue(cast):
    return factories.issue(cast.company, assignee_agent=cast.engineer)


@pytest.fixture
def waiting(cast, issue):
    """A retry that waits for its time."""
    failed = end(start(cast.engineer, issue))
    return retry_of(failed)


def promote(now=LATER, **bounds):
    return promotion.promote_due(now=now, **bounds)


def test_a_retry_is_queued_when_it_is_due_and_not_before(waiting):  # HB-12
    due = waiting.scheduled_retry_at
    early = promote(due - timedelta(seconds=1))
    assert (early.promoted, early.run_ids) == (0, [])
    at_due = promote(due)
    assert (at_due.promoted, at_due.run_ids) == (1, [str(waiting.pk)])
    waiting.refresh_from_db()
    assert (waiting.status, waiting.scheduled_retry_at) == ("queued", due)
    assert promote(due).promoted == 0


def test_promotion_is_told_on_the_run_and_its_request_waits_on(waiting):  # H-25
    promote()
    event = RunEvent.objects.get(run=waiting)
    assert (event.event_type, event.level, event.seq) == ("lifecycle", "info", 1)
    assert event.payload == {
        "scheduledRetryAttempt": 1,
        "scheduledRetryAt": clock.iso(waiting.scheduled_retry_at),
        "scheduledRetryReason": "transient_failure",
    }
    assert waiting.wakeup_request.status == "queued"
    (run,) = claim(LATER)
    assert run.pk == waiting.pk


def test_the_longest_due_goes_first_and_a_pass_has_a_bound(cast):  # H-130
    made = [waits(cast.engineer, at=NOW - timedelta(minutes=minute)) for minute in (1, 3, 2)]
    first = promote(NOW, limit=2, most=2)
    assert first.run_ids == [str(made[1].pk), str(made[2].pk)]
    assert promote(NOW).run_ids == [str(made[0].pk)]


def waits(agent, *, at=NOW, **fields):
    fields.setdefault("scheduled_retry_reason", "transient_failure")
    return factories.run(agent, status="scheduled_retry", scheduled_retry_at=at, **fields)


@pytest.mark.parametrize(
    ("scene", "code"),
    [
        pytest.param("reassigned", "issue_reassigned", id="HB-26"),
        pytest.param("cancelled", "issue_cancelled", id="HB-27"),
        pytest.param("done", "issue_terminal_status", id="H-131 done"),
        pytest.param("agent paused", "agent_not_invokable", id="H-131 paused agent"),
        pytest.param("company paused", "budget_blocked", id="H-131 paused company"),
        pytest.param("budget", "budget_blocked", id="H-131 budget before invokability"),
        pytest.param("held", "issue_paused", id="H-131 pause hold"),
        pytest.param("blocker", "issue_dependencies_blocked", id="H-131 blocker"),
        pytest.param("loop", "loop_stopped", id="loop stop"),
    ],
)
def test_what_stands_against_a_due_retry_ends_it(cast, issue, waiting, scene, code):  # H-26
    set_scene(cast, issue, scene)
    assert promote().promoted == 0
    waiting.refresh_from_db()
    issue.refresh_from_db()
    assert (waiting.status, waiting.error_code) == ("cancelled", code)
    assert waiting.wakeup_request.status == "cancelled"
    assert issue.execution_run_id is None
    event = RunEvent.objects.get(run=waiting, payload__code=code)
    assert (event.event_type, event.level) == ("lifecycle", "warn")
    assert event.payload["scheduledRetryAttempt"] == 1
    assert event.payload["scheduledRetryAt"] == clock.iso(waiting.scheduled_retry_at)
    assert event.payload["scheduledRetryReason"] == "transient_failure"


def set_scene(cast, issue, scene):
    match scene:
        case "reassigned":
            Issue.objects.filter(pk=issue.pk).update(assignee_agent=cast.peer)
        case "cancelled" | "done" | "blocked" | "todo" | "backlog":
            Issue.objects.filter(pk=issue.pk).update(status=scene)
        case "agent paused":
            Agent.objects.filter(pk=cast.engineer.pk).update(status="paused")
        case "budget":
            Agent.objects.filter(pk=cast.engineer.pk).update(status="paused", pause_reason="budget")
        case "company paused":
            Company.objects.filter(pk=cast.company.pk).update(status="paused")
        case "held":
            TreeHold.objects.create(
                company=cast.company, root_issue=issue, mode="pause", release_policy={},
                created_by_actor_type="user",
            )  # fmt: skip
        case "blocker":
            factories.blocks(factories.issue(cast.company), issue)
        case "loop":
            LoopStop.objects.create(
                company=cast.company, agent=cast.engineer, issue=issue, runs=9, reason="It goes in circles"
            )


@pytest.mark.parametrize("status", ["blocked", "todo", "backlog"])
def test_a_continuation_needs_the_work_in_progress(cast, issue, status):  # HB-21
    waiting = retry_of(end(start(cast.engineer, issue), TURNS))
    set_scene(cast, issue, status)
    assert promote().promoted == 0
    waiting.refresh_from_db()
    issue.refresh_from_db()
    assert (waiting.status, waiting.error_code) == ("cancelled", "issue_not_in_progress")
    assert (waiting.wakeup_request.status, issue.execution_run_id) == ("cancelled", None)
    event = RunEvent.objects.get(run=waiting, payload__code="issue_not_in_progress")
    assert (event.payload["currentStatus"], event.payload["requiredStatus"]) == (status, "in_progress")


def test_a_continuation_needs_the_lock(cast, issue):  # HB-19
    waiting = retry_of(end(start(cast.engineer, issue), TURNS))
    other = factories.run(cast.engineer, status="failed", issue=issue)
    Issue.objects.filter(pk=issue.pk).update(execution_run_id=other.pk)
    assert promote().promoted == 0
    waiting.refresh_from_db()
    assert (waiting.status, waiting.error_code) == ("cancelled", "issue_execution_lock_changed")
    assert waiting.wakeup_request.status == "cancelled"


def test_an_issueless_retry_is_promoted(cast):  # H-131
    waiting = retry_of(end(start(cast.engineer)))
    assert promote().run_ids == [str(waiting.pk)]


def test_a_new_wake_takes_the_place_of_a_stale_retry(cast, issue, waiting):  # HB-25, H-27
    set_scene(cast, issue, "reassigned")
    outcome = wake(cast.peer, issue=issue, now=NOW)
    waiting.refresh_from_db()
    assert (outcome.kind, outcome.run.status) == ("queued", "queued")
    assert (waiting.status, waiting.error_code) == ("cancelled", "issue_reassigned")
    assert not WakeupRequest.objects.filter(status="deferred_issue_execution").exists()


def test_a_dropped_retry_lets_the_wake_behind_it_go_on(cast, issue, waiting):  # HW-9
    comment_wake(cast.peer, issue, factories.comment(issue), reason="issue_comment_mentioned")
    assert WakeupRequest.objects.get(agent=cast.peer).status == "deferred_issue_execution"
    set_scene(cast, issue, "agent paused")
    promote()
    promoted = Run.objects.get(agent=cast.peer)
    assert (promoted.status, promoted.issue_id) == ("queued", issue.pk)


@pytest.mark.parametrize("rows", [1, 12])
def test_a_batch_costs_the_same_whatever_its_size(cast, rows, django_assert_max_num_queries):
    for _ in range(rows):
        waits(cast.engineer, issue=factories.issue(cast.company, assignee_agent=cast.engineer))
    with django_assert_max_num_queries(13):
        assert promote(NOW).promoted == rows


def test_what_is_due_next_is_one_look(cast, waiting, django_assert_num_queries):
    sooner = waits(cast.peer, at=NOW - timedelta(days=1))
    with django_assert_num_queries(1):
        assert promotion.next_due(NOW) == sooner.scheduled_retry_at
    Run.objects.filter(status="scheduled_retry").update(status="queued")
    assert promotion.next_due(NOW) is None


def test_the_scheduler_promotes(waiting):  # H-137
    assert duties.do(promotion.NAME, now=LATER) == {
        "promoted": 1, "dropped": 0, "run_ids": [str(waiting.pk)],
    }  # fmt: skip
    assert promotion.NAME in duties.names()


# --- Side by side ----------------------------------------------------------------------------------------


def in_threads(*jobs):
    def run(job):
        try:
            job()
        finally:
            connection.close()

    with ThreadPoolExecutor(len(jobs)) as pool:
        for done in [pool.submit(run, job) for job in jobs]:
            done.result(timeout=120)


@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize("locked", ["agent", "issue", "run"])
def test_what_somebody_holds_is_passed_over_and_taken_later(cast, issue, waiting, locked):
    free = waits(cast.peer, at=LATER)
    rows = {
        "agent": Agent.objects.filter(pk=cast.engineer.pk),
        "issue": Issue.objects.filter(pk=issue.pk),
        "run": Run.objects.filter(pk=waiting.pk),
    }[locked]
    found = []
    with transaction.atomic():
        list(rows.select_for_update(no_key=True))
        in_threads(lambda: found.append(promote(limit=1)))
    assert found[0].run_ids == [str(free.pk)], "it neither waits nor stops at what is locked"
    assert promote().run_ids == [str(waiting.pk)]


@pytest.mark.django_db(transaction=True)
def test_two_promoters_share_thousands_of_due_retries_without_a_double(cast):
    agents = [factories.agent(cast.company) for _ in range(50)]
    made = _many(cast, agents, 2_000)  # how long 10,000 take is measured in bench/
    taken: list[list] = [[], []]

    def drain(mine):
        while (found := promote(NOW)).promoted:
            mine.extend(found.run_ids)

    in_threads(*[lambda mine=mine: drain(mine) for mine in taken])
    taken.append(promote(NOW).run_ids)

    promoted = [run_id for mine in taken for run_id in mine]
    assert len(promoted) == len(set(promoted)) == made
    assert Run.objects.filter(status="queued").count() == made
    assert RunEvent.objects.filter(payload__has_key="scheduledRetryAt").count() == made


def _many(cast, agents, number):
    """Due retries with an issue each, and a request each, as they are in life."""
    numbers = range(1_000_000, 1_000_000 + number)
    issues = Issue.objects.bulk_create(
        Issue(
            company=cast.company, title="Work", status="in_progress", issue_number=n,
            identifier=f"{cast.company.issue_prefix}-{n}", assignee_agent=agents[n % len(agents)],
        )
        for n in numbers
    )  # fmt: skip
    requests = WakeupRequest.objects.bulk_create(
        WakeupRequest(
            company=cast.company, agent_id=issue.assignee_agent_id, issue=issue, source="automation",
            requested_at=NOW,
        )
        for issue in issues
    )  # fmt: skip
    Run.objects.bulk_create(
        Run(
            company=cast.company, agent_id=issue.assignee_agent_id, issue=issue, wakeup_request=request,
            status="scheduled_retry", scheduled_retry_at=NOW - timedelta(seconds=1), scheduled_retry_attempt=1,
            scheduled_retry_reason="transient_failure", task_key=str(issue.pk),
            context_snapshot={"issueId": str(issue.pk), "retryReason": "transient_failure"},
        )
        for issue, request in zip(issues, requests, strict=True)
    )  # fmt: skip
    return number


def test_a_retry_of_a_kind_that_goes_at_once_needs_no_promotion(cast, issue):
    retry = retry_of(end(start(cast.engineer, issue), RESET))
    assert retry.status == "queued"
    assert promote().promoted == 0


def test_a_person_who_stops_a_waiting_retry_stops_it(cast, waiting):
    lifecycle.cancel(run_id=waiting.pk, reason="enough", actor=actors.for_user(cast.owner), now=NOW)
    assert promote().promoted == 0
    waiting.refresh_from_db()
    assert (waiting.status, Run.objects.count()) == ("cancelled", 2)


def test_upstream_trouble_comes_to_an_end(cast, issue):
    """Four waits, then the bound; every attempt is one run."""
    now, run = NOW, start(cast.engineer, issue)
    for attempt in range(1, 5):
        end(run, UPSTREAM, now=now)
        assert retry_of(run).scheduled_retry_attempt == attempt
        now = retry_of(run).scheduled_retry_at + timedelta(hours=1)
        promotion.promote_due(now=now)
        (run,) = claim(now)
    end(run, UPSTREAM, now=now)
    assert RunEvent.objects.filter(run=run, message__startswith="Bounded retry exhausted").count() == 1
