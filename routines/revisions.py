"""The history of a routine: one row for each change of it or of its triggers (section 11)."""

from __future__ import annotations

from datetime import datetime

from paperclip.companies.actors import Actor
from paperclip.core.errors import Conflict
from routines import snapshots, trail
from routines.choices import REVISIONS_MAX
from routines.models import Routine, RoutineRevision, Trigger


def record(
    *,
    routine: Routine,
    summary: str,
    actor: Actor,
    now: datetime,
    restored_from: RoutineRevision | None = None,
) -> RoutineRevision:
    """Keep what a locked routine and its triggers are now as its newest revision, and return that (R-97)."""
    triggers = list(Trigger.objects.filter(routine=routine).order_by("created_at", "id"))
    number = routine.latest_revision_number + 1 if routine.latest_revision_id is not None else 1
    revision = RoutineRevision.objects.create(
        company_id=routine.company_id,
        routine=routine,
        revision_number=number,
        title=routine.title,
        description=routine.description,
        snapshot=snapshots.of(routine, triggers),
        change_summary=summary,
        restored_from_revision=restored_from,
        created_by_agent_id=actor.agent_id,
        created_by_user_id=actor.user_id,
        created_by_run_id=actor.run_id,
        created_at=now,
    )
    routine.latest_revision, routine.latest_revision_number = revision, number
    routine.updated_at = now
    routine.save(update_fields=["latest_revision", "latest_revision_number", "updated_at"])
    trail.of_revision(revision, actor=actor, now=now)
    return revision


def newest(routine: Routine) -> list[RoutineRevision]:
    """Return the latest revisions of a routine, newest first (R-99)."""
    return list(RoutineRevision.objects.filter(routine=routine).order_by("-revision_number")[:REVISIONS_MAX])


def conflict(routine: Routine, message: str) -> Conflict:
    """Return the refusal of somebody who has not seen the newest revision (R-27, R-100)."""
    current = routine.latest_revision_id
    return Conflict(message, details={"currentRevisionId": str(current) if current is not None else None})
