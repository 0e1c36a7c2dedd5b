"""An issue is changed."""

from __future__ import annotations

from datetime import timedelta
from uuid import uuid4

import pytest

from issues.models import Comment, Issue
from paperclip.companies.models import Activity, Grant
from paperclip.core import clock
from paperclip.governance.models import Approval
from tests import factories
from tests.issues import log


def patch(caller, issue, **body):
    return caller.patch(f"/api/issues/{issue.pk}", body)


def at_work(cast, **fields):
    """The engineer's issue in progress, and the run that owns it."""
    issue = factories.issue(cast.company, assignee_agent=cast.engineer, status="in_progress", **fields)
    run = factories.run(cast.engineer, issue=issue)
    Issue.objects.filter(pk=issue.pk).update(
        checkout_run=run, execution_run=run, execution_locked_at=clock.now()
    )
    issue.refresh_from_db()
    return issue, run


# --- What is written -------------------------------------------------------------------------------------


def test_only_what_was_sent_changes(cast):
    issue = factories.issue(cast.company, description="old", priority="low")

    row = patch(cast.as_owner, issue, title="New", billingCode="B-1").json()

    assert (row["title"], row["billingCode"], row["description"], row["priority"]) == (
        "New",
        "B-1",
        "old",
        "low",
    )
    assert row["comment"] is None
    assert "blockedBy" not in row
    told = log.details(issue, "issue.updated")
    assert (told["title"], told["billingCode"]) == ("New", "B-1")
    assert told["_previous"] == {"title": issue.title, "billingCode": None}


def test_null_clears_and_empty_patch_is_fine(cast):
    issue = factories.issue(cast.company, description="old")

    assert patch(cast.as_owner, issue, description=None).json()["description"] is None
    assert patch(cast.as_owner, issue).status_code == 200


@pytest.mark.parametrize(
    ("start", "to", "set_", "cleared"),
    [
        pytest.param("todo", "in_progress", "startedAt", [], id="I-31 in_progress"),
        pytest.param("todo", "done", "completedAt", ["cancelledAt"], id="I-31 done"),
        pytest.param("done", "cancelled", "cancelledAt", ["completedAt"], id="I-31 cancelled"),
        pytest.param("done", "todo", None, ["completedAt", "cancelledAt"], id="I-31 reopened"),
        pytest.param("cancelled", "backlog", None, ["completedAt", "cancelledAt"], id="I-31 shelved"),
    ],
)
def test_status_stamps_its_time(cast, start, to, set_, cleared):
    stamps = {"done": {"completed_at": clock.now()}, "cancelled": {"cancelled_at": clock.now()}}
    issue = factories.issue(cast.company, status=start, assignee_agent=cast.engineer, **stamps.get(start, {}))

    row = patch(cast.as_owner, issue, status=to).json()

    assert row["status"] == to
    assert set_ is None or row[set_] is not None
    assert [row[name] for name in cleared] == [None] * len(cleared)


def test_first_start_keeps_its_time(cast):
    """IW-12."""
    first = clock.now() - timedelta(days=2)
    issue = factories.issue(cast.company, assignee_agent=cast.engineer, status="blocked", started_at=first)

    assert patch(cast.as_owner, issue, status="in_progress").json()["startedAt"] == clock.iso(first)


@pytest.mark.parametrize(
    "body",
    [
        pytest.param({"status": "blocked"}, id="I-31 leaving in_progress"),
        pytest.param({"assigneeAgentId": "peer"}, id="I-32 another agent"),
        pytest.param({"assigneeAgentId": None, "assigneeUserId": "owner"}, id="I-32 a person"),
    ],
)
def test_ownership_ends_with_the_state_it_belongs_to(cast, body):
    issue, _ = at_work(cast)
    sent = {
        name: str(getattr(cast, value).id) if value in ("peer", "owner") else value
        for name, value in body.items()
    }

    row = patch(cast.as_owner, issue, **sent).json()

    assert [
        row[name]
        for name in ("checkoutRunId", "executionRunId", "executionAgentNameKey", "executionLockedAt")
    ] == [None] * 4


def test_ownership_stays_with_other_edits(cast):
    issue, run = at_work(cast)

    assert patch(cast.as_owner, issue, title="New").json()["checkoutRunId"] == str(run.pk)


