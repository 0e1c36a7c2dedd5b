"""`/issues/:id/tree-control/…` and `/issues/:id/tree-holds…`."""

from __future__ import annotations

import pytest

from heartbeat.models import Run
from issues.models import Issue, TreeHold
from paperclip.companies.models import Activity
from paperclip.core import clock
from tests import factories
from tests.issues import log


@pytest.fixture
def root(cast):
    return factories.issue(cast.company, title="Root")


@pytest.fixture
def child(cast, root):
    return factories.issue(cast.company, parent=root, status="in_progress", assignee_agent=cast.engineer)


def path(issue, tail):
    return f"/api/issues/{issue.pk}/{tail}"


def order(caller, issue, mode, **body):
    return caller.post(path(issue, "tree-holds"), {"mode": mode, **body})


HOLD_KEYS = {
    "id", "companyId", "rootIssueId", "mode", "status", "reason", "releasePolicy", "createdByActorType",
    "createdByAgentId", "createdByUserId", "createdByRunId", "releasedAt", "releasedByActorType",
    "releasedByAgentId", "releasedByUserId", "releasedByRunId", "releaseReason", "releaseMetadata", "createdAt",
    "updatedAt",
}  # fmt: skip


def test_a_pause_stops_what_runs_and_a_resume_releases_it(cast, root, child):  # I-27, IC-117
    run = factories.run(cast.engineer, issue=child)

    answer = order(cast.as_owner, root, "pause", reason="Wait")

    assert answer.status_code == 201
    body = answer.json()
    assert set(body) == {"hold", "preview"}
    assert set(body["hold"]) == HOLD_KEYS | {"members"}
    assert (body["hold"]["mode"], body["hold"]["status"], body["hold"]["reason"]) == (
        "pause",
        "active",
        "Wait",
    )
    assert body["hold"]["createdByUserId"] == str(cast.owner.pk)
    assert [member["issueId"] for member in body["hold"]["members"]] == [str(root.pk), str(child.pk)]
    run.refresh_from_db()
    assert run.cancel_requested_at is not None
    assert Activity.objects.get(action="issue.tree_hold_run_interrupted").entity_id == str(run.pk)
    child.refresh_from_db()
    assert child.status == "in_progress"

    resumed = order(cast.as_owner, root, "resume")

    assert resumed.status_code == 200
    assert resumed.json()["resumedPauseHoldIds"] == [body["hold"]["id"]]
    assert cast.as_owner.get(path(child, "tree-control/state")).json() == {"activePauseHold": None}


def test_a_preview_says_what_an_order_would_do(cast, root, child):  # I-126, I-203
    run = factories.run(cast.engineer, issue=child)
    done = factories.issue(cast.company, parent=root, status="done")

    answer = cast.as_owner.post(path(root, "tree-control/preview"), {"mode": "pause"})

    assert answer.status_code == 200
    body = answer.json()
    assert set(body) == {
        "companyId", "rootIssueId", "mode", "generatedAt", "releasePolicy", "totals", "countsByStatus", "issues",
        "skippedIssues", "activeRuns", "affectedAgents", "warnings",
    }  # fmt: skip
    assert body["totals"] == {
        "totalIssues": 3, "affectedIssues": 2, "skippedIssues": 1, "activeRuns": 1, "queuedRuns": 0,
        "affectedAgents": 1,
    }  # fmt: skip
    assert body["countsByStatus"] == {"todo": 1, "in_progress": 1, "done": 1}
    assert [(issue["id"], issue["skipReason"]) for issue in body["skippedIssues"]] == [
        (str(done.pk), "terminal_status")
    ]
    assert body["activeRuns"][0]["id"] == str(run.pk)
    told = next(issue for issue in body["issues"] if issue["id"] == str(child.pk))
    assert (told["depth"], told["parentId"], told["activeRun"]["status"]) == (1, str(root.pk), "running")
    assert body["affectedAgents"] == [
        {"agentId": str(cast.engineer.pk), "issueCount": 1, "activeRunCount": 1}
    ]
    assert body["warnings"][0]["code"] == "running_runs_present"
    assert body["releasePolicy"] == {"strategy": "manual"}
    run.refresh_from_db()
    assert run.cancel_requested_at is None
    assert log.actions(root) == ["issue.tree_control_previewed"]


