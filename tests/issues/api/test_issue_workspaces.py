"""An issue whose workspace is closed, and where a new one gets its own from."""

from __future__ import annotations

import pytest

from issues.models import Comment, Issue
from paperclip.core import clock
from tests import factories
from workspaces.models import ExecutionWorkspace


def workspace(project, **fields):
    return ExecutionWorkspace.objects.create(
        company=project.company, project=project, name="w", **{"mode": "isolated_workspace"} | fields
    )


@pytest.mark.parametrize(
    ("fields", "is_closed"),
    [
        pytest.param({"status": "archived"}, True, id="I-44 archived"),
        pytest.param({"status": "cleanup_failed"}, True, id="I-44 cleanup failed"),
        pytest.param({"closed_at": clock.now()}, True, id="I-44 closed"),
        pytest.param({}, False, id="I-44 open"),
        pytest.param({"mode": "shared_workspace", "status": "archived"}, False, id="I-44 shared"),
    ],
)
def test_closed_workspace_stops_the_work(cast, fields, is_closed):
    """I-44: comments, agents' edits and checkouts are refused; the board may still put the issue right."""
    project = factories.project(cast.company)
    issue = factories.issue(
        cast.company,
        project=project,
        assignee_agent=cast.engineer,
        execution_workspace=workspace(project, **fields),
    )
    path, refused = f"/api/issues/{issue.pk}", 409 if is_closed else None
    agent = cast.as_agent(cast.engineer, run_id=factories.run(cast.engineer).pk)
    checkout = {"agentId": str(cast.engineer.pk), "expectedStatuses": ["todo"]}

    answers = [
        cast.as_owner.post(f"{path}/comments", {"body": "x"}),
        cast.as_owner.patch(path, {"comment": "x"}),
        agent.patch(path, {"priority": "high"}),
        agent.post(f"{path}/checkout", checkout),
    ]

    assert [answer.status_code for answer in answers] == ([refused] * 4 if refused else [201, 200, 200, 200])
    if is_closed:
        place = str(issue.execution_workspace_id)
        assert {answer.json()["details"]["executionWorkspace"]["id"] for answer in answers} == {place}
        assert not Comment.objects.exists()
    assert cast.as_owner.patch(path, {"title": "Put right"}).status_code == 200


def test_new_issue_works_where_its_source_does(cast):
    """I-56, IC-13, IC-14: unless it says where itself."""
    project = factories.project(cast.company)
    code = project.workspaces.create(company=cast.company, name="code")
    place, other = workspace(project), workspace(project)
    parent = factories.issue(cast.company, project=project, project_workspace=code, execution_workspace=place)
    wanted = {"title": "x", "parentId": str(parent.pk), "projectId": str(project.pk)}

    def made(**more):
        answer = cast.as_owner.post(f"/api/companies/{cast.company.pk}/issues", {**wanted, **more})
        return Issue.objects.get(pk=answer.json()["id"])

    child = made()
    assert (child.project_workspace_id, child.execution_workspace_id) == (code.pk, place.pk)
    assert child.execution_workspace_preference == "reuse_existing"
    assert child.execution_workspace_settings == {"mode": "isolated_workspace"}
    own = made(executionWorkspaceId=str(other.pk), executionWorkspacePreference="isolated_workspace")
    assert (own.execution_workspace_id, own.execution_workspace_preference) == (
        other.pk,
        "isolated_workspace",
    )
