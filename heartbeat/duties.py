"""Everything of this app that time drives. May be called by anyone, at any time, twice.

Each duty holds an advisory lock for its transaction, so passes on several hosts do not overlap, and fails by
itself: one that raises does not keep the others from running. Duties of higher floors are registered.
"""

from __future__ import annotations

import logging
from collections.abc import Callable
from dataclasses import asdict
from datetime import datetime
from typing import Any

from django.db import DatabaseError

from heartbeat import timers, upkeep
from heartbeat.models import Tick
from heartbeat.recovery import lost_runs
from paperclip.core import clock, locks

log = logging.getLogger(__name__)

_DUTIES: dict[str, Callable[..., Any]] = {
    "heartbeat.timers": timers.wake_due,
    lost_runs.NAME: lost_runs.sweep,
    "heartbeat.upkeep": upkeep.prune,
}
_REGISTERED: dict[str, Callable[..., Any]] = {}


def register(name: str, duty: Callable[..., Any]) -> None:
    """Add what a higher floor must do in time: `duty(now=…)` returns a dataclass with figures.

    No lock is held and no transaction is open around it: it keeps its own, and may run on several hosts at once.
    """
    _REGISTERED[name] = duty


def tick(now: datetime | None = None) -> dict[str, Any]:
    """Do all that is due at `now`, by default the database's; return what each duty did.

    Raises the first failure after every duty had its turn.
    """
    now = now or clock.shared_now()
    done: dict[str, Any] = {}
    failure: Exception | None = None
    for name, duty in (_DUTIES | _REGISTERED).items():
        try:
            done[name] = _do(name, duty, now)
        except DatabaseError:
            raise
        except Exception as error:
            log.exception("%s failed", name)
            failure = failure or error
    if failure is not None:
        raise failure
    return done


def _do(name: str, duty: Callable[..., Any], now: datetime) -> Any:
    if name in _REGISTERED:
        return _done(name, duty, now)
    with locks.only_one(name) as mine:
        return _done(name, duty, now) if mine else "another host is at it"


def _done(name: str, duty: Callable[..., Any], now: datetime) -> dict[str, Any]:
    summary = asdict(duty(now=now))
    Tick.objects.update_or_create(name=name, defaults={"committed_at": now, "summary": summary})
    return summary
