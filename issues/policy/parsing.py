"""Policies and states read from JSON: strictly when somebody sends one, leniently from the database (I-99, I-23)."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from datetime import datetime
from typing import Any, TypeVar
from uuid import UUID, uuid4

from issues.choices import FlowStatus, MonitorStatus, RecoveryPolicy, StageType
from issues.policy.shapes import (
    AGENT,
    REDACTED,
    USER,
    Monitor,
    MonitorState,
    Participant,
    Policy,
    Principal,
    Stage,
    State,
)
from paperclip.core import clock, naming
from paperclip.core.errors import Unprocessable

MODES = ("normal", "auto")
SCHEDULERS = ("assignee", "board")
MONITOR_KINDS = ("external_service",)
MAX_NOTES = 500
MAX_SERVICE_NAME = 120
MAX_EXTERNAL_REF = 500
MAX_ATTEMPTS = 100
MAX_INSTRUCTIONS = 20_000

_T = TypeVar("_T")


class _Fault(Exception):
    """What does not fit, and where."""

    def __init__(self, path: str, message: str) -> None:
        super().__init__(message)
        self.path, self.message = path, message


def normalise(data: Any) -> Policy | None:
    """Return the policy that somebody sends, None when it asks for nothing (I-99).

    Ids are drawn where there are none, repeated participants and empty stages dropped, texts of the monitor trimmed,
    its reference to the outside redacted. Raises Unprocessable, naming the fault.
    """
    try:
        policy = _policy(data)
    except _Fault as fault:
        details = [{"path": fault.path, "message": fault.message}]
        raise Unprocessable("Invalid execution policy", details=details) from fault
    if policy is None:
        return None
    stages = tuple(stage for stage in map(_without_doubles, policy.stages) if stage.participants)
    if len({stage.id for stage in stages}) < len(stages):
        details = [{"path": "stages", "message": "Two stages have the same id"}]
        raise Unprocessable("Invalid execution policy", details=details)
    monitor = policy.monitor
    if monitor is not None and monitor.external_ref is not None:
        monitor = replace(monitor, external_ref=REDACTED)
    return replace(policy, stages=stages, monitor=monitor) if stages or monitor else None


def policy(stored: Any) -> Policy | None:
    """Return the policy of an issue from its column; what cannot be read counts as none."""
    return _lenient(_policy, stored)


def state(stored: Any) -> State | None:
    """Return how far an issue is from its column; what cannot be read counts as none (I-23)."""
    return _lenient(_state, stored)


def _lenient(read: Callable[[Any], _T | None], stored: Any) -> _T | None:
    try:
        return read(stored)
    except _Fault:
        return None


def _without_doubles(stage: Stage) -> Stage:
    found: dict[Principal, Participant] = {}
    for each in stage.participants:
        found.setdefault(each.who, each)
    return replace(stage, participants=tuple(found.values()))


# --- Policies --------------------------------------------------------------------------------------------


def _policy(data: Any) -> Policy | None:
    if data is None:
        return None
    data = _object(data, "")
    return Policy(
        mode=_word(data.get("mode") or "normal", MODES, "mode"),
        stages=tuple(
            _stage(each, f"stages.{place}") for place, each in enumerate(_items(data.get("stages"), "stages"))
        ),
        monitor=_monitor(data["monitor"]) if data.get("monitor") is not None else None,
    )


def _stage(data: Any, path: str) -> Stage:
    data = _object(data, path)
    needed = data.get("approvalsNeeded")
    if needed is not None and (isinstance(needed, bool) or needed != 1):
        raise _Fault(f"{path}.approvalsNeeded", "Exactly one approval is needed per stage")
    listed = _items(data.get("participants"), f"{path}.participants")
    return Stage(
        id=_id(data.get("id"), f"{path}.id"),
        type=_word(data.get("type"), StageType.values, f"{path}.type"),
        participants=tuple(
            _participant(each, f"{path}.participants.{place}") for place, each in enumerate(listed)
        ),
    )


def _participant(data: Any, path: str) -> Participant:
    who = _principal(data, path)
    return Participant(_id(data.get("id"), f"{path}.id"), who)


def _principal(data: Any, path: str) -> Principal:
    data = _object(data, path)
    kind = _word(data.get("type"), (AGENT, USER), f"{path}.type")
    ours, theirs = ("agentId", "userId") if kind == AGENT else ("userId", "agentId")
    if data.get(theirs) is not None:
        raise _Fault(f"{path}.{theirs}", f"An {kind} participant has no {theirs}")
    found = naming.as_field_uuid(data[ours]) if isinstance(data.get(ours), str) else None
    if found is None:
        raise _Fault(f"{path}.{ours}", f"Expected the id of the {kind}")
    return Principal(kind, str(found))


def _monitor(data: Any) -> Monitor:
    data = _object(data, "monitor")
    at = _moment(data.get("nextCheckAt"), "monitor.nextCheckAt")
    if at is None:
        raise _Fault("monitor.nextCheckAt", "Required")
    return Monitor(
        next_check_at=at,
        notes=_text(data.get("notes"), MAX_NOTES, "monitor.notes"),
        scheduled_by=_word(data.get("scheduledBy") or SCHEDULERS[0], SCHEDULERS, "monitor.scheduledBy"),
        kind=_optional_word(data.get("kind"), MONITOR_KINDS, "monitor.kind"),
        service_name=_text(data.get("serviceName"), MAX_SERVICE_NAME, "monitor.serviceName"),
        external_ref=_text(data.get("externalRef"), MAX_EXTERNAL_REF, "monitor.externalRef"),
        timeout_at=_moment(data.get("timeoutAt"), "monitor.timeoutAt"),
        max_attempts=_count(data.get("maxAttempts"), 1, MAX_ATTEMPTS, "monitor.maxAttempts"),
        recovery_policy=_optional_word(
            data.get("recoveryPolicy"), RecoveryPolicy.values, "monitor.recoveryPolicy"
        ),
    )


# --- States ----------------------------------------------------------------------------------------------


def _state(data: Any) -> State | None:
    if data is None:
        return None
    data = _object(data, "")
    participant, return_to = data.get("currentParticipant"), data.get("returnAssignee")
    request, watched = data.get("reviewRequest"), data.get("monitor")
    completed = _items(data.get("completedStageIds"), "completedStageIds")
    return State(
        status=_word(data.get("status"), FlowStatus.values, "status"),
        stage_id=_optional_text(data.get("currentStageId"), "currentStageId"),
        stage_index=_count(data.get("currentStageIndex"), 0, 10_000, "currentStageIndex"),
        stage_type=_optional_word(data.get("currentStageType"), StageType.values, "currentStageType"),
        participant=_principal(participant, "currentParticipant") if participant is not None else None,
        return_assignee=_principal(return_to, "returnAssignee") if return_to is not None else None,
        review_request=dict(_object(request, "reviewRequest")) if request is not None else None,
        completed_stage_ids=tuple(str(each) for each in completed),
        last_decision_id=_optional_text(data.get("lastDecisionId"), "lastDecisionId"),
        last_decision_outcome=_optional_text(data.get("lastDecisionOutcome"), "lastDecisionOutcome"),
        monitor=_monitor_state(watched) if watched is not None else None,
    )


def _monitor_state(data: Any) -> MonitorState:
    data = _object(data, "monitor")
    return MonitorState(
        status=_word(data.get("status"), MonitorStatus.values, "monitor.status"),
        next_check_at=_moment(data.get("nextCheckAt"), "monitor.nextCheckAt"),
        last_triggered_at=_moment(data.get("lastTriggeredAt"), "monitor.lastTriggeredAt"),
        attempt_count=_count(data.get("attemptCount"), 0, 1_000_000, "monitor.attemptCount") or 0,
        notes=_optional_text(data.get("notes"), "monitor.notes"),
        scheduled_by=_optional_text(data.get("scheduledBy"), "monitor.scheduledBy"),
        kind=_optional_text(data.get("kind"), "monitor.kind"),
        service_name=_optional_text(data.get("serviceName"), "monitor.serviceName"),
        external_ref=_optional_text(data.get("externalRef"), "monitor.externalRef"),
        timeout_at=_moment(data.get("timeoutAt"), "monitor.timeoutAt"),
        max_attempts=_count(data.get("maxAttempts"), 1, MAX_ATTEMPTS, "monitor.maxAttempts"),
        recovery_policy=_optional_text(data.get("recoveryPolicy"), "monitor.recoveryPolicy"),
        cleared_at=_moment(data.get("clearedAt"), "monitor.clearedAt"),
        clear_reason=_optional_text(data.get("clearReason"), "monitor.clearReason"),
    )


# --- Pieces ----------------------------------------------------------------------------------------------


def _object(value: Any, path: str) -> Mapping[str, Any]:
    if not isinstance(value, Mapping):
        raise _Fault(path, "Expected an object")
    return value


def _items(value: Any, path: str) -> Sequence[Any]:
    if value is None:
        return ()
    if not isinstance(value, list | tuple):
        raise _Fault(path, "Expected an array")
    return value


def _word(value: Any, known: Sequence[str], path: str) -> str:
    if not isinstance(value, str) or value not in known:
        raise _Fault(path, f"Expected one of {', '.join(known)}")
    return str(value)


def _optional_word(value: Any, known: Sequence[str], path: str) -> str | None:
    return _word(value, known, path) if value is not None else None


def _optional_text(value: Any, path: str) -> str | None:
    if value is not None and not isinstance(value, str):
        raise _Fault(path, "Expected a string")
    return value


def _text(value: Any, longest: int, path: str) -> str | None:
    """Return the text without its outer blanks; a blank one is none."""
    text = (_optional_text(value, path) or "").strip()
    if len(text) > longest:
        raise _Fault(path, f"At most {longest} characters")
    return text or None


def _count(value: Any, least: int, most: int, path: str) -> int | None:
    if value is None:
        return None
    if isinstance(value, bool) or not isinstance(value, int) or not least <= value <= most:
        raise _Fault(path, f"Expected a whole number from {least} to {most}")
    return value


def _moment(value: Any, path: str) -> datetime | None:
    if value is None:
        return None
    try:
        found = value if isinstance(value, datetime) else clock.parse_zulu(value)
    except (TypeError, ValueError) as error:
        raise _Fault(path, "Expected a time such as 2026-01-31T08:15:00Z") from error
    # As it is stored, so that a policy that is sent back unchanged is the same.
    return found.replace(microsecond=found.microsecond // 1000 * 1000)


def _id(value: Any, path: str) -> str:
    if value is None:
        return str(uuid4())
    if isinstance(value, UUID):
        return str(value)
    found = naming.as_field_uuid(value) if isinstance(value, str) else None
    if found is None:
        raise _Fault(path, "Expected a UUID")
    return str(found)
