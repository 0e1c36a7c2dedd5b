"""Accounts that refuse calls: runs wait, one finds out, and who shares no account works on (field note 11)."""

from __future__ import annotations

import threading
from datetime import timedelta

import pytest
from django.db import connection, transaction
from django.test.utils import CaptureQueriesContext

from heartbeat import claims, providers
from heartbeat.adapters.base import Result
from heartbeat.models import ProviderGate, Run
from heartbeat.outcomes import Remains
from paperclip.companies import actors
from paperclip.companies.models import Activity, Agent
from paperclip.core import clock
from paperclip.core.errors import Conflict
from tests import factories
from tests.heartbeat.test_lifecycle import cancel, finish, lose
from tests.heartbeat.test_wakeups import wake

pytestmark = pytest.mark.django_db
MANY = {"heartbeat": {"maxConcurrentRuns": 20}}


@pytest.fixture
def now():
    return clock.now()


@pytest.fixture
def company(db):
    return factories.company()


def agent(company, **config):
    return factories.agent(company, adapter_type="claude_local", adapter_config=config, runtime_config=MANY)


def call(agent, key="k"):
    return wake(agent, reason="manual", source="on_demand", payload={"taskKey": key}).run


def claim(*, now, most=10):
    return list(claims.claim(runner=factories.runner(), most=most, now=now))


def shut(agent, *, now, not_before=None, run=None):
    run = run or factories.run(agent, status="failed")
    with transaction.atomic():
        return providers.close(run=run, not_before=not_before, reason="Rate limit", now=now)


# --- What names an account -------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("config", "key"),
    [
        pytest.param({}, "claude_local", id="only the adapter"),
        pytest.param({"model": "claude-sonnet-4-5-20250929"}, "claude_local:claude-sonnet", id="family"),
        pytest.param({"model": "anthropic/claude-opus-4-1"}, "claude_local:claude-opus", id="routed"),
        pytest.param({"model": "gpt-5-codex"}, "claude_local:gpt", id="number in the middle"),
        pytest.param({"model": "o3"}, "claude_local:o3", id="a name with a number"),
        pytest.param(
            {"provider": " Anthropic ", "biller": "acme"},
            "claude_local:anthropic:acme",
            id="provider, biller",
        ),
        pytest.param({"provider": 7, "model": None, "env": "x"}, "claude_local", id="nonsense"),
    ],
)
def test_the_key_of_an_account(config, key):
    assert providers.key_of(Agent(adapter_type="claude_local", adapter_config=config)) == key


def test_a_key_holds_no_secret():
    def key(**env):
        return providers.key_of(Agent(adapter_type="claude_local", adapter_config={"env": env}))

    plain = key(ANTHROPIC_API_KEY={"type": "plain", "value": "sk-one"})
    assert plain == key(ANTHROPIC_API_KEY={"type": "plain", "value": "sk-two"}) == "claude_local"
    bound = key(ANTHROPIC_API_KEY={"type": "secret_ref", "secretId": "s-1"})
    assert bound != key(ANTHROPIC_API_KEY={"type": "secret_ref", "secretId": "s-2"})
    assert "s-1" not in bound
    assert key(HOME_DIR={"type": "secret_ref", "secretId": "s-1"}) == "claude_local"


def test_a_long_key_is_cut_and_stays_apart():
    def key(name):
        return providers.key_of(Agent(adapter_type="claude_local", adapter_config={"provider": name}))

    one, two = key("p" * 300 + "a"), key("p" * 300 + "b")
    assert (len(one), len(two)) == (128, 128)
    assert one != two


# --- Closed: everybody who shares the account waits ------------------------------------------------------


