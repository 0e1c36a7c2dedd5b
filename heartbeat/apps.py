from __future__ import annotations

from typing import Any

from django.apps import AppConfig
from django.db.models.signals import post_migrate


class HeartbeatConfig(AppConfig):
    name = "heartbeat"

    def ready(self) -> None:
        from heartbeat import queries
        from heartbeat import receivers as receivers  # connects the signals
        from paperclip.companies import dashboard

        dashboard.register("runActivity", queries.run_activity)
        dashboard.register_badge("failedRuns", queries.failed_runs)
        post_migrate.connect(_register_schedules, sender=self)


def _register_schedules(**_: Any) -> None:
    from heartbeat import schedules

    schedules.register()
