"""What sets routines off, and setting them off: by time and by hand (sections 5 to 7 of the contract).

The due time of a schedule's next occurrence is stored. To fire is to move it on, in the transaction of the
dispatch: whoever moves it has the occurrence, and a crash before the commit leaves it due.
"""

from __future__ import annotations

import logging
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

from django.db import InterfaceError, OperationalError, transaction

from paperclip.companies import actors
from paperclip.companies.actors import Actor
from paperclip.companies.choices import CompanyStatus
from paperclip.core.errors import Conflict, Forbidden, NotFound, Refusal, Unprocessable
from routines import dispatch, lifecycle, references, rights, schedule, trail
from routines.choices import CATCH_UP_CAP, CatchUpPolicy, RoutineStatus, RunSource, RunStatus, TriggerKind
from routines.dispatch import Order
from routines.models import Routine, RoutineRun, Trigger

log = logging.getLogger(__name__)

DUTY = "routines.triggers"
# What one pass takes on; what is left comes with the next, seconds later.
BATCH = 200
_SCHEDULER = actors.system("routine-scheduler")


# --- Make, change, delete --------------------------------------------------------------------------------


def create(*, routine_id: UUID, fields: Mapping[str, Any], actor: Actor, now: datetime) -> Trigger:
    """Add a schedule to a routine and return it (R-37, R-38); `fields` by column name.

    Raises NotFound, Forbidden, or Unprocessable for a schedule that can never fire and kinds not served yet.
    """
    with transaction.atomic():
        routine = lifecycle.locked(routine_id)
        rights.require_manager(actor, routine)
        if fields["kind"] != TriggerKind.SCHEDULE:
            raise Unprocessable(f"Triggers of kind {fields['kind']} are not available yet")
        trigger = Trigger.objects.create(
            company_id=routine.company_id,
            routine=routine,
            created_by_agent_id=actor.agent_id,
            created_by_user_id=actor.user_id,
            updated_by_agent_id=actor.agent_id,
            updated_by_user_id=actor.user_id,
            created_at=now,
            updated_at=now,
            next_run_at=schedule.next_after(fields["cron_expression"], fields["timezone"], now),
            **fields,
        )
        trail.of_trigger(trigger, "routine.trigger_created", actor=actor, now=now)
    return trigger


def update(*, trigger_id: UUID, fields: Mapping[str, Any], actor: Actor, now: datetime) -> Trigger:
    """Change a trigger and return it (R-41). Its next time counts from now: what was missed is over (R-42).

    Raises NotFound, Forbidden or Unprocessable.
    """
    with transaction.atomic():
        trigger = _locked(trigger_id, actor)
        for name, word in (("cron_expression", "cronExpression"), ("timezone", "timezone")):
            if fields.get(name, "") is None:
                raise Unprocessable(f"Scheduled triggers require {word}")
        for name, value in fields.items():
            setattr(trigger, name, value)
        trigger.next_run_at = schedule.next_after(*_schedule(trigger), now)
        trigger.updated_by_agent_id, trigger.updated_by_user_id = actor.agent_id, actor.user_id
        trigger.updated_at = now
        trigger.save()
        trail.of_trigger(trigger, "routine.trigger_updated", actor=actor, now=now)
    return trigger


def delete(*, trigger_id: UUID, actor: Actor, now: datetime) -> None:
    """Take a trigger away; the runs it set off stay (R-44). Raises NotFound or Forbidden."""
    with transaction.atomic():
        trigger = _locked(trigger_id, actor)
        trail.of_trigger(trigger, "routine.trigger_deleted", actor=actor, now=now)
        trigger.delete()


def _schedule(trigger: Trigger) -> tuple[str, str]:
    """Return the expression and the zone of a schedule; the database sees to it that it has both."""
    assert trigger.cron_expression is not None
    assert trigger.timezone is not None
    return trigger.cron_expression, trigger.timezone


def _locked(trigger_id: UUID, actor: Actor) -> Trigger:
    """Lock a trigger's routine, then the trigger, and let the actor in."""
    routine_id = Trigger.objects.filter(pk=trigger_id).values_list("routine_id", flat=True).first()
    if routine_id is None:
        raise NotFound("Routine trigger not found")
    rights.require_manager(actor, lifecycle.locked(routine_id))
    trigger = Trigger.objects.select_for_update(no_key=True).filter(pk=trigger_id).first()
    if trigger is None:
        raise NotFound("Routine trigger not found")
    return trigger


# --- By time ---------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Pass:
    """What one pass did: occurrences dispatched (R-60), how many of them failed, triggers that broke off."""

    triggered: int
    failed: int
    broken: int


def fire_due(*, now: datetime) -> Pass:
    """Fire every trigger that is due, up to a batch (R-55).

    Safe on any number of hosts at once. Each trigger is a transaction of its own: one that breaks off stays
    due and does not keep the others from firing. Raises only when the database is away.
    """
    triggered = failed = broken = 0
    due = _due(now).order_by("next_run_at", "created_at").values_list("pk", flat=True)
    for trigger_id in list(due[:BATCH]):
        try:
            runs = _fire(trigger_id, now)
        except (OperationalError, InterfaceError):
            raise
        except Exception:
            log.exception("trigger %s broke off; it stays due", trigger_id)
            broken += 1
            continue
        triggered += len(runs)
        failed += sum(run.status == RunStatus.FAILED for run in runs)
    return Pass(triggered, failed, broken)


