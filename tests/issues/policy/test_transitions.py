"""The stages of a policy as a state machine, without a database."""

from __future__ import annotations

from dataclasses import replace
from uuid import UUID

import pytest
from hypothesis import given
from hypothesis import strategies as st

from issues.policy.shapes import Participant, Policy, Principal, Stage, State
from issues.policy.transitions import LEAVE, By, Standing, Wish, decide_move
from paperclip.core.errors import Unprocessable


def who(number, kind="agent"):
    return Principal(kind, str(UUID(int=number)))


EXECUTOR, REVIEWER, SECOND, APPROVER, PERSON, STRANGER = (who(n) for n in range(1, 7))
PERSON = replace(PERSON, type="user")


def stage(number, kind, *people):
    return Stage(
        str(UUID(int=100 + number)), kind, tuple(Participant(str(UUID(int=200)), each) for each in people)
    )


REVIEW = stage(1, "review", REVIEWER, SECOND)
APPROVAL = stage(2, "approval", APPROVER)
POLICY = Policy(stages=(REVIEW, APPROVAL))
PENDING = State(
    status="pending",
    stage_id=REVIEW.id,
    stage_index=0,
    stage_type="review",
    participant=REVIEWER,
    return_assignee=EXECUTOR,
)
SENT_BACK = replace(PENDING, status="changes_requested", last_decision_outcome="changes_requested")


def working(state=None, policy=POLICY, assignee=EXECUTOR, status="in_progress", gone=()):
    return Standing(status, assignee, policy, state, gone)


def under_review(state=PENDING, policy=POLICY, assignee=REVIEWER, status="in_review", gone=()):
    return Standing(status, assignee, policy, state, gone)


def by(person, *, is_person=False):
    return By(person, is_person=is_person)


# --- Into the stages -------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "status", [pytest.param("done", id="I-100 done"), pytest.param("in_review", id="I-100 in_review")]
)
def test_finished_work_asks_the_first_participant(status):
    """IC-76."""
    move = decide_move(working(), Wish(status, EXECUTOR), by(EXECUTOR))

    assert (move.status, move.assignee, move.role) == ("in_review", REVIEWER, "reviewer")
    state = move.state
    assert (state.status, state.stage_id, state.stage_index, state.stage_type) == (
        "pending",
        REVIEW.id,
        0,
        "review",
    )
    assert (state.participant, state.return_assignee, state.review_request) == (REVIEWER, EXECUTOR, None)


@pytest.mark.parametrize("status", ["backlog", "todo", "in_progress", "blocked", "cancelled", None])
def test_other_moves_ask_nobody(status):
    """I-100."""
    move = decide_move(working(), Wish(status, EXECUTOR), by(EXECUTOR))

    assert (move.state, move.status, move.assignee, move.verdict) == (None, LEAVE, LEAVE, None)


@pytest.mark.parametrize(
    ("asked", "chosen"),
    [
        pytest.param(STRANGER, REVIEWER, id="IC-83 no participant: the first"),
        pytest.param(SECOND, SECOND, id="I-101 the participant asked for"),
        pytest.param(None, REVIEWER, id="I-101 nobody asked for"),
    ],
)
def test_own_choice_of_an_assignee_counts_among_participants(asked, chosen):
    wish = Wish("in_review", asked, is_reassigning=True, review_request={"instructions": "look"})

    move = decide_move(working(), wish, by(EXECUTOR))

    assert (move.assignee, move.state.review_request) == (chosen, {"instructions": "look"})


def test_board_cannot_go_around_the_stages():
    """I-100: any assignee or status in the request is overridden, for the board too."""
    move = decide_move(working(), Wish("done", PERSON, is_reassigning=True), by(PERSON, is_person=True))

    assert (move.status, move.assignee) == ("in_review", REVIEWER)


