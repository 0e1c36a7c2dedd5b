"""Setting routines off by time (section 6 of the contract).

The due time of a schedule's next occurrence is stored. To fire is to move it on, in the transaction of the
dispatch: whoever moves it has the occurrence, and a crash before the commit leaves it due.
"""

from __future__ import annotations

import logging
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from uuid import UUID

from django.db import InterfaceError, OperationalError, transaction
from django.db.models import Q, QuerySet

from paperclip.companies import actors
from paperclip.companies.choices import CompanyStatus
from paperclip.core import redaction
from paperclip.core.errors import Refusal
from routines import dispatch, schedule, triggers
from routines.choices import CATCH_UP_CAP, CatchUpPolicy, RoutineStatus, RunSource, RunStatus, TriggerKind
from routines.dispatch import Order
from routines.models import Routine, RoutineRun, Trigger, WebhookReceipt

log = logging.getLogger(__name__)

DUTY = "routines.triggers"
# How many due triggers are looked up at a time, and how long one pass goes on before others get their turn.
BATCH = 200
PASS_SECONDS = 20.0
# A trigger that breaks off is left alone for so long, so that a lasting fault does not fill every look.
REST = timedelta(minutes=1)
_RECEIPTS = 1000
_SCHEDULER = actors.system("routine-scheduler")


@dataclass(frozen=True)
class Pass:
    """What one pass did: occurrences dispatched (R-60), how many of them failed, triggers that broke off, and old
    receipts of webhooks it cleared away.
    """

    triggered: int
    failed: int
    broken: int
    cleared: int = 0


@dataclass(frozen=True)
class Plan:
    """What a due trigger comes to: the occurrences to dispatch, one that is too late, and the next time."""

    occurrences: Sequence[datetime]
    too_late: datetime | None
    following: datetime


def fire_due(*, now: datetime) -> Pass:
    """Fire every trigger that is due (R-55), for at most PASS_SECONDS.

    Safe on any number of hosts at once. Each trigger is a transaction of its own: one that breaks off is tried again
    later and does not keep the others from firing. Raises only when the database is away.
    """
    until = time.monotonic() + PASS_SECONDS
    triggered = failed = broken = 0
    for trigger_id in _due_ids(now, until=until):
        try:
            runs = _fire(trigger_id, now)
        except (OperationalError, InterfaceError):
            raise
        except Exception as error:
            log.exception("trigger %s broke off; it is tried again", trigger_id)
            _put_off(trigger_id, error, now)
            broken += 1
            continue
        triggered += len(runs)
        failed += sum(run.status == RunStatus.FAILED for run in runs)
    return Pass(triggered, failed, broken, _clear_receipts(now))


def next_due(now: datetime) -> datetime | None:
    """Return when the next schedule is due, or None; one look at an index. What broke off comes at a pass's pace."""
    rows = _of_active().filter(retry_at__isnull=True).order_by("next_run_at", "created_at")
    return rows.values_list("next_run_at", flat=True).first()


def plan(trigger: Trigger, routine: Routine, now: datetime) -> Plan:
    """Return what a due trigger comes to at `now` (R-56, R-57, RW-6). Raises what its schedule raises.

    `skip_missed` makes one of all missed times, the other policy up to 25. What is later than the trigger's grace is
    left out.
    """
    expression, zone = triggers.written(trigger)
    as_shown = triggers.fires_as_shown(trigger)
    first = trigger.next_run_at
    assert first is not None
    following = triggers.next_after(trigger, now)
    if trigger.grace_sec is not None:
        within = triggers.next_after(trigger, now - timedelta(seconds=trigger.grace_sec, microseconds=1))
        if within > now:
            return Plan([], first, following)
        first = max(first, within)
    most = CATCH_UP_CAP if routine.catch_up_policy == CatchUpPolicy.ENQUEUE_MISSED_WITH_CAP else 1
    times = schedule.missed(expression, zone, first=first, now=now, most=most, as_shown=as_shown)
    return Plan(times, None, following)


def _of_active() -> QuerySet[Trigger]:
    return Trigger.objects.filter(
        kind=TriggerKind.SCHEDULE,
        enabled=True,
        next_run_at__isnull=False,
        routine__status=RoutineStatus.ACTIVE,
        company__status=CompanyStatus.ACTIVE,
    )


