"""The few schedules django-q2 keeps: the ticks of the apps. Everything else that recurs lives in our own tables.

The cluster looks at its schedules every 30 s, and a schedule cannot recur more often than every minute. Each tick
therefore has two, half a minute apart, so that one of them is due at every look.
"""

from __future__ import annotations

from datetime import timedelta

from django_q.models import Schedule

from paperclip.core import clock

LOOK = timedelta(seconds=30)
_TICK = "heartbeat.tasks.tick"


def register(tick: str = _TICK) -> None:
    """Make sure that `tick`, a task's dotted path, is done at every look of the cluster; called after each migrate.

    django-q2 does not keep names unique, so doubles of an earlier fault are removed.
    """
    now = clock.now()
    kept = []
    for name, next_run in ((tick, now), (f"{tick}, half a minute later", now + LOOK)):
        wanted = {
            "func": tick, "schedule_type": Schedule.MINUTES, "minutes": 1, "repeats": -1, "next_run": next_run,
        }  # fmt: skip
        kept.append(Schedule.objects.update_or_create(name=name, defaults=wanted)[0].pk)
    Schedule.objects.filter(func=tick).exclude(pk__in=kept).delete()