@pytest.mark.parametrize(
    ("stages", "outcome"),
    [
        pytest.param([stage(1, "review", EXECUTOR)], "completed", id="IC-84 done when none is left"),
        pytest.param([stage(1, "review", EXECUTOR), APPROVAL], APPROVER, id="IC-84 next stage"),
        pytest.param([stage(1, "approval", EXECUTOR)], "approval", id="I-101 approvals are not left out"),
    ],
)
def test_nobody_reviews_their_own_work(stages, outcome):
    standing = working(policy=Policy(stages=tuple(stages)))

    if outcome == "approval":
        with pytest.raises(Unprocessable, match="No eligible approval participant is configured"):
            decide_move(standing, Wish("done", EXECUTOR), by(EXECUTOR))
        return
    move = decide_move(standing, Wish("done", EXECUTOR), by(EXECUTOR))

    if outcome == "completed":
        assert (move.status, move.state.status) == (LEAVE, "completed")
        assert move.state.completed_stage_ids == (stages[0].id,)
    else:
        assert (move.assignee, move.role, move.state.completed_stage_ids) == (
            outcome,
            "approver",
            (stages[0].id,),
        )


def test_only_done_leaves_a_review_out():
    """I-101: who asks for a review gets one or is told why not."""
    standing = working(policy=Policy(stages=(stage(1, "review", EXECUTOR),)))

    with pytest.raises(Unprocessable, match="No eligible review participant"):
        decide_move(standing, Wish("in_review", EXECUTOR), by(EXECUTOR))


def test_participants_who_left_are_passed_over():
    """IW-30."""
    assert decide_move(working(gone=(REVIEWER,)), Wish("done", EXECUTOR), by(EXECUTOR)).assignee == SECOND
    with pytest.raises(Unprocessable, match="No eligible review participant"):
        decide_move(working(gone=(REVIEWER, SECOND)), Wish("done", EXECUTOR), by(EXECUTOR))


def test_policy_on_an_issue_in_review_asks_nobody():
    """IC-85."""
    standing = Standing("in_review", EXECUTOR, POLICY, None)

    assert decide_move(standing, Wish(), by(EXECUTOR)).state is None


# --- Decisions -------------------------------------------------------------------------------------------


@pytest.mark.parametrize("comment", [None, "", "  \n "])
@pytest.mark.parametrize(
    ("status", "error"),
    [
        pytest.param("done", "Approving a review or approval stage requires a comment", id="IC-77"),
        pytest.param("in_progress", "Requesting changes requires a comment", id="I-103"),
    ],
)
def test_decisions_need_a_word(comment, status, error):
    with pytest.raises(Unprocessable, match=error):
        decide_move(under_review(), Wish(status, REVIEWER, comment=comment), by(REVIEWER))


def test_approval_goes_to_the_next_stage():
    """IC-78."""
    move = decide_move(under_review(), Wish("done", REVIEWER, comment="  fine \n"), by(REVIEWER))

    assert (move.status, move.assignee, move.role) == ("in_review", APPROVER, "approver")
    assert (move.state.status, move.state.stage_index, move.state.completed_stage_ids) == (
        "pending",
        1,
        (REVIEW.id,),
    )
    verdict = move.verdict
    assert (verdict.stage_id, verdict.stage_type, verdict.outcome, verdict.body) == (
        REVIEW.id,
        "review",
        "approved",
        "fine",
    )


@pytest.mark.parametrize(
    ("request_", "carried"),
    [
        pytest.param(LEAVE, None, id="I-102 null when none came"),
        pytest.param(
            {"instructions": "and now you"}, {"instructions": "and now you"}, id="I-102 from this request"
        ),
    ],
)
def test_next_stage_gets_its_own_instructions(request_, carried):
    standing = under_review(replace(PENDING, review_request={"instructions": "old"}))
    wish = Wish("done", REVIEWER, comment="fine", review_request=request_)

    assert decide_move(standing, wish, by(REVIEWER)).state.review_request == carried


