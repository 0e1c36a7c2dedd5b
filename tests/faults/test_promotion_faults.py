"""Due retries through the death of whoever promotes them, and of the database."""

from __future__ import annotations

from datetime import timedelta

import psycopg
import pytest
from django.db import connection

from heartbeat.models import Run, RunEvent
from paperclip.core import clock, postgres
from tests import factories
from tests.faults.test_kill_everything import program
from tests.faults.test_moments import somebody_waits_for_a_lock
from tests.product import wait_for, with_own_server

pytestmark = pytest.mark.faults
_PROMOTED = "The retry is due and queued"


def due_retries(agent, number):
    """Retries of failed runs, all due."""
    now = clock.now()
    made = []
    for place in range(number):
        past = {"task_key": f"t-{place}", "context_snapshot": {"taskKey": f"t-{place}"}}
        failed = factories.run(
            agent, status="failed", finished_at=now, followup_mechanism="scheduled_retry", **past
        )
        made.append(
            factories.run(
                agent,
                status="scheduled_retry",
                scheduled_retry_at=now - timedelta(seconds=1),
                scheduled_retry_attempt=1,
                scheduled_retry_reason="transient_failure",
                retry_of_run=failed,
                **past,
            )
        )
    return made


def test_the_scheduler_is_killed_between_its_decision_and_the_commit(product, tmp_path):
    """What was decided and not committed did not happen: the next one promotes it, once."""
    agent = factories.agent(factories.company(), adapter_config=program(tmp_path, lines=1, pause=0.0))
    (retry,) = due_retries(agent, 1)
    with psycopg.connect(product.database_url) as holder:
        holder.execute("LOCK TABLE heartbeat_run_events IN EXCLUSIVE MODE")
        product.start("qcluster")
        wait_for(somebody_waits_for_a_lock, seconds=60, what="the promotion to reach its event")
        product.kill("qcluster")
        retry.refresh_from_db()
        assert (retry.status, RunEvent.objects.filter(run=retry).count()) == ("scheduled_retry", 0)

    product.start("runner")
    wait_for(
        lambda: Run.objects.filter(pk=retry.pk, status="succeeded").exists(),
        seconds=30,
        what="the retry to be promoted by somebody else and to end succeeded",
    )
    assert RunEvent.objects.filter(run=retry, message=_PROMOTED).count() == 1
    assert (tmp_path / "ledger").read_text().split() == [str(retry.pk)]


def test_the_database_is_restarted_while_retries_are_promoted(tmp_path, django_db_blocker):
    with django_db_blocker.unblock(), with_own_server(tmp_path) as product:
        policy = {"heartbeat": {"maxConcurrentRuns": 20}}
        company, config = factories.company(), program(tmp_path, lines=1, pause=0.0)
        agents = [factories.agent(company, adapter_config=config, runtime_config=policy) for _ in range(4)]
        # Fewer each than what counts as going in circles.
        retries = [retry for agent in agents for retry in due_retries(agent, 15)]
        for part in ("qcluster", "runner"):
            product.start(part)
        wait_for(
            lambda: Run.objects.filter(status__in=("queued", "running", "succeeded")).exists(),
            seconds=60,
            what="the first retries to be promoted",
        )
        connection.close()
        postgres.stop(tmp_path)
        postgres.start(tmp_path, durable=False)
        wait_for(
            lambda: Run.objects.filter(status="succeeded").count() == len(retries),
            seconds=60,
            what="every retry to end succeeded",
        )
        assert Run.objects.filter(status="failed").count() == len(retries), "nothing was tried twice"
        assert RunEvent.objects.filter(message=_PROMOTED).count() == len(retries), "each was promoted once"
        ledger = (tmp_path / "ledger").read_text().split()
        assert sorted(ledger) == sorted(str(retry.pk) for retry in retries)
