"""Looking after the services of this host again and again: ready, healthy, idle, gone (W-96, W-102, WW-3 to WW-5).

Every host sees to its own. Nothing is kept in memory: what is due stands in the rows.
"""

from __future__ import annotations

import logging
from dataclasses import dataclass
from datetime import datetime, timedelta

from django.db.models import Q

from workspaces import control, leases, programs, service_processes
from workspaces.choices import SERVICE_LIVE, ServiceProvider, ServiceStatus
from workspaces.models import RuntimeService
from workspaces.refusals import PlaceError

log = logging.getLogger(__name__)

NAME = "workspaces.services"
HEALTH_EVERY = timedelta(seconds=15)
MOST = 200


@dataclass(frozen=True)
class Pass:
    """How many services one pass looked at, and how many it found ended or ended itself."""

    checked: int
    ended: int


def watch(*, now: datetime) -> Pass:
    """Look after every live service of this host that is starting, was not looked at lately, or is to be stopped."""
    leases.release(now=now)
    due = Q(status=ServiceStatus.STARTING) | Q(health_checked_at__isnull=True)
    due |= Q(health_checked_at__lt=now - HEALTH_EVERY) | Q(stop_at__lte=now)
    rows = RuntimeService.objects.select_related(
        "execution_workspace__project_workspace", "execution_workspace__source_issue", "project_workspace"
    ).filter(due, provider=ServiceProvider.LOCAL_PROCESS, host=programs.here().host, status__in=SERVICE_LIVE)
    checked = ended = 0
    for row in rows.order_by("health_checked_at")[:MOST]:
        checked += 1
        try:
            if row.stop_at is not None and row.stop_at <= now:
                service_processes.end(row, reason="Nobody has used it for a while", now=now)
            else:
                lost = service_processes.look_after(row, now=now)
                if lost and control.revive(row, now=now):
                    continue
        except (PlaceError, OSError) as error:
            log.error("service %s (%s): %s", row.service_name, row.pk, error)
        row.refresh_from_db()
        ended += row.status not in SERVICE_LIVE
    return Pass(checked, ended)
