"""What is kept and for how long: the history of runs in the database. Logs are `runner.folders`' to remove.

Every pass does a bounded piece of work and finds it without looking at what is to stay, so a long backlog is cleared
over hours and a short one costs next to nothing. A run's own row stays, with the size and hash of its log, unless
PAPERCLIP_RUN_RETENTION_DAYS is set. Nothing of a live run is ever touched.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from django.conf import settings
from django.db.models import Model, QuerySet

from heartbeat.choices import RUN_TERMINAL, WAKEUP_WAITING, WakeupStatus
from heartbeat.models import Run, RunEvent, WakeupRequest
from paperclip.companies.models import Activity, Company, SecretAccess
from paperclip.governance.models import Notice

NAME = "heartbeat.retention"
BATCH = 1000
RUN_BATCH = 100
_LIVE_WAKEUPS = (*WAKEUP_WAITING, WakeupStatus.CLAIMED)


@dataclass(frozen=True)
class Pass:
    """How many rows of each kind one pass removed, or emptied."""

    events: int
    excerpts: int
    wakeups: int
    skipped_wakeups: int
    activity: int
    secret_accesses: int
    notices: int
    runs: int


def prune(*, now: datetime) -> Pass:
    """Remove a batch of everything in the database that is older than it is to be kept."""
    history = cutoff(settings.RUN_HISTORY_DAYS, now)
    return Pass(
        events=_events(history),
        excerpts=_excerpts(history),
        wakeups=_wakeups(history),
        skipped_wakeups=_skipped(cutoff(settings.SKIPPED_WAKEUP_DAYS, now)),
        activity=_activity(cutoff(settings.ACTIVITY_DAYS, now)),
        secret_accesses=_accesses(cutoff(settings.ACTIVITY_DAYS, now)),
        notices=_notices(history),
        runs=_runs(cutoff(settings.RUN_RETENTION_DAYS, now)),
    )


def log_days() -> int:
    """Return for how many days logs are kept, 0 for ever; never longer than their runs."""
    days = [each for each in (settings.RUN_LOG_DAYS, settings.RUN_RETENTION_DAYS) if each]
    return min(days) if days else 0


def why_no_log(run: Run, *, now: datetime) -> str:
    """Return why this host has no log of `run`, for people and programs to read."""
    days = log_days()
    if days and run.finished_at is not None and run.finished_at < now - timedelta(days=days):
        return f"Run log not found: logs are kept for {days} days"
    return "Run log not found"


def _events(before: datetime | None) -> int:
    """Events are numbered as they come, so the oldest are the first ones."""
    if before is None:
        return 0
    oldest = list(RunEvent.objects.order_by("id").values_list("id", flat=True)[: 2 * BATCH])
    old = RunEvent.objects.filter(id__in=oldest, created_at__lt=before, run__status__in=RUN_TERMINAL)
    return _delete(RunEvent, old.order_by("id")[:BATCH])


def _excerpts(before: datetime | None) -> int:
    if before is None:
        return 0
    old = Run.objects.filter(finished_at__lt=before, stdout_excerpt__isnull=False, status__in=RUN_TERMINAL)
    ids = list(old.order_by("finished_at").values_list("pk", flat=True)[:BATCH])
    return Run.objects.filter(pk__in=ids).update(stdout_excerpt=None, stderr_excerpt=None)


def _wakeups(before: datetime | None) -> int:
    ended = WakeupRequest.objects.exclude(status__in=_LIVE_WAKEUPS)
    return _of_companies(WakeupRequest, ended, "requested_at", before, most=BATCH)


def _skipped(before: datetime | None) -> int:
    """Repeats are counted on one row for as long as a day, hence the look at when it was last written."""
    if before is None:
        return 0
    old = WakeupRequest.objects.filter(
        status=WakeupStatus.SKIPPED, requested_at__lt=before, updated_at__lt=before
    )
    return _delete(WakeupRequest, old.order_by("requested_at")[:BATCH])


def _activity(before: datetime | None) -> int:
    return _of_companies(Activity, Activity.objects.all(), "created_at", before, most=BATCH)


def _accesses(before: datetime | None) -> int:
    return _of_companies(SecretAccess, SecretAccess.objects.all(), "created_at", before, most=BATCH)


def _notices(before: datetime | None) -> int:
    if before is None:
        return 0
    return _delete(Notice, Notice.objects.filter(created_at__lt=before).order_by("created_at")[:BATCH])


def _runs(before: datetime | None) -> int:
    if before is None:
        return 0
    ended = Run.objects.filter(finished_at__lt=before, status__in=RUN_TERMINAL)
    return _of_companies(Run, ended, "created_at", before, most=RUN_BATCH)


def _of_companies(
    model: type[Model], rows: QuerySet[Any], order: str, before: datetime | None, *, most: int
) -> int:
    """Remove rows of before that time company by company, for each has its own index by time."""
    if before is None:
        return 0
    old = rows.filter(**{f"{order}__lt": before}).order_by(order)
    removed = 0
    for company_id in Company.objects.order_by("id").values_list("pk", flat=True):
        removed += _delete(model, old.filter(company_id=company_id)[: most - removed])
        if removed >= most:
            break
    return removed


def _delete(model: type[Model], rows: QuerySet[Any]) -> int:
    """Delete rows and return how many, without what went with them."""
    ids = list(rows.values_list("pk", flat=True))
    if ids:
        model._default_manager.filter(pk__in=ids).delete()
    return len(ids)


def cutoff(days: int, now: datetime) -> datetime | None:
    """Return the moment before which things have been kept for `days`; None when that is for ever."""
    return now - timedelta(days=days) if days else None
