"""What an edit makes of an issue's monitor: scheduled, kept, or cleared and why (I-110, I-111). Pure."""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import datetime
from uuid import UUID

from issues.choices import MONITORED, ClearReason, IssueStatus, MonitorStatus
from issues.policy.shapes import Monitor, MonitorState, Policy
from paperclip.core.errors import Unprocessable

_LIMITS = {
    ClearReason.TIMEOUT_EXCEEDED: "The monitor's timeout has passed",
    ClearReason.MAX_ATTEMPTS_EXHAUSTED: "The monitor has no attempts left",
}
# A closed issue that comes back starts counting anew.
_FORGOTTEN = (ClearReason.DONE, ClearReason.CANCELLED)


@dataclass(frozen=True)
class Place:
    """Where an issue is after an edit, as far as a monitor cares."""

    status: str
    agent_id: UUID | None
    user_id: UUID | None


@dataclass(frozen=True)
class Watch:
    """What becomes of the monitor. `policy` is without it when it was cleared."""

    policy: Policy | None
    state: MonitorState | None
    is_scheduled: bool = False
    cleared: ClearReason | None = None


def differs(before: Policy | None, after: Policy | None) -> bool:
    """Whether an edit of the policy adds, changes or removes the monitor; who scheduled it does not count."""
    return _essence(before) != _essence(after)


def misfit(place: Place) -> ClearReason | None:
    """Return why an issue cannot be monitored there, None when it can."""
    if place.status == IssueStatus.DONE:
        return ClearReason.DONE
    if place.status == IssueStatus.CANCELLED:
        return ClearReason.CANCELLED
    if place.agent_id is None or place.user_id is not None:
        return ClearReason.INVALID_ASSIGNEE
    return ClearReason.INVALID_STATUS if place.status not in MONITORED else None


def exhausted(monitor: Monitor, attempts: int, *, now: datetime) -> ClearReason | None:
    """Return which bound stands against another look after `attempts` of them, None when none does."""
    if monitor.timeout_at is not None and monitor.timeout_at <= now:
        return ClearReason.TIMEOUT_EXCEEDED
    if monitor.max_attempts is not None and attempts >= monitor.max_attempts:
        return ClearReason.MAX_ATTEMPTS_EXHAUSTED
    return None


def decide_watch(
    *,
    before: Policy | None,
    policy: Policy | None,
    state: MonitorState | None,
    place: Place,
    scheduled_by: str,
    now: datetime,
) -> Watch:
    """Return what an edit makes of the monitor; `policy` is the one after the edit.

    Raises Unprocessable for a new schedule where there can be none, or past its bounds.
    """
    old = before.monitor if before is not None else None
    new = policy.monitor if policy is not None else None
    if policy is None or new is None:
        if old is None:
            return Watch(policy, state)
        return Watch(policy, cleared(old, state, ClearReason.MANUAL, now=now), cleared=ClearReason.MANUAL)
    if old is not None and not differs(before, policy):
        # Sent back unchanged, or not sent at all: whoever scheduled it did.
        kept = replace(policy, monitor=old)
        reason = misfit(place)
        if reason is None:
            return Watch(kept, state or scheduled(old, 0, None))
        return Watch(without(policy), cleared(old, state, reason, now=now), cleared=reason)
    if misfit(place) is not None:
        raise Unprocessable(
            "A monitor can only be scheduled on an issue of an agent that is in progress or in review"
        )
    attempts = _attempts(state)
    reason = exhausted(new, attempts, now=now)
    if reason is not None:
        raise Unprocessable(_LIMITS[reason], details={"clearReason": reason.value})
    new = replace(new, scheduled_by=scheduled_by)
    since = state.last_triggered_at if state is not None else None
    return Watch(replace(policy, monitor=new), scheduled(new, attempts, since), is_scheduled=True)


def scheduled(monitor: Monitor, attempts: int, last_triggered_at: datetime | None) -> MonitorState:
    """Return the state of a monitor that waits for its time."""
    return MonitorState(
        status=MonitorStatus.SCHEDULED.value,
        next_check_at=monitor.next_check_at,
        last_triggered_at=last_triggered_at,
        attempt_count=attempts,
        notes=monitor.notes,
        scheduled_by=monitor.scheduled_by,
        kind=monitor.kind,
        service_name=monitor.service_name,
        external_ref=monitor.external_ref,
        timeout_at=monitor.timeout_at,
        max_attempts=monitor.max_attempts,
        recovery_policy=monitor.recovery_policy,
    )


def triggered(monitor: Monitor, state: MonitorState | None, *, now: datetime) -> MonitorState:
    """Return the state after the monitor called somebody: its one look is used up."""
    attempts = state.attempt_count if state is not None else 0
    return replace(
        scheduled(monitor, attempts + 1, now), status=MonitorStatus.TRIGGERED.value, next_check_at=None
    )


def cleared(
    monitor: Monitor, state: MonitorState | None, reason: ClearReason, *, now: datetime
) -> MonitorState:
    """Return the state after the schedule was dropped without a look."""
    attempts = state.attempt_count if state is not None else 0
    since = state.last_triggered_at if state is not None else None
    return replace(
        scheduled(monitor, attempts, since),
        status=MonitorStatus.CLEARED.value,
        next_check_at=None,
        cleared_at=now,
        clear_reason=reason.value,
    )


def without(policy: Policy) -> Policy | None:
    """Return the policy without its monitor, None when nothing is left of it."""
    return replace(policy, monitor=None) if policy.stages else None


def _attempts(state: MonitorState | None) -> int:
    if state is None or state.clear_reason in _FORGOTTEN:
        return 0
    return state.attempt_count


def _essence(policy: Policy | None) -> Monitor | None:
    monitor = policy.monitor if policy is not None else None
    return replace(monitor, scheduled_by="") if monitor is not None else None
