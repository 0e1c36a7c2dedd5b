"""The stages of an execution policy as a state machine: what an edit comes to (I-100 to I-108). Pure.

Work whose policy has stages is not done when its assignee says so: each stage asks one participant, who approves or
sends the work back to whoever did it. State by state: docs/issue-states.md.
"""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass, replace
from typing import Any, Final

from issues.choices import CLOSED, FlowStatus, IssueStatus, Outcome, StageType
from issues.policy.shapes import Policy, Principal, Stage, State
from paperclip.core.errors import Unprocessable

LEAVE: Final[Any] = object()
REVIEWER, APPROVER, EXECUTOR = "reviewer", "approver", "executor"
_NOT_YOURS = "Only the active reviewer or approver can advance the current execution stage"


@dataclass(frozen=True)
class Standing:
    """An issue before the edit, with the policy it has after it. `gone` are participants that cannot be asked."""

    status: str
    assignee: Principal | None
    policy: Policy | None
    state: State | None
    gone: Collection[Principal] = ()


@dataclass(frozen=True)
class Wish:
    """What an edit asks for. `status` is None when it asks for none; `review_request` may be `LEAVE`."""

    status: str | None = None
    assignee: Principal | None = None
    is_reassigning: bool = False
    review_request: Any = LEAVE
    comment: str | None = None


@dataclass(frozen=True)
class By:
    """Who edits. A person may cancel work that is under review."""

    who: Principal | None = None
    is_person: bool = False


@dataclass(frozen=True)
class Verdict:
    """What a participant decided, to be kept as a row."""

    stage_id: str
    stage_type: str
    outcome: str
    body: str


@dataclass(frozen=True)
class Move:
    """What becomes of the edit: `status` and `assignee` are `LEAVE` where the wish stands.

    `role` names whom the move calls, and as what; None when it calls nobody.
    """

    state: State | None
    status: Any = LEAVE
    assignee: Any = LEAVE
    verdict: Verdict | None = None
    role: str | None = None


def decide_move(standing: Standing, wish: Wish, by: By) -> Move:
    """Return what an edit comes to. Raises Unprocessable when the stages stand against it."""
    move = _decide(standing, wish, by)
    is_reopened = standing.status in CLOSED and wish.status is not None and wish.status not in CLOSED
    if is_reopened and move.status is LEAVE:
        move = replace(move, state=None)
    was_asked = standing.state is not None and standing.state.is_pending
    is_asked = move.state is not None and move.state.is_pending
    if wish.review_request not in (LEAVE, None) and not (was_asked or is_asked):
        raise Unprocessable("reviewRequest requires an active review or approval stage")
    return move


def _decide(standing: Standing, wish: Wish, by: By) -> Move:
    state, policy = standing.state, standing.policy
    is_asked = state is not None and state.is_pending and standing.status not in CLOSED
    if policy is None or not policy.stages:
        return _abandon(standing, wish) if is_asked else Move(state)
    if is_asked:
        assert state is not None
        return _while_pending(standing, policy, state, wish, by)
    if wish.status in (IssueStatus.DONE, IssueStatus.IN_REVIEW):
        return _start(standing, policy, wish)
    return Move(state)


# --- While somebody is asked -----------------------------------------------------------------------------


def _while_pending(standing: Standing, policy: Policy, state: State, wish: Wish, by: By) -> Move:
    place = policy.place(state.stage_id)
    if place is None:
        return _abandon(standing, wish)
    stage, participant = policy.stages[place], state.participant
    if participant not in stage.principals or participant in standing.gone:
        heir = _choose(stage, away=state.return_assignee, standing=standing, preferred=())
        if heir is not None:
            return _ask(stage, place, heir, state, _request_of(wish, state.review_request))
        if participant not in stage.principals:
            return _abandon(standing, wish)
    assert participant is not None
    if by.is_person and wish.status == IssueStatus.CANCELLED:
        return Move(None)
    if by.who == participant and wish.status == IssueStatus.DONE:
        return _approve(standing, policy, stage, state, wish)
    if by.who == participant and wish.status not in (None, IssueStatus.IN_REVIEW):
        return _request_changes(stage, state, wish)
    if standing.status != IssueStatus.IN_REVIEW or standing.assignee != participant:
        return _ask(stage, place, participant, state, _request_of(wish, state.review_request))
    if wish.status not in (None, IssueStatus.IN_REVIEW):
        raise Unprocessable(_NOT_YOURS)
    if wish.is_reassigning and wish.assignee != participant:
        raise Unprocessable(_NOT_YOURS)
    return Move(replace(state, review_request=_request_of(wish, state.review_request)))


def _approve(standing: Standing, policy: Policy, stage: Stage, state: State, wish: Wish) -> Move:
    """I-102: the next stage asks, or the work is done."""
    body = (wish.comment or "").strip()
    if not body:
        raise Unprocessable("Approving a review or approval stage requires a comment")
    passed = replace(
        state,
        completed_stage_ids=tuple(dict.fromkeys([*state.completed_stage_ids, stage.id])),
        last_decision_outcome=Outcome.APPROVED.value,
    )
    move = _enter_next(standing, policy, passed, wish, preferred=_asked_for(wish))
    verdict = Verdict(stage.id, stage.type, Outcome.APPROVED.value, body)
    # Done work stays with whoever judged it last.
    assignee = standing.assignee if move.assignee is LEAVE else move.assignee
    return replace(move, assignee=assignee, verdict=verdict)


