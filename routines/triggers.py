"""What sets routines off: made, changed, deleted, given new secrets (section 5 of the contract).

Each change leaves a revision of the routine. Archived routines take none but the deleting of their triggers.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID, uuid4

from django.db import transaction

from paperclip.companies.actors import Actor
from paperclip.core.errors import NotFound, Unprocessable
from routines import lifecycle, revisions, rights, schedule, trail, variables, webhook_secrets
from routines.choices import REPLAY_WINDOW_SEC, ClockChanges, SigningMode, TriggerKind
from routines.models import Routine, RoutineRevision, Trigger
from routines.webhook_secrets import Material

_SCHEDULE_ONLY = ("cron_expression", "timezone", "clock_changes", "grace_sec")
_WEBHOOK_ONLY = ("signing_mode", "replay_window_sec")


@dataclass(frozen=True)
class Made:
    """A trigger with the revision that its change left; `material` only when a secret was made."""

    trigger: Trigger
    revision: RoutineRevision
    material: Material | None = None


def create(*, routine_id: UUID, fields: Mapping[str, Any], actor: Actor, now: datetime) -> Made:
    """Add a trigger to a routine (R-37 to R-40); `fields` by column name, those of other kinds are ignored.

    Raises NotFound, Forbidden, Conflict, or Unprocessable for a schedule that can never fire or lacks values for
    variables.
    """
    with transaction.atomic():
        routine = lifecycle.locked(routine_id)
        rights.require_manager(actor, routine)
        lifecycle.refuse_archived(routine)
        kind = fields["kind"]
        trigger = Trigger(
            id=uuid4(),
            company_id=routine.company_id,
            routine=routine,
            created_by_agent_id=actor.agent_id,
            created_by_user_id=actor.user_id,
            created_at=now,
            **_defaults(kind),
        )
        material = insert(trigger, _own(kind, fields), actor=actor, now=now)
        require_values(routine, trigger)
        webhook_secrets.rebind(routine, now=now)
        trail.of_trigger(trigger, "routine.trigger_created", actor=actor, now=now)
        revision = revisions.record(routine=routine, summary=f"Created {kind} trigger", actor=actor, now=now)
    return Made(trigger, revision, material)


def update(*, trigger_id: UUID, fields: Mapping[str, Any], actor: Actor, now: datetime) -> Trigger:
    """Change a trigger and return it (R-41). A schedule's next time counts from now: what was missed is over (R-42).

    Fields of other kinds are ignored. Raises NotFound, Forbidden, Conflict or Unprocessable.
    """
    with transaction.atomic():
        trigger = _locked(trigger_id, actor)
        lifecycle.refuse_archived(trigger.routine)
        wanted = _own(trigger.kind, fields)
        if trigger.kind == TriggerKind.SCHEDULE:
            for name, word in (("cron_expression", "cronExpression"), ("timezone", "timezone")):
                if wanted.get(name, "") is None:
                    raise Unprocessable(f"Scheduled triggers require {word}")
        write(trigger, wanted, actor=actor, now=now)
        require_values(trigger.routine, trigger)
        trail.of_trigger(trigger, "routine.trigger_updated", actor=actor, now=now)
        revisions.record(
            routine=trigger.routine, summary=f"Updated {trigger.kind} trigger", actor=actor, now=now
        )
    return trigger


def delete(*, trigger_id: UUID, actor: Actor, now: datetime) -> None:
    """Take a trigger away with its secret; the runs it set off stay (R-44, RW-15). Raises NotFound or Forbidden."""
    with transaction.atomic():
        trigger = _locked(trigger_id, actor)
        trail.of_trigger(trigger, "routine.trigger_deleted", actor=actor, now=now)
        remove(trigger, actor=actor, now=now)
        revisions.record(
            routine=trigger.routine, summary=f"Deleted {trigger.kind} trigger", actor=actor, now=now
        )


def rotate_secret(*, trigger_id: UUID, actor: Actor, now: datetime) -> Made:
    """Give a webhook a new secret; the earlier one stops verifying at once (R-45).

    Raises NotFound, Forbidden, Conflict, and Unprocessable for other kinds.
    """
    with transaction.atomic():
        trigger = _locked(trigger_id, actor)
        lifecycle.refuse_archived(trigger.routine)
        if trigger.kind != TriggerKind.WEBHOOK:
            raise Unprocessable("Only webhook triggers can rotate secrets")
        material = webhook_secrets.rotate(trigger, actor=actor, now=now)
        _touch(trigger, actor, now)
        trigger.save()
        webhook_secrets.rebind(trigger.routine, now=now)
        trail.of_trigger(trigger, "routine.trigger_secret_rotated", actor=actor, now=now)
        revision = revisions.record(
            routine=trigger.routine, summary="Rotated webhook trigger secret", actor=actor, now=now
        )
    return Made(trigger, revision, material)


# --- Pieces, shared with the restoring of revisions --------------------------------------------------------


def insert(trigger: Trigger, fields: Mapping[str, Any], *, actor: Actor, now: datetime) -> Material | None:
    """Store a new trigger with `fields`; return what the sender of a webhook needs."""
    for name, value in fields.items():
        setattr(trigger, name, value)
    material = None
    if trigger.kind == TriggerKind.WEBHOOK:
        material = webhook_secrets.equip(trigger, actor=actor, now=now)
    plan(trigger, now)
    _touch(trigger, actor, now)
    trigger.save(force_insert=True)
    return material


def write(trigger: Trigger, fields: Mapping[str, Any], *, actor: Actor, now: datetime) -> None:
    """Store changes of a locked trigger."""
    for name, value in fields.items():
        setattr(trigger, name, value)
    plan(trigger, now)
    _touch(trigger, actor, now)
    trigger.save()


def remove(trigger: Trigger, *, actor: Actor, now: datetime) -> None:
    """Delete a locked trigger, and destroy its secret."""
    secret = trigger.secret
    Trigger.objects.filter(pk=trigger.pk).delete()
    webhook_secrets.rebind(trigger.routine, now=now)
    if secret is not None:
        webhook_secrets.destroy(secret, actor=actor, now=now)


def plan(trigger: Trigger, now: datetime) -> None:
    """Count the next time of a schedule from `now`. Raises Unprocessable for one that can never fire."""
    trigger.retry_at = None
    trigger.next_run_at = next_after(trigger, now) if trigger.kind == TriggerKind.SCHEDULE else None


def next_after(trigger: Trigger, moment: datetime) -> datetime:
    """Return when a schedule is due next, strictly after `moment`."""
    expression, zone = written(trigger)
    return schedule.next_after(expression, zone, moment, as_shown=fires_as_shown(trigger))


def upcoming(trigger: Trigger, moment: datetime) -> Iterator[datetime]:
    """Yield when a schedule is due after `moment`, one time after the other."""
    expression, zone = written(trigger)
    return schedule.upcoming(expression, zone, moment, as_shown=fires_as_shown(trigger))


def written(trigger: Trigger) -> tuple[str, str]:
    """Return the expression and the zone of a schedule; the database sees to it that it has both."""
    assert trigger.cron_expression is not None
    assert trigger.timezone is not None
    return trigger.cron_expression, trigger.timezone


def fires_as_shown(trigger: Trigger) -> bool:
    """Whether a schedule fires as often as a clock on the wall shows its time."""
    return trigger.clock_changes == ClockChanges.AS_SHOWN


def require_values(routine: Routine, trigger: Trigger) -> None:
    """Raise Unprocessable when nobody would be there to give a schedule's variables their values (R-38, R-41)."""
    if trigger.kind == TriggerKind.SCHEDULE and trigger.enabled:
        variables.require_defaults(routine.variables)


