"""Agents survive the control plane: nothing is lost, nothing runs twice."""

from __future__ import annotations

import random
import sys
import time
from pathlib import Path

import orjson
import pytest

from heartbeat import wakeups
from heartbeat.models import Run, WakeupRequest
from heartbeat.wakeups import Call
from paperclip.companies import actors
from paperclip.companies.models import User
from paperclip.core import clock
from tests import factories
from tests.product import Product, wait_for

pytestmark = pytest.mark.faults

# Appends its run id to a file, so that a second start cannot hide, then prints a line every so often.
COUNTING = """
import os, pathlib, sys, time
with open(sys.argv[1], "a") as ledger:
    ledger.write(os.environ["PAPERCLIP_RUN_ID"] + "\\n")
for number in range(int(sys.argv[2])):
    print("line", number, flush=True)
    time.sleep(float(sys.argv[3]))
"""


def program(tmp_path: Path, *, lines: int, pause: float) -> dict:
    script = tmp_path / "agent.py"
    script.write_text(COUNTING)
    return {
        "command": sys.executable,
        "args": ["-I", str(script), str(tmp_path / "ledger"), str(lines), str(pause)],
    }


def wake(agent) -> Run | None:
    """Call the agent as a person does: what nobody asks for is stopped when it brings nothing new."""
    person, _ = User.objects.get_or_create(username=f"caller-{agent.company_id}")
    return wakeups.enqueue(
        agent_id=agent.pk,
        company_id=agent.company_id,
        call=Call(reason="test", payload={"taskKey": f"t-{time.monotonic_ns()}"}),
        actor=actors.for_user(person),
        now=clock.now(),
    ).run


def log_lines(product: Product, run: Run) -> list[str]:
    text = (product.home / "runs" / str(run.pk) / "log.ndjson").read_bytes()
    chunks = [orjson.loads(line) for line in text.splitlines()]
    return "".join(chunk["chunk"] for chunk in chunks if chunk["stream"] == "stdout").splitlines()


def test_ten_agents_survive_kill_9_of_web_scheduler_and_runner(product, tmp_path):
    """Ten 20-second programs; everything is killed in mid-run and started again (issue item 'Shown when')."""
    company = factories.company()
    config = program(tmp_path, lines=20, pause=1.0)
    agents = [factories.agent(company, adapter_config=config) for _ in range(10)]
    for part in ("web", "qcluster", "runner"):
        product.start(part, PAPERCLIP_RUNNER_CAPACITY="10")
    runs = [wake(agent) for agent in agents]
    wait_for(
        lambda: all((product.home / "runs" / str(run.pk) / "started.json").exists() for run in runs),
        seconds=15,
        what="ten programs to start",
    )

    for part in ("web", "qcluster", "runner"):
        product.kill(part)
    assert Run.objects.filter(status="running").count() == 10
    for part in ("runner", "web", "qcluster"):
        product.start(part, PAPERCLIP_RUNNER_CAPACITY="10")
    restarted = time.monotonic()
    wait_for(
        lambda: product.said().count("found again") == 10, seconds=5, what="the runner to find ten runs again"
    )
    assert time.monotonic() - restarted < 5

    wait_for(
        lambda: Run.objects.filter(status="succeeded").count() == 10,
        seconds=45,
        what="ten runs to end succeeded",
    )
    assert Run.objects.count() == 10
    for run in runs:
        assert log_lines(product, run) == [f"line {number}" for number in range(20)]
    ledger = (tmp_path / "ledger").read_text().split()
    assert sorted(ledger) == sorted(str(run.pk) for run in runs), "each program ran exactly once"


@pytest.mark.timeout(240)
def test_500_runs_with_random_kill_9_of_the_runner(product, tmp_path):
    """Every wakeup ends in exactly one run, whenever the runner dies."""
    random_source = random.Random(7)
    company = factories.company()
    script = tmp_path / "noop.sh"
    script.write_text(f'echo "$PAPERCLIP_RUN_ID" >> {tmp_path}/ledger\n')
    config = {"command": "/bin/sh", "args": [str(script)]}
    policy = {"heartbeat": {"maxConcurrentRuns": 4}}
    agents = [factories.agent(company, adapter_config=config, runtime_config=policy) for _ in range(4)]
    runs = [wake(agents[number % 4]) for number in range(500)]
    assert len({run.pk for run in runs if run is not None}) == 500

    until = time.monotonic() + 200
    kills = 0
    while Run.objects.filter(status__in=("queued", "running")).exists():
        assert time.monotonic() < until, f"runs are left over: {product.said()[-3000:]}"
        product.start("runner")
        wait_for(lambda: "capacity" in product.logs[-1].read_text(), seconds=30, what="the runner to begin")
        kill_at = time.monotonic() + 0.3 + 1.4 * random_source.random()
        while time.monotonic() < kill_at and Run.objects.filter(status__in=("queued", "running")).exists():
            time.sleep(0.02)
        product.kill("runner")
        kills += 1
    assert kills > 3, "the runner was killed in the middle, again and again"

    outcomes = list(Run.objects.values_list("status", flat=True))
    retried = Run.objects.filter(retry_of_run__isnull=False).count()
    assert outcomes.count("succeeded") == 500, "every wakeup led to one successful run"
    assert len(outcomes) == 500 + retried
    assert Run.objects.filter(status="failed").exclude(error_code="process_lost").count() == 0
    assert not WakeupRequest.objects.filter(status__in=("queued", "claimed")).exists()
    ledger = (tmp_path / "ledger").read_text().split()
    assert len(ledger) == len(set(ledger)), "no program ran twice"
