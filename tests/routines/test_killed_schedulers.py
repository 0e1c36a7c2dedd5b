"""Two schedulers, killed at random in the middle of ticks: every occurrence has one run, with its issue."""

from __future__ import annotations

import os
import random
import signal
import subprocess
import sys
import time
from datetime import timedelta
from pathlib import Path

import pytest
from django.db.models import Count

from heartbeat.models import Run, WakeupRequest
from issues.models import Issue
from paperclip.core import clock
from routines import firing
from routines.models import RoutineRun, Trigger
from tests import cast as standing
from tests.product import ROOT, wait_for
from tests.routines import recipes

pytestmark = pytest.mark.faults

OCCURRENCES = 1_000
SCHEDULER = """
import django
django.setup()
from paperclip.core import clock
from routines import firing
print("ready", flush=True)
while True:
    firing.fire_due(now=clock.shared_now())
"""


class Schedulers:
    """Processes that do nothing but tick."""

    def __init__(self, product, folder: Path) -> None:
        self.environment = {**product.environment, "DJANGO_SETTINGS_MODULE": "paperclip.settings"}
        self.folder = folder
        self.started = 0

    def start(self) -> tuple[subprocess.Popen[bytes], Path]:
        self.started += 1
        log = self.folder / f"scheduler-{self.started}.log"
        with log.open("wb") as output:
            process = subprocess.Popen(
                [sys.executable, "-c", SCHEDULER],
                env=self.environment,
                cwd=ROOT,
                stdout=output,
                stderr=output,
            )
        return process, log


@pytest.mark.timeout(600)
def test_a_thousand_occurrences_under_kill_9(product, tmp_path):
    scene = standing.make()
    now = clock.now()
    routines = [
        recipes.routine(scene, concurrency_policy="always_enqueue", title=f"Routine {number}")
        for number in range(100)
    ]
    due = recipes.minute(now) - timedelta(minutes=1)
    for number in range(OCCURRENCES):
        # A yearly time that is due once: what is fired twice would be seen.
        cron = f"{due.minute} {due.hour} {due.day} {due.month} *"
        recipes.schedule(routines[number % 100], due=due, cron=cron, label=str(number))
    schedulers, dice = Schedulers(product, tmp_path), random.Random(11)
    living = [schedulers.start() for _ in range(2)]
    kills, until = 0, time.monotonic() + 500
    while Trigger.objects.filter(next_run_at__lte=clock.now()).exists():
        assert time.monotonic() < until, living[0][1].read_text()[-3000:]
        place = dice.randrange(2)
        process, log = living[place]
        wait_for(lambda log=log: "ready" in log.read_text(), seconds=60, what="a scheduler to begin")
        kill_at = time.monotonic() + 0.05 + 1.5 * dice.random()
        while time.monotonic() < kill_at and process.poll() is None:
            time.sleep(0.01)
        os.kill(process.pid, signal.SIGKILL)
        process.wait()
        kills += 1
        living[place] = schedulers.start()
    for process, _ in living:
        process.kill()
        process.wait()

    assert kills > 5, "they were killed in the middle, again and again"
    assert firing.fire_due(now=clock.now()).triggered == 0, "nothing is left over"
    runs = RoutineRun.objects.all()
    assert runs.count() == runs.values("trigger").distinct().count() == OCCURRENCES
    assert (
        runs.filter(status="issue_created", linked_issue__isnull=False, scheduled_at=due).count()
        == OCCURRENCES
    )
    issues = Issue.objects.filter(origin_kind="routine_execution")
    assert issues.count() == OCCURRENCES, "no issue without its run"
    assert WakeupRequest.objects.count() == Run.objects.count() == OCCURRENCES
    assert not Run.objects.values("issue").annotate(many=Count("id")).filter(many__gt=1).exists()