def test_last_approval_lets_the_work_be_done():
    """IC-79."""
    state = replace(
        PENDING,
        stage_id=APPROVAL.id,
        stage_index=1,
        stage_type="approval",
        participant=APPROVER,
        completed_stage_ids=(REVIEW.id,),
    )
    wish = Wish("done", STRANGER, is_reassigning=True, comment="ship it")

    move = decide_move(under_review(state, assignee=APPROVER), wish, by(APPROVER))

    assert (move.status, move.assignee, move.role) == (LEAVE, APPROVER, None)
    assert (move.state.status, move.state.completed_stage_ids) == ("completed", (REVIEW.id, APPROVAL.id))
    assert (move.state.stage_id, move.state.participant) == (None, None)


@pytest.mark.parametrize("status", ["in_progress", "todo", "blocked", "backlog"])
def test_changes_send_the_work_back(status):
    """IC-80."""
    standing = under_review(replace(PENDING, review_request={"instructions": "look"}))

    move = decide_move(standing, Wish(status, REVIEWER, comment="no"), by(REVIEWER))

    assert (move.status, move.assignee, move.role) == ("in_progress", EXECUTOR, "executor")
    assert (move.state.status, move.state.stage_id, move.state.review_request) == (
        "changes_requested",
        REVIEW.id,
        None,
    )
    assert move.verdict.outcome == "changes_requested"


def test_changes_need_somebody_to_make_them():
    """I-103."""
    standing = under_review(replace(PENDING, return_assignee=None))

    with pytest.raises(Unprocessable, match="nobody is known who did the work"):
        decide_move(standing, Wish("in_progress", REVIEWER, comment="no"), by(REVIEWER))


@pytest.mark.parametrize("status", ["done", "in_review"])
def test_resubmitted_work_comes_to_whoever_sent_it_back(status):
    """IC-81."""
    state = replace(SENT_BACK, participant=SECOND)

    move = decide_move(working(state), Wish(status, EXECUTOR), by(EXECUTOR))

    assert (move.assignee, move.state.stage_id, move.state.return_assignee) == (SECOND, REVIEW.id, EXECUTOR)


def test_work_that_changed_hands_comes_back_to_the_new_ones():
    """Nobody judges their own work, and whoever took it over gets it back."""
    move = decide_move(working(SENT_BACK, assignee=SECOND), Wish("done", SECOND), by(SECOND))

    assert (move.assignee, move.state.return_assignee) == (REVIEWER, SECOND)


# --- Everybody else --------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("actor", "wish"),
    [
        pytest.param(by(EXECUTOR), Wish("done", REVIEWER, comment="x"), id="IC-82 the executor"),
        pytest.param(by(SECOND), Wish("done", REVIEWER, comment="x"), id="IC-82 another participant"),
        pytest.param(by(PERSON, is_person=True), Wish("done", REVIEWER, comment="x"), id="I-104 the board"),
        pytest.param(by(PERSON, is_person=True), Wish("todo", REVIEWER), id="I-104 the board, back"),
        pytest.param(
            by(PERSON, is_person=True), Wish(None, SECOND, is_reassigning=True), id="I-104 another assignee"
        ),
        pytest.param(by(REVIEWER), Wish(None, SECOND, is_reassigning=True), id="I-104 handing it over"),
        pytest.param(by(REVIEWER), Wish("in_review", None, is_reassigning=True), id="I-104 putting it down"),
        pytest.param(By(), Wish("done", REVIEWER), id="I-104 the system"),
    ],
)
def test_only_the_participant_decides(actor, wish):
    with pytest.raises(Unprocessable, match="Only the active reviewer or approver"):
        decide_move(under_review(), wish, actor)


@pytest.mark.parametrize(
    "wish",
    [
        pytest.param(Wish(None, REVIEWER), id="IC-82 a title"),
        pytest.param(Wish("in_review", REVIEWER), id="I-104 in_review again"),
        pytest.param(Wish(None, REVIEWER, comment="a word"), id="I-104 a comment"),
    ],
)
def test_other_edits_are_free(wish):
    move = decide_move(under_review(), wish, by(STRANGER))

    assert (move.state, move.status, move.verdict) == (PENDING, LEAVE, None)


