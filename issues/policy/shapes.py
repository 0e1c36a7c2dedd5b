"""An execution policy and how far an issue is through it, as values; `told` writes the stored form (I-22, I-23).

Ids are text, times are moments: what is compared here is compared as it is stored.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

from issues.choices import FlowStatus
from paperclip.core import clock

AGENT, USER = "agent", "user"
# What is stored in place of a reference to something outside: nobody needs it here, and it may be a secret (I-99).
REDACTED = "[redacted]"


@dataclass(frozen=True)
class Principal:
    """An agent or a person."""

    type: str
    id: str

    @property
    def agent_id(self) -> UUID | None:
        """The agent's id."""
        return UUID(self.id) if self.type == AGENT else None

    @property
    def user_id(self) -> UUID | None:
        """The person's id."""
        return UUID(self.id) if self.type == USER else None

    def told(self) -> dict[str, Any]:
        """Return the stored form."""
        return {
            "type": self.type,
            "agentId": self.id if self.type == AGENT else None,
            "userId": self.id if self.type == USER else None,
        }


def principal(agent_id: UUID | None, user_id: UUID | None) -> Principal | None:
    """Return who is named by either id, None when nobody is."""
    if agent_id is not None:
        return Principal(AGENT, str(agent_id))
    return Principal(USER, str(user_id)) if user_id is not None else None


@dataclass(frozen=True)
class Participant:
    """Who may be asked in a stage."""

    id: str
    who: Principal

    def told(self) -> dict[str, Any]:
        """Return the stored form."""
        return {"id": self.id, **self.who.told()}


@dataclass(frozen=True)
class Stage:
    """One judgement that work has to pass."""

    id: str
    type: str
    participants: tuple[Participant, ...]

    @property
    def principals(self) -> list[Principal]:
        """Who may be asked, in order."""
        return [each.who for each in self.participants]

    def told(self) -> dict[str, Any]:
        """Return the stored form."""
        return {
            "id": self.id,
            "type": self.type,
            "approvalsNeeded": 1,
            "participants": [each.told() for each in self.participants],
        }


@dataclass(frozen=True)
class Monitor:
    """When somebody looks at the work again, once, and for how long that may go on."""

    next_check_at: datetime
    notes: str | None = None
    scheduled_by: str = "assignee"
    kind: str | None = None
    service_name: str | None = None
    external_ref: str | None = None
    timeout_at: datetime | None = None
    max_attempts: int | None = None
    recovery_policy: str | None = None

    def told(self) -> dict[str, Any]:
        """Return the stored form."""
        return {
            "nextCheckAt": clock.iso(self.next_check_at),
            "notes": self.notes,
            "scheduledBy": self.scheduled_by,
            "kind": self.kind,
            "serviceName": self.service_name,
            "externalRef": self.external_ref,
            "timeoutAt": clock.iso(self.timeout_at) if self.timeout_at else None,
            "maxAttempts": self.max_attempts,
            "recoveryPolicy": self.recovery_policy,
        }


@dataclass(frozen=True)
class Policy:
    """The stages that finished work passes, and its monitor."""

    mode: str = "normal"
    stages: tuple[Stage, ...] = ()
    monitor: Monitor | None = None

    @property
    def principals(self) -> list[Principal]:
        """Everybody who may be asked, each once, in order."""
        return list(dict.fromkeys(each for stage in self.stages for each in stage.principals))

    def place(self, stage_id: str | None) -> int | None:
        """Return where the stage stands, None when the policy has no such stage."""
        return next((place for place, stage in enumerate(self.stages) if stage.id == stage_id), None)

    def told(self) -> dict[str, Any]:
        """Return the stored form."""
        told: dict[str, Any] = {
            "mode": self.mode,
            "commentRequired": True,
            "stages": [stage.told() for stage in self.stages],
        }
        if self.monitor is not None:
            told["monitor"] = self.monitor.told()
        return told


@dataclass(frozen=True)
class MonitorState:
    """What became of an issue's monitor: the one that is scheduled, or the last there was."""

    status: str
    next_check_at: datetime | None = None
    last_triggered_at: datetime | None = None
    attempt_count: int = 0
    notes: str | None = None
    scheduled_by: str | None = None
    kind: str | None = None
    service_name: str | None = None
    external_ref: str | None = None
    timeout_at: datetime | None = None
    max_attempts: int | None = None
    recovery_policy: str | None = None
    cleared_at: datetime | None = None
    clear_reason: str | None = None

    def told(self) -> dict[str, Any]:
        """Return the stored form."""
        return {
            "status": self.status,
            "nextCheckAt": _iso(self.next_check_at),
            "lastTriggeredAt": _iso(self.last_triggered_at),
            "attemptCount": self.attempt_count,
            "notes": self.notes,
            "scheduledBy": self.scheduled_by,
            "kind": self.kind,
            "serviceName": self.service_name,
            "externalRef": self.external_ref,
            "timeoutAt": _iso(self.timeout_at),
            "maxAttempts": self.max_attempts,
            "recoveryPolicy": self.recovery_policy,
            "clearedAt": _iso(self.cleared_at),
            "clearReason": self.clear_reason,
        }


@dataclass(frozen=True)
class State:
    """How far an issue is through the stages of its policy."""

    status: str = FlowStatus.IDLE
    stage_id: str | None = None
    stage_index: int | None = None
    stage_type: str | None = None
    participant: Principal | None = None
    return_assignee: Principal | None = None
    review_request: dict[str, Any] | None = None
    completed_stage_ids: tuple[str, ...] = ()
    last_decision_id: str | None = None
    last_decision_outcome: str | None = None
    monitor: MonitorState | None = None

    @property
    def is_pending(self) -> bool:
        """Whether somebody is asked to judge."""
        return self.status == FlowStatus.PENDING

    def told(self) -> dict[str, Any]:
        """Return the stored form."""
        return {
            "status": str(self.status),
            "currentStageId": self.stage_id,
            "currentStageIndex": self.stage_index,
            "currentStageType": self.stage_type,
            "currentParticipant": self.participant.told() if self.participant else None,
            "returnAssignee": self.return_assignee.told() if self.return_assignee else None,
            "reviewRequest": self.review_request,
            "completedStageIds": list(self.completed_stage_ids),
            "lastDecisionId": self.last_decision_id,
            "lastDecisionOutcome": self.last_decision_outcome,
            "monitor": self.monitor.told() if self.monitor else None,
        }


def _iso(moment: datetime | None) -> str | None:
    return clock.iso(moment) if moment is not None else None
