"""How much may run at once in a company, and companies that start nothing new (field note 15)."""

from __future__ import annotations

import threading
from datetime import timedelta

import pytest
from django.db import connection

from heartbeat import claims
from heartbeat.models import Run, WakeupRequest
from paperclip.companies import actors, lifecycle
from paperclip.companies.models import Company
from paperclip.core import clock
from tests import factories
from tests.heartbeat.test_claims import claim
from tests.heartbeat.test_lifecycle import finish
from tests.heartbeat.test_wakeups import wake

pytestmark = pytest.mark.django_db


def call(agent, key="k"):
    return wake(agent, reason="manual", source="on_demand", payload={"taskKey": key}).run


def running(company):
    return Run.objects.filter(company=company, status="running").count()


@pytest.mark.parametrize("cap", [1, 3])
def test_a_company_runs_no_more_than_its_limit(cap):
    company = factories.company(max_concurrent_runs=cap)
    for number in range(5):
        call(factories.agent(company), str(number))

    assert len(claim()) == cap
    assert claim() == []
    first = Run.objects.filter(status="running").first()
    finish(first)
    assert len(claim()) == 1
    assert running(company) == cap


def test_a_full_company_does_not_hold_up_another():
    full, free = factories.company(max_concurrent_runs=1), factories.company()
    busy = factories.agent(full)
    for number in range(80):
        call(busy, str(number))
    run = call(factories.agent(free))

    assert [started.company_id for started in claim()] == [full.pk]
    assert [started.pk for started in claim()] == [run.pk]


def test_a_limit_that_is_taken_away_holds_no_longer():
    company = factories.company(max_concurrent_runs=1)
    for number in range(3):
        call(factories.agent(company), str(number))
    claim()
    Company.objects.filter(pk=company.pk).update(max_concurrent_runs=None)
    assert len(claim()) == 2


@pytest.mark.django_db(transaction=True)
def test_runners_side_by_side_never_exceed_a_companys_limit(transactional_db):
    """Each pass of each runner counts afresh; a bystander looks all the while."""
    company = factories.company(max_concurrent_runs=3)
    for number in range(24):
        call(factories.agent(company), str(number))
    runners = [factories.runner() for _ in range(4)]
    start, over, most = threading.Barrier(5), threading.Event(), [0]
    faults: list[BaseException] = []

    def work(runner):
        try:
            start.wait(10)
            for _ in range(40):
                for run in claims.claim(runner=runner, most=2, now=clock.now()):
                    finish(run)
        except BaseException as fault:  # noqa: BLE001  handed to the test's own thread below
            faults.append(fault)
        finally:
            connection.close()

    def watch():
        try:
            start.wait(10)
            while not over.is_set():
                most[0] = max(most[0], running(company))
        finally:
            connection.close()

    threads = [threading.Thread(target=work, args=[runner]) for runner in runners]
    watcher = threading.Thread(target=watch)
    for thread in (*threads, watcher):
        thread.start()
    for thread in threads:
        thread.join(120)
    over.set()
    watcher.join(10)

    assert not faults
    assert Run.objects.filter(status="succeeded").count() == 24
    assert 1 <= most[0] <= 3


@pytest.mark.django_db(transaction=True)
def test_many_claims_at_once_take_what_fits(transactional_db):
    company = factories.company(max_concurrent_runs=2)
    for number in range(12):
        call(factories.agent(company), str(number))
    runners = [factories.runner() for _ in range(6)]
    start = threading.Barrier(6)

    def work(runner):
        try:
            start.wait(10)
            list(claims.claim(runner=runner, most=10, now=clock.now()))
        finally:
            connection.close()

    threads = [threading.Thread(target=work, args=[runner]) for runner in runners]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)

    assert running(company) == 2


# --- Drain -----------------------------------------------------------------------------------------------


def test_a_draining_company_starts_nothing_and_loses_nothing(cast):
    owner = actors.for_user(cast.owner)
    call(cast.engineer, "at work")
    (at_work,) = claim()

    lifecycle.drain(company=cast.company, actor=owner, now=clock.now())
    waiting = call(cast.peer, "waits")

    assert claim() == []
    waiting.refresh_from_db()
    assert (waiting.status, waiting.wakeup_request.status) == ("queued", "queued")
    finish(at_work)
    at_work.refresh_from_db()
    assert at_work.status == "succeeded", "runs at work come to their own end"
    assert claim() == []

    lifecycle.undrain(company=cast.company, actor=owner, now=clock.now())

    assert [run.pk for run in claim()] == [waiting.pk]
    assert not WakeupRequest.objects.filter(status="skipped").exists()


def test_a_drain_concerns_one_company(cast):
    lifecycle.drain(company=cast.company, actor=actors.for_user(cast.owner), now=clock.now())
    call(cast.engineer)
    run = call(cast.foreign_agent)
    assert [started.pk for started in claim()] == [run.pk]


def test_a_drain_that_begins_between_look_and_claim_is_seen(cast, monkeypatch):
    run = call(cast.engineer)
    looked = claims._candidates

    def look_then_drain(now):
        found = looked(now)
        Company.objects.filter(pk=cast.company.pk).update(draining_since=now)
        return found

    monkeypatch.setattr(claims, "_candidates", look_then_drain)

    assert claim() == []
    run.refresh_from_db()
    assert run.status == "queued"


def test_a_drain_outlives_everything(cast):
    """It is a time in the company's row: nobody has to remember it."""
    now = clock.now() - timedelta(days=3)
    lifecycle.drain(company=cast.company, actor=actors.for_user(cast.owner), now=now)
    assert Company.objects.get(pk=cast.company.pk).draining_since == now