def test_board_can_cancel_work_under_review():
    """IW-26."""
    move = decide_move(under_review(), Wish("cancelled", REVIEWER), by(PERSON, is_person=True))

    assert (move.state, move.status, move.verdict) == (None, LEAVE, None)


def test_participant_cannot_cancel_by_asking_for_changes():
    """IW-26."""
    with pytest.raises(Unprocessable, match="Only a person can cancel"):
        decide_move(under_review(), Wish("cancelled", REVIEWER, comment="no"), by(REVIEWER))


@pytest.mark.parametrize(
    ("given_", "expected"),
    [
        pytest.param({"instructions": "new"}, {"instructions": "new"}, id="I-108 set"),
        pytest.param(None, None, id="I-108 cleared"),
        pytest.param(LEAVE, {"instructions": "old"}, id="I-108 left"),
    ],
)
def test_instructions_change_while_somebody_is_asked(given_, expected):
    standing = under_review(replace(PENDING, review_request={"instructions": "old"}))

    assert decide_move(
        standing, Wish(None, REVIEWER, review_request=given_), by(STRANGER)
    ).state.review_request == (expected)


@pytest.mark.parametrize("state", [None, SENT_BACK])
def test_instructions_need_somebody_who_is_asked(state):
    """I-108."""
    wish = Wish(None, EXECUTOR, review_request={"instructions": "x"})

    with pytest.raises(Unprocessable, match="reviewRequest requires an active review or approval stage"):
        decide_move(working(state), wish, by(EXECUTOR))
    assert decide_move(working(state), replace(wish, review_request=None), by(EXECUTOR)).state == state


# --- Out of step -----------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("status", "assignee"),
    [
        pytest.param("todo", None, id="I-105 released"),
        pytest.param("in_progress", REVIEWER, id="I-105 checked out"),
        pytest.param("in_review", STRANGER, id="I-105 in other hands"),
    ],
)
@pytest.mark.parametrize(
    "wish", [Wish(None), Wish("done", comment="x"), Wish("todo", STRANGER, is_reassigning=True)]
)
def test_stage_is_asserted_again(status, assignee, wish):
    move = decide_move(under_review(status=status, assignee=assignee), wish, by(STRANGER))

    assert (move.status, move.assignee) == ("in_review", REVIEWER)
    assert (move.state.stage_id, move.state.return_assignee) == (REVIEW.id, EXECUTOR)


def test_participant_decides_out_of_step_too():
    """I-105."""
    standing = under_review(status="in_progress")

    assert decide_move(standing, Wish("done", REVIEWER, comment="fine"), by(REVIEWER)).assignee == APPROVER


@pytest.mark.parametrize("closed", ["done", "cancelled"])
def test_closed_issues_are_left_alone(closed):
    """A title does not bring back what a tree order called off."""
    move = decide_move(under_review(status=closed), Wish(None, REVIEWER), by(STRANGER))

    assert move.status is LEAVE


@pytest.mark.parametrize("closed", ["done", "cancelled"])
@pytest.mark.parametrize("status", ["backlog", "todo", "in_progress", "blocked"])
def test_reopened_issues_start_over(closed, status):
    """IC-86."""
    for state in (PENDING, SENT_BACK, replace(PENDING, status="completed")):
        move = decide_move(under_review(state, status=closed), Wish(status, REVIEWER), by(EXECUTOR))
        assert (move.state, move.status) == (None, LEAVE)


def test_cancelled_work_is_not_done_without_its_stages():
    """I-100."""
    standing = under_review(replace(PENDING, completed_stage_ids=(REVIEW.id,)), status="cancelled")

    move = decide_move(standing, Wish("done", REVIEWER), by(PERSON, is_person=True))

    assert (move.status, move.state.stage_id, move.state.completed_stage_ids) == ("in_review", REVIEW.id, ())


def test_done_work_stays_done():
    state = State(status="completed", completed_stage_ids=(REVIEW.id, APPROVAL.id))

    move = decide_move(under_review(state, status="done"), Wish("done", APPROVER), by(APPROVER))

    assert (move.state, move.status) == (state, LEAVE)


