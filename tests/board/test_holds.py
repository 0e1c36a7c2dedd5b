"""Orders over a part of the work: looked at, given and ended on the board (I-126, I-131)."""

from __future__ import annotations

import pytest

from heartbeat.models import Run
from issues.models import Issue, TreeHold
from paperclip.companies.models import Activity
from tests import factories
from tests.board.conftest import browse
from tests.heartbeat.test_claims import claim
from tests.heartbeat.test_wakeups import wake

pytestmark = pytest.mark.django_db


@pytest.fixture
def tree(cast):
    """A root, its child at work, and a child that is done."""
    root = factories.issue(cast.company, title="The root")
    busy = factories.issue(cast.company, parent=root, assignee_agent=cast.engineer, title="At work")
    factories.issue(cast.company, parent=root, title="Long done", status="done")
    wake(cast.engineer, issue=busy)
    (run,) = claim()
    return root, busy, run


def order_url(issue, mode):
    return f"/admin/issues/issue/{issue.pk}/order/{mode}/"


def page(board, issue):
    return board.get(f"/admin/issues/issue/{issue.pk}/change/").content.decode()


def test_looking_tells_what_would_be_stopped_and_changes_nothing(cast, tree):
    root, busy, run = tree
    html = browse(cast.owner).get(order_url(root, "pause")).content.decode()
    for part in (
        "The root",
        "At work",
        "Engineer is at work on it",
        "Runs at work in the tree will be stopped",
    ):
        assert part in html
    assert "Long done" in html.split("Left alone")[1]
    assert not TreeHold.objects.exists()
    assert not Activity.objects.filter(action__startswith="issue.tree").exists()


def test_a_pause_is_given_shown_and_ended_by_hand(cast, tree):
    root, busy, run = tree
    board = browse(cast.owner)

    said = board.post(
        order_url(root, "pause"), {"reason": "The client called", "ends": "manual"}, follow=True
    )

    hold = TreeHold.objects.get()
    assert (hold.mode, hold.status, hold.reason) == ("pause", "active", "The client called")
    assert hold.release_policy == {"strategy": "manual"}
    run.refresh_from_db()
    assert run.cancel_requested_at is not None
    html = said.content.decode()
    assert "2 issues paused." in html
    assert "The client called" in html
    below = page(board, busy)
    assert f'Paused with <a href="/admin/issues/issue/{root.pk}/change/"' in below
    assert order_url(busy, "resume") not in below, "it is ended where it was given"
    assert root.identifier in board.get("/admin/issues/treehold/").content.decode()

    board.post(order_url(root, "resume"), {"reason": "", "wake": "on"})

    hold.refresh_from_db()
    assert hold.status == "released"
    assert "Paused" not in page(board, busy).split("This part of the work")[1].split("</section>")[0]


def test_a_pause_may_end_by_itself(cast, tree):
    browse(cast.owner).post(order_url(tree[0], "pause"), {"ends": "after_active_runs_finish"})
    assert TreeHold.objects.get().release_policy == {"strategy": "after_active_runs_finish"}


def test_a_pause_is_ended_from_the_list(cast, tree):
    board = browse(cast.owner)
    board.post(order_url(tree[0], "pause"), {"ends": "manual"})
    hold = TreeHold.objects.get()
    answer = board.post(f"/admin/issues/treehold/{hold.pk}/do/release/", follow=True)
    hold.refresh_from_db()
    assert hold.status == "released"
    assert "The order is over" in answer.content.decode()
    again = board.post(f"/admin/issues/treehold/{hold.pk}/do/release/", follow=True)
    assert "was released before" in again.content.decode()


def test_what_was_cancelled_comes_back(cast, tree):
    root, busy, _ = tree
    board = browse(cast.owner)
    board.post(order_url(root, "cancel"), {"reason": "Not needed"})
    busy.refresh_from_db()
    assert busy.status == "cancelled"
    assert order_url(root, "restore") in page(board, root)
    assert "comes back as todo" in board.get(order_url(root, "restore")).content.decode()

    board.post(order_url(root, "restore"), {"wake": "on"})

    busy.refresh_from_db()
    assert busy.status == "todo"
    assert (
        Run.objects.filter(issue=busy, status="queued").exists()
        or Run.objects.filter(issue=busy, cancel_requested_at__isnull=False).exists()
    )


def test_an_order_that_is_none_is_not_found(cast, tree):
    assert browse(cast.owner).get(order_url(tree[0], "explode")).status_code == 404


@pytest.mark.parametrize(("who", "status"), [("viewer", 403), ("outsider", 404)])
def test_nobody_else_gives_or_ends_orders(cast, tree, who, status):
    root = tree[0]
    hold = TreeHold.objects.create(
        company=cast.company, root_issue=root, mode="pause", release_policy={"strategy": "manual"},
        created_by_actor_type="user",
    )  # fmt: skip
    board = browse(getattr(cast, who))
    assert board.post(order_url(root, "cancel"), {}).status_code == status
    assert board.post(f"/admin/issues/treehold/{hold.pk}/do/release/").status_code == status
    hold.refresh_from_db()
    assert hold.status == "active"
    assert Issue.objects.get(pk=root.pk).status == "todo"