def test_hide_and_show_again(cast):
    """I-49."""
    issue = factories.issue(cast.company)
    shown = f"/api/companies/{cast.company.id}/issues"

    assert (
        patch(cast.as_owner, issue, hiddenAt="2026-01-01T00:00:00Z").json()["hiddenAt"]
        == "2026-01-01T00:00:00.000Z"
    )
    assert cast.as_owner.get(shown).json() == []
    assert patch(cast.as_owner, issue, hiddenAt=None).status_code == 200
    assert len(cast.as_owner.get(shown).json()) == 1


def test_labels_are_replaced(cast):
    issue = factories.issue(cast.company)
    one, two = (cast.company.labels.create(name=name, color="#000000") for name in ("one", "two"))

    assert [
        each["name"]
        for each in patch(cast.as_owner, issue, labelIds=[str(one.id), str(two.id)]).json()["labels"]
    ] == ["one", "two"]
    assert patch(cast.as_owner, issue, labelIds=[str(two.id)]).json()["labelIds"] == [str(two.id)]
    assert patch(cast.as_owner, issue, title="x").json()["labelIds"] == [str(two.id)]
    assert patch(cast.as_owner, issue, labelIds=[]).json()["labels"] == []


@pytest.mark.parametrize(
    ("goal", "project", "body", "expected"),
    [
        pytest.param(None, "aimed", {"title": "x"}, "theirs", id="IC-20 back-filled"),
        pytest.param("chosen", None, {"projectId": "aimed"}, "chosen", id="IC-21 a chosen goal stays"),
        pytest.param(
            "ours", None, {"projectId": "aimed"}, "theirs", id="I-52 a fallback follows the project"
        ),
        pytest.param("theirs", "aimed", {"projectId": None}, "ours", id="I-52 back to the company's"),
        pytest.param("chosen", "aimed", {"goalId": None}, "theirs", id="I-52 cleared to the fallback"),
        pytest.param(None, None, {"goalId": "chosen"}, "chosen", id="I-52 set"),
    ],
)
def test_goal_follows_the_rules(cast, goal, project, body, expected):
    made = {
        "ours": factories.goal(cast.company, level="company", status="active"),
        "theirs": factories.goal(cast.company),
        "chosen": factories.goal(cast.company),
        "aimed": factories.project(cast.company),
    }
    made["aimed"].goal_links.create(goal=made["theirs"], position=0)
    issue = factories.issue(cast.company, goal=made.get(goal), project=made.get(project))
    sent = {name: str(made[value].id) if value in made else value for name, value in body.items()}

    assert patch(cast.as_owner, issue, **sent).json()["goalId"] == str(made[expected].id)


def test_moving_to_a_project_takes_its_workspace(cast):
    old, new = factories.project(cast.company), factories.project(cast.company)
    left = old.workspaces.create(company=cast.company, name="left")
    taken = new.workspaces.create(company=cast.company, name="taken")
    issue = factories.issue(cast.company, project=old, project_workspace=left)

    assert patch(cast.as_owner, issue, projectId=str(new.id)).json()["projectWorkspaceId"] == str(taken.id)
    assert patch(cast.as_owner, issue, projectWorkspaceId=str(left.id)).status_code == 422
    assert patch(cast.as_owner, issue, projectWorkspaceId=None).json()["projectWorkspaceId"] is None


