"""Everything of this app that time drives. May be called by anyone, at any time, twice.

Each duty holds an advisory lock for its transaction, so passes on several hosts do not overlap, and fails by
itself: one that raises does not keep the others from running.
"""

from __future__ import annotations

import logging
from collections.abc import Callable
from dataclasses import asdict
from datetime import datetime
from typing import Any

from django.db import DatabaseError

from heartbeat import timers
from heartbeat.models import Tick
from heartbeat.recovery import lost_runs
from paperclip.core import clock, locks

log = logging.getLogger(__name__)

_DUTIES: dict[str, Callable[..., Any]] = {
    "heartbeat.timers": timers.wake_due,
    lost_runs.PASS: lost_runs.sweep,
}


def tick(now: datetime | None = None) -> dict[str, Any]:
    """Do all that is due; return what each duty did. Raises the first failure after every duty had its turn."""
    done: dict[str, Any] = {}
    failure: Exception | None = None
    for name, duty in _DUTIES.items():
        try:
            done[name] = _do(name, duty, now or clock.now())
        except DatabaseError:
            raise
        except Exception as error:
            log.exception("%s failed", name)
            failure = failure or error
    if failure is not None:
        raise failure
    return done


def _do(name: str, duty: Callable[..., Any], now: datetime) -> Any:
    with locks.only_one(name) as mine:
        if not mine:
            return "another host is at it"
        summary = asdict(duty(now=now))
        Tick.objects.update_or_create(name=name, defaults={"committed_at": now, "summary": summary})
        return summary
