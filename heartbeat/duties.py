"""Everything that time drives. May be called by anyone, at any time, twice.

Each duty of this app holds an advisory lock for its transaction, so passes on several hosts do not overlap, and
fails by itself: one that raises does not keep the others from running. Duties of higher floors are registered.

The scheduler does all of them at each tick. Runners do each at its pace, and those that can tell when something is
due next at that very moment.
"""

from __future__ import annotations

import logging
from collections.abc import Callable
from dataclasses import asdict
from datetime import datetime, timedelta
from typing import Any

from django.db import DatabaseError

from heartbeat import retention, runners, timers, upkeep
from heartbeat.models import Tick
from heartbeat.recovery import lost_runs
from heartbeat.retries import promotion
from issues import monitors
from paperclip.core import clock, locks
from paperclip.governance import budget_windows, deliveries

log = logging.getLogger(__name__)

NextDue = Callable[[datetime], datetime | None]
PACE = timedelta(seconds=5)
RECOVERY = "recovery."  # how the names of duties begin that look for lost and stranded work
_SLOW = timedelta(minutes=1)
_SELDOM = timedelta(hours=1)
_BUSY = "another host is at it"

_DUTIES: dict[str, Callable[..., Any]] = {
    "heartbeat.timers": timers.wake_due,
    lost_runs.NAME: lost_runs.sweep,
    runners.WATCH: runners.watch,
    "heartbeat.upkeep": upkeep.prune,
    retention.NAME: retention.prune,
}
_REGISTERED: dict[str, Callable[..., Any]] = {}
_NEXT_DUE: dict[str, NextDue] = {}
_PACES: dict[str, timedelta] = {"heartbeat.upkeep": _SLOW, retention.NAME: _SLOW}


def register(
    name: str, duty: Callable[..., Any], *, next_due: NextDue | None = None, every: timedelta = PACE
) -> None:
    """Add what must be done in time: `duty(now=…)` returns a dataclass with figures, all 0 when it did nothing, or
    None when another host is at it.

    Figures of what was merely looked at are called checked, scanned, skipped, existing, idle or failed.

    No lock is held and no transaction is open around it: it keeps its own, and may run on several hosts at once.
    One that is to be done each hour or more seldom is done by whoever is the first to look after that.
    Runners do it `every` so often, and with `next_due` at the moment that returns, or at once when it is past. It is
    asked every second: it must be one look at an index, and return None when nothing is due at any time.
    """
    _REGISTERED[name] = duty
    _PACES[name] = every
    if next_due is not None:
        _NEXT_DUE[name] = next_due


def tick(now: datetime | None = None) -> dict[str, Any]:
    """Do all that is due at `now`, by default the database's; return what each duty did.

    Raises the first failure after every duty had its turn.
    """
    now = now or clock.shared_now()
    done: dict[str, Any] = {}
    failure: Exception | None = None
    for name in names():
        try:
            done[name] = do(name, now=now)
        except DatabaseError:
            raise
        except Exception as error:
            log.exception("%s failed", name)
            failure = failure or error
    if failure is not None:
        raise failure
    return done


def names() -> list[str]:
    """Return the names of all duties, in the order they are done."""
    return [*_DUTIES, *_REGISTERED]


def do(name: str, *, now: datetime) -> Any:
    """Do one duty; return its figures, or in words why it is not its time. Raises what the duty raises."""
    is_seldom = pace(name) >= _SELDOM and name not in _NEXT_DUE
    if is_seldom and _was_done_within(name, pace(name), now):
        return "not yet due again"
    if name in _REGISTERED:
        return _done(name, _REGISTERED[name], now)
    with locks.only_one(name) as mine:
        return _done(name, _DUTIES[name], now) if mine else _BUSY


def pace(name: str) -> timedelta:
    """Return how often a runner does the duty whatever is due."""
    return _PACES.get(name, PACE)


def next_due(now: datetime) -> dict[str, datetime]:
    """Return, of the duties that can tell, when each has something to do next; past moments mean at once."""
    moments = {name: asked(now) for name, asked in _NEXT_DUE.items()}
    return {name: moment for name, moment in moments.items() if moment is not None}


def _was_done_within(name: str, span: timedelta, now: datetime) -> bool:
    return Tick.objects.filter(name=name, committed_at__gt=now - span).exists()


def _done(name: str, duty: Callable[..., Any], now: datetime) -> dict[str, Any] | str:
    """Do the duty and keep its figures; those of the host that is at it stay as they are."""
    figures = duty(now=now)
    if figures is None:
        return _BUSY
    summary = asdict(figures)
    Tick.objects.update_or_create(name=name, defaults={"committed_at": now, "summary": summary})
    return summary


register(promotion.NAME, promotion.promote_due, next_due=promotion.next_due)
register(deliveries.NAME, deliveries.deliver_due, next_due=deliveries.next_due)
register(budget_windows.NAME, budget_windows.roll_due, next_due=budget_windows.next_due)
register(monitors.NAME, monitors.wake_due, next_due=monitors.next_due)