# --- Refusals --------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("body", "status", "error"),
    [
        pytest.param({"status": "open"}, 400, "Validation error", id="I-30 unknown status"),
        pytest.param({"title": ""}, 400, "Validation error", id="I-8 title"),
        pytest.param({"comment": ""}, 400, "Validation error", id="I-69 comment"),
        pytest.param({"hiddenAt": "yesterday"}, 400, "Validation error", id="I-8 time"),
        pytest.param({"resume": True}, 400, "resume requires a comment", id="I-75"),
        pytest.param({"interrupt": True}, 400, "interrupt requires a comment", id="I-77"),
        pytest.param(
            {"status": "in_progress"}, 422, "in_progress issues require an assignee", id="I-30 nobody"
        ),
        pytest.param(
            {"reviewRequest": {"instructions": "look"}},
            422,
            "reviewRequest requires an active review or approval stage",
            id="I-108",
        ),
        pytest.param({"assigneeAgentId": "nobody-here"}, 404, "Agent not found", id="IC-54 missing"),
        pytest.param({"assigneeAgentId": str(uuid4())}, 404, "Assignee agent not found", id="I-34 unknown"),
        pytest.param({"assigneeUserId": "me"}, 404, "Assignee user not found", id="I-34 no id"),
        pytest.param({"projectId": str(uuid4())}, 404, "Project not found", id="IW-5"),
        pytest.param({"parentId": str(uuid4())}, 404, "Parent issue not found", id="IW-16 unknown parent"),
        pytest.param(
            {"blockedByIssueIds": [str(uuid4())]},
            422,
            "Blocked-by issues must belong to the same company",
            id="I-81",
        ),
    ],
)
def test_refusals_write_nothing(cast, calls, body, status, error):
    issue = factories.issue(cast.company)

    answer = patch(cast.as_owner, issue, **{"title": "Never"} | body)

    assert (answer.status_code, answer.json()["error"]) == (status, error)
    issue.refresh_from_db()
    assert issue.title != "Never"
    assert not calls
    assert not Activity.objects.exists()


def test_two_assignees_are_refused_and_handing_over_needs_null(cast):
    """I-33."""
    issue = factories.issue(cast.company, assignee_agent=cast.engineer)

    assert patch(cast.as_owner, issue, assigneeUserId=str(cast.owner.id)).status_code == 422
    row = patch(cast.as_owner, issue, assigneeUserId=str(cast.owner.id), assigneeAgentId=None).json()
    assert (row["assigneeUserId"], row["assigneeAgentId"]) == (str(cast.owner.id), None)


def test_work_in_progress_keeps_an_assignee(cast):
    issue = factories.issue(cast.company, assignee_agent=cast.engineer, status="in_progress")

    assert patch(cast.as_owner, issue, assigneeAgentId=None).status_code == 422
    assert patch(cast.as_owner, issue, assigneeAgentId=None, status="todo").status_code == 200


@pytest.mark.parametrize(
    ("names", "reference", "status"),
    [
        pytest.param(["Codex Coder"], "codex-coder", 200, id="IC-54 resolved"),
        pytest.param(["Codex Coder"], "Codex Coder", 200, id="I-35 slugged"),
        pytest.param(["Codex Coder", "codex-coder"], "codex-coder", 409, id="IC-54 ambiguous"),
        pytest.param([], "codex-coder", 404, id="IC-54 missing"),
    ],
)
def test_agents_are_named_by_shortname(cast, names, reference, status):
    agents = [factories.agent(cast.company, name=name) for name in names]
    factories.agent(cast.company, name="Codex Coder", status="terminated")
    issue = factories.issue(cast.company)

    answer = patch(cast.as_owner, issue, assigneeAgentId=reference)

    assert answer.status_code == status
    if status == 200:
        assert answer.json()["assigneeAgentId"] == str(agents[0].id)
    if status == 409:
        assert "ambiguous" in answer.json()["error"]


# --- Who may (the agent mutation guard, I-37 to I-40) ------------------------------------------------------


@pytest.mark.parametrize(
    ("who", "status"),
    [
        ("as_owner", 200),
        ("as_operator", 200),
        ("as_viewer", 403),
        ("as_outsider", 404),
        ("as_foreign_agent", 404),
        ("as_nobody", 401),
    ],
)
def test_who_may_edit(cast, who, status):
    issue = factories.issue(cast.company)

    assert patch(getattr(cast, who), issue, title="x").status_code == status


def test_board_edits_an_active_checkout(cast):
    """IC-27."""
    issue, _ = at_work(cast)

    assert patch(cast.as_owner, issue, title="x").status_code == 200