def _due(now: datetime) -> QuerySet[Trigger]:
    return _of_active().filter(Q(retry_at__isnull=True) | Q(retry_at__lte=now), next_run_at__lte=now)


def _due_ids(now: datetime, *, until: float) -> Iterator[UUID]:
    """Yield the ids of due triggers, oldest first, each once, looked up in batches until the pass is over."""
    seen: set[UUID] = set()
    while True:
        rows = _due(now).order_by("next_run_at", "created_at").values_list("pk", flat=True)
        batch = [pk for pk in rows[: BATCH + len(seen)] if pk not in seen][:BATCH]
        for pk in batch:
            if time.monotonic() > until:
                return
            seen.add(pk)
            yield pk
        if len(batch) < BATCH:
            return


@transaction.atomic
def _fire(trigger_id: UUID, now: datetime) -> list[RoutineRun]:
    """Claim what a trigger is due for and dispatch it; nothing if it is not due or another host is at it."""
    trigger = (
        _due(now)
        .select_for_update(skip_locked=True, no_key=True, of=("self", "routine"))
        .select_related("routine__assignee_agent__company")  # what the gates ask of whoever does the work
        .filter(pk=trigger_id)
        .order_by()
        .first()
    )
    if trigger is None:
        return []
    routine, occurrence = trigger.routine, trigger.next_run_at
    assert occurrence is not None
    try:
        planned = plan(trigger, routine, now)
    except Refusal as error:
        # Expression or zone no longer mean what they did when they were saved: it waits to be mended.
        if not _claim(trigger, None):
            return []
        order = Order(RunSource.SCHEDULE, trigger, occurrence)
        return [dispatch.fail(routine=routine, order=order, reason=error.message, actor=_SCHEDULER, now=now)]
    if not _claim(trigger, planned.following):
        return []
    if planned.too_late is not None:
        return [_leave_out(routine, trigger, planned.too_late, now)]
    return [_dispatch(routine, trigger, scheduled_at, now) for scheduled_at in planned.occurrences]


def _claim(trigger: Trigger, following: datetime | None) -> bool:
    """Move the due time on (R-58); whether it still was the one to claim."""
    claimed = Trigger.objects.filter(pk=trigger.pk, enabled=True, next_run_at=trigger.next_run_at)
    return bool(claimed.update(next_run_at=following, retry_at=None))


def _dispatch(routine: Routine, trigger: Trigger, scheduled_at: datetime, now: datetime) -> RoutineRun:
    order = Order(RunSource.SCHEDULE, trigger, scheduled_at)
    try:
        work = dispatch.prepare(routine=routine, order=order)
    except Refusal as error:
        # Nobody is there to be told: the occurrence is kept with what stood against it (RW-5).
        return dispatch.fail(routine=routine, order=order, reason=error.message, actor=_SCHEDULER, now=now)
    return dispatch.dispatch(routine=routine, work=work, actor=_SCHEDULER, now=now)


def _leave_out(routine: Routine, trigger: Trigger, scheduled_at: datetime, now: datetime) -> RoutineRun:
    late, grace = int((now - scheduled_at).total_seconds()), trigger.grace_sec
    return dispatch.leave_out(
        routine=routine,
        order=Order(RunSource.SCHEDULE, trigger, scheduled_at),
        reason=f"Left out: {late} s late, and no later time within the grace of {grace} s was missed",
        actor=_SCHEDULER,
        now=now,
    )


def _put_off(trigger_id: UUID, error: Exception, now: datetime) -> None:
    """Leave a trigger that broke off alone for a while; it stays due, and says so."""
    fault = redaction.text(str(error)) or type(error).__name__
    Trigger.objects.filter(pk=trigger_id).update(
        retry_at=now + REST, last_result=f"Broke off, tried again in a minute: {fault}", updated_at=now
    )


def _clear_receipts(now: datetime) -> int:
    """Forget signatures that would not be taken any more anyhow; a bounded number at a time."""
    rows = WebhookReceipt.objects.filter(expires_at__lte=now).order_by("expires_at")
    old = list(rows.values_list("pk", flat=True)[:_RECEIPTS])
    return WebhookReceipt.objects.filter(pk__in=old).delete()[0] if old else 0
