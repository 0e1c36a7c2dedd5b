"""Routines in the running product: a due occurrence becomes an issue, and its agent's program runs."""

from __future__ import annotations

import sys
from datetime import timedelta

from heartbeat.models import Run
from paperclip.core import clock
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
