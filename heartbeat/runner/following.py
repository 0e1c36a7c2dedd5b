"""A program that runs: what its runner notes of it and tells about it, and how it hears that it must stop."""

from __future__ import annotations

import os
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime

from heartbeat import outcomes, progress
from heartbeat.choices import RunStatus
from heartbeat.models import Run
from heartbeat.runner import log_news
from heartbeat.runner.start import Started
from paperclip.core import clock


@dataclass
class Live:
    """A run whose program this runner follows."""

    started: Started
    watched: bool = False
    pidfd: int | None = None
    told_started: bool = False
    log_bytes: int = 0
    told_bytes: int = 0
    cancelled: bool = False
    ending: bool = False
    retry_at: float = 0.0


def pidfd(started: Started) -> int | None:
    """Return a descriptor that becomes readable when the shim ends; None where there is none to be had."""
    if started.shim is None or not hasattr(os, "pidfd_open"):
        return started.pidfd
    try:
        return os.pidfd_open(started.shim.pid)
    except ProcessLookupError:
        return None


def keep_progress(item: Live) -> None:
    """Note on the run which process carries it, and that it has said something (H-91)."""
    started = item.started
    if not item.told_started:
        item.told_started = _tell_started(started)
    stat = started.directory.log_stat()
    if stat is not None and stat.bytes > item.log_bytes:
        item.log_bytes = stat.bytes
        progress.mark_output(
            run_id=started.run_id,
            claim_token=started.claim_token,
            log_bytes=stat.bytes,
            at=datetime.fromtimestamp(stat.modified_at, UTC),
            now=clock.now(),
        )


def tell_output(item: Live) -> None:
    """Tell those who listen what the run has written since the last look."""
    item.told_bytes = log_news.tell(
        run_id=item.started.run_id, directory=item.started.directory, told_bytes=item.told_bytes
    )


def pass_on_cancels(items: Sequence[Live]) -> None:
    """Tell the shims of runs that somebody stopped, or that were taken from this runner; one query."""
    unasked = [item for item in items if not item.cancelled]
    if not unasked:
        return
    rows = Run.objects.filter(pk__in=[item.started.run_id for item in unasked]).values_list(
        "pk", "status", "claim_token", "cancel_requested_at", "cancel_reason"
    )
    known = {row[0]: row[1:] for row in rows}
    for item in unasked:
        status, token, requested_at, reason = known.get(item.started.run_id, ("gone", None, None, None))
        taken = status != RunStatus.RUNNING or token != item.started.claim_token
        if taken or requested_at is not None:
            item.cancelled = item.started.directory.request_cancel(
                reason or "The run was taken from this runner"
            )


def _tell_started(started: Started) -> bool:
    found = started.directory.read_started()
    if found is None:
        return False
    progress.mark_started(
        run_id=started.run_id,
        claim_token=started.claim_token,
        pid=found.pid,
        group_id=found.process_group_id,
        log_ref=outcomes.log_ref(started.run_id),
        started_at=datetime.fromisoformat(found.started_at),
    )
    return True