@pytest.mark.parametrize(
    ("status", "code", "error"),
    [
        pytest.param("in_progress", 409, "Issue is checked out by another agent", id="IC-22"),
        pytest.param("todo", 403, "Agent cannot mutate another agent's issue", id="IC-23 todo"),
        pytest.param("blocked", 403, "Agent cannot mutate another agent's issue", id="IC-23 blocked"),
    ],
)
def test_peers_keep_their_hands_off(cast, status, code, error):
    issue = factories.issue(cast.company, assignee_agent=cast.engineer, status=status)

    answer = patch(cast.as_agent(cast.peer), issue, title="x", comment="mine now")

    assert (answer.status_code, answer.json()["error"]) == (code, error)
    details = answer.json()["details"]
    assert (details["issueId"], details["assigneeAgentId"], details["actorAgentId"]) == (
        str(issue.pk),
        str(cast.engineer.id),
        str(cast.peer.id),
    )
    assert ("status" in details, "securityPrinciples" in details) == (code == 403, code == 403)
    assert not Comment.objects.exists()


@pytest.mark.parametrize("who", ["ceo", "manager", "hirer", "granted"])
def test_overrides_reach_into_others_work(cast, who):
    """IC-24, I-39."""
    issue, _ = at_work(cast)
    agents = {"ceo": cast.ceo, "manager": cast.manager, "hirer": cast.peer, "granted": cast.peer}
    if who == "hirer":
        cast.peer.permissions = {"canCreateAgents": True}
        cast.peer.save()
    if who == "granted":
        principal = {"company": cast.company, "principal_type": "agent", "principal_id": cast.peer.id}
        Grant.objects.create(**principal, permission_key="tasks:manage_active_checkouts")

    assert patch(cast.as_agent(agents[who]), issue, title="x").status_code == 200


def test_circular_managers_end_the_search(cast):
    """I-39: at most 50 hops."""
    cast.ceo.__class__.objects.filter(pk=cast.ceo.pk).update(reports_to=cast.engineer)
    issue = factories.issue(cast.company, assignee_agent=cast.engineer)

    assert patch(cast.as_agent(cast.peer), issue, title="x").status_code == 403


@pytest.mark.parametrize(
    ("maker", "who", "status"),
    [
        pytest.param("engineer", "engineer", 200, id="IC-25 its maker"),
        pytest.param("peer", "engineer", 403, id="IW-14 another's"),
        pytest.param(None, "engineer", 403, id="IW-14 a person's own"),
        pytest.param(None, "ceo", 200, id="I-39 override"),
    ],
)
def test_a_persons_issue_is_theirs(cast, maker, who, status):
    issue = factories.issue(
        cast.company,
        status="in_progress",
        assignee_user=cast.owner,
        created_by_agent=getattr(cast, maker) if maker else None,
    )
    caller = cast.as_agent(getattr(cast, who))

    assert patch(caller, issue, title="x").status_code == status
    assert caller.post(f"/api/issues/{issue.pk}/comments", {"body": "a question"}).status_code == 201


def test_anybody_edits_unassigned_issues(cast):
    issue = factories.issue(cast.company)

    assert patch(cast.as_agent(cast.peer), issue, title="x").status_code == 200


def test_owner_edits_from_the_owning_run(cast):
    """IC-26."""
    issue, run = at_work(cast)
    caller = cast.as_agent(cast.engineer, run_id=run.pk)

    assert patch(caller, issue, title="x", comment="done that").status_code == 200
    assert Comment.objects.get().created_by_run_id == run.pk
    assert set(Activity.objects.values_list("run_id", flat=True)) == {run.pk}


def test_owner_at_work_needs_a_run(cast):
    """IC-28."""
    issue, _ = at_work(cast)

    answer = patch(cast.as_agent(cast.engineer), issue, title="x")

    assert (answer.status_code, answer.json()["error"]) == (401, "Agent run id required")


def test_owner_needs_no_run_when_it_is_not_at_work(cast):
    issue = factories.issue(cast.company, assignee_agent=cast.engineer, status="todo")

    assert patch(cast.as_agent(cast.engineer), issue, title="x").status_code == 200


def test_another_run_of_the_owner_is_refused(cast):
    """I-40."""
    issue, run = at_work(cast)
    other = factories.run(cast.engineer)

    answer = patch(cast.as_agent(cast.engineer, run_id=other.pk), issue, title="x")

    assert (answer.status_code, answer.json()["error"]) == (409, "Issue run ownership conflict")
    details = answer.json()["details"]
    assert (details["checkoutRunId"], details["actorRunId"], details["checkoutRunStatus"]) == (
        str(run.pk),
        str(other.pk),
        "running",
    )