def test_the_state_of_an_issue_names_the_pause_above_it(cast, root, child):  # I-204
    hold = order(cast.as_owner, root, "pause", releasePolicy={"strategy": "manual", "note": "n"}).json()[
        "hold"
    ]

    answer = cast.as_owner.get(path(child, "tree-control/state"))

    assert answer.json() == {
        "activePauseHold": {
            "holdId": hold["id"], "rootIssueId": str(root.pk), "mode": "pause", "reason": None,
            "releasePolicy": {"strategy": "manual", "note": "n"},
        }
    }  # fmt: skip


def test_orders_are_listed_newest_first(cast, root):  # I-206
    first = order(cast.as_owner, root, "pause").json()["hold"]["id"]
    second = order(cast.as_owner, root, "cancel").json()["hold"]["id"]

    def listed(query=""):
        return cast.as_owner.get(path(root, f"tree-holds{query}")).json()

    assert [hold["id"] for hold in listed()] == [second, first]
    assert set(listed()[0]) == HOLD_KEYS
    assert [hold["id"] for hold in listed("?mode=pause")] == [first]
    assert listed("?status=released") == []
    assert listed("?mode=nonsense") == []
    assert len(listed("?includeMembers=true")[0]["members"]) == 1


def test_one_order_is_read_with_its_snapshot(cast, root, child):  # I-206
    hold = order(cast.as_owner, root, "pause").json()["hold"]
    assert cast.as_owner.get(path(root, f"tree-holds/{hold['id']}")).json() == hold
    for reference in (factories.NO_SUCH_ID, "nonsense"):
        answer = cast.as_owner.get(path(root, f"tree-holds/{reference}"))
        assert (answer.status_code, answer.json()["error"]) == (404, "Issue tree hold not found")
    assert cast.as_owner.get(path(child, f"tree-holds/{hold['id']}")).status_code == 404


@pytest.mark.parametrize(
    ("which", "status"),
    [
        pytest.param("known", 200, id="I-207 released"),
        pytest.param("unknown", 404, id="I-131 unknown"),
        pytest.param("other root", 422, id="I-131 other root"),
        pytest.param("again", 409, id="I-131 again"),
    ],
)
def test_a_hold_is_released_by_hand(cast, root, child, which, status):
    hold = order(cast.as_owner, root, "pause").json()["hold"]["id"]
    if which == "again":
        cast.as_owner.post(path(root, f"tree-holds/{hold}/release"))
    place = child if which == "other root" else root
    reference = factories.NO_SUCH_ID if which == "unknown" else hold

    answer = cast.as_owner.post(path(place, f"tree-holds/{reference}/release"), {"reason": "enough"})

    assert answer.status_code == status
    if which == "known":
        assert (answer.json()["status"], answer.json()["releaseReason"]) == ("released", "enough")
        assert set(answer.json()) == HOLD_KEYS


def test_a_cancelled_tree_is_restored_and_its_agents_are_called(cast, root, child):  # IC-118
    assert order(cast.as_owner, root, "cancel").status_code == 201

    answer = order(cast.as_owner, root, "restore", metadata={"wakeAgents": True})

    assert answer.status_code == 200
    assert "resumedPauseHoldIds" not in answer.json()
    assert set(Issue.objects.filter(pk__in=[root.pk, child.pk]).values_list("status", flat=True)) == {"todo"}
    run = Run.objects.get()
    assert (run.agent_id, run.issue_id) == (cast.engineer.pk, child.pk)
    assert run.context_snapshot["wakeReason"] == "issue_tree_restored"
    told = Activity.objects.get(action="issue.tree_restore_wakeup_requested")
    assert (told.entity_type, told.entity_id) == ("heartbeat_run", str(run.pk))


@pytest.mark.parametrize("tail", ["tree-control/preview", "tree-holds", "tree-holds/{hold}/release"])
@pytest.mark.parametrize(
    ("body", "named"),
    [
        pytest.param({"extra": 1}, [], id="I-2 unknown key"),
        pytest.param({"releasePolicy": {"strategy": "later"}}, ["releasePolicy", "strategy"], id="strategy"),
        pytest.param({"releasePolicy": {"strategy": "manual", "x": 1}}, ["releasePolicy"], id="I-2 inside"),
        pytest.param({"releasePolicy": {}}, ["releasePolicy", "strategy"], id="strategy missing"),
    ],
)
def test_bodies_are_strict(cast, root, tail, body, named):
    hold = order(cast.as_owner, root, "pause").json()["hold"]["id"]
    mode = {} if "release" in tail else {"mode": "pause"}

    answer = cast.as_owner.post(path(root, tail.format(hold=hold)), {**mode, **body})

    assert answer.status_code == 400
    assert answer.json()["details"][0]["path"] == named