def _defaults(kind: str) -> dict[str, Any]:
    if kind == TriggerKind.WEBHOOK:
        return {"signing_mode": SigningMode.BEARER, "replay_window_sec": REPLAY_WINDOW_SEC}
    return {}


def _own(kind: str, fields: Mapping[str, Any]) -> dict[str, Any]:
    """Return the fields that a trigger of this kind has."""
    others = {
        TriggerKind.SCHEDULE.value: _WEBHOOK_ONLY,
        TriggerKind.WEBHOOK.value: _SCHEDULE_ONLY,
        TriggerKind.API.value: _SCHEDULE_ONLY + _WEBHOOK_ONLY,
    }[kind]
    return {name: value for name, value in fields.items() if name not in others}


def _touch(trigger: Trigger, actor: Actor, now: datetime) -> None:
    trigger.updated_by_agent_id, trigger.updated_by_user_id = actor.agent_id, actor.user_id
    trigger.updated_at = now


def _locked(trigger_id: UUID, actor: Actor) -> Trigger:
    """Lock a trigger's routine, then the trigger, and let the actor in."""
    routine_id = Trigger.objects.filter(pk=trigger_id).values_list("routine_id", flat=True).first()
    if routine_id is None:
        raise NotFound("Routine trigger not found")
    routine = lifecycle.locked(routine_id)
    rights.require_manager(actor, routine)
    rows = Trigger.objects.select_related("secret").select_for_update(no_key=True, of=("self",))
    trigger = rows.filter(pk=trigger_id).first()
    if trigger is None:
        raise NotFound("Routine trigger not found")
    trigger.routine = routine
    return trigger
