"""Keeping django-q2's own tables small: it never prunes failures, and pruning successes locks rows."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta

from django_q.models import Task

KEEP_SUCCESSES = timedelta(days=1)
KEEP_FAILURES = timedelta(days=14)
_BATCH = 1000


@dataclass(frozen=True)
class Pass:
    """What one pass did."""

    pruned: int


def prune(*, now: datetime) -> Pass:
    """Remove results of background tasks that nobody will look at any more, at most a batch of each kind."""
    pruned = 0
    for success, age in ((True, KEEP_SUCCESSES), (False, KEEP_FAILURES)):
        old = Task.objects.filter(success=success, stopped__lt=now - age).order_by("stopped")
        pruned += Task.objects.filter(pk__in=list(old.values_list("pk", flat=True)[:_BATCH])).delete()[0]
    return Pass(pruned)