@pytest.mark.parametrize(
    ("policy", "wish", "expected"),
    [
        pytest.param(None, Wish(), ("in_progress", EXECUTOR), id="I-106 policy removed"),
        pytest.param(None, Wish("todo"), (LEAVE, LEAVE), id="I-106 the edit says where to"),
        pytest.param(Policy(stages=(APPROVAL,)), Wish(), ("in_progress", EXECUTOR), id="I-106 stage deleted"),
        pytest.param(
            Policy(stages=(APPROVAL,)), Wish("blocked"), (LEAVE, LEAVE), id="I-106 status was asked for"
        ),
    ],
)
def test_nobody_is_asked_any_more(policy, wish, expected):
    move = decide_move(under_review(policy=policy), wish, by(STRANGER))

    assert (move.status, move.assignee) == expected
    assert move.state is None


@pytest.mark.parametrize(
    ("people", "expected"),
    [
        pytest.param([SECOND], SECOND, id="I-106 another takes over"),
        pytest.param([EXECUTOR], None, id="I-106 only the worker is left"),
    ],
)
def test_participant_was_removed(people, expected):
    policy = Policy(stages=(Stage(REVIEW.id, "review", stage(1, "review", *people).participants), APPROVAL))

    move = decide_move(under_review(policy=policy), Wish(None, REVIEWER), by(STRANGER))

    if expected is None:
        assert (move.state, move.status, move.assignee) == (None, "in_progress", EXECUTOR)
    else:
        assert (move.assignee, move.state.participant, move.role) == (expected, expected, "reviewer")


# --- Always ----------------------------------------------------------------------------------------------

PEOPLE = [EXECUTOR, REVIEWER, SECOND, APPROVER, PERSON, STRANGER]
STATUSES = ["backlog", "todo", "in_progress", "in_review", "done", "blocked", "cancelled"]
someone = st.sampled_from(PEOPLE)
wishes = st.builds(
    lambda status, assignee, is_reassigning, comment: Wish(status, assignee, is_reassigning, comment=comment),
    st.none() | st.sampled_from(STATUSES),
    st.none() | someone,
    st.booleans(),
    st.sampled_from([None, "a word"]),
)
policies = st.lists(
    st.builds(
        lambda number, kind, people: (number, kind, people),
        st.integers(1, 4),
        st.sampled_from(["review", "approval"]),
        st.lists(someone, min_size=1, max_size=3, unique=True),
    ),
    min_size=1,
    max_size=3,
    unique_by=lambda each: each[0],
).map(lambda drawn: Policy(stages=tuple(stage(number, kind, *people) for number, kind, people in drawn)))


@given(policies, st.lists(st.tuples(someone, wishes, st.booleans()), max_size=12))
def test_work_with_stages_is_done_only_when_each_was_passed(policy, steps):
    """Whatever is sent in whatever order: nobody judges their own work, and no stage is jumped."""
    status, assignee, state = "in_progress", EXECUTOR, None
    passed: set[str] = set()
    for actor, wish, is_person in steps:
        standing = Standing(status, assignee, policy, state)
        try:
            move = decide_move(standing, wish, By(actor, is_person=is_person))
        except Unprocessable:
            continue
        was_closed, was_done = status in ("done", "cancelled"), status == "done"
        if move.verdict is not None and move.verdict.outcome == "approved":
            assert actor == standing.state.participant
            passed.add(move.verdict.stage_id)
        after = move.status if move.status is not LEAVE else wish.status or status
        hands = wish.assignee if wish.is_reassigning else assignee
        hands = hands if move.assignee is LEAVE else move.assignee
        if was_closed and after not in ("done", "cancelled"):
            passed.clear()
        status, assignee, state = after, hands, move.state
        if state is not None and state.is_pending and status not in ("done", "cancelled"):
            assert (status, assignee) == ("in_review", state.participant)
            assert state.participant != state.return_assignee
        if status == "done" and not was_done:
            for each in policy.stages:
                own = each.type == "review" and len(set(each.principals)) == 1
                assert each.id in passed or own, "a stage was jumped"
