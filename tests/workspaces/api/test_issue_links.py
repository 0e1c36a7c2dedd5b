"""Issues and the workspaces their runs work in: asked for, inherited, followed, closed."""

from __future__ import annotations

import pytest

from issues.models import Issue
from paperclip.companies.models import Activity
from paperclip.core import clock
from tests import factories
from workspaces.models import ExecutionWorkspace

pytestmark = pytest.mark.django_db


@pytest.fixture
def project(cast):
    return factories.project(
        cast.company, execution_workspace_policy={"enabled": True, "defaultMode": "isolated_workspace"}
    )


@pytest.fixture
def path(cast):
    return f"/api/companies/{cast.company.pk}/issues"


def workspace(project, **fields):
    return ExecutionWorkspace.objects.create(
        **{"company": project.company, "project": project, "mode": "isolated_workspace", "name": "w"} | fields
    )


def links(row):
    names = ("executionWorkspaceId", "executionWorkspacePreference", "executionWorkspaceSettings")
    return tuple(row[name] for name in names)


def test_new_issues_take_their_projects_way(cast, project, path):  # WC-1, W-30, I-58
    made = cast.as_owner.post(path, {"title": "x", "projectId": str(project.pk)}).json()
    assert links(made) == (None, None, {"mode": "isolated_workspace"})
    plain = cast.as_owner.post(
        path, {"title": "x", "projectId": str(factories.project(cast.company).pk)}
    ).json()
    assert links(plain) == (None, None, None)
    own = {"mode": "shared_workspace", "workspaceStrategy": {"branchTemplate": "x/{{slug}}", "baseRef": None}}
    body = {"title": "x", "projectId": str(project.pk), "executionWorkspaceSettings": own}
    stored = Issue.objects.get(pk=cast.as_owner.post(path, body).json()["id"])
    assert stored.execution_workspace_settings == {
        "mode": "shared_workspace",
        "workspaceStrategy": {"branchTemplate": "x/{{slug}}"},
    }, "as it was sent, and read again by runs"


def test_children_go_where_their_parent_works(cast, project, path):  # WC-34, W-29, IC-12 to IC-15
    place = workspace(project)
    parent = factories.issue(
        cast.company, project=project, execution_workspace=place,
        execution_workspace_settings={"workspaceStrategy": {"baseRef": "dev"}},
    )  # fmt: skip
    inherited = (
        str(place.pk),
        "reuse_existing",
        {"mode": "isolated_workspace", "workspaceStrategy": {"baseRef": "dev"}},
    )
    child = cast.as_owner.post(f"/api/issues/{parent.pk}/children", {"title": "x"}).json()
    assert links(child) == inherited
    plain = cast.as_owner.post(path, {"title": "x", "parentId": str(parent.pk)}).json()
    assert links(plain) == inherited
    loose = cast.as_owner.post(path, {"title": "x", "inheritExecutionWorkspaceFromIssueId": str(parent.pk)})
    assert (links(loose.json()), loose.json()["parentId"]) == (inherited, None)

    explicit = {"title": "x", "parentId": str(parent.pk), "projectId": str(project.pk)}
    other = workspace(project, name="other")
    given = cast.as_owner.post(path, {**explicit, "executionWorkspaceId": str(other.pk)}).json()
    assert given["executionWorkspaceId"] == str(other.pk)
    null = cast.as_owner.post(path, {**explicit, "executionWorkspaceId": None}).json()
    assert links(null) == (None, None, {"mode": "isolated_workspace"}), "an explicit null counts as given"
    elsewhere = {
        "title": "x",
        "parentId": str(parent.pk),
        "projectId": str(factories.project(cast.company).pk),
    }
    assert cast.as_owner.post(path, elsewhere).json()["executionWorkspaceId"] is None

    place.status, place.closed_at = "archived", clock.now()
    place.save()
    late = cast.as_owner.post(f"/api/issues/{parent.pk}/children", {"title": "x"}).json()
    assert late["executionWorkspaceId"] is None, "nobody inherits a closed place"


