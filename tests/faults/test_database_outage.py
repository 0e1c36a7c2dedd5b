"""The database goes away under load: what runs goes on, what is said waits, nothing is lost or doubled."""

from __future__ import annotations

import pytest
from django.db import connection

from heartbeat.models import Run
from paperclip.core import postgres
from tests import factories
from tests.faults.test_kill_everything import log_lines, program, wake
from tests.product import wait_for, with_own_server

pytestmark = pytest.mark.faults


def test_the_database_stopped_and_started_under_load(tmp_path, django_db_blocker):
    with django_db_blocker.unblock(), with_own_server(tmp_path) as product:
        company = factories.company()
        config = program(tmp_path, lines=10, pause=0.5)
        short = program(tmp_path, lines=1, pause=0.0)
        policy = {"heartbeat": {"maxConcurrentRuns": 20}}
        agents = [factories.agent(company, adapter_config=config) for _ in range(10)]
        busy = factories.agent(company, adapter_config=short, runtime_config=policy)
        for part in ("web", "qcluster", "runner"):
            product.start(part, PAPERCLIP_RUNNER_CAPACITY="14")
        long_runs = [wake(agent) for agent in agents]
        wait_for(
            lambda: all((product.home / "runs" / str(run.pk) / "started.json").exists() for run in long_runs),
            seconds=15,
            what="ten programs to start",
        )
        short_runs = [wake(busy) for _ in range(60)]

        connection.close()
        postgres.stop(tmp_path)
        wait_for(
            lambda: "database:" in product.said(),
            seconds=10,
            what="the runner to say that the database is away",
        )
        assert not product.answers()
        assert all(process.poll() is None for process in product.parts.values()), "no part ends over it"
        postgres.start(tmp_path, durable=False)

        wait_for(product.answers, seconds=20, what="the web part to answer again")
        everything = [*long_runs, *short_runs]
        wait_for(
            lambda: Run.objects.filter(status="succeeded").count() == len(everything),
            seconds=60,
            what="every run to end succeeded",
        )
        assert Run.objects.count() == len(everything), "nothing was tried twice"
        for run in long_runs:
            assert log_lines(product, run) == [f"line {number}" for number in range(10)]
        ledger = (tmp_path / "ledger").read_text().split()
        assert sorted(ledger) == sorted(str(run.pk) for run in everything), "each program ran exactly once"
