"""An agent that was called over HTTP says how its run ended, while the run waits for it.

What it says is kept as an event of the run, where the run's sender finds it; the run then ends like any other.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Any
from uuid import UUID

from django.db import transaction

from heartbeat import events
from heartbeat.choices import EventLevel, RunStatus
from heartbeat.models import Run, RunEvent
from paperclip.companies.actors import Actor
from paperclip.core.errors import Conflict, Forbidden

KEY = "callback"


@transaction.atomic
def report(*, run_id: UUID, said: Mapping[str, Any], actor: Actor, now: datetime) -> Run:
    """Keep what a run's agent says of its end, and return the run.

    Raises Forbidden for anybody but the run itself, Conflict when it is over or was told of before.
    """
    run = Run.objects.select_for_update(no_key=True).get(pk=run_id)
    if actor.agent is None or actor.agent.pk != run.agent_id or actor.run_id != run.pk:
        raise Forbidden("Only the run itself may say how it ended")
    if run.status != RunStatus.RUNNING:
        raise Conflict("The run is over")
    if RunEvent.objects.filter(run=run, payload__has_key=KEY).exists():
        raise Conflict("The run was told of already")
    failed = said["status"] == RunStatus.FAILED
    events.append(
        run,
        f"The agent reported that it {'failed' if failed else 'is done'}",
        now=now,
        level=EventLevel.WARN if failed else EventLevel.INFO,
        payload={KEY: dict(said)},
    )
    return run
