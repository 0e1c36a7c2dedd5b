"""What time does to operations: those that a crash interrupted are ended, old ones go with their logs."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta

from django.conf import settings

from paperclip.core import locks
from workspaces import host_commands, operation_logs
from workspaces.choices import OperationStatus
from workspaces.models import WorkspaceOperation

NAME = "workspaces.operations"
BATCH = 500
INTERRUPTED = "It was interrupted: whoever did it is gone"
# No operation takes longer than its limit, and a little for its end to be written down.
_LONGEST = timedelta(seconds=host_commands.TIMEOUT_SECONDS) + timedelta(minutes=10)


@dataclass(frozen=True)
class Pass:
    """How many operations one pass ended, and removed."""

    interrupted: int
    removed: int


def prune(*, now: datetime) -> Pass | None:
    """End interrupted operations and remove a batch of old ones; None when another host is at it."""
    with locks.only_one(NAME) as mine:
        return Pass(_end_interrupted(now), _remove_old(now)) if mine else None


def _end_interrupted(now: datetime) -> int:
    rows = WorkspaceOperation.objects.filter(status=OperationStatus.RUNNING, started_at__lt=now - _LONGEST)
    return rows.update(
        status=OperationStatus.FAILED, stderr_excerpt=INTERRUPTED, finished_at=now, updated_at=now
    )


def _remove_old(now: datetime) -> int:
    if not settings.RUN_HISTORY_DAYS:
        return 0
    before = now - timedelta(days=settings.RUN_HISTORY_DAYS)
    old = WorkspaceOperation.objects.filter(finished_at__lt=before).order_by("finished_at")[:BATCH]
    found = list(old.values_list("pk", "log_ref"))
    for _, ref in found:
        if ref:
            operation_logs.remove(ref)
    WorkspaceOperation.objects.filter(pk__in=[row_id for row_id, _ in found]).delete()
    return len(found)