def test_a_workspace_must_fit(cast, project, path):  # W-33, I-60, I-43
    theirs = workspace(factories.project(cast.elsewhere))
    others = workspace(factories.project(cast.company))
    for given, status in ((theirs.pk, 422), (others.pk, 422), (factories.NO_SUCH_ID, 404)):
        body = {"title": "x", "projectId": str(project.pk), "executionWorkspaceId": str(given)}
        assert cast.as_owner.post(path, body).status_code == status
    issue = factories.issue(cast.company, project=project)
    patch = cast.as_owner.patch(f"/api/issues/{issue.pk}", {"executionWorkspaceId": str(others.pk)})
    assert patch.status_code == 422
    environment = {"executionWorkspaceSettings": {"environmentId": factories.NO_SUCH_ID}}
    assert cast.as_owner.patch(f"/api/issues/{issue.pk}", environment).status_code == 422


def test_an_edit_is_stored_and_told(cast, project):  # W-36
    place = workspace(project)
    issue = factories.issue(cast.company, project=project)
    body = {"executionWorkspaceId": str(place.pk), "executionWorkspacePreference": "reuse_existing"}
    row = cast.as_owner.patch(f"/api/issues/{issue.pk}", body).json()
    assert links(row) == (str(place.pk), "reuse_existing", None)
    change = Activity.objects.get(action="issue.updated").details["workspaceChange"]
    assert (change["from"]["executionWorkspaceId"], change["to"]["executionWorkspaceId"]) == (
        None,
        str(place.pk),
    )
    assert (change["from"]["label"], change["to"]["label"]) == (None, "w")

    other = factories.project(cast.company)
    moved = cast.as_owner.patch(f"/api/issues/{issue.pk}", {"projectId": str(other.pk)}).json()
    assert links(moved) == (None, None, None), "a place of the project that is left does not come along"


def test_the_workspace_follows_the_settings_of_who_stays_in_it(cast, project):  # WC-33, W-34
    config = {"cleanupCommand": "c", "provisionCommand": "old", "desiredState": "running"}
    place = workspace(project, metadata={"source": "project_primary", "config": config})
    issue = factories.issue(
        cast.company,
        project=project,
        execution_workspace=place,
        execution_workspace_preference="reuse_existing",
    )
    settings = {"workspaceStrategy": {"provisionCommand": "new", "teardownCommand": "down"}}
    body = {"executionWorkspaceSettings": settings}
    assert cast.as_owner.patch(f"/api/issues/{issue.pk}", body).status_code == 200
    place.refresh_from_db()
    assert place.metadata == {
        "source": "project_primary",
        "config": {
            "cleanupCommand": "c",
            "provisionCommand": "new",
            "teardownCommand": "down",
            "desiredState": "running",
        },
    }


def test_an_issue_of_a_closed_workspace_of_its_own_is_only_moved(cast, project):  # WC-35, WC-36, W-35
    place = workspace(project, status="archived", closed_at=clock.now())
    issue = factories.issue(
        cast.company, project=project, execution_workspace=place, assignee_agent=cast.engineer, status="todo"
    )
    run = factories.run(cast.engineer, issue=issue)
    agent = cast.as_agent(cast.engineer, run_id=run.pk)
    base = f"/api/issues/{issue.pk}"
    refused = [
        cast.as_owner.post(f"{base}/comments", {"body": "x"}),
        cast.as_owner.patch(base, {"comment": "x"}),
        agent.patch(base, {"priority": "high"}),
        agent.post(f"{base}/checkout", {"agentId": str(cast.engineer.pk), "expectedStatuses": ["todo"]}),
    ]
    assert [answer.status_code for answer in refused] == [409] * 4
    assert refused[0].json()["details"]["executionWorkspace"]["id"] == str(place.pk)
    assert issue.comments.count() == 0
    moved = cast.as_owner.patch(base, {"executionWorkspaceId": None, "title": "y"})
    assert moved.status_code == 200
    assert cast.as_owner.post(f"{base}/comments", {"body": "x"}).status_code == 201

    shared = workspace(project, mode="shared_workspace", status="archived", closed_at=clock.now())
    Issue.objects.filter(pk=issue.pk).update(execution_workspace=shared)
    assert cast.as_owner.post(f"{base}/comments", {"body": "x"}).status_code == 201


@pytest.mark.parametrize(
    "settings",
    [
        pytest.param({"workspaceRuntime": {"commands": [{"command": "evil"}]}}, id="WW-13 services"),
        pytest.param({"workspaceStrategy": {"worktreeParentDir": "/etc"}}, id="WW-13 folders"),
    ],
)
def test_agents_send_nothing_the_host_would_run(cast, path, settings):
    body = {"title": "x", "executionWorkspaceSettings": settings}
    assert cast.as_agent(cast.ceo).post(path, body).status_code == 403
    assert cast.as_owner.post(path, body).status_code == 201
