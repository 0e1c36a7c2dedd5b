from __future__ import annotations

from datetime import timedelta
from functools import partial
from typing import Any

from django.apps import AppConfig
from django.db.models.signals import post_migrate


class HeartbeatConfig(AppConfig):
    name = "heartbeat"

    def ready(self) -> None:
        from heartbeat import duties, queries, quotas
        from heartbeat import receivers as receivers  # connects the signals
        from heartbeat.adapters import checks
        from heartbeat.recovery import passes
        from heartbeat.runner import folders, service_programs
        from issues import reference_scan, tree_control
        from paperclip.companies import adapter_config, assets, challenges, dashboard, replies
        from paperclip.companies.live import upkeep as live_upkeep
        from paperclip.governance import quotas as governance_quotas
        from workspaces import programs, service_watch
        from workspaces import upkeep as workspace_upkeep

        adapter_config.register_look(checks.faults)
        duties.register("issues.tree_holds", tree_control.release_finished)
        duties.register(live_upkeep.NAME, live_upkeep.prune, every=timedelta(minutes=1))
        duties.register(folders.NAME, folders.prune, every=timedelta(minutes=10))
        duties.register(reference_scan.NAME, reference_scan.scan)
        duties.register(workspace_upkeep.NAME, workspace_upkeep.prune, every=timedelta(minutes=10))
        programs.use(service_programs.ServicePrograms())
        duties.register(service_watch.NAME, service_watch.watch)
        duties.register("companies.replies", replies.prune, every=timedelta(minutes=1))
        duties.register("companies.challenges", challenges.prune, every=timedelta(hours=1))
        _register_recovery()
        duties.register(assets.SWEEP, passes.alone(assets.SWEEP, assets.sweep), every=timedelta(hours=1))
        governance_quotas.register(quotas.of_gates)
        dashboard.register("runActivity", queries.run_activity)
        dashboard.register_badge("failedRuns", queries.failed_runs)
        dashboard.register_dismissed("failedRuns", "run", queries.dismissed_failures)
        post_migrate.connect(_register_schedules, sender=self)


def _register_recovery() -> None:
    """Have somebody look again and again for work that stands still. Found within seconds while a runner is up."""
    from heartbeat import duties, queries
    from heartbeat.recovery import graph, passes, silent_runs, stranded

    scan = partial(silent_runs.sweep, tail=queries.log_tail)
    duties.register(
        stranded.NAME,
        passes.alone(stranded.NAME, stranded.sweep),
        every=timedelta(seconds=10),
    )
    duties.register(
        silent_runs.NAME,
        passes.alone(silent_runs.NAME, scan),
        every=timedelta(seconds=30),
    )
    duties.register(graph.NAME, passes.alone(graph.NAME, graph.sweep), every=timedelta(minutes=1))


def _register_schedules(**_: Any) -> None:
    from heartbeat import schedules

    schedules.register()
