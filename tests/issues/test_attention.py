"""Who has to move for a blocked issue to go on."""

from __future__ import annotations

import pytest

from heartbeat.models import WakeupRequest
from issues import attention
from issues.models import Issue
from paperclip.core import clock
from paperclip.governance.models import Approval
from tests import factories


@pytest.fixture
def root(cast):
    return factories.issue(cast.company, title="root", status="blocked", assignee_agent=cast.engineer)


def verdict(root):
    return attention.of(root.company_id, [root.pk])[root.pk]


def blocker(root, **fields):
    issue = factories.issue(root.company, **fields)
    factories.blocks(issue, root)
    return issue


def running(cast, **fields):
    run = factories.run(cast.peer, **fields)
    return {"execution_run": run}


def test_nothing_to_wait_for_needs_attention(root):
    """I-86."""
    assert verdict(root) == {
        "state": "needs_attention",
        "reason": "attention_required",
        "unresolvedBlockerCount": 0,
        "coveredBlockerCount": 0,
        "stalledBlockerCount": 0,
        "attentionBlockerCount": 0,
        "sampleBlockerIdentifier": None,
        "sampleStalledBlockerIdentifier": None,
    }


def test_done_blockers_do_not_count(root):
    blocker(root, status="done")

    assert verdict(root)["unresolvedBlockerCount"] == 0


def test_running_child_covers(cast, root):
    """IC-71."""
    child = factories.issue(
        cast.company, parent=root, status="in_progress", assignee_agent=cast.peer, **running(cast)
    )

    found = verdict(root)

    assert (found["state"], found["reason"], found["coveredBlockerCount"]) == ("covered", "active_child", 1)
    assert found["sampleBlockerIdentifier"] == child.identifier


@pytest.mark.parametrize(
    ("fields", "state", "reason"),
    [
        pytest.param(
            {"status": "backlog", "assignee_agent": "peer"},
            "needs_attention",
            "attention_required",
            id="IC-72 agent",
        ),
        pytest.param(
            {"status": "backlog", "assignee_user": "owner"}, "covered", "active_dependency", id="IC-72 user"
        ),
        pytest.param({"status": "in_review"}, "stalled", "stalled_review", id="IC-73 no path"),
        pytest.param(
            {"status": "in_review", "run": "running"}, "covered", "active_dependency", id="IC-73 with run"
        ),
        pytest.param(
            {"status": "todo", "run": "queued"}, "covered", "active_dependency", id="I-87 queued run"
        ),
        pytest.param(
            {"status": "todo", "run": "scheduled_retry"},
            "needs_attention",
            "attention_required",
            id="IC-75 retry",
        ),
        pytest.param(
            {"status": "todo", "run": "failed"}, "needs_attention", "attention_required", id="IC-75 stale run"
        ),
        pytest.param(
            {"status": "todo", "run": "foreign"},
            "needs_attention",
            "attention_required",
            id="IC-75 foreign run",
        ),
        pytest.param(
            {"status": "todo", "wake": True}, "covered", "active_dependency", id="I-87 waiting wake"
        ),
        pytest.param(
            {"status": "todo", "approval": "pending"}, "covered", "active_dependency", id="I-87 approval"
        ),
        pytest.param(
            {"status": "in_review", "put": "pending"}, "covered", "active_dependency", id="I-87 interaction"
        ),
        pytest.param(
            {"status": "in_review", "put": "answered"}, "stalled", "stalled_review", id="I-87 answered"
        ),
        pytest.param(
            {"status": "todo", "approval": "approved"},
            "needs_attention",
            "attention_required",
            id="I-87 decided",
        ),
        pytest.param({"status": "todo"}, "needs_attention", "attention_required", id="I-87 leaf"),
        pytest.param({"status": "cancelled"}, "needs_attention", "attention_required", id="I-87 cancelled"),
        pytest.param(
            {"status": "cancelled", "assignee_user": "owner"},
            "needs_attention",
            "attention_required",
            id="I-87 cancelled user's",
        ),
        pytest.param(
            {"status": "todo", "escalated": True}, "covered", "active_dependency", id="I-87 escalated"
        ),
    ],
)
def test_one_blocker(cast, root, fields, state, reason):
    fields = {
        name: getattr(cast, value) if isinstance(value, str) and hasattr(cast, value) else value
        for name, value in fields.items()
    }
    run, wake = fields.pop("run", None), fields.pop("wake", None)
    approval, escalated = fields.pop("approval", None), fields.pop("escalated", None)
    put = fields.pop("put", None)
    if run:
        who = cast.foreign_agent if run == "foreign" else cast.peer
        due = {"scheduled_retry_at": clock.now()} if run == "scheduled_retry" else {}
        fields["execution_run"] = factories.run(who, status="running" if run == "foreign" else run, **due)
    issue = blocker(root, **fields)
    if wake:
        WakeupRequest.objects.create(
            company=cast.company,
            agent=cast.peer,
            issue=issue,
            source="automation",
            status="queued",
            requested_at=clock.now(),
        )
    if approval:
        made = Approval.objects.create(company=cast.company, type="request_board_approval", status=approval)
        issue.approval_links.create(company=cast.company, approval=made)
    if put:
        issue.interactions.create(
            company=cast.company,
            kind="ask_user_questions",
            status=put,
            continuation_policy="none",
            payload={},
            resolved_at=None if put == "pending" else clock.now(),
        )
    if escalated:
        factories.issue(cast.company, origin_kind="harness_liveness_escalation", origin_id=str(issue.pk))

    found = verdict(root)

    assert (found["state"], found["reason"], found["unresolvedBlockerCount"]) == (state, reason, 1)
    assert found["sampleStalledBlockerIdentifier"] == (issue.identifier if state == "stalled" else None)


