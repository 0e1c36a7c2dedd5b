"""Bringing an earlier revision of a routine back (R-100 to R-102)."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

from django.db import transaction

from paperclip.companies.actors import Actor
from paperclip.core.errors import NotFound
from routines import (
    lifecycle,
    references,
    revisions,
    rights,
    snapshots,
    triggers,
    variables,
    webhook_secrets,
)
from routines.choices import ClockChanges, TriggerKind
from routines.models import Routine, RoutineRevision, Trigger
from routines.webhook_secrets import Material


@dataclass(frozen=True)
class Restored:
    """A routine as it is again, the revision that says so, and the new secrets of webhooks that were gone."""

    routine: Routine
    revision: RoutineRevision
    source: RoutineRevision
    materials: Sequence[Material]


def restore(*, routine_id: UUID, revision_id: UUID, actor: Actor, now: datetime) -> Restored:
    """Make a routine and its triggers what a revision says. Runs and history stay.

    1. lock, and let the actor in; 2. check that what the revision names can still be had; 3. the routine's fields;
    4. triggers: extras go with their secrets, those that are there change and keep address and secret, those that
    are gone come back under their old id, webhooks with a new address and secret; 5. a new revision.

    Raises NotFound for a revision of another routine, Forbidden, Unprocessable, Conflict for the latest revision,
    an archived routine, or an agent that takes no work.
    """
    with transaction.atomic():
        routine = lifecycle.locked(routine_id)
        rights.require_manager(actor, routine)
        source = RoutineRevision.objects.filter(routine=routine, pk=revision_id).first()
        if source is None:
            raise NotFound("Routine revision not found")
        if source.pk == routine.latest_revision_id:
            raise revisions.conflict(routine, "Selected revision is already the latest revision")
        lifecycle.refuse_archived(routine)
        snapshot = snapshots.read(source.snapshot)
        columns = {name: snapshot["routine"][name] for name in snapshots.ROUTINE_COLUMNS}
        rights.require_restorer(actor, columns["assignee_agent_id"])
        references.require_valid(routine.company_id, columns)
        _require_values(columns, snapshot["triggers"])

        for name, value in columns.items():
            setattr(routine, name, value)
        routine.updated_by_agent_id, routine.updated_by_user_id = actor.agent_id, actor.user_id
        routine.updated_at = now
        routine.save()
        materials = _restore_triggers(routine, snapshot["triggers"], actor, now)
        webhook_secrets.rebind(routine, now=now)
        revision = revisions.record(
            routine=routine,
            summary=f"Restored from revision {source.revision_number}",
            actor=actor,
            now=now,
            restored_from=source,
        )
    return Restored(routine, revision, source, materials)


def _require_values(columns: Mapping[str, Any], wanted: Sequence[Mapping[str, Any]]) -> None:
    if any(each["kind"] == TriggerKind.SCHEDULE and each["enabled"] for each in wanted):
        variables.require_defaults(columns["variables"])


def _restore_triggers(
    routine: Routine, wanted: Sequence[Mapping[str, Any]], actor: Actor, now: datetime
) -> list[Material]:
    rows = Trigger.objects.filter(routine=routine).select_related("secret").order_by("created_at", "id")
    present = {trigger.pk: trigger for trigger in rows.select_for_update(no_key=True, of=("self",))}
    for trigger in present.values():
        trigger.routine = routine
        if trigger.pk not in {each["id"] for each in wanted}:
            triggers.remove(trigger, actor=actor, now=now)
    materials: list[Material] = []
    for each in wanted:
        fields = {name: each[name] for name in snapshots.TRIGGER_COLUMNS if name in each}
        found = present.get(each["id"])
        if found is not None:
            triggers.write(found, _whole(fields), actor=actor, now=now)
        else:
            found = _new(routine, each, actor, now)
            material = triggers.insert(found, fields, actor=actor, now=now)
            materials += [material] if material is not None else []
        if not found.enabled and found.next_run_at is not None:
            found.next_run_at = None
            found.save(update_fields=["next_run_at"])
    return materials


def _whole(fields: Mapping[str, Any]) -> dict[str, Any]:
    """Return the columns of a trigger with those that a snapshot leaves out because they are the default."""
    return {"clock_changes": ClockChanges.ONCE, "grace_sec": None, **fields}


def _new(routine: Routine, told: Mapping[str, Any], actor: Actor, now: datetime) -> Trigger:
    return Trigger(
        id=told["id"],
        company_id=routine.company_id,
        routine=routine,
        kind=told["kind"],
        created_by_agent_id=actor.agent_id,
        created_by_user_id=actor.user_id,
        created_at=now,
    )