def _request_changes(stage: Stage, state: State, wish: Wish) -> Move:
    """I-103: the work goes back to whoever did it, and comes to the same stage again."""
    if wish.status == IssueStatus.CANCELLED:
        # To call work off is not to ask for changes (IW-26).
        raise Unprocessable("Only a person can cancel work under review; to request changes send in_progress")
    body = (wish.comment or "").strip()
    if not body:
        raise Unprocessable("Requesting changes requires a comment")
    if state.return_assignee is None:
        raise Unprocessable("Changes cannot be requested: nobody is known who did the work")
    state = replace(
        state,
        status=FlowStatus.CHANGES_REQUESTED,
        review_request=None,
        last_decision_outcome=Outcome.CHANGES_REQUESTED.value,
    )
    verdict = Verdict(stage.id, stage.type, Outcome.CHANGES_REQUESTED.value, body)
    return Move(state, IssueStatus.IN_PROGRESS.value, state.return_assignee, verdict, role=EXECUTOR)


def _abandon(standing: Standing, wish: Wish) -> Move:
    """I-106: nobody is asked any more, so the work goes back to whoever did it, unless the edit says where to."""
    back = standing.state.return_assignee if standing.state is not None else None
    if back is None or standing.status != IssueStatus.IN_REVIEW or wish.status is not None:
        return Move(None)
    return Move(None, IssueStatus.IN_PROGRESS.value, back)


# --- Into a stage ----------------------------------------------------------------------------------------


def _start(standing: Standing, policy: Policy, wish: Wish) -> Move:
    """I-100: finished work enters the first stage it has not passed, or the one that sent it back."""
    if standing.status == wish.status == IssueStatus.DONE:
        return Move(standing.state)
    state = standing.state or State()
    if standing.status in CLOSED:
        # What was judged before the issue was closed does not count for what is done since (I-107).
        state = State(return_assignee=state.return_assignee)
    was_sent_back = state.status == FlowStatus.CHANGES_REQUESTED
    # Work that was sent back and then given to somebody else is that one's work now.
    back = standing.assignee or state.return_assignee
    if not was_sent_back:
        back = state.return_assignee or standing.assignee
    preferred = _asked_for(wish)
    if was_sent_back and state.participant is not None:
        preferred = (*preferred, state.participant)
    state = replace(state, return_assignee=back)
    place = policy.place(state.stage_id) if was_sent_back else None
    if place is not None:
        stage = policy.stages[place]
        chosen = _choose(stage, away=back, standing=standing, preferred=preferred)
        if chosen is not None:
            return _ask(stage, place, chosen, state, _request_of(wish, None))
    return _enter_next(standing, policy, state, wish, preferred=preferred)


def _enter_next(
    standing: Standing, policy: Policy, state: State, wish: Wish, *, preferred: tuple[Principal, ...]
) -> Move:
    """Ask in the first stage that was not passed; a review that only its own worker could give is left out (I-101)."""
    completed = state.completed_stage_ids
    for place, stage in enumerate(policy.stages):
        if stage.id in completed:
            continue
        chosen = _choose(stage, away=state.return_assignee, standing=standing, preferred=preferred)
        if chosen is not None:
            state = replace(state, completed_stage_ids=completed)
            return _ask(stage, place, chosen, state, _request_of(wish, None))
        only_own = stage.type == StageType.REVIEW and set(stage.principals) == {state.return_assignee}
        if not (only_own and wish.status == IssueStatus.DONE):
            raise Unprocessable(f"No eligible {stage.type} participant is configured for this issue")
        completed = (*completed, stage.id)
    if wish.status != IssueStatus.DONE:
        return Move(state)
    return Move(
        replace(
            state,
            status=FlowStatus.COMPLETED,
            stage_id=None,
            stage_index=None,
            stage_type=None,
            participant=None,
            review_request=None,
            completed_stage_ids=completed,
        )
    )


def _ask(stage: Stage, place: int, who: Principal, state: State, request: dict[str, Any] | None) -> Move:
    asked = replace(
        state,
        status=FlowStatus.PENDING,
        stage_id=stage.id,
        stage_index=place,
        stage_type=stage.type,
        participant=who,
        review_request=request,
    )
    role = REVIEWER if stage.type == StageType.REVIEW else APPROVER
    return Move(asked, IssueStatus.IN_REVIEW.value, who, role=role)


def _choose(
    stage: Stage, *, away: Principal | None, standing: Standing, preferred: tuple[Principal, ...]
) -> Principal | None:
    """I-101: nobody judges their own work; among the others a preferred one, else the first."""
    able = [each for each in stage.principals if each != away and each not in standing.gone]
    return next((each for each in preferred if each in able), able[0] if able else None)


def _asked_for(wish: Wish) -> tuple[Principal, ...]:
    return (wish.assignee,) if wish.is_reassigning and wish.assignee is not None else ()


def _request_of(wish: Wish, otherwise: dict[str, Any] | None) -> dict[str, Any] | None:
    request: dict[str, Any] | None = otherwise if wish.review_request is LEAVE else wish.review_request
    return request
