"""What is due starts soon: within 2 s with everything up, within 35 s with nothing but the scheduler."""

from __future__ import annotations

import threading
import time
from datetime import datetime, timedelta

import pytest
from django_q.models import OrmQ

from heartbeat.models import Run, Runner, Tick
from paperclip.companies import actors
from paperclip.core import clock
from paperclip.governance import notices, targets
from tests import factories, listeners
from tests.product import wait_for

pytestmark = pytest.mark.faults


def retry(*, due_at: datetime) -> Run:
    agent = factories.agent(factories.company(), adapter_config={"command": "/bin/true"})
    failed = factories.run(agent, status="failed", finished_at=clock.now(), error_code="transient")
    return factories.run(
        agent,
        status="scheduled_retry",
        scheduled_retry_at=due_at,
        scheduled_retry_attempt=1,
        scheduled_retry_reason="transient_failure",
        retry_of_run=failed,
        context_snapshot={"wakeReason": "transient_failure_retry", "taskKey": str(failed.pk)},
        task_key=str(failed.pk),
    )


def test_due_retries_start_within_two_seconds_with_everything_up(product):
    for part in ("qcluster", "runner"):
        product.start(part)
    wait_for(lambda: Runner.objects.filter(state="active").exists(), seconds=20, what="the runner")
    wait_for(
        lambda: Tick.objects.filter(name="heartbeat.retries").exists(), seconds=40, what="the first look"
    )
    now = clock.shared_now()
    # Some are known long before, some become known a moment before they are due.
    late = [retry(due_at=now + timedelta(seconds=2 + 0.37 * number)) for number in range(8)]
    for _ in range(4):
        late.append(retry(due_at=clock.shared_now() + timedelta(seconds=0.2)))
        time.sleep(0.3)
    wait_for(
        lambda: Run.objects.filter(pk__in=[run.pk for run in late], status="succeeded").count() == len(late),
        seconds=20,
        what="every retry to be through",
    )
    waited = [
        (run.started_at - run.scheduled_retry_at).total_seconds()
        for run in Run.objects.filter(pk__in=[run.pk for run in late])
    ]
    assert min(waited) >= 0, "none starts early"
    assert max(waited) < 2, sorted(waited)


def test_a_notice_leaves_the_house_within_seconds(product):
    with listeners.hook() as hook:
        arrived = threading.Event()
        hook.before = arrived.set
        product.start("runner", PAPERCLIP_OUTBOUND_ALLOW="127.0.0.0/8")
        wait_for(
            lambda: Tick.objects.filter(name="governance.notices").exists(), seconds=40, what="the first look"
        )
        company = factories.company()
        target = targets.create(
            company=company,
            channel="webhook",
            address="https://hooks.example.com/",
            kinds=["issue_stuck"],
            actor=actors.for_user(factories.user(member_of=company)),
            now=clock.now(),
        )
        type(target).objects.update(address=hook.url)
        began = time.monotonic()
        notices.tell(
            company_id=company.pk, kind="issue_stuck", key="x", title="Stuck", now=clock.shared_now()
        )
        assert arrived.wait(5)
        assert time.monotonic() - began < 2


@pytest.mark.timeout(240)
def test_due_retry_is_promoted_within_35_seconds_with_only_the_scheduler_up(product):
    product.start("qcluster")
    wait_for(
        lambda: Tick.objects.filter(name="scheduler").exists(), seconds=100, what="the scheduler's first tick"
    )
    wait_for(lambda: not OrmQ.objects.exists(), seconds=20, what="its queue to be empty")
    due_at = clock.shared_now() + timedelta(seconds=1)  # just missed: the worst case
    run = retry(due_at=due_at)
    wait_for(
        lambda: Run.objects.filter(pk=run.pk, status="queued").exists(),
        seconds=45,
        what="the retry to be queued",
    )
    waited = (Run.objects.get(pk=run.pk).updated_at - due_at).total_seconds()
    assert 0 <= waited <= 35


def test_a_network_that_is_none_is_named(product):
    refused = product.manage("check", PAPERCLIP_OUTBOUND_ALLOW="10.0.0.0/8,nonsense")
    assert refused.returncode != 0
    assert "PAPERCLIP_OUTBOUND_ALLOW: 'nonsense'" in refused.stderr