def test_worst_blocker_decides_and_all_are_counted(cast, root):
    """IC-74."""
    stalled = blocker(root, status="in_review")
    gone = blocker(root, status="cancelled")
    blocker(root, **running(cast))

    found = verdict(root)

    assert (found["state"], found["sampleBlockerIdentifier"]) == ("needs_attention", gone.identifier)
    assert (found["coveredBlockerCount"], found["stalledBlockerCount"], found["attentionBlockerCount"]) == (
        1,
        1,
        1,
    )
    assert found["sampleStalledBlockerIdentifier"] == stalled.identifier


@pytest.mark.parametrize(
    ("end", "state"), [("running", "covered"), ("in_review", "stalled"), ("todo", "needs_attention")]
)
def test_chains_are_walked_to_their_end(cast, root, end, state):
    middle = blocker(root, status="blocked")
    last = blocker(middle, status="in_review" if end == "in_review" else "todo")
    if end == "running":
        Issue.objects.filter(pk=last.pk).update(execution_run=factories.run(cast.peer))

    found = verdict(root)

    assert found["state"] == state
    if state == "stalled":
        assert found["sampleStalledBlockerIdentifier"] == last.identifier


def test_circles_of_parents_and_blockers_end(cast, root):
    child = factories.issue(cast.company, parent=root, status="blocked")
    factories.blocks(root, child)

    assert verdict(root)["state"] == "needs_attention"


def test_deep_and_wide_graphs_are_judged_quickly(cast, root):
    """Thousands of ways through a graph are not thousands of visits."""
    layer = [root]
    for _ in range(7):
        below = [factories.issue(cast.company, status="blocked") for _ in range(6)]
        for above in layer:
            for issue in below:
                factories.blocks(issue, above)
        layer = below

    assert verdict(root)["attentionBlockerCount"] == 6


def test_many_issues_cost_one_query(cast, django_assert_num_queries):
    """IW-38."""
    roots = [factories.issue(cast.company, status="blocked") for _ in range(10)]
    for root in roots:
        blocker(root)

    with django_assert_num_queries(1):
        found = attention.of(cast.company.pk, [root.pk for root in roots])

    assert {each["state"] for each in found.values()} == {"needs_attention"}