@pytest.mark.parametrize("over", ["succeeded", "failed", "cancelled", "timed_out"])
@pytest.mark.parametrize(
    ("checkout", "execution", "adopted"),
    [
        pytest.param(False, True, False, id="IC-29 dead lock, no owner"),
        pytest.param(True, False, True, id="I-40 dead owner"),
        pytest.param(True, True, True, id="I-41 both dead"),
        pytest.param(False, False, False, id="I-40 nobody"),
    ],
)
def test_what_a_dead_run_held_passes_on(cast, over, checkout, execution, adopted):
    dead, live = factories.run(cast.engineer, status=over), factories.run(cast.engineer)
    issue = factories.issue(
        cast.company,
        assignee_agent=cast.engineer,
        status="in_progress",
        checkout_run=dead if checkout else None,
        execution_run=dead if execution else None,
    )

    row = patch(cast.as_agent(cast.engineer, run_id=live.pk), issue, title="x").json()

    assert (row["checkoutRunId"], row["executionRunId"]) == (str(live.pk), str(live.pk))
    assert ("issue.checkout_lock_adopted" in log.actions(issue)) == adopted
    if adopted:
        assert log.details(issue, "issue.checkout_lock_adopted") == {
            "previousCheckoutRunId": str(dead.pk),
            "checkoutRunId": str(live.pk),
            "reason": "stale_checkout_run",
        }


@pytest.mark.parametrize(
    ("run", "status"),
    [
        pytest.param("peer", 403, id="IW-6 another agent's run"),
        pytest.param("finished", 403, id="IW-6 a run that is over"),
        pytest.param("unknown", 403, id="IW-5 unknown run"),
        pytest.param("nonsense", 400, id="IW-5 no id"),
    ],
)
def test_claimed_runs_are_checked(cast, run, status):
    issue = factories.issue(cast.company, assignee_agent=cast.engineer)
    claimed = {
        "peer": factories.run(cast.peer).pk,
        "finished": factories.run(cast.engineer, status="succeeded").pk,
        "unknown": uuid4(),
        "nonsense": "run-1",
    }

    assert patch(cast.as_agent(cast.engineer, run_id=claimed[run]), issue, title="x").status_code == status


def test_reassigning_needs_the_permission(cast):
    """I-36; handing back to the maker does not."""
    Grant.objects.filter(principal_id=cast.engineer.id).delete()
    caller = cast.as_agent(cast.engineer)
    issue = factories.issue(cast.company, assignee_agent=cast.engineer, created_by_user=cast.owner)

    assert patch(caller, issue, assigneeAgentId=str(cast.peer.id)).status_code == 403
    assert patch(caller, issue, assigneeAgentId=None, assigneeUserId=str(cast.operator.id)).status_code == 403
    assert patch(caller, issue, assigneeAgentId=str(cast.engineer.id)).status_code == 200
    assert patch(caller, issue, assigneeAgentId=None, assigneeUserId=str(cast.owner.id)).status_code == 200


# --- Review ----------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("approval", "to_person", "status"),
    [
        pytest.param(None, False, 422, id="IC-87 nobody waits"),
        pytest.param("pending", False, 200, id="I-45 pending approval"),
        pytest.param("revision_requested", False, 200, id="I-45 approval to be revised"),
        pytest.param("approved", False, 422, id="I-45 approval is given"),
        pytest.param(None, True, 200, id="I-45 a person"),
    ],
)
def test_agents_need_somebody_to_review(cast, approval, to_person, status):
    issue = factories.issue(cast.company, assignee_agent=cast.engineer, status="todo")
    if approval:
        made = Approval.objects.create(company=cast.company, type="request_board_approval", status=approval)
        issue.approval_links.create(company=cast.company, approval=made)
    handed = {"assigneeAgentId": None, "assigneeUserId": str(cast.owner.id)} if to_person else {}

    answer = patch(cast.as_agent(cast.engineer), issue, status="in_review", **handed)

    assert answer.status_code == status
    if status == 422:
        assert answer.json()["details"]["code"] == "invalid_issue_disposition"
        assert len(answer.json()["details"]["validReviewPaths"]) == 5


