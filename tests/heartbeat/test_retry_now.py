"""A person does not want to wait for a retry's time."""

from __future__ import annotations

from datetime import timedelta

import pytest

from heartbeat import providers
from heartbeat.models import ProviderGate, Run, RunEvent
from heartbeat.retries import retry_now
from paperclip.companies import actors
from paperclip.companies.models import Activity, Agent
from paperclip.core import clock
from tests import factories
from tests.heartbeat.test_promotion import set_scene, waits
from tests.heartbeat.test_retries import NOW, claim, end, retry_of, start

pytestmark = pytest.mark.django_db


@pytest.fixture
def issue(cast):
    return factories.issue(cast.company, assignee_agent=cast.engineer)


@pytest.fixture
def waiting(cast, issue):
    return retry_of(end(start(cast.engineer, issue)))


@pytest.fixture
def person(cast):
    return actors.for_user(cast.owner)


def test_a_waiting_retry_starts_at_once_and_once(issue, waiting, person):  # HB-28
    first = retry_now.issue(issue_id=issue.pk, actor=person, now=NOW)
    second = retry_now.issue(issue_id=issue.pk, actor=person, now=NOW)
    assert (first.outcome, first.run.pk, first.run.status) == ("promoted", waiting.pk, "queued")
    assert (second.outcome, second.run.pk) == ("already_promoted", waiting.pk)
    assert Run.objects.filter(retry_of_run__isnull=False).count() == 1
    (run,) = claim(NOW + timedelta(minutes=2))
    assert run.pk == waiting.pk, "the provider's account takes calls again by then"
    assert retry_now.issue(issue_id=issue.pk, actor=person, now=NOW).outcome == "already_promoted"


def test_who_asked_and_when_is_kept_on_run_request_and_events(issue, waiting, person):  # H-132
    retry_now.issue(issue_id=issue.pk, actor=person, now=NOW)
    due_before = waiting.scheduled_retry_at
    waiting.refresh_from_db()
    asked = {
        "retryNowRequestedAt": clock.iso(NOW),
        "retryNowRequestedByActorType": "user",
        "retryNowRequestedByActorId": person.id,
    }
    assert waiting.scheduled_retry_at == NOW
    assert asked.items() <= waiting.context_snapshot.items()
    assert asked.items() <= waiting.wakeup_request.payload.items()
    events = list(RunEvent.objects.filter(run=waiting).order_by("seq"))
    assert [(event.level, event.payload["scheduledRetryAt"]) for event in events] == [
        ("info", clock.iso(due_before)),
        ("info", clock.iso(NOW)),
    ]
    entry = Activity.objects.get(action="issue.scheduled_retry_retry_now")
    assert (entry.entity_id, entry.details["outcome"]) == (str(issue.pk), "promoted")
    assert entry.details["runId"] == str(waiting.pk)


def test_without_a_waiting_retry_there_is_nothing_to_start(cast, issue, person):  # HB-29
    found = retry_now.issue(issue_id=issue.pk, actor=person, now=NOW)
    assert (found.outcome, found.run) == ("no_scheduled_retry", None)


@pytest.mark.parametrize(
    ("scene", "code"),
    [
        pytest.param("agent paused", "agent_not_invokable", id="HB-30 agent paused"),
        pytest.param("budget", "budget_blocked", id="HB-30 budget"),
        pytest.param("done", "issue_terminal_status", id="HB-30 done"),
        pytest.param("held", "issue_paused", id="HB-30 hold"),
        pytest.param("blocker", "issue_dependencies_blocked", id="HB-30 blocker"),
    ],
)
def test_what_stands_against_it_ends_the_retry_and_is_told(cast, issue, waiting, person, scene, code):
    set_scene(cast, issue, scene)
    found = retry_now.issue(issue_id=issue.pk, actor=person, now=NOW)
    assert (found.outcome, found.code, found.run.status) == ("gate_suppressed", code, "cancelled")
    assert found.run.error_code == code
    entry = Activity.objects.get(action="issue.scheduled_retry_retry_now")
    assert (entry.details["outcome"], entry.details["code"]) == ("gate_suppressed", code)


def test_a_person_overrules_a_loop_stop(cast, issue, waiting, person):
    set_scene(cast, issue, "loop")
    assert retry_now.issue(issue_id=issue.pk, actor=person, now=NOW).outcome == "promoted"


def test_a_run_without_an_issue_is_started_by_its_id(cast, person):
    waiting = waits(cast.engineer, at=clock.now())
    found = retry_now.run(run_id=waiting.pk, actor=person, now=NOW)
    assert (found.outcome, found.run.status) == ("promoted", "queued")
    entry = Activity.objects.get(action="heartbeat.retry_now")
    assert (entry.entity_type, entry.entity_id) == ("heartbeat_run", str(waiting.pk))
    assert retry_now.run(run_id=waiting.pk, actor=person, now=NOW).outcome == "already_promoted"


def test_a_run_with_an_issue_is_logged_on_the_issue(issue, waiting, person):
    assert retry_now.run(run_id=waiting.pk, actor=person, now=NOW).outcome == "promoted"
    assert Activity.objects.filter(action="issue.scheduled_retry_retry_now", entity_id=str(issue.pk)).exists()


def test_a_run_that_is_over_or_never_was_cannot_be_started(cast, person):
    over = factories.run(cast.engineer, status="failed")
    assert retry_now.run(run_id=over.pk, actor=person, now=NOW).outcome == "no_scheduled_retry"
    assert retry_now.run(run_id=cast.company.pk, actor=person, now=NOW).outcome == "no_scheduled_retry"
    assert not Activity.objects.filter(action="heartbeat.retry_now").exists()


def test_a_closed_account_is_named_and_not_jumped(cast, issue, waiting, person):  # H-132, field note 11
    """A person brings the retry forward; what the provider asked for is opened at the account itself."""
    agent = Agent.objects.get(pk=cast.engineer.pk)
    ProviderGate.objects.filter(company=cast.company).delete()
    gate = ProviderGate.objects.create(
        company=cast.company, key=providers.key_of(agent), label="claude", state="closed",
        closed_at=NOW, not_before=NOW + timedelta(hours=1),
    )  # fmt: skip
    outcome = retry_now.issue(issue_id=issue.pk, actor=person, now=NOW)
    assert (outcome.outcome, outcome.run.status) == ("promoted", "queued")
    assert "starts when claude takes calls again, not before" in outcome.message
    assert claim(NOW) == []

    providers.open_by_hand(gate=gate, actor=person, now=NOW)

    assert [run.pk for run in claim(NOW)] == [waiting.pk]