def _due(now: datetime) -> Any:
    return Trigger.objects.filter(
        kind=TriggerKind.SCHEDULE,
        enabled=True,
        next_run_at__lte=now,
        routine__status=RoutineStatus.ACTIVE,
        company__status=CompanyStatus.ACTIVE,
    )


@transaction.atomic
def _fire(trigger_id: UUID, now: datetime) -> Sequence[RoutineRun]:
    """Claim what a trigger is due for and dispatch it; nothing if it is not due or another host is at it."""
    trigger = (
        _due(now)
        .select_for_update(skip_locked=True, no_key=True, of=("self", "routine"))
        .select_related("routine")
        .filter(pk=trigger_id)
        .first()
    )
    if trigger is None:
        return []
    routine, occurrence = trigger.routine, trigger.next_run_at
    assert occurrence is not None
    try:
        occurrences, following = _plan(trigger, routine, now)
    except Refusal as error:
        # Expression or zone no longer mean what they did when they were saved: it waits to be mended.
        if not _claim(trigger, None):
            return []
        order = Order(RunSource.SCHEDULE, trigger, occurrence)
        return [dispatch.fail(routine=routine, order=order, reason=error.message, actor=_SCHEDULER, now=now)]
    if not _claim(trigger, following):
        return []
    orders = [Order(RunSource.SCHEDULE, trigger, scheduled_at) for scheduled_at in occurrences]
    return [dispatch.dispatch(routine=routine, order=order, actor=_SCHEDULER, now=now) for order in orders]


def _plan(trigger: Trigger, routine: Routine, now: datetime) -> tuple[list[datetime], datetime]:
    """Return the occurrences to dispatch now, and the one after them (R-56, R-57)."""
    expression, zone = _schedule(trigger)
    first = trigger.next_run_at
    assert first is not None
    most = CATCH_UP_CAP if routine.catch_up_policy == CatchUpPolicy.ENQUEUE_MISSED_WITH_CAP else 1
    occurrences = schedule.missed(expression, zone, first=first, now=now, most=most)
    return occurrences, schedule.next_after(expression, zone, now)


def _claim(trigger: Trigger, following: datetime | None) -> bool:
    """Move the due time on (R-58); whether it still was the one to claim."""
    claimed = Trigger.objects.filter(pk=trigger.pk, enabled=True, next_run_at=trigger.next_run_at)
    return bool(claimed.update(next_run_at=following))


# --- By hand ---------------------------------------------------------------------------------------------


def run_now(*, routine_id: UUID, fields: Mapping[str, Any], actor: Actor, now: datetime) -> RoutineRun:
    """Set a routine off for a caller and return its run, whatever became of it (R-62 to R-66).

    `fields`: `source`, `trigger_id`, `payload`, `project_id`, `assignee_agent_id`, `idempotency_key`. A
    repeated key returns the first run unchanged. Raises NotFound, Forbidden, Conflict or Unprocessable, and
    then nothing is kept.
    """
    with transaction.atomic():
        routine = lifecycle.locked(routine_id)
        rights.require_starter(actor, routine)
        if routine.status == RoutineStatus.ARCHIVED:
            raise Conflict("Routine is archived")
        references.require_valid(routine.company_id, fields)
        trigger = _named(routine, fields.get("trigger_id"))
        agent_id = fields.get("assignee_agent_id")
        if agent_id is None and routine.assignee_agent_id is None:
            raise Unprocessable("Default agent required")
        order = Order(
            source=fields["source"],
            trigger=trigger,
            payload=fields.get("payload"),
            project_id=fields.get("project_id"),
            agent_id=agent_id,
            idempotency_key=fields.get("idempotency_key") or None,
        )
        earlier = _earlier(routine, order)
        if earlier is not None:
            trail.of_run(earlier, actor=actor, now=now)
            return earlier
        return dispatch.dispatch(routine=routine, order=order, actor=actor, now=now)


def _named(routine: Routine, trigger_id: UUID | None) -> Trigger | None:
    """Return the trigger a caller names (R-64). A schedule that is due still fires by itself (RW-19)."""
    if trigger_id is None:
        return None
    triggers = Trigger.objects.select_for_update(no_key=True).filter(company_id=routine.company_id)
    trigger = triggers.filter(pk=trigger_id).first()
    if trigger is None:
        raise NotFound("Routine trigger not found")
    if trigger.routine_id != routine.pk:
        raise Forbidden("Trigger does not belong to routine")
    if not trigger.enabled:
        raise Conflict("Routine trigger is not active")
    return trigger


def _earlier(routine: Routine, order: Order) -> RoutineRun | None:
    """Return the run that a repeated idempotency key stands for (R-66)."""
    if order.idempotency_key is None:
        return None
    runs = RoutineRun.objects.filter(
        routine=routine, source=order.source, trigger=order.trigger, idempotency_key=order.idempotency_key
    )
    return runs.order_by("-created_at", "-id").first()