def test_runs_of_a_closed_account_wait_and_others_go_on(company, now):
    one, two = agent(company), agent(company)
    other = agent(company, provider="elsewhere")
    foreign = agent(factories.company())
    shut(one, now=now, not_before=now + timedelta(hours=1))
    waiting = [call(one), call(two)]
    free = [call(other), call(foreign)]

    assert {run.pk for run in claim(now=now)} == {run.pk for run in free}
    assert {Run.objects.get(pk=run.pk).status for run in waiting} == {"queued"}
    assert claim(now=now + timedelta(minutes=59)) == []


def test_a_closed_account_does_not_hold_up_the_queue(company, now):
    blocked, free = agent(company), agent(company, provider="elsewhere")
    shut(blocked, now=now)
    for number in range(80):
        call(blocked, str(number))
    run = call(free)
    assert [started.pk for started in claim(now=now)] == [run.pk]


def test_open_accounts_cost_the_queue_nothing_that_grows(company, now):
    def cost():
        with CaptureQueriesContext(connection) as asked:
            claims._candidates(now)
        return len(asked)

    for number in range(3):
        call(agent(company), str(number))
    few = cost()
    for number in range(20):
        call(agent(company), str(number))
    assert cost() == few == 1


def test_a_claimed_run_carries_its_account(company, now):
    call(agent(company, provider="anthropic"))
    (run,) = claim(now=now)
    run.refresh_from_db()
    assert run.provider_key == "claude_local:anthropic"


# --- The probe -------------------------------------------------------------------------------------------


def test_one_run_finds_out_and_the_rest_wait_for_it(company, now):
    one, two = agent(company), agent(company)
    shut(one, now=now)
    for who in (one, two):
        for number in range(3):
            call(who, str(number))
    later = now + timedelta(minutes=1)

    (probe,) = claim(now=later)
    assert claim(now=later) == []
    gate = ProviderGate.objects.get()
    assert (gate.state, gate.probe_run_id) == ("probing", probe.pk)

    finish(probe)

    gate.refresh_from_db()
    assert (gate.state, gate.failures, gate.reason, gate.probe_run_id) == ("open", 0, None, None)
    assert gate.opened_at is not None
    assert len(claim(now=later)) == 5


def test_a_probe_that_fails_makes_the_wait_longer(company, now):
    who = agent(company)
    shut(who, now=now)
    waits = []
    for number in range(8):
        call(who, str(number))
        gate = ProviderGate.objects.get()
        (probe,) = claim(now=gate.not_before)
        providers_now = clock.now()
        finish(probe, result=Result(error_message="no"), remains=Remains(exit_code=1))
        gate.refresh_from_db()
        assert (gate.state, gate.failures, gate.probe_run_id) == ("closed", number + 2, None)
        waits.append(round((gate.not_before - providers_now).total_seconds() / 60))
        Run.objects.filter(status__in=["queued", "scheduled_retry"]).delete()
    assert waits == [2, 4, 8, 16, 30, 30, 30, 30]


@pytest.mark.parametrize("end", ["cancelled", "lost"])
def test_a_probe_that_says_nothing_makes_room_for_the_next(company, now, end):
    who = agent(company)
    shut(who, now=now)
    call(who)
    (probe,) = claim(now=now + timedelta(minutes=2))
    if end == "cancelled":
        cancel(probe)
        finish(probe)
    else:
        lose(probe)

    gate = ProviderGate.objects.get()
    assert (gate.state, gate.failures, gate.probe_run_id) == ("closed", 1, None)
    call(who, "again")
    assert len(claim(now=clock.now())) == 1


def test_a_probe_that_is_gone_is_replaced(company, now):
    who = agent(company)
    gate = shut(who, now=now)
    gone = factories.run(who, status="succeeded")
    ProviderGate.objects.filter(pk=gate.pk).update(state="probing", probe_run=gone)
    run = call(who)

    assert [started.pk for started in claim(now=now)] == [run.pk]
    gate.refresh_from_db()
    assert gate.probe_run_id == run.pk


def test_the_success_of_a_run_from_before_opens_nothing(company, now):
    who = agent(company)
    call(who)
    (old,) = claim(now=now)
    shut(who, now=now)
    finish(old)
    assert ProviderGate.objects.get().state == "closed"


