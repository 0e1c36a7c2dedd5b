"""Runs whose runner has gone silent: found, looked at again, and ended as lost (H-138 to H-140).

Nothing is reaped on one look. A pass marks the runner it finds without a lease; a later pass, while passes have
been going on without a gap, reaps. After an outage of everything the runners thus have time to come back for
their runs, whose programs go on under their shims.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta

from heartbeat import lifecycle, outcomes
from heartbeat.choices import RunnerState, RunStatus
from heartbeat.models import Run, Runner, Tick

GRACE = timedelta(seconds=20)
NAME = "recovery.lost_runs"
_MAX_GAP = timedelta(seconds=90)


@dataclass(frozen=True)
class Pass:
    """What one pass did."""

    suspected: int
    reaped: int


def sweep(*, now: datetime) -> Pass:
    """Mark silent runners, reap the runs of those that stayed silent; anyone may call this at any time.

    The caller holds the pass's lock (see `duties`).
    """
    silent = Runner.objects.filter(lease_expires_at__lt=now, runs__status=RunStatus.RUNNING).distinct()
    suspected = Runner.objects.filter(pk__in=silent.values("pk"), suspected_at__isnull=True).update(
        suspected_at=now
    )
    previous = Tick.objects.filter(name=NAME).values_list("committed_at", flat=True).first()
    reaped = 0
    if previous is not None and now - previous < _MAX_GAP:
        for runner in Runner.objects.filter(lease_expires_at__lt=now, suspected_at__lt=now - GRACE):
            reaped += _reap(runner, now=now)
    return Pass(suspected=suspected, reaped=reaped)


def _reap(runner: Runner, *, now: datetime) -> int:
    message = (
        f"Runner {runner.name} on host {runner.host} has been silent since {runner.last_seen_at:%H:%M:%S} UTC"
    )
    runs = Run.objects.filter(runner=runner, status=RunStatus.RUNNING).values_list("pk", flat=True)
    count = sum(
        lifecycle.lose(run_id=run_id, message=message, remains=outcomes.Remains(), now=now) is not None
        for run_id in list(runs)
    )
    Runner.objects.filter(pk=runner.pk, lease_expires_at__lt=now).update(
        state=RunnerState.STOPPED, stopped_at=now, updated_at=now
    )
    return count
