"""Runs that end before they start: their issue moved on, or somebody stopped them (H-24, H-26, H-27)."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from heartbeat import events
from heartbeat.choices import EventLevel, Mechanism, RunStatus, WakeupStatus
from heartbeat.models import Run, WakeupRequest
from issues import checkout

# The code of a run that somebody stopped; any other is a gate's.
CANCELLED = "cancelled"
_WAITING = (RunStatus.QUEUED, RunStatus.SCHEDULED_RETRY)


def end(
    run: Run,
    *,
    code: str,
    message: str,
    now: datetime,
    request_status: str = WakeupStatus.CANCELLED,
    details: dict[str, Any] | None = None,
) -> bool:
    """Cancel a run that has not started; return False when it has started or ended meanwhile.

    `code` becomes its error code and stop reason, `message` its error text. Its issue lock is cleared. The caller
    sees to it that wakes waiting for the issue are promoted (see `wakeups.drop_waiting`).
    """
    stop = {
        "stopReason": stop_word(message) if code == CANCELLED else code,
        "effectiveTimeoutSec": 0,
        "timeoutConfigured": False,
        "timeoutFired": False,
    }
    if code != CANCELLED:
        is_blocked = code == "issue_dependencies_blocked"
        stop["timeoutSource"] = "dependency_gate" if is_blocked else "stale_queued_run_gate"
    changed = Run.objects.filter(pk=run.pk, status__in=_WAITING).update(
        status=RunStatus.CANCELLED,
        error=message,
        error_code=code,
        finished_at=now,
        updated_at=now,
        result_json={**(run.result_json or {}), **stop},
        followup_mechanism=Mechanism.NONE,
        followup_reason=f"The run never started: {message[0].lower()}{message[1:]}",
    )
    if not changed:
        return False
    WakeupRequest.objects.filter(pk__in=[run.wakeup_request_id]).update(
        status=request_status, error=message, finished_at=now, updated_at=now
    )
    checkout.clear_lock(run_id=run.pk)
    events.append(run, message, now=now, level=EventLevel.WARN, payload={"code": code, **(details or {})})
    return True


def stop_word(reason: str) -> str:
    """Return the one word for why a run was stopped (H-97)."""
    lowered = reason.lower()
    if "budget" in lowered:
        return "budget_paused"
    return "paused" if "pause" in lowered else CANCELLED
