"""Orders over a tree of issues: what they touch, what they leave, and what comes back."""

from __future__ import annotations

from datetime import timedelta

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from issues import checkout, holds, tree_control, tree_plan
from issues.models import Issue, TreeHold, TreeHoldMember
from paperclip.companies import actors
from paperclip.core import clock
from paperclip.core.errors import Conflict, Forbidden, NotFound, Unprocessable
from tests import factories
from tests.issues import log
from tests.issues.race import together


@pytest.fixture
def board(cast):
    return actors.for_user(cast.owner)


@pytest.fixture
def root(cast):
    return factories.issue(cast.company, title="Root")


def give(board, root, mode, *, now=None, **more):
    return tree_control.give(root_id=root.pk, mode=mode, actor=board, now=now or clock.now(), **more)


def below(parent, **fields):
    return factories.issue(parent.company, parent=parent, **fields)


def chain(root, length):
    """Return the issue `length` levels below `root`."""
    issue = root
    for _ in range(length):
        issue = below(issue)
    return issue


def status(issue):
    return Issue.objects.values_list("status", flat=True).get(pk=issue.pk)


def reasons(plan):
    return {issue.identifier: issue.skip_reason for issue in plan.issues}


# --- The gate --------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("depth", "is_held"),
    [
        pytest.param(0, True, id="H-6 the root itself"),
        pytest.param(1, True, id="H-6 a child"),
        pytest.param(17, True, id="HB-71 17 levels below"),
        pytest.param(100, True, id="I-128 at the bound"),
        pytest.param(101, False, id="I-128 past the bound"),
    ],
)
def test_a_pause_holds_everything_below_it(board, root, depth, is_held):
    leaf = chain(root, depth)
    hold = give(board, root, "pause", reason="Let us think").hold

    gate = holds.gate(leaf.pk)

    assert (gate is not None) is is_held
    if gate is not None:
        assert gate.told() == {
            "holdId": str(hold.pk),
            "rootIssueId": str(root.pk),
            "mode": "pause",
            "reason": "Let us think",
            "releasePolicy": {"strategy": "manual"},
        }


def test_a_gate_is_found_in_one_query(board, root):  # IW-41
    leaf = chain(root, 30)
    give(board, root, "pause")

    with CaptureQueriesContext(
        connection,
    ) as asked:
        holds.gate(leaf.pk)

    assert len(asked) == 1


def test_the_nearest_pause_is_named(board, root):
    middle = below(root)
    leaf = below(middle)
    give(board, root, "pause")
    nearer = give(board, middle, "pause").hold

    assert holds.gate(leaf.pk).hold_id == nearer.pk
    assert set(holds.gates_of([root.pk, middle.pk, leaf.pk])) == {root.pk, middle.pk, leaf.pk}


@pytest.mark.parametrize("mode", ["cancel", "resume", "restore"])
def test_other_orders_hold_nothing(board, root, mode):  # H-6
    leaf = below(root)
    give(board, root, mode)
    assert holds.gate(leaf.pk) is None


def test_new_children_are_held_too(board, root):  # I-128
    give(board, root, "pause")
    assert holds.gate(below(root).pk) is not None


def test_parents_in_a_circle_end_the_walk(board, root):
    one, two = below(root), below(root)
    Issue.objects.filter(pk=one.pk).update(parent=two)
    Issue.objects.filter(pk=two.pk).update(parent=one)

    assert holds.gate(one.pk) is None
    assert set(tree_plan.below(one.pk)) == {one.pk, two.pk}
    give(board, two, "pause")
    assert holds.gate(one.pk) is not None


# --- Pause and resume ------------------------------------------------------------------------------------


