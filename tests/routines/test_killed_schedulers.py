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
from tests.product import ROOT
from tests.routines import recipes

pytestmark = pytest.mark.faults

OCCURRENCES = 1_000
# Imports once, then forks a scheduler for each line it reads: what is killed is cheap to replace. The dead are not
# collected, so that no number of a process is given out twice.
NURSERY = """
import os, sys
import django
django.setup()
from paperclip.core import clock
from routines import firing
print("ready", flush=True)
while sys.stdin.readline():
    child = os.fork()
    if child == 0:
        while True:
            firing.fire_due(now=clock.shared_now())
    print(child, flush=True)
"""


class Schedulers:
    """Processes that do nothing but tick."""

    def __init__(self, product, folder: Path) -> None:
        self.log = folder / "schedulers.log"
        self.living: list[int] = []
        with self.log.open("wb") as output:
            self.nursery = subprocess.Popen(
                [sys.executable, "-c", NURSERY],
                env={**product.environment, "DJANGO_SETTINGS_MODULE": "paperclip.settings"},
                cwd=ROOT,
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=output,
                text=True,
            )
        assert self.nursery.stdout.readline() == "ready\n", self.log.read_text()[-3000:]

    def start(self) -> None:
        self.nursery.stdin.write("one\n")
        self.nursery.stdin.flush()
        self.living.append(int(self.nursery.stdout.readline()))

    def kill(self, place: int) -> None:
        os.kill(self.living.pop(place), signal.SIGKILL)

    def stop(self) -> None:
        while self.living:
            self.kill(0)
        self.nursery.kill()
        self.nursery.wait()


@pytest.fixture
def schedulers(product, tmp_path):
    made = Schedulers(product, tmp_path)
    yield made
    made.stop()


@pytest.mark.timeout(600)
def test_a_thousand_occurrences_under_kill_9(schedulers):  # RW-5, RW-10
    scene = standing.make()
    now = clock.now()
    routines = [
        recipes.routine(scene, concurrency_policy="always_enqueue", title=f"Routine {number}")
        for number in range(100)
    ]
    due = recipes.minute(now) - timedelta(minutes=1)
    # A yearly time that is due once: what is fired twice would be seen.
    cron = f"{due.minute} {due.hour} {due.day} {due.month} *"
    Trigger.objects.bulk_create(
        Trigger(
            company=scene.company,
            routine=routines[number % 100],
            kind="schedule",
            cron_expression=cron,
            timezone="UTC",
            next_run_at=due,
            label=str(number),
        )
        for number in range(OCCURRENCES)
    )
    dice = random.Random(11)
    for _ in range(2):
        schedulers.start()
    kills, until = 0, time.monotonic() + 500
    while Trigger.objects.filter(next_run_at__lte=clock.now()).exists():
        assert time.monotonic() < until, schedulers.log.read_text()[-3000:]
        time.sleep(0.05 + 1.5 * dice.random())  # the moment of the kill is the point
        schedulers.kill(dice.randrange(2))
        kills += 1
        schedulers.start()
    schedulers.stop()

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
