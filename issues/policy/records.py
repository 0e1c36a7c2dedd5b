"""What the activity log says about policies and monitors (I-157)."""

from __future__ import annotations

from datetime import datetime
from typing import Any
from uuid import UUID

from issues import trail
from issues.choices import StageType
from issues.models import Issue
from issues.policy.flow import Flow
from issues.policy.shapes import Monitor, Policy, Principal
from paperclip.companies.actors import Actor

_ACTIONS = {
    StageType.REVIEW: "issue.reviewers_updated",
    StageType.APPROVAL: "issue.approvers_updated",
}


def edited(issue: Issue, flow: Flow, *, actor: Actor, now: datetime) -> None:
    """Write who judges from now on, and what became of the monitor, where an edit changed either."""
    for stage_type, action in _ACTIONS.items():
        _participants(issue, stage_type, action, flow, actor, now)
    old = flow.before.monitor if flow.before is not None else None
    new = flow.after.monitor if flow.after is not None else None
    if flow.watch.is_scheduled and new is not None:
        scheduled(issue, new, actor=actor, now=now, previous=old, is_edit=True)
    elif flow.watch.cleared is not None and old is not None:
        details = {
            "identifier": issue.identifier,
            "previousNextCheckAt": old.next_check_at,
            "reason": flow.watch.cleared.value,
            "notes": old.notes,
        }
        trail.record(issue, "issue.monitor_cleared", actor=actor, now=now, details=details)


def scheduled(
    issue: Issue,
    monitor: Monitor,
    *,
    actor: Actor,
    now: datetime,
    previous: Monitor | None = None,
    is_edit: bool = False,
    parent_id: UUID | None = None,
) -> None:
    """Write `issue.monitor_scheduled`; `parent_id` is given for a new child."""
    details: dict[str, Any] = {"identifier": issue.identifier, "nextCheckAt": monitor.next_check_at}
    if is_edit:
        details["previousNextCheckAt"] = previous.next_check_at if previous is not None else None
    if parent_id is not None:
        details["parentId"] = parent_id
    details |= {"notes": monitor.notes, "scheduledBy": monitor.scheduled_by, **bounds(monitor)}
    trail.record(issue, "issue.monitor_scheduled", actor=actor, now=now, details=details)


def bounds(monitor: Monitor) -> dict[str, Any]:
    """Return what limits a monitor; its reference to the outside is nobody's business."""
    return {
        "serviceName": monitor.service_name,
        "timeoutAt": monitor.timeout_at,
        "maxAttempts": monitor.max_attempts,
        "recoveryPolicy": monitor.recovery_policy,
    }


def _participants(
    issue: Issue, stage_type: str, action: str, flow: Flow, actor: Actor, now: datetime
) -> None:
    before, after = _of_type(flow.before, stage_type), _of_type(flow.after, stage_type)
    if before == after:
        return
    details = {
        "identifier": issue.identifier,
        "participants": [each.told() for each in after],
        "addedParticipants": [each.told() for each in after if each not in before],
        "removedParticipants": [each.told() for each in before if each not in after],
    }
    trail.record(issue, action, actor=actor, now=now, details=details)


def _of_type(policy: Policy | None, stage_type: str) -> list[Principal]:
    """Return who may be asked in any stage of a type, each once, in order."""
    stages = policy.stages if policy is not None else ()
    found = [who for stage in stages if stage.type == stage_type for who in stage.principals]
    return list(dict.fromkeys(found))
