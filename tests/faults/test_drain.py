"""Draining a runner: its live runs end, it takes no more, and that holds until it is told otherwise."""

from __future__ import annotations

import signal
import subprocess
import sys

import pytest

from heartbeat import runners
from heartbeat.models import Run, Runner
from paperclip.core import clock
from tests import factories
from tests.faults.test_kill_everything import wake
from tests.product import ROOT, Product, wait_for

pytestmark = pytest.mark.faults


WAITS = "import pathlib, sys, time\nwhile not pathlib.Path(sys.argv[1]).exists(): time.sleep(0.05)"


@pytest.fixture
def slow(tmp_path):
    """An agent whose programs go on until the test lets them."""
    return factories.agent(
        factories.company(),
        adapter_config={"command": sys.executable, "args": ["-I", "-c", WAITS, str(tmp_path / "go")]},
        runtime_config={"heartbeat": {"maxConcurrentRuns": 5}},
    )


def status(run: Run) -> str:
    return Run.objects.values_list("status", flat=True).get(pk=run.pk)


def running(product: Product, *runs: Run, **extra: str) -> subprocess.Popen:
    process = product.start("runner", **extra)
    for run in runs:
        wait_for(
            lambda run=run: Run.objects.filter(pk=run.pk, process_pid__isnull=False).exists(),
            seconds=20,
            what="the program to start",
        )
    return process


def drain(product: Product) -> subprocess.Popen:
    return subprocess.Popen(
        [sys.executable, str(ROOT / "manage.py"), "runner", "--drain"],
        env=product.environment,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )


def test_drained_runner_lets_its_runs_end_takes_no_more_and_ends(product, slow, tmp_path):
    live = [wake(slow), wake(slow)]
    process = running(product, *live)
    command = drain(product)
    assert "2 live runs; it takes no more" in command.stdout.readline()
    assert Runner.objects.get().state == "draining"
    late = wake(slow)
    (tmp_path / "go").touch()
    said = command.communicate(timeout=30)[0]
    assert command.returncode == 0, said
    assert "is drained" in said
    assert [status(run) for run in (*live, late)] == ["succeeded", "succeeded", "queued"]
    assert process.wait(timeout=10) == 0
    assert runners.state(Runner.objects.get(), now=clock.now()) == "drained"
    assert "runner drained" in product.said()

    again = product.start("runner")
    assert again.wait(timeout=20) == 0, "a drain holds over a restart"
    assert status(late) == "queued"

    assert "once it is started" in product.manage("runner", "--take-work").stdout
    assert "is not drained" in product.manage("runner", "--take-work").stderr
    product.start("runner")
    wait_for(lambda: status(late) == "succeeded", seconds=20, what="the run that came too late")


def test_second_signal_gives_up_waiting_and_the_drain_goes_on(product, slow):
    run = wake(slow)
    process = running(product, run)
    command = drain(product)
    command.stdout.readline()
    command.send_signal(signal.SIGINT)
    assert "once more to give up waiting" in command.stdout.readline()
    assert command.poll() is None
    command.send_signal(signal.SIGINT)
    said = command.communicate(timeout=10)[0]
    assert command.returncode == 1
    assert "The runner goes on draining" in said
    assert process.poll() is None
    assert status(run) == "running"

    back = product.manage("runner", "--take-work")
    assert back.returncode == 0, back.stderr
    assert "takes work again" in back.stdout
    other = wake(factories.agent(slow.company, adapter_config={"command": "/bin/true"}))
    wait_for(lambda: status(other) == "succeeded", seconds=15, what="new work")
    assert "takes work again" in product.said()


def test_sigterm_in_the_middle_of_a_drain_hands_over_as_ever(product, slow, tmp_path):
    run = wake(slow)
    process = running(product, run)
    runners.drain(runner=Runner.objects.get(), now=clock.now())
    wait_for(lambda: "drains" in product.said(), seconds=10, what="the runner to drain")
    process.terminate()
    assert process.wait(timeout=10) == 0
    assert "1 runs go on by themselves" in product.said()
    again = product.start("runner")
    wait_for(lambda: "found again" in product.said(), seconds=20, what="the run to be found again")
    (tmp_path / "go").touch()
    assert again.wait(timeout=30) == 0, "it ends its last run and then itself"
    assert status(run) == "succeeded"


def test_draining_what_is_not_there(product):
    nobody = product.manage("runner", "--drain")
    assert nobody.returncode == 1
    assert "No runner has ever worked in this home" in nobody.stderr
    process = running(product)
    wait_for(lambda: Runner.objects.filter(state="active").exists(), seconds=20, what="the runner")
    process.terminate()
    process.wait(timeout=10)
    said = product.manage("runner", "--drain")
    assert said.returncode == 0
    assert "is drained" in said.stdout
