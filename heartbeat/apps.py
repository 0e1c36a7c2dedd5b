from __future__ import annotations

from datetime import timedelta
from functools import partial
from typing import Any

from django.apps import AppConfig
from django.db.models.signals import post_migrate


class HeartbeatConfig(AppConfig):
    name = "heartbeat"

    def ready(self) -> None:
        from heartbeat import duties, queries
        from heartbeat import receivers as receivers  # connects the signals
        from heartbeat.runner import folders
        from issues import tree_control
        from paperclip.companies import dashboard

        duties.register("issues.tree_holds", tree_control.release_finished)
        duties.register(folders.NAME, folders.prune, every=timedelta(minutes=10))
        _register_recovery()
        dashboard.register("runActivity", queries.run_activity)
        dashboard.register_badge("failedRuns", queries.failed_runs)
        post_migrate.connect(_register_schedules, sender=self)


def _register_recovery() -> None:
    """Have somebody look again and again for work that stands still. Found within seconds while a runner is up."""
    from heartbeat import duties, queries
    from heartbeat.recovery import graph, passes, silent_runs, stranded

    scan = partial(silent_runs.sweep, tail=queries.log_tail)
    duties.register(
        stranded.NAME,
        passes.alone(stranded.NAME, stranded.sweep, stranded.Pass),
        every=timedelta(seconds=10),
    )
    duties.register(
        silent_runs.NAME,
        passes.alone(silent_runs.NAME, scan, silent_runs.Pass),
        every=timedelta(seconds=30),
    )
    duties.register(graph.NAME, passes.alone(graph.NAME, graph.sweep, graph.Pass), every=timedelta(minutes=1))


def _register_schedules(**_: Any) -> None:
    from heartbeat import schedules

    schedules.register()
