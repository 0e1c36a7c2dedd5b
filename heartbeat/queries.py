"""What others ask about runs, wakes and runners."""

from __future__ import annotations

from datetime import datetime
from uuid import UUID

from django.db.models import Max

from heartbeat.choices import RunStatus
from heartbeat.models import Run, Tick
from paperclip.core import clock


def run_identity(*, run_id: UUID, agent_id: UUID) -> bool:
    """Return whether `run_id` is a running run of `agent_id`: what a run token or run header must name (C-14)."""
    return Run.objects.filter(pk=run_id, agent_id=agent_id, status=RunStatus.RUNNING).exists()


def last_tick_age_seconds(now: datetime | None = None) -> float | None:
    """Return how long ago the scheduler last committed a tick, in seconds; None when it never did."""
    newest = Tick.objects.aggregate(newest=Max("committed_at"))["newest"]
    return None if newest is None else ((now or clock.now()) - newest).total_seconds()