def test_a_pause_keeps_a_snapshot_and_changes_no_status(cast, board, root):  # I-128
    child = below(root, status="in_progress", assignee_agent=cast.engineer)
    run = factories.run(cast.engineer, issue=child)
    done = below(root, status="done")

    plan = give(board, root, "pause", reason="stop").plan

    assert [status(issue) for issue in (root, child, done)] == ["todo", "in_progress", "done"]
    rows = {row.issue_id: row for row in TreeHoldMember.objects.all()}
    assert len(rows) == 3
    assert (rows[child.pk].depth, rows[child.pk].issue_status) == (1, "in_progress")
    assert (rows[child.pk].active_run_id, rows[child.pk].active_run_status) == (run.pk, "running")
    assert rows[child.pk].assignee_agent_id == cast.engineer.pk
    assert (rows[done.pk].skipped, rows[done.pk].skip_reason) == (True, "terminal_status")
    assert plan.totals == {
        "total_issues": 3, "affected_issues": 2, "skipped_issues": 1, "active_runs": 1, "queued_runs": 0,
        "affected_agents": 1,
    }  # fmt: skip
    assert [warned.code for warned in plan.warnings] == ["running_runs_present"]
    told = log.details(root, "issue.tree_hold_created")
    assert (told["mode"], told["reason"], told["memberCount"]) == ("pause", "stop", 3)
    assert told["totals"]["affectedIssues"] == 2


def test_a_second_pause_finds_everything_held(board, root):  # I-127
    child = below(root)
    give(board, root, "pause")

    plan = give(board, child, "pause").plan

    assert reasons(plan) == {child.identifier: "already_held"}
    assert [warned.code for warned in plan.warnings] == ["no_affected_issues"]


def test_a_resume_ends_every_pause_of_the_tree(board, root):  # I-130
    child = below(root)
    outer, inner = give(board, root, "pause").hold, give(board, child, "pause").hold
    give(board, root, "cancel")

    done = give(board, root, "resume", reason="go")

    assert {hold.pk for hold in done.ended} == {outer.pk, inner.pk}
    assert holds.gate(child.pk) is None
    rows = dict(TreeHold.objects.values_list("mode", "status"))
    assert rows == {"pause": "released", "resume": "released", "cancel": "active"}
    outer.refresh_from_db()
    assert (outer.release_reason, outer.released_by_actor_type) == ("go", "user")


def test_a_resume_does_not_reach_above_its_root(board, root):
    child = below(root)
    give(board, root, "pause")

    done = give(board, child, "resume")

    assert done.ended == ()
    assert reasons(done.plan) == {child.identifier: "not_held"}
    assert {warned.code for warned in done.plan.warnings} == {"no_affected_issues", "no_active_pause_holds"}
    assert holds.gate(child.pk) is not None


# --- Cancel and restore ----------------------------------------------------------------------------------


def test_a_cancelled_tree_comes_back_as_it_was(cast, board, root, calls):  # IC-118
    run = factories.run(cast.engineer)
    working = below(
        root, status="in_progress", assignee_agent=cast.engineer, checkout_run=run, execution_run=run
    )
    review = below(root, status="in_review")
    backlog = below(working, status="backlog")
    done = below(root, status="done", completed_at=clock.now())
    before = below(root, status="cancelled", cancelled_at=clock.now() - timedelta(days=1))

    cancelled = give(board, root, "cancel")

    assert [status(each) for each in (root, working, review, backlog)] == ["cancelled"] * 4
    working.refresh_from_db()
    assert (working.checkout_run_id, working.execution_run_id) == (None, None)
    assert working.cancelled_at is not None
    assert reasons(cancelled.plan)[done.identifier] == "terminal_status"
    details = log.details(root, "issue.tree_cancel_status_updated")
    assert (details["cancelledIssueCount"], len(details["cancelledIssueIds"])) == (4, 4)

    restored = give(board, root, "restore")

    assert [status(each) for each in (root, working, review, backlog)] == [
        "todo", "todo", "in_review", "backlog"
    ]  # fmt: skip
    assert (status(done), status(before)) == ("done", "cancelled")
    working.refresh_from_db()
    assert working.cancelled_at is None
    assert reasons(restored.plan)[before.identifier] == "not_cancelled_by_tree_control"
    assert reasons(restored.plan)[done.identifier] == "terminal_status"
    assert not TreeHold.objects.filter(status="active").exists()
    told = log.details(root, "issue.tree_restore_status_updated")
    assert (told["restoredIssueCount"], told["releasedCancelHoldIds"]) == (4, [str(cancelled.hold.pk)])
    assert calls == [], "nobody is called unless it is asked for"


