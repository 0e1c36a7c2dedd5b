"""The runner is killed at every moment of a run's life; each moment is held still by a lock the test holds."""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
from collections.abc import Iterator
from uuid import UUID

import psutil
import psycopg
import pytest
from django.db import connection
from django.db.models import Q

from heartbeat.models import Run, WakeupRequest
from paperclip.companies.models import Agent
from tests import factories
from tests.faults.test_kill_everything import log_lines, program, wake
from tests.product import Product, wait_for

pytestmark = pytest.mark.faults


@pytest.fixture
def agent(product, tmp_path) -> Agent:
    return factories.agent(factories.company(), adapter_config=program(tmp_path, lines=3, pause=0.2))


@contextlib.contextmanager
def held(product: Product, table: str, row: UUID) -> Iterator[psycopg.Connection]:
    """Hold a row's lock on a connection of the test's own."""
    with psycopg.connect(product.database_url) as holder:
        holder.execute(f"SELECT FROM {table} WHERE id = %s FOR UPDATE", [row])
        yield holder


def somebody_waits_for_a_lock() -> bool:
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT count(*) FROM pg_stat_activity"
            " WHERE wait_event_type = 'Lock' AND datname = current_database()"
        )
        return bool(cursor.fetchone()[0])


def ends_well_and_once(product: Product, run: Run, ledger) -> None:
    wait_for(
        lambda: Run.objects.filter(pk=run.pk, status="succeeded").exists(),
        seconds=30,
        what="the run to end succeeded",
    )
    assert log_lines(product, run) == ["line 0", "line 1", "line 2"]
    assert ledger.read_text().split().count(str(run.pk)) == 1, "the program ran once"
    assert not Run.objects.filter(retry_of_run=run).exists()
    assert Run.objects.filter(pk=run.pk).values_list("wakeup_request__status", flat=True).get() == "completed"


def test_killed_while_claiming(product, agent, tmp_path):
    run = wake(agent)
    with held(product, "heartbeat_runs", run.pk):
        product.start("runner")
        wait_for(somebody_waits_for_a_lock, seconds=30, what="the claim to wait")
        product.kill("runner")
        run.refresh_from_db()
        assert run.status == "queued", "a claim that did not commit leaves nothing"
    product.start("runner")
    ends_well_and_once(product, run, tmp_path / "ledger")


@pytest.mark.parametrize(
    "then",
    [
        pytest.param(signal.SIGKILL, id="the order is lost with the process that starts shims"),
        pytest.param(signal.SIGCONT, id="the order is carried out afterwards"),
    ],
)
def test_killed_after_the_claim_and_before_the_program_starts(product, agent, tmp_path, then):
    runner = product.start("runner")
    ends_well_and_once(product, wake(agent), tmp_path / "ledger")
    # The process that starts shims holds still: what is handed to it stays there.
    nursery = psutil.Process(runner.pid).children()
    for child in nursery:
        os.kill(child.pid, signal.SIGSTOP)
    run = wake(agent)
    wait_for(
        lambda: (product.home / "runs" / str(run.pk) / "spec.json").exists(),
        seconds=10,
        what="the run's folder",
    )
    assert not (product.home / "runs" / str(run.pk) / "started.json").exists()
    product.kill("runner")
    assert Run.objects.get(pk=run.pk).status == "running", "claimed, and nothing started"
    for child in nursery:
        with contextlib.suppress(ProcessLookupError):
            os.kill(child.pid, then)
    product.start("runner")
    done = wait_for(
        lambda: Run.objects.filter(Q(pk=run.pk) | Q(retry_of_run=run), status="succeeded").first(),
        seconds=30,
        what="the work to be done",
    )
    # Whether a lost order had been begun cannot be known: then the run counts as lost, and its one retry does it.
    assert done.pk == run.pk or done.retry_of_run_id == run.pk
    assert log_lines(product, done) == ["line 0", "line 1", "line 2"]
    started = (tmp_path / "ledger").read_text().split()
    assert len(started) == 2, "the first run's program, and this one's once"


def test_killed_after_the_start_and_before_the_process_is_known(
    product, agent, tmp_path
):  # HB-1, HB-2, HB-3, H-28, H-29, H-141
    product.start("runner")
    wait_for(lambda: "capacity" in product.said(), seconds=30, what="the runner to begin")
    run = wake(agent)
    wait_for(
        lambda: (product.home / "runs" / str(run.pk) / "started.json").exists(),
        seconds=10,
        what="the program to start",
    )
    with held(product, "heartbeat_runs", run.pk):
        known = Run.objects.values_list("process_pid", flat=True).get(pk=run.pk) is not None
        if not known:
            wait_for(somebody_waits_for_a_lock, seconds=10, what="the runner to write down the process")
        product.kill("runner")
    product.start("runner")
    ends_well_and_once(product, run, tmp_path / "ledger")
    run.refresh_from_db()
    assert (run.error, run.error_code) == (None, None), "a live program is followed again, not given up"
    assert not run.events.filter(level="warn").exists()


@pytest.mark.parametrize(
    "farewell",
    [
        pytest.param(signal.SIGKILL, id="killed"),
        pytest.param(signal.SIGTERM, id="killed while it stops"),
        pytest.param(None, id="its connections are cut"),
    ],
)
def test_between_the_exit_and_the_end_of_the_run(product, agent, tmp_path, farewell):
    runner = product.start("runner")
    run = wake(agent)
    wait_for(
        lambda: (product.home / "runs" / str(run.pk) / "started.json").exists(),
        seconds=30,
        what="the program to start",
    )
    with held(product, "agents", agent.pk) as holder:
        wait_for(
            lambda: (product.home / "runs" / str(run.pk) / "exit.json").exists(),
            seconds=10,
            what="the program to end",
        )
        wait_for(somebody_waits_for_a_lock, seconds=10, what="the runner to end the run")
        if farewell is None:
            holder.execute(
                "SELECT pg_terminate_backend(pid) FROM pg_stat_activity"
                " WHERE datname = current_database() AND wait_event_type = 'Lock'"
            )
        elif farewell == signal.SIGTERM:
            runner.send_signal(signal.SIGTERM)
            with pytest.raises(subprocess.TimeoutExpired):  # it ends what it has begun before it stops
                runner.wait(1)
            product.kill("runner")
        else:
            product.kill("runner")
        assert Run.objects.get(pk=run.pk).status == "running"
    if farewell is not None:
        product.start("runner")
    ends_well_and_once(product, run, tmp_path / "ledger")


def test_wakes_of_one_moment_end_in_one_run_each(product, agent, tmp_path):
    """Two kills within one life, at different moments, and the wake's row still tells the truth."""
    run = wake(agent)
    with held(product, "heartbeat_runs", run.pk):
        product.start("runner")
        wait_for(somebody_waits_for_a_lock, seconds=30, what="the claim to wait")
        product.kill("runner")
    product.start("runner")
    wait_for(
        lambda: (product.home / "runs" / str(run.pk) / "started.json").exists(),
        seconds=30,
        what="the program to start",
    )
    product.kill("runner")
    product.start("runner")
    ends_well_and_once(product, run, tmp_path / "ledger")
    assert WakeupRequest.objects.filter(agent_id=agent.pk).count() == 1