def test_board_reviews_as_it_likes(cast):
    """IC-87."""
    assert patch(cast.as_owner, factories.issue(cast.company), status="in_review").status_code == 200


# --- Parents and blockers --------------------------------------------------------------------------------


def test_parent_cannot_be_below_its_child(cast):
    """IW-16."""
    top = factories.issue(cast.company)
    middle = factories.issue(cast.company, parent=top)
    leaf = factories.issue(cast.company, parent=middle)

    assert patch(cast.as_owner, top, parentId=str(top.pk)).status_code == 422
    assert patch(cast.as_owner, top, parentId=str(leaf.pk)).status_code == 422
    assert patch(cast.as_owner, leaf, parentId=str(factories.issue(cast.elsewhere).pk)).status_code == 404
    assert patch(cast.as_owner, leaf, parentId=str(top.pk)).json()["parentId"] == str(top.pk)
    assert patch(cast.as_owner, leaf, parentId=None).json()["parentId"] is None


def test_blockers_are_replaced_and_answered(cast):
    a, b, issue = (factories.issue(cast.company, title=title) for title in ("a", "b", "issue"))
    c = factories.issue(cast.company, title="c")

    row = patch(cast.as_owner, issue, blockedByIssueIds=[str(b.pk), str(a.pk), str(b.pk)]).json()
    assert [entry["title"] for entry in row["blockedBy"]] == ["a", "b"]
    assert row["blocks"] == []
    assert row["status"] == "todo"

    row = patch(cast.as_owner, issue, blockedByIssueIds=[str(a.pk), str(c.pk)]).json()
    assert [entry["title"] for entry in row["blockedBy"]] == ["a", "c"]
    changes = Activity.objects.filter(action="issue.blockers_updated").order_by("created_at")
    told = changes.last().details
    assert (told["addedBlockedByIssueIds"], told["removedBlockedByIssueIds"]) == ([str(c.pk)], [str(b.pk)])
    assert [entry["title"] for entry in told["removedBlockedByIssues"]] == ["b"]

    assert patch(cast.as_owner, issue, blockedByIssueIds=[]).json()["blockedBy"] == []


def test_circles_are_refused(cast):
    """IC-66, at any length."""
    chain = [factories.issue(cast.company) for _ in range(4)]
    for blocker, blocked in zip(chain[1:], chain, strict=False):
        factories.blocks(blocker, blocked)

    for start in chain[1:]:
        answer = patch(cast.as_owner, start, blockedByIssueIds=[str(chain[0].pk)])
        assert (answer.status_code, answer.json()["error"]) == (
            422,
            "Blocking relations cannot contain cycles",
        )
    answer = patch(cast.as_owner, chain[0], blockedByIssueIds=[str(chain[0].pk)])
    assert (answer.status_code, answer.json()["error"]) == (422, "Issue cannot be blocked by itself")


@pytest.mark.parametrize(
    ("blocker", "body", "status"),
    [
        pytest.param("todo", {}, 422, id="IC-38 open blocker"),
        pytest.param("cancelled", {}, 422, id="I-82 cancelled does not resolve"),
        pytest.param("done", {}, 200, id="I-82 done resolves"),
        pytest.param("todo", {"blockedByIssueIds": []}, 200, id="I-30 the new list is judged"),
    ],
)
def test_starting_waits_for_blockers(cast, blocker, body, status):
    issue = factories.issue(cast.company, assignee_agent=cast.engineer)
    waits = factories.issue(cast.company, status=blocker)
    factories.blocks(waits, issue)

    answer = patch(cast.as_owner, issue, status="in_progress", **body)

    assert answer.status_code == status
    if status == 422:
        assert answer.json()["details"]["unresolvedBlockerIssueIds"] == [str(waits.pk)]
        assert answer.json()["details"]["unresolvedBlockers"][0]["identifier"] == waits.identifier


# --- Comment, reopen, resume, interrupt ------------------------------------------------------------------