@pytest.mark.parametrize(
    "change",
    [
        pytest.param({"status": "todo", "cancelled_at": None}, id="reopened"),
        pytest.param({"status": "done"}, id="finished"),
        pytest.param({"cancelled_at": "2999-01-01T00:00:00Z"}, id="cancelled again by hand"),
    ],
)
def test_what_was_changed_since_stays(board, root, change):  # I-127, IC-118
    child = below(root)
    give(board, root, "cancel")
    Issue.objects.filter(pk=child.pk).update(**change)
    as_left = status(child)

    plan = give(board, root, "restore").plan

    assert status(child) == as_left
    assert reasons(plan) == {root.identifier: None, child.identifier: "changed_after_cancel"}
    assert [warned.code for warned in plan.warnings] == ["restore_conflicts_present"]


def test_a_part_of_a_cancelled_tree_comes_back_alone(board, root):
    child, other = below(root), below(root)
    hold = give(board, root, "cancel").hold

    give(board, child, "restore")

    assert [status(each) for each in (root, child, other)] == ["cancelled", "todo", "cancelled"]
    hold.refresh_from_db()
    assert hold.status == "active"
    give(board, root, "restore")
    assert [status(each) for each in (root, child, other)] == ["todo", "todo", "todo"]


def test_a_restore_of_what_was_never_cancelled_leaves_it(board, root):
    plan = give(board, root, "restore").plan
    assert reasons(plan) == {root.identifier: "not_cancelled"}


def test_a_restore_calls_the_assignees_when_asked(cast, board, root, calls):  # I-90, I-130
    child = below(root, status="in_progress", assignee_agent=cast.engineer)
    below(root, status="backlog", assignee_agent=cast.peer)
    give(board, root, "cancel")

    hold = give(board, root, "restore", metadata={"wakeAgents": True}).hold

    (wake,) = calls
    assert (wake.agent_id, wake.reason, wake.source) == (
        cast.engineer.pk, "issue_tree_restored", "assignment"
    )  # fmt: skip
    named = {"issueId": str(child.pk), "rootIssueId": str(root.pk), "restoreHoldId": str(hold.pk)}
    assert wake.payload == named
    assert wake.context == named | {
        "taskId": str(child.pk),
        "wakeReason": "issue_tree_restored",
        "source": "issue.tree_restore",
    }


def test_the_parent_is_called_when_its_last_open_child_is_cancelled_with_its_tree(cast, board, root, calls):
    parent = factories.issue(cast.company, assignee_agent=cast.engineer)
    Issue.objects.filter(pk=root.pk).update(parent=parent)
    below(root)

    give(board, root, "cancel")

    assert [(wake.issue_id, wake.reason) for wake in calls] == [(parent.pk, "issue_children_completed")]


# --- Release ---------------------------------------------------------------------------------------------


def release(board, root, hold_id, **more):
    return tree_control.release(hold_id=hold_id, root_id=root.pk, actor=board, now=clock.now(), **more)


def test_a_released_pause_holds_nothing(board, root):
    hold = give(board, root, "pause").hold

    released = release(board, root, hold.pk, reason="enough", metadata={"ticket": 7})

    assert (released.status, released.release_reason, released.release_metadata) == (
        "released", "enough", {"ticket": 7}
    )  # fmt: skip
    assert holds.gate(root.pk) is None
    assert log.details(root, "issue.tree_hold_released")["mode"] == "pause"


@pytest.mark.parametrize(
    ("which", "error"),
    [
        pytest.param("unknown", NotFound, id="I-131 unknown"),
        pytest.param("other root", Unprocessable, id="I-131 other root"),
        pytest.param("again", Conflict, id="I-131 released before"),
    ],
)
def test_a_hold_that_cannot_be_released(board, root, which, error):
    other = factories.issue(root.company)
    hold = give(board, root, "pause").hold
    if which == "again":
        release(board, root, hold.pk)
    place = other if which == "other root" else root
    with pytest.raises(error):
        release(board, place, factories.NO_SUCH_ID if which == "unknown" else hold.pk)


def test_only_people_give_orders(cast, root):
    agent = actors.for_agent(cast.ceo)
    for deed in (
        lambda: give(agent, root, "pause"),
        lambda: tree_control.preview(root_id=root.pk, mode="pause", actor=agent, now=clock.now()),
        lambda: release(agent, root, factories.NO_SUCH_ID),
    ):
        with pytest.raises(Forbidden):
            deed()