@pytest.mark.parametrize(
    "body",
    [
        pytest.param({}, id="no mode"),
        pytest.param({"mode": "stop"}, id="unknown mode"),
        pytest.param({"mode": "pause", "reason": ""}, id="I-130 empty reason"),
        pytest.param({"mode": "pause", "reason": "x" * 1001}, id="I-130 long reason"),
        pytest.param({"mode": "pause", "metadata": []}, id="metadata is no object"),
        pytest.param([], id="no object"),
    ],
)
def test_nonsense_is_refused(cast, root, body):
    assert cast.as_owner.post(path(root, "tree-holds"), body).status_code == 400
    assert not TreeHold.objects.exists()


ROUTES = [
    ("post", "tree-control/preview"),
    ("get", "tree-control/state"),
    ("get", "tree-holds"),
    ("post", "tree-holds"),
    ("get", "tree-holds/{hold}"),
    ("post", "tree-holds/{hold}/release"),
]


@pytest.mark.parametrize(("method", "tail"), ROUTES, ids=[" ".join(route) for route in ROUTES])
@pytest.mark.parametrize(
    ("caller", "read", "write"),
    [
        pytest.param("as_operator", 2, 2, id="board"),
        pytest.param("as_viewer", 2, 403, id="viewer reads"),
        pytest.param("as_outsider", 404, 404, id="board without the company"),
        pytest.param("as_foreign_agent", 403, 403, id="foreign agent"),
        pytest.param("as_nobody", 403, 403, id="nobody on a board route"),
    ],
)
def test_who_may_order(cast, root, method, tail, caller, read, write):
    hold = order(cast.as_owner, root, "pause").json()["hold"]["id"]
    body = {} if "release" in tail else {"mode": "pause"}
    who = getattr(cast, caller)
    target = path(root, tail.format(hold=hold))

    answer = who.get(target) if method == "get" else who.post(target, body)

    wanted = read if method == "get" else write
    assert answer.status_code == wanted or answer.status_code // 100 == wanted


def test_agents_give_no_orders(cast, root):
    answer = order(cast.as_agent(cast.ceo), root, "pause")
    assert (answer.status_code, answer.json()["error"]) == (403, "Board access required")


def test_an_unknown_root_is_named_so(cast):
    answer = cast.as_owner.post(f"/api/issues/{factories.NO_SUCH_ID}/tree-control/preview", {"mode": "pause"})
    assert (answer.status_code, answer.json()["error"]) == (404, "Root issue not found")


def test_a_follow_up_under_a_pause_is_refused(cast, root, child):  # I-75, IC-51
    order(cast.as_owner, root, "pause")

    answer = cast.as_owner.post(path(child, "comments"), {"body": "go on", "resume": True})

    assert answer.status_code == 409
    assert answer.json()["error"] == "Issue follow-up blocked by active subtree pause hold"
    assert answer.json()["details"]["rootIssueId"] == str(root.pk)


def test_a_checkout_under_a_pause_is_refused(cast, root):  # IC-39
    leaf = root
    for _ in range(17):
        leaf = factories.issue(cast.company, parent=leaf)
    order(cast.as_owner, root, "pause")
    run = factories.run(cast.engineer)
    body = {"agentId": str(cast.engineer.pk), "expectedStatuses": ["todo"]}

    answer = cast.as_agent(cast.engineer, run_id=run.pk).post(path(leaf, "checkout"), body)

    assert answer.status_code == 409
    assert answer.json()["error"] == "Issue checkout blocked by active subtree pause hold"


def test_an_identifier_names_the_root(cast, root):  # I-6
    answer = cast.as_owner.post(f"/api/issues/{root.identifier.lower()}/tree-holds", {"mode": "pause"})
    assert answer.status_code == 201


def test_a_pause_in_one_company_leaves_another_alone(cast, root):
    other = factories.issue(cast.elsewhere)
    Issue.objects.filter(pk=other.pk).update(parent=root)  # what no door lets happen

    body = order(cast.as_owner, root, "cancel").json()

    assert [issue["id"] for issue in body["preview"]["issues"]] == [str(root.pk)]
    assert Issue.objects.get(pk=other.pk).status == "todo"
    assert clock.iso(TreeHold.objects.get().created_at) == body["hold"]["createdAt"]