def test_comment_travels_with_the_edit(cast):
    issue = factories.issue(cast.company)

    row = patch(cast.as_owner, issue, title="x", comment="Why\\nthis").json()

    assert (row["comment"]["body"], row["comment"]["authorUserId"]) == ("Why\nthis", str(cast.owner.id))
    assert row["relatedWork"] == {"outbound": [], "inbound": []}
    told = log.details(issue, "issue.comment_added")
    assert (told["commentId"], told["updated"]) == (row["comment"]["id"], True)
    assert log.actions(issue) == ["issue.updated", "issue.comment_added"]


@pytest.mark.parametrize(
    ("start", "body", "to", "reopened"),
    [
        pytest.param(
            "todo", {"reopen": True, "assigneeAgentId": "peer"}, "todo", False, id="IC-52 open already"
        ),
        pytest.param("done", {"assigneeAgentId": "peer"}, "todo", True, id="IC-53 reassigned"),
        pytest.param("done", {}, "todo", True, id="I-73 a person's word"),
        pytest.param("done", {"status": "cancelled"}, "cancelled", False, id="I-74 an explicit status wins"),
        pytest.param("blocked", {}, "todo", True, id="IC-45 blockers are resolved"),
        pytest.param("in_review", {}, "in_review", False, id="I-73 review is not closed"),
    ],
)
def test_comment_may_bring_an_issue_back(cast, start, body, to, reopened):
    judged = dict.fromkeys(
        ("currentStageId", "currentStageIndex", "currentStageType", "currentParticipant", "returnAssignee")
        + ("reviewRequest", "lastDecisionId", "lastDecisionOutcome", "monitor")
    )
    judged |= {"status": "completed", "completedStageIds": []}
    issue = factories.issue(cast.company, assignee_agent=cast.engineer, status=start, execution_state=judged)
    sent = {name: str(cast.peer.id) if value == "peer" else value for name, value in body.items()}

    row = patch(cast.as_owner, issue, comment="again", **sent).json()

    assert row["status"] == to
    told = log.details(issue, "issue.updated")
    assert told.get("reopened", False) == reopened
    if reopened:
        assert (told["reopenedFrom"], told["source"]) == (start, "comment")
    if reopened and start == "done":
        assert row["executionState"] is None


def test_reopen_without_a_comment_does_nothing(cast):
    """I-74."""
    issue = factories.issue(cast.company, assignee_agent=cast.engineer, status="done")

    assert patch(cast.as_owner, issue, reopen=True).json()["status"] == "done"


def test_interrupt_stops_the_run_and_is_undone_with_the_edit(cast):
    """IC-58, IW-28."""
    issue, run = at_work(cast)

    answer = patch(cast.as_owner, issue, comment="stop", interrupt=True, assigneeUserId=str(cast.owner.id))
    assert answer.status_code == 422
    run.refresh_from_db()
    assert run.cancel_requested_at is None

    assert patch(cast.as_owner, issue, comment="stop", interrupt=True).status_code == 200
    run.refresh_from_db()
    assert run.cancel_requested_at is not None
    assert log.details(run, "heartbeat.cancelled") == {
        "agentId": str(cast.engineer.id),
        "source": "issue_comment_interrupt",
        "issueId": str(issue.pk),
    }
    assert log.details(issue, "issue.comment_added")["interruptedRunId"] == str(run.pk)


def test_agents_cannot_interrupt(cast):
    """I-77."""
    issue, run = at_work(cast)

    answer = patch(cast.as_agent(cast.engineer, run_id=run.pk), issue, comment="stop", interrupt=True)

    assert answer.status_code == 403


def test_cancelling_stops_the_run_and_finishing_does_not(cast):
    """I-46, IC-59."""
    done, kept = at_work(cast)
    patch(cast.as_owner, done, status="done")
    kept.refresh_from_db()
    assert kept.cancel_requested_at is None

    other = factories.issue(cast.company, assignee_agent=cast.peer, status="in_progress")
    run = factories.run(cast.peer, issue=other)
    patch(cast.as_owner, other, status="cancelled")
    run.refresh_from_db()
    assert run.cancel_requested_at is not None
    assert log.details(run, "heartbeat.cancelled")["source"] == "issue_status_cancelled"
    assert log.details(other, "issue.updated")["cancelledStatusRunId"] == str(run.pk)
