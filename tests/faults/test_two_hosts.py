"""Two hosts on one database: one dies or freezes, the other takes over, and what was taken stays taken."""

from __future__ import annotations

import contextlib
import os
import signal
import sys
import time
from pathlib import Path

import psutil
import pytest
from django.db import connection
from django.db.models.functions import Now

from heartbeat.models import Run, Runner
from paperclip.governance.models import Notice
from tests import factories
from tests.faults.test_kill_everything import wake
from tests.product import Product, wait_for

pytestmark = [pytest.mark.faults, pytest.mark.timeout(180)]

# The first attempt waits for a file; a later one is done at once.
FIRST_WAITS = """
import pathlib, sys, time
first, go = map(pathlib.Path, sys.argv[1:])
if not first.exists():
    first.write_text("begun")
    print("waiting", flush=True)
    while not go.exists():
        time.sleep(0.05)
print("done", flush=True)
"""


@pytest.fixture
def second(product, tmp_path):
    """Another host: the same database, a home of its own."""
    (tmp_path / "second").mkdir()
    other = Product(tmp_path / "second" / "home", product.database_url)
    yield other
    die(other)
    other.stop()


def agent(tmp_path: Path, **fields):
    script = tmp_path / "agent.py"
    script.write_text(FIRST_WAITS)
    config = {
        "command": sys.executable,
        "args": ["-I", str(script), str(tmp_path / "first"), str(tmp_path / "go")],
    }
    return factories.agent(factories.company(), adapter_config=config, **fields)


def begun(run: Run) -> Run:
    wait_for(
        lambda: Run.objects.filter(pk=run.pk, process_pid__isnull=False).exists(),
        seconds=20,
        what="the program to start",
    )
    return Run.objects.select_related("runner").get(pk=run.pk)


def die(host: Product) -> None:
    """A power cut: everything of the host is killed at once, its agents and their shims too."""
    found = [psutil.Process(part.pid) for part in host.parts.values() if part.poll() is None]
    for process in psutil.process_iter():
        with contextlib.suppress(psutil.Error):
            if process.pid != os.getpid() and _belongs(process, str(host.home)):
                found.append(process)
    for number in (signal.SIGSTOP, signal.SIGKILL):  # none may see another one die
        for process in found:
            with contextlib.suppress(psutil.Error):
                process.send_signal(number)


def _belongs(process: psutil.Process, home: str) -> bool:
    return any(home in text for text in (*process.cmdline(), *process.environ().values()))


def on(host: Product) -> Runner:
    return Runner.objects.get(pid=host.parts["runner"].pid)


def alive(pid: int) -> bool:
    return psutil.pid_exists(pid) and psutil.Process(pid).status() != psutil.STATUS_ZOMBIE


def test_a_host_that_vanishes_is_reaped_by_another_within_60_seconds(product, second, tmp_path):
    run = wake(agent(tmp_path))
    second.start("runner")
    lost = begun(run)
    assert lost.runner == on(second)
    product.start("runner")
    wait_for(lambda: Runner.objects.filter(state="active").count() == 2, seconds=20, what="both runners")

    die(second)
    began = time.monotonic()
    wait_for(
        lambda: Run.objects.filter(pk=run.pk, error_code="process_lost").exists(),
        seconds=60,
        what="the lost run to be reaped",
    )
    retry = wait_for(
        lambda: Run.objects.filter(retry_of_run=run, status="succeeded").first(),
        seconds=max(1.0, 60 - (time.monotonic() - began)),
        what="the retry to be through on the other host",
    )
    assert retry.runner == on(product)
    assert Run.objects.count() == 2
    wait_for(
        lambda: Notice.objects.filter(kind="runner_lost", key=lost.runner.name).exists(),
        seconds=20,
        what="people to be told of the lost host",
    )


def test_a_host_that_comes_back_cannot_finish_what_was_taken_from_it(product, second, tmp_path):
    """The runner is frozen past its lease; meanwhile its program ends well and another host does it again."""
    lease = {"PAPERCLIP_RUNNER_LEASE_SECONDS": "3"}
    run = wake(agent(tmp_path))
    second.start("runner", **lease)
    taken = begun(run)
    product.start("runner", **lease)
    frozen = second.parts["runner"]

    os.kill(frozen.pid, signal.SIGSTOP)
    wait_for(
        lambda: Run.objects.filter(retry_of_run=run, status="succeeded").exists(),
        seconds=60,
        what="the other host to do it again",
    )
    (tmp_path / "go").touch()
    wait_for(
        lambda: (second.home / "runs" / str(run.pk) / "exit.json").exists(),
        seconds=10,
        what="the old program to end well",
    )
    before = Run.objects.values().get(pk=run.pk)
    os.kill(frozen.pid, signal.SIGCONT)
    wait_for(
        lambda: "was taken from this runner before it ended" in second.said(),
        seconds=15,
        what="the runner to see that it is too late",
    )
    assert Run.objects.values().get(pk=run.pk) == before, "not a byte of the run changed"
    assert before["error_code"] == "process_lost"
    assert Run.objects.count() == 2
    wait_for(
        lambda: Runner.objects.get(pk=taken.runner_id).state == "active", seconds=10, what="it to work again"
    )
    wait_for(
        lambda: not Notice.objects.filter(kind="runner_lost", closed_at__isnull=True).exists(),
        seconds=10,
        what="the notice to be taken back",
    )
    again = wake(factories.agent(factories.company(), adapter_config={"command": "/bin/true"}))
    wait_for(lambda: Run.objects.get(pk=again.pk).status == "succeeded", seconds=15, what="new work")


def test_a_frozen_runner_ends_the_program_of_a_run_that_was_taken(product, second, tmp_path):
    lease = {"PAPERCLIP_RUNNER_LEASE_SECONDS": "3"}
    run = wake(agent(tmp_path))
    second.start("runner", **lease)
    pid = begun(run).process_pid
    product.start("runner", **lease)
    os.kill(second.parts["runner"].pid, signal.SIGSTOP)
    wait_for(
        lambda: Run.objects.filter(retry_of_run=run, status="succeeded").exists(),
        seconds=60,
        what="the other host to do it again",
    )
    assert alive(pid), "nobody else can end it"
    os.kill(second.parts["runner"].pid, signal.SIGCONT)
    wait_for(lambda: not alive(pid), seconds=15, what="the old program to be ended")
    assert Run.objects.get(pk=run.pk).error_code == "process_lost"


def test_a_runner_that_cannot_renew_its_lease_takes_no_work(product):
    """Somebody holds its row, so that it cannot say that it lives; work that comes meanwhile is not its own."""
    quick = factories.agent(factories.company(), adapter_config={"command": "/bin/true"})
    product.start("runner", PAPERCLIP_RUNNER_LEASE_SECONDS="2")
    wait_for(lambda: Runner.objects.filter(state="active").exists(), seconds=20, what="the runner")
    with connection.copy().cursor() as other:
        other.execute("BEGIN")
        other.execute("SELECT FROM runners FOR UPDATE")
        wait_for(
            lambda: Runner.objects.filter(lease_expires_at__lt=Now()).exists(),
            seconds=10,
            what="its lease to end",
        )
        run = wake(quick)
        until = time.monotonic() + 2
        while time.monotonic() < until:
            assert Run.objects.get(pk=run.pk).status == "queued"
        other.connection.close()
    wait_for(
        lambda: Run.objects.get(pk=run.pk).status == "succeeded",
        seconds=15,
        what="the work to be done after that",
    )
