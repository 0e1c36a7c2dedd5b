"""The words for what moves an issue next, what is missing for it, and what a person can do about it."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from uuid import UUID


class Kind(StrEnum):
    # Something moves it, or there is nothing to move.
    OVER = "over"  # done or cancelled
    BACKLOG = "backlog"  # nobody has promised it yet
    RUN = "run"  # a run is at work
    QUEUED = "queued"  # a run waits for a runner
    RETRY = "retry"  # a run waits for its time
    WAKE = "wake"  # a call waits
    RECOVERY = "recovery"  # the next pass takes it up
    TIMER = "timer"  # its agent looks at its next heartbeat
    MONITOR = "monitor"  # it is looked at again when planned
    CHILDREN = "children"  # its children are at work
    PERSON = "person"  # a person has it
    REVIEWER = "reviewer"  # somebody is to judge it
    APPROVAL = "approval"  # a question waits for the board's answer
    # Something is missing.
    UNASSIGNED = "unassigned"
    HELD = "held"
    COMPANY_STOPPED = "company_stopped"
    COMPANY_DRAINING = "company_draining"
    AGENT_PAUSED = "agent_paused"
    AGENT_PENDING = "agent_pending"
    AGENT_GONE = "agent_gone"
    NO_WAKES = "no_wakes"
    BUDGET = "budget"
    LOOP = "loop"
    NO_RUNNER = "no_runner"
    ACCOUNT_SHUT = "account_shut"
    BLOCKER_CANCELLED = "blocker_cancelled"
    CIRCLE = "circle"
    CALLED_OFF = "called_off"
    NEVER_CALLED = "never_called"
    BLOCKED = "blocked"  # it says that it cannot go on, and waits for nothing that could end
    NO_REVIEWER = "no_reviewer"
    REVIEWER_GONE = "reviewer_gone"


MISSING = frozenset(
    {
        Kind.UNASSIGNED,
        Kind.HELD,
        Kind.COMPANY_STOPPED,
        Kind.COMPANY_DRAINING,
        Kind.AGENT_PAUSED,
        Kind.AGENT_PENDING,
        Kind.AGENT_GONE,
        Kind.NO_WAKES,
        Kind.BUDGET,
        Kind.LOOP,
        Kind.NO_RUNNER,
        Kind.BLOCKER_CANCELLED,
        Kind.CIRCLE,
        Kind.CALLED_OFF,
        Kind.NEVER_CALLED,
        Kind.BLOCKED,
        Kind.NO_REVIEWER,
        Kind.REVIEWER_GONE,
    }
)


class Action(StrEnum):
    """What a person can do about it."""

    ASSIGN = "assign"
    START = "start"  # out of the backlog
    WAKE = "wake"
    RETRY_NOW = "retry_now"
    RELEASE_HOLD = "release_hold"
    RESUME_COMPANY = "resume_company"
    TAKE_WORK = "take_work"
    RESUME_AGENT = "resume_agent"
    APPROVE_AGENT = "approve_agent"
    ALLOW_WAKES = "allow_wakes"
    RAISE_BUDGET = "raise_budget"
    RESUME_PROJECT = "resume_project"
    LIFT_STOP = "lift_stop"
    START_RUNNER = "start_runner"
    OPEN_ACCOUNT = "open_account"
    DROP_BLOCKER = "drop_blocker"
    ANSWER_APPROVAL = "answer_approval"
    ANSWER = "answer"  # say in the thread how to go on


@dataclass(frozen=True)
class Movement:
    """What moves an issue next, in one `sentence` for people, at `moves_at` when that is known.

    `issue_id` is the issue that decides: its own, or the one at the end of what it waits for; `path` the issues
    between. `action` is what mends or hastens it, for `issue_id` and, where they are named, the agent, run or hold.
    """

    kind: Kind
    sentence: str
    issue_id: UUID
    moves_at: datetime | None = None
    run: UUID | None = None
    agent: UUID | None = None
    hold: UUID | None = None
    action: Action | None = None
    path: tuple[UUID, ...] = ()

    @property
    def is_missing(self) -> bool:
        """Whether nothing moves it until a person does something."""
        return self.kind in MISSING