def test_a_preview_changes_nothing_but_the_log(board, root):  # I-126
    plan = tree_control.preview(root_id=root.pk, mode="cancel", actor=board, now=clock.now())

    assert [issue.skip_reason for issue in plan.issues] == [None]
    assert status(root) == "todo"
    assert not TreeHold.objects.exists()
    assert log.actions(root) == ["issue.tree_control_previewed"]


@pytest.mark.parametrize("mode", ["pause", "resume", "cancel", "restore"])
def test_a_plan_costs_the_same_for_any_tree(board, root, mode):  # IW-41
    def cost():
        with CaptureQueriesContext(connection) as asked:
            tree_plan.make(root=root, mode=mode, release_policy=tree_control.MANUAL, now=clock.now())
        return len(asked)

    give(board, root, "cancel")
    small = cost()
    chain(root, 12)
    assert cost() == small


# --- Follow-ups and checkouts under a pause --------------------------------------------------------------


def take(cast, issue, run):
    return checkout.acquire(
        issue_id=issue.pk,
        agent_id=cast.engineer.pk,
        expected_statuses=["todo"],
        actor=actors.for_agent(cast.engineer, run_id=run.pk),
        now=clock.now(),
    )


def test_a_held_issue_is_not_checked_out(cast, board, root):  # I-61, IC-39
    leaf = chain(root, 17)
    hold = give(board, root, "pause").hold

    with pytest.raises(Conflict) as refused:
        take(cast, leaf, factories.run(cast.engineer))

    assert refused.value.message == "Issue checkout blocked by active subtree pause hold"
    assert refused.value.details == {
        "issueId": str(leaf.pk),
        "holdId": str(hold.pk),
        "rootIssueId": str(root.pk),
        "mode": "pause",
        "securityPrinciples": ["least privilege", "complete mediation"],
    }


def test_a_run_that_answers_a_word_may_check_out(cast, board, root):  # I-129
    give(board, root, "pause")
    run = factories.run(cast.engineer, issue=root, context_snapshot={"treeHoldInteraction": True})
    assert take(cast, root, run).status == "in_progress"


def test_the_mark_of_a_run_on_another_issue_does_not_count(cast, board, root):
    give(board, root, "pause")
    run = factories.run(
        cast.engineer, issue=factories.issue(cast.company), context_snapshot={"treeHoldInteraction": True}
    )
    with pytest.raises(Conflict):
        take(cast, root, run)


@pytest.mark.django_db(transaction=True)
def test_of_a_pause_and_a_checkout_at_once_one_sees_the_other(crowd):  # IW-9
    board = actors.for_user(crowd.owner)
    for _ in range(15):
        root = factories.issue(crowd.company)
        leaf = below(below(root))
        run = factories.run(crowd.engineer)

        def try_it(leaf=leaf, run=run):
            try:
                return take(crowd, leaf, run).pk
            except Conflict:
                return None

        taken, done = together([try_it, lambda root=root: give(board, root, "pause")])

        seen = {member.id: member.status for member in done.plan.issues}
        assert seen[leaf.pk] == ("in_progress" if taken else "todo"), "the pause saw what the checkout did"


# --- Pauses that end by themselves -----------------------------------------------------------------------


def test_a_pause_ends_with_the_last_run_when_told_so(cast, board, root):
    policy = {"strategy": "after_active_runs_finish"}
    child = below(root)
    run = factories.run(cast.engineer, issue=child)
    hold = give(board, root, "pause", release_policy=policy).hold
    by_hand = give(board, factories.issue(cast.company), "pause").hold

    assert tree_control.release_finished(now=clock.now()).released == 0
    type(run).objects.filter(pk=run.pk).update(status="cancelled")
    assert tree_control.release_finished(now=clock.now()).released == 1
    assert tree_control.release_finished(now=clock.now()).released == 0

    hold.refresh_from_db()
    by_hand.refresh_from_db()
    assert (hold.status, hold.released_by_actor_type, by_hand.status) == ("released", "system", "active")
