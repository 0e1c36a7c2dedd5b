"""Routines in the running product: a due occurrence becomes an issue, and its agent's program runs."""

from __future__ import annotations

import sys
from datetime import timedelta

import pytest
from django_q.models import OrmQ

from heartbeat.models import Run, Tick
from issues.models import Issue
from paperclip.core import clock
from routines import firing
from routines.models import RoutineRun
from tests import cast as standing
from tests.product import wait_for
from tests.routines import recipes


def test_a_runner_fires_what_is_due_and_runs_the_agent(product):  # R-55, design 7
    scene = standing.make()
    script = product.home.parent / "agent.py"
    script.write_text("import os; print('worked on', os.environ['PAPERCLIP_TASK_ID'])")
    config = {"command": sys.executable, "args": ["-I", str(script)]}
    type(scene.engineer).objects.filter(pk=scene.engineer.pk).update(adapter_config=config)
    due = recipes.minute(clock.now()) - timedelta(minutes=1)
    trigger = recipes.schedule(recipes.routine(scene), due=due, cron="0 0 1 1 *")

    product.start("runner")

    run = wait_for(lambda: RoutineRun.objects.first(), seconds=20, what="the occurrence to be fired")
    assert (run.trigger_id, run.scheduled_at, run.status) == (trigger.pk, due, "issue_created")
    wait_for(
        lambda: Run.objects.filter(issue=run.linked_issue, status="succeeded").exists(),
        seconds=20,
        what="the agent's program to end",
    )
    assert RoutineRun.objects.count() == 1


@pytest.mark.faults
def test_an_occurrence_is_an_issue_within_two_seconds(product):
    scene = standing.make()
    product.start("runner")
    wait_for(
        lambda: Tick.objects.filter(name=firing.DUTY).exists(), seconds=40, what="the runner's first look"
    )
    waited = []
    for _ in range(4):
        due = clock.shared_now() + timedelta(seconds=1.3)
        trigger = recipes.schedule(recipes.routine(scene), due=due, cron="0 0 1 1 *")
        wait_for(
            lambda trigger=trigger: Issue.objects.filter(routine_runs__trigger=trigger).exists(),
            seconds=10,
            what="the issue",
        )
        waited.append((clock.shared_now() - due).total_seconds())
    assert min(waited) >= 0, "none fires early"
    assert max(waited) < 2, waited


@pytest.mark.faults
@pytest.mark.timeout(240)
def test_an_occurrence_is_an_issue_within_35_seconds_with_only_the_scheduler_up(product):
    scene = standing.make()
    product.start("qcluster")
    wait_for(
        lambda: Tick.objects.filter(name="scheduler").exists(), seconds=100, what="the scheduler's first tick"
    )
    wait_for(lambda: not OrmQ.objects.exists(), seconds=20, what="its queue to be empty")
    due = clock.shared_now() + timedelta(seconds=1)  # just missed: the worst case
    recipes.schedule(recipes.routine(scene), due=due, cron="0 0 1 1 *")
    wait_for(lambda: RoutineRun.objects.exists(), seconds=45, what="the occurrence to be fired")
    assert 0 <= (clock.shared_now() - due).total_seconds() <= 35
    assert RoutineRun.objects.get().status == "issue_created"
