"""What becomes of an assigned issue that no run moves: the table of H-144, without a look at the database.

The counters of the assignee's last run decide. They travel along a chain and never fall, so every chain ends: it is
taken up again once, goes on once after a run that did something without an end, and then a person is told.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

from heartbeat.choices import (
    MAX_HANDOFFS,
    MAX_LIVENESS_CONTINUATIONS,
    MAX_RECOVERIES,
    RUN_LIVE,
    Liveness,
    RunStatus,
)
from heartbeat.models import Run
from issues.choices import ORIGIN_ONE_OPEN, IssueStatus
from issues.models import Issue

STRANDED = "stranded_assigned_issue"
MISSING_STATE = "successful_run_missing_state"
# Why a run ended that somebody stopped for good (H-97); other stops end with their cause.
CALLED_OFF = "cancelled"
_IDLE = frozenset({Liveness.PLAN_ONLY, Liveness.EMPTY_RESPONSE})


class Kind(StrEnum):
    LEAVE = "leave"  # somebody decided so, or it was never asked for
    DISPATCH = "dispatch"  # call the agent as if the issue had just been given to it
    REQUEUE = "requeue"  # the run that follows the last one
    ESCALATE = "escalate"  # block it and hand it to somebody


@dataclass(frozen=True)
class Last:
    """The newest run of the assignee on the issue, as far as the decision looks at it."""

    status: str
    is_called_off: bool = False
    recovery_attempt: int = 0
    handoff_attempt: int = 0
    continuation_attempt: int = 0
    liveness_state: str | None = None


@dataclass(frozen=True)
class Scene:
    """An issue that no run moves. `was_called` says whether any run ever worked on it, or holds it."""

    status: str
    last: Last | None
    was_called: bool = False


@dataclass(frozen=True)
class Step:
    """What to do, why in one sentence, and under which of the pass's figures it counts.

    `wake_reason`, `retry_reason` and `source` name the next run, `attempt` is its recovery counter, `cause` what
    an escalation is put down to.
    """

    kind: Kind
    counter: str
    reason: str
    wake_reason: str = ""
    retry_reason: str = ""
    source: str = ""
    attempt: int = 0
    cause: str = ""


def last_of(run: Run) -> Last:
    """Return what the decision looks at of an ended `run`."""
    return Last(
        status=run.status,
        is_called_off=is_called_off(run),
        recovery_attempt=run.recovery_attempt,
        handoff_attempt=run.handoff_attempt,
        continuation_attempt=run.continuation_attempt,
        liveness_state=run.liveness_state,
    )


def is_called_off(run: Run) -> bool:
    """Whether somebody stopped this very run, rather than its agent, tree or company (beats HW-2)."""
    if run.status != RunStatus.CANCELLED or run.cancel_requested_at is None:
        return False
    return (run.result_json or {}).get("stopReason") == CALLED_OFF


def is_recovery(issue: Issue) -> bool:
    """Whether the issue was itself made to get other work going: such work is never nested (H-149)."""
    return issue.origin_kind in ORIGIN_ONE_OPEN


def decide_step(scene: Scene, *, is_recovery: bool = False) -> Step:
    """Return what becomes of a `todo` or `in_progress` issue of an agent that no run moves (H-144).

    An issue that `is_recovery` is not tried again by itself: its first failure is told (H-144a).
    """
    last = scene.last
    if last is None:
        return _first_call(scene)
    assert last.status not in RUN_LIVE, "a live run moves its issue"
    if last.is_called_off:
        return Step(Kind.LEAVE, "skipped", "Somebody stopped the last run; it is not started again by itself")
    if last.status == RunStatus.CANCELLED:
        # What stopped it lay outside and is over: no attempt of its own is used up.
        return _again(scene, "The last run was stopped from outside", attempt=last.recovery_attempt)
    is_unfinished = scene.status == IssueStatus.IN_PROGRESS and last.handoff_attempt >= MAX_HANDOFFS
    if is_unfinished:
        counter = "successful_run_handoff_escalated"
        return Step(
            Kind.ESCALATE, counter, "It was asked once to say how the work goes on", cause=MISSING_STATE
        )
    if last.status == RunStatus.SUCCEEDED:
        return _after_success(scene, last)
    if is_recovery or last.recovery_attempt > 0:
        return _escalate("The run failed, and it was the attempt to get the issue going again")
    return _again(scene, "The last run failed", attempt=1)


def _first_call(scene: Scene) -> Step:
    if scene.status == IssueStatus.TODO:
        return Step(
            Kind.DISPATCH,
            "assignment_dispatched",
            "It was given to an agent that has not been called for it",
            wake_reason="issue_assigned",
            source="issue.assigned_todo_liveness_dispatch",
        )
    if not scene.was_called:
        return Step(Kind.LEAVE, "skipped", "It was put in progress by hand, and no agent was called for it")
    return Step(
        Kind.DISPATCH,
        "continuation_requeued",
        "It is in progress with an agent that has not been called for it",
        wake_reason="issue_continuation_needed",
        source="issue.continuation_recovery",
    )


def _after_success(scene: Scene, last: Last) -> Step:
    """A run that went well and left the issue open, with nobody called (H-144 c, h to j).

    The reference leaves such issues alone unless the run moved something; here they too come to an end.
    """
    told = "The run went well, yet left the issue open"
    if last.recovery_attempt >= MAX_RECOVERIES:
        return _escalate(f"{told} again after it was taken up to go on")
    if scene.status == IssueStatus.TODO:
        return _again(scene, told, attempt=MAX_RECOVERIES)
    if last.liveness_state not in _IDLE:
        source = "issue.productive_terminal_continuation_recovery"
        return _again(scene, told, attempt=MAX_RECOVERIES, source=source)
    if last.continuation_attempt >= MAX_LIVENESS_CONTINUATIONS or last.recovery_attempt > 0:
        return _escalate("Its runs go well and move nothing")
    return _again(scene, "The run went well and moved nothing", attempt=1)


def _again(scene: Scene, reason: str, *, attempt: int, source: str | None = None) -> Step:
    """The follow-up that takes the issue up again: as an assignment, or as work to go on with (H-142)."""
    if scene.status == IssueStatus.TODO:
        return Step(
            Kind.REQUEUE,
            "dispatch_requeued",
            reason,
            wake_reason="issue_assignment_recovery",
            retry_reason="assignment_recovery",
            source="issue.assignment_recovery",
            attempt=attempt,
        )
    return Step(
        Kind.REQUEUE,
        "continuation_requeued",
        reason,
        wake_reason="issue_continuation_needed",
        retry_reason="issue_continuation_needed",
        source=source or "issue.continuation_recovery",
        attempt=attempt,
    )


def _escalate(reason: str) -> Step:
    return Step(Kind.ESCALATE, "escalated", reason, cause=STRANDED)
