"""Runs use the services of their workspace: none is stopped by its policy before the last such run has ended (W-97).

A lease is a row, and its end is read from the run: a crash can neither lose nor keep one.
"""

from __future__ import annotations

from datetime import datetime, timedelta
from uuid import UUID

from django.db import transaction

from issues.choices import RUN_OVER
from workspaces import services
from workspaces.choices import SERVICE_LIVE, ServiceLifecycle
from workspaces.models import ExecutionWorkspace, RuntimeService, RuntimeServiceLease

_IDLE_SECONDS = 1800


def take(row: ExecutionWorkspace, *, run_id: UUID, now: datetime) -> list[RuntimeService]:
    """Lease what lives in a workspace for a run that begins in it, and return it."""
    live = [each for each in services.shown_of(row) if each.status in SERVICE_LIVE]
    if live:
        leases = [RuntimeServiceLease(service=each, run_id=run_id, created_at=now) for each in live]
        RuntimeServiceLease.objects.bulk_create(leases, ignore_conflicts=True)
        ids = [each.pk for each in live]
        RuntimeService.objects.filter(pk__in=ids).update(last_used_at=now, stop_at=None)
    return live


@transaction.atomic
def release(*, now: datetime) -> int:
    """Drop the leases of runs that are over; a service nobody uses any more is stopped when its policy says.

    Returns how many were dropped.
    """
    over = RuntimeServiceLease.objects.filter(run__status__in=RUN_OVER).select_for_update(of=("self",))
    found = list(over.values_list("pk", "service_id"))
    if not found:
        return 0
    RuntimeServiceLease.objects.filter(pk__in=[lease_id for lease_id, _ in found]).delete()
    unused = RuntimeService.objects.filter(
        pk__in={service_id for _, service_id in found}, leases__isnull=True, status__in=SERVICE_LIVE
    )
    for row in unused:
        stop_at = _stop_at(row, now)
        RuntimeService.objects.filter(pk=row.pk).update(last_used_at=now, stop_at=stop_at)
    return len(found)


def _stop_at(row: RuntimeService, now: datetime) -> datetime | None:
    policy = row.stop_policy or {}
    kind = policy.get("type")
    if row.lifecycle == ServiceLifecycle.EPHEMERAL or kind == "on_run_finish":
        return now
    if kind == "idle_timeout":
        return now + timedelta(seconds=policy.get("idleSeconds", _IDLE_SECONDS))
    return None