def test_a_run_that_is_no_probe_costs_one_look_at_its_end(company, now):
    call(agent(company))
    (run,) = claim(now=now)
    with CaptureQueriesContext(connection) as asked:
        assert providers.heard(run=run, now=now) is None
    assert len(asked) == 1


# --- Closing ---------------------------------------------------------------------------------------------


def test_the_providers_own_time_makes_the_wait_longer_never_shorter(company, now):
    who = agent(company)
    weeks = now + timedelta(days=9)
    assert shut(who, now=now, not_before=weeks).not_before == weeks
    other = agent(company, provider="p")
    assert shut(other, now=now, not_before=now).not_before == now + timedelta(minutes=1)


def test_many_refusals_at_once_are_one_failure(company, now):
    agents = [agent(company) for _ in range(4)]
    for who in agents:
        shut(who, now=now)
    gate = shut(agents[0], now=now, not_before=now + timedelta(minutes=7))
    assert (ProviderGate.objects.count(), gate.failures) == (1, 1)
    assert gate.not_before == now + timedelta(minutes=7)


def test_a_refused_probe_counts_once_whoever_tells_first(company, now):
    who = agent(company)
    for tell_first in (True, False):
        ProviderGate.objects.all().delete()
        Run.objects.all().delete()
        gate = shut(who, now=now)
        call(who)
        (probe,) = claim(now=gate.not_before)
        probe.status = "failed"
        if tell_first:
            shut(who, now=now, run=probe)
            providers.heard(run=probe, now=now)
        else:
            providers.heard(run=probe, now=now)
            shut(who, now=now, run=probe)
        gate.refresh_from_db()
        assert (gate.state, gate.failures) == ("closed", 2)


def test_a_late_refusal_does_not_disturb_the_probe(company, now):
    who = agent(company)
    gate = shut(who, now=now)
    call(who)
    (probe,) = claim(now=gate.not_before)
    shut(who, now=now)
    gate.refresh_from_db()
    assert (gate.state, gate.probe_run_id) == ("probing", probe.pk)


def test_a_gate_that_opened_closes_again_from_the_start(company, now):
    who = agent(company)
    gate = shut(who, now=now)
    call(who)
    (probe,) = claim(now=gate.not_before)
    finish(probe)
    again = shut(who, now=now)
    assert (again.pk, again.state, again.failures, again.not_before) == (
        gate.pk, "closed", 1, now + timedelta(minutes=1)
    )  # fmt: skip


def test_a_person_opens_an_account(cast, now):
    who = agent(cast.company)
    gate = shut(who, now=now, not_before=now + timedelta(days=1))
    assert providers.not_open(cast.company.pk) == [gate]
    owner = actors.for_user(cast.owner)

    opened = providers.open_by_hand(gate=gate, actor=owner, now=now)

    assert (opened.state, opened.failures) == ("open", 0)
    assert Activity.objects.get(action="provider_gate.opened").details["label"] == "claude_local"
    call(who)
    assert len(claim(now=now)) == 1
    with pytest.raises(Conflict):
        providers.open_by_hand(gate=gate, actor=owner, now=now)


@pytest.mark.django_db(transaction=True)
def test_of_many_runners_one_starts_the_probe(transactional_db):
    company, now = factories.company(), clock.now()
    agents = [agent(company) for _ in range(6)]
    gate = shut(agents[0], now=now)
    for who in agents:
        call(who)
    runners = [factories.runner() for _ in range(4)]
    taken: list[Run] = []
    start = threading.Barrier(4)

    def work(runner):
        try:
            start.wait(10)
            taken.extend(claims.claim(runner=runner, most=10, now=gate.not_before))
        finally:
            connection.close()

    threads = [threading.Thread(target=work, args=[runner]) for runner in runners]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(30)

    assert len(taken) == 1
    assert Run.objects.filter(status="running").count() == 1
