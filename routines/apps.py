from __future__ import annotations

from typing import Any

from django.apps import AppConfig
from django.db.models.signals import post_migrate

_TICK = "routines.tasks.tick"


class RoutinesConfig(AppConfig):
    name = "routines"

    def ready(self) -> None:
        from heartbeat import duties
        from routines import firing, receivers  # noqa: F401  connects them

        # The runner fires too, so that an occurrence does not wait for the scheduler's next look.
        duties.register(firing.DUTY, firing.fire_due, next_due=firing.next_due)
        post_migrate.connect(_register_schedules, sender=self)


def _register_schedules(**_: Any) -> None:
    from heartbeat import schedules

    schedules.register(_TICK)
