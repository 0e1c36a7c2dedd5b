"""The few schedules django-q2 keeps: one tick per app. Everything else that recurs lives in our own tables."""

from __future__ import annotations

from django_q.models import Schedule

_TICK = "heartbeat.tasks.tick"


def register(tick: str = _TICK) -> None:
    """Make sure that `tick`, a task's dotted path, is scheduled exactly once, every minute; called after each migrate.

    django-q2 does not keep names unique, so doubles of an earlier fault are removed.
    """
    wanted = {"func": tick, "schedule_type": Schedule.MINUTES, "minutes": 1, "repeats": -1}
    schedule, _ = Schedule.objects.update_or_create(name=tick, defaults=wanted)
    Schedule.objects.filter(func=tick).exclude(pk=schedule.pk).delete()
