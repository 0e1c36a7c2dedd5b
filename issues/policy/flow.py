"""What an edit of an issue does to the stages and the monitor of its policy (section 8 of the contract).

The rules are in `transitions` and `monitoring`; here the facts are gathered for them and their answers turned into
columns, a decision to keep, and whom to call.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any
from uuid import UUID, uuid4

from issues.choices import CLOSED
from issues.fields import Fields
from issues.models import Decision, Issue
from issues.policy import monitoring, parsing, participants, transitions
from issues.policy.monitoring import Place, Watch
from issues.policy.shapes import MonitorState, Policy, Principal, State, principal
from issues.policy.transitions import LEAVE, By, Move, Standing, Verdict, Wish
from paperclip.companies.actors import Actor
from paperclip.core.errors import Forbidden

Hands = tuple[UUID | None, UUID | None]

_CALLED_AS = {
    transitions.REVIEWER: ("execution_review_requested", ("approve", "request_changes")),
    transitions.APPROVER: ("execution_approval_requested", ("approve", "request_changes")),
    transitions.EXECUTOR: ("execution_changes_requested", ("address_changes", "resubmit")),
}


@dataclass(frozen=True)
class Call:
    """An agent to be woken for a stage: why, and what it is told (I-91)."""

    agent_id: UUID
    reason: str
    stage: dict[str, Any]


@dataclass(frozen=True)
class Flow:
    """What an edit comes to: the issue's status and hands after it, and what is written beside them.

    `is_forced` says that the stages chose the hands. `decision` is not stored yet.
    """

    status: str | None
    hands: Hands
    is_forced: bool
    columns: dict[str, Any]
    before: Policy | None
    after: Policy | None
    watch: Watch
    decision: Decision | None = None
    call: Call | None = None
    is_asking: bool = False


def of_edit(
    issue: Issue,
    wanted: Fields,
    *,
    status: str | None,
    hands: Hands,
    comment: str | None,
    actor: Actor,
    now: datetime,
) -> Flow:
    """Return what the stages and the monitor make of an edit of a locked `issue` (I-99 to I-111).

    `status` (None when it asks for none) and `hands`, the assigned agent and person, are what the edit wants. Raises
    Unprocessable, or Forbidden for a monitor that is not the actor's to change.
    """
    before, state = parsing.policy(issue.execution_policy), parsing.state(issue.execution_state)
    policy = before
    if "execution_policy" in wanted:
        policy = _sent(issue.company_id, wanted, before, actor, assignee_id=issue.assignee_agent_id)
    move = _move(issue, policy, state, wanted, status, hands, comment, actor)
    if move.status is not LEAVE:
        status = str(move.status)
    if move.assignee is not LEAVE:
        hands = _hands(move.assignee)
    watch = monitoring.decide_watch(
        before=before,
        policy=policy,
        state=state.monitor if state is not None else None,
        place=Place(status or issue.status, *hands),
        scheduled_by=_scheduler(actor),
        now=now,
    )
    decision = _decision(issue, move.verdict, actor, now)
    final = _final(issue, policy, move.state, watch, status, decision, is_sent="execution_policy" in wanted)
    columns = {**_mirror(watch)}
    if final != state:
        columns["execution_state"] = final.told() if final is not None else None
    if watch.policy != before:
        columns["execution_policy"] = watch.policy.told() if watch.policy is not None else None
    return Flow(
        status=status,
        hands=hands,
        is_forced=move.assignee is not LEAVE,
        columns=columns,
        before=before,
        after=watch.policy,
        watch=watch,
        decision=decision,
        call=_call(issue, state, final, move, status, hands),
        is_asking=final is not None and final.is_pending,
    )


def of_new(
    company_id: UUID, wanted: Fields, *, status: str, hands: Hands, actor: Actor, now: datetime
) -> dict[str, Any]:
    """Return the columns of a new issue's policy and monitor; its stages begin with an edit (I-110, I-111).

    Raises Unprocessable, or Forbidden when an agent schedules a monitor for somebody else.
    """
    policy = _sent(company_id, wanted, None, actor, assignee_id=hands[0])
    if policy is None:
        return {}
    watch = monitoring.decide_watch(
        before=None,
        policy=policy,
        state=None,
        place=Place(status, *hands),
        scheduled_by=_scheduler(actor),
        now=now,
    )
    assert watch.policy is not None
    state = State(monitor=watch.state).told() if watch.state is not None else None
    return {"execution_policy": watch.policy.told(), "execution_state": state, **_mirror(watch)}


# --- Steps -----------------------------------------------------------------------------------------------


def _sent(
    company_id: UUID, wanted: Fields, before: Policy | None, actor: Actor, *, assignee_id: UUID | None
) -> Policy | None:
    """Return the policy somebody sends, in order, and theirs to set."""
    policy = parsing.normalise(wanted.get("execution_policy"))
    participants.require_known(company_id, policy, before)
    is_theirs = not actor.is_agent or actor.agent_id == assignee_id
    if monitoring.differs(before, policy) and not is_theirs:
        raise Forbidden("Only the assignee agent or a board user can manage issue monitors")
    return policy


def _move(
    issue: Issue,
    policy: Policy | None,
    state: State | None,
    wanted: Fields,
    status: str | None,
    hands: Hands,
    comment: str | None,
    actor: Actor,
) -> Move:
    has_stages = policy is not None and bool(policy.stages)
    standing = Standing(
        status=issue.status,
        assignee=principal(issue.assignee_agent_id, issue.assignee_user_id),
        policy=policy,
        state=state,
        gone=participants.gone(issue.company_id, policy.principals) if policy and has_stages else (),
    )
    wish = Wish(
        status=status,
        assignee=principal(*hands),
        is_reassigning=hands != (issue.assignee_agent_id, issue.assignee_user_id),
        review_request=wanted.get("review_request", LEAVE),
        comment=comment,
    )
    by = By(principal(actor.agent_id, actor.user_id), is_person=actor.is_board)
    return transitions.decide_move(standing, wish, by)


def _final(
    issue: Issue,
    policy: Policy | None,
    stages: State | None,
    watch: Watch,
    status: str | None,
    decision: Decision | None,
    *,
    is_sent: bool,
) -> State | None:
    """Return the state to store, of the stages and of the monitor together."""
    if policy is None and is_sent:
        return None
    is_reopened = issue.status in CLOSED and status is not None and status not in CLOSED
    monitor = watch.state if watch.is_scheduled or not is_reopened else None
    if decision is not None and stages is not None:
        stages = replace(stages, last_decision_id=str(decision.pk))
    if stages is None and monitor is None:
        return None
    return replace(stages or State(), monitor=monitor)


def _decision(issue: Issue, verdict: Verdict | None, actor: Actor, now: datetime) -> Decision | None:
    if verdict is None:
        return None
    return Decision(
        id=uuid4(),
        company_id=issue.company_id,
        issue=issue,
        stage_id=UUID(verdict.stage_id),
        stage_type=verdict.stage_type,
        actor_agent_id=actor.agent_id,
        actor_user_id=actor.user_id,
        outcome=verdict.outcome,
        body=verdict.body,
        created_by_run_id=actor.run_id,
        created_at=now,
        updated_at=now,
    )


def _call(
    issue: Issue, before: State | None, after: State | None, move: Move, status: str | None, hands: Hands
) -> Call | None:
    """Return the wake of whoever is asked now, when that is news to them (I-91)."""
    if move.role is None or after is None or hands[0] is None:
        return None
    asked_already = before is not None and before.is_pending and after.is_pending
    is_same = before is not None and (before.stage_id, before.participant) == (
        after.stage_id,
        after.participant,
    )
    is_in_place = (issue.status, _of(issue)) == (status, hands)
    if asked_already and is_same and is_in_place:
        return None
    reason, allowed = _CALLED_AS[move.role]
    stage = {
        "wakeRole": move.role,
        "stageId": after.stage_id,
        "stageType": after.stage_type,
        "currentParticipant": after.participant.told() if after.participant else None,
        "returnAssignee": after.return_assignee.told() if after.return_assignee else None,
        "reviewRequest": after.review_request,
        "lastDecisionOutcome": after.last_decision_outcome,
        "allowedActions": list(allowed),
    }
    return Call(hands[0], reason, stage)


def _mirror(watch: Watch) -> dict[str, Any]:
    """Return the columns by which due monitors are found, where the edit changes them."""
    if watch.cleared is not None:
        return unwatched()
    monitor = watch.policy.monitor if watch.policy is not None else None
    if not watch.is_scheduled or monitor is None:
        return {}
    return {
        "monitor_next_check_at": monitor.next_check_at,
        "monitor_wake_requested_at": None,
        "monitor_notes": monitor.notes,
        "monitor_scheduled_by": monitor.scheduled_by,
        "monitor_attempt_count": _attempts(watch.state),
    }


def unwatched() -> dict[str, Any]:
    """Return the columns of an issue whose monitor is not scheduled any more."""
    return {
        "monitor_next_check_at": None,
        "monitor_wake_requested_at": None,
        "monitor_notes": None,
        "monitor_scheduled_by": None,
    }


def _attempts(state: MonitorState | None) -> int:
    return state.attempt_count if state is not None else 0


def _scheduler(actor: Actor) -> str:
    return "assignee" if actor.is_agent else "board"


def _hands(who: Principal | None) -> Hands:
    return (who.agent_id, who.user_id) if who is not None else (None, None)


def _of(issue: Issue) -> Hands:
    return issue.assignee_agent_id, issue.assignee_user_id
