"""Parts of an issue."""

from __future__ import annotations

import pytest

from issues.models import Issue, Relation
from tests import factories
from tests.issues import log


@pytest.fixture
def parent(cast):
    project = factories.project(cast.company)
    workspace = project.workspaces.create(company=cast.company, name="code")
    return factories.issue(
        cast.company,
        project=project,
        project_workspace=workspace,
        goal=factories.goal(cast.company),
        request_depth=1,
        assignee_agent=cast.manager,
    )


def children(issue):
    return f"/api/issues/{issue.pk}/children"


def test_child_inherits_and_lists_its_criteria(cast, parent):
    """IC-12."""
    body = {"title": "Part", "description": "Do it.\n", "acceptanceCriteria": ["It works", "It is fast"]}

    answer = cast.as_owner.post(children(parent), body)

    assert answer.status_code == 201
    row = answer.json()
    assert (row["parentId"], row["requestDepth"]) == (str(parent.id), 2)
    assert (row["projectId"], row["goalId"]) == (str(parent.project_id), str(parent.goal_id))
    assert row["projectWorkspaceId"] == str(parent.project_workspace_id)
    assert row["description"] == "Do it.\n\n## Acceptance Criteria\n\n- It works\n- It is fast"


def test_blocking_child_holds_its_parent(cast, parent, calls):
    """IC-2."""
    kept = factories.issue(cast.company)
    factories.blocks(kept, parent)
    body = {"title": "Part", "assigneeAgentId": str(cast.engineer.id), "blockParentUntilDone": True}

    row = cast.as_owner.post(children(parent), body).json()

    assert row["status"] == "todo"
    blockers = (
        Relation.objects.filter(related_issue=parent)
        .order_by("created_at")
        .values_list("issue_id", flat=True)
    )
    assert [str(blocker) for blocker in blockers] == [str(kept.id), row["id"]]
    told = log.details(row["id"], "issue.child_created")
    assert (told["parentBlockerAdded"], told["parentId"]) == (True, str(parent.id))
    assert (told["statusDefaulted"], told["statusDefaultReason"]) == (True, "assigned_omitted_status")
    assert "issue.blockers_updated" in log.actions(parent)
    assert [(wake.reason, wake.context["source"]) for wake in calls] == [
        ("issue_assigned", "issue.child_create")
    ]


@pytest.mark.parametrize(
    ("fields", "who", "status"),
    [
        pytest.param({"assignee": "engineer"}, "engineer", 201, id="IW-15 its assignee"),
        pytest.param({"assignee": "engineer"}, "manager", 201, id="IW-15 the assignee's manager"),
        pytest.param({"assignee": "engineer", "maker": "peer"}, "peer", 201, id="IW-15 its maker"),
        pytest.param({"assignee": "engineer"}, "peer", 403, id="IW-15 another agent"),
        pytest.param({"assignee": "owner"}, "peer", 403, id="IW-15 a person's"),
        pytest.param({}, "peer", 201, id="IW-15 nobody's"),
    ],
)
def test_who_may_make_a_parent_wait(cast, fields, who, status):
    held = {
        None: {},
        "engineer": {"assignee_agent": cast.engineer},
        "owner": {"assignee_user": cast.owner},
    }[fields.get("assignee")]
    made = {"created_by_agent": cast.peer} if "maker" in fields else {}
    parent = factories.issue(cast.company, **held, **made)

    answer = cast.as_agent(getattr(cast, who)).post(
        f"/api/issues/{parent.pk}/children", {"title": "Part", "blockParentUntilDone": True}
    )

    assert answer.status_code == status, answer.content
    assert Relation.objects.filter(related_issue=parent).exists() == (status == 201)
    assert parent.children.exists() == (status == 201)


@pytest.mark.parametrize(
    ("depth", "asked", "stored"),
    [
        pytest.param(1024, 1124, 1024, id="IC-11 at the bottom"),
        pytest.param(1, 0, 2, id="I-50 one below"),
        pytest.param(1, 7, 7, id="I-50 deeper on request"),
    ],
)
def test_depth_of_a_child(cast, depth, asked, stored):
    parent = factories.issue(cast.company, request_depth=depth)

    assert (
        cast.as_owner.post(children(parent), {"title": "x", "requestDepth": asked}).json()["requestDepth"]
        == stored
    )


def test_explicit_place_beats_the_parents(cast, parent):
    project, goal = factories.project(cast.company), factories.goal(cast.company)
    body = {"title": "x", "projectId": str(project.id), "goalId": str(goal.id)}

    row = cast.as_owner.post(children(parent), body).json()

    assert (row["projectId"], row["goalId"], row["projectWorkspaceId"]) == (
        str(project.id),
        str(goal.id),
        None,
    )


def test_twenty_sixth_child_is_refused(cast, parent):
    """I-55; closed ones count."""
    for _ in range(25):
        factories.issue(cast.company, parent=parent, status="done")

    answer = cast.as_owner.post(children(parent), {"title": "x"})

    assert answer.status_code == 422
    assert Issue.objects.filter(parent=parent).count() == 25


@pytest.mark.parametrize(
    "body",
    [
        pytest.param({"acceptanceCriteria": ["x"] * 21}, id="I-55 too many criteria"),
        pytest.param({"acceptanceCriteria": [""]}, id="I-55 empty criterion"),
        pytest.param({"acceptanceCriteria": ["x" * 501]}, id="I-55 long criterion"),
        pytest.param({"blockParentUntilDone": "yes"}, id="I-55 flag is a boolean"),
        pytest.param({"title": ""}, id="I-161 title"),
    ],
)
def test_bad_bodies(cast, parent, body):
    assert cast.as_owner.post(children(parent), {"title": "x", **body}).status_code == 400


def test_parent_in_the_body_is_ignored(cast, parent):
    other = factories.issue(cast.company)
    body = {"title": "x", "parentId": str(other.id), "inheritExecutionWorkspaceFromIssueId": str(other.id)}

    assert cast.as_owner.post(children(parent), body).json()["parentId"] == str(parent.id)


def test_child_that_waits_for_its_parent_cannot_block_it(cast, parent):
    """I-81: a circle."""
    body = {"title": "x", "blockedByIssueIds": [str(parent.id)], "blockParentUntilDone": True}

    answer = cast.as_owner.post(children(parent), body)

    assert (answer.status_code, answer.json()["error"]) == (422, "Blocking relations cannot contain cycles")
    assert not Issue.objects.filter(parent=parent).exists()


@pytest.mark.parametrize(
    ("who", "status"),
    [
        pytest.param("as_operator", 201, id="board"),
        pytest.param("as_viewer", 403, id="viewer"),
        pytest.param("as_outsider", 404, id="another company's board"),
        pytest.param("as_foreign_agent", 404, id="another company's agent"),
        pytest.param("as_nobody", 401, id="nobody"),
    ],
)
def test_who_may_create_a_child(cast, parent, who, status):
    assert getattr(cast, who).post(children(parent), {"title": "x"}).status_code == status


def test_any_agent_of_the_company_may_create_a_child(cast, parent):
    assert cast.as_agent(cast.peer).post(children(parent), {"title": "x"}).status_code == 201


@pytest.mark.parametrize("reference", [factories.NO_SUCH_ID, "NOPE-1", "not-a-uuid", "%20"])
def test_unknown_parent(cast, reference):
    assert cast.as_owner.post(f"/api/issues/{reference}/children", {"title": "x"}).status_code == 404
