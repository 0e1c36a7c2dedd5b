"""Execution workspaces over the API: read, changed, closed, and who may do what."""

from __future__ import annotations

import json
from datetime import timedelta

import pytest

from issues.models import Issue
from paperclip.companies.models import Activity
from paperclip.core import clock
from tests import factories
from tests.workspaces.scenes import isolated, place, record_of, repository, run_git
from workspaces.models import ExecutionWorkspace, RuntimeService, WorkspaceOperation

pytestmark = pytest.mark.django_db


@pytest.fixture
def work(cast, tmp_path, settings):
    """An issue in its worktree, provisioned by a command that says something."""
    settings.OPERATIONS_ROOT = tmp_path / "operations"
    repo = repository(tmp_path / "repo")
    issue = isolated(cast.company, repo, strategy={"provisionCommand": "echo ready"}, title="Work")
    place(cast.engineer, issue, tmp_path / "home")
    return issue, record_of(issue)


def path(row, *more):
    return "/".join([f"/api/execution-workspaces/{row.pk}", *more])


def test_a_workspace_is_read_by_everybody_of_the_company(cast, work):  # W-116, W-125, W-10
    issue, row = work
    shown = cast.as_agent(cast.peer).get(path(row)).json()
    assert (shown["id"], shown["mode"], shown["strategyType"]) == (
        str(row.pk),
        "isolated_workspace",
        "git_worktree",
    )
    assert shown["config"]["provisionCommand"] == "echo ready"
    assert shown["config"]["desiredState"] is None
    assert shown["metadata"]["createdByRuntime"] is True
    assert shown["sourceIssueId"] == str(issue.pk)
    assert cast.as_viewer.get(path(row)).status_code == 200
    for stranger in (cast.as_outsider, cast.as_foreign_agent):
        assert stranger.get(path(row)).status_code == 404
        assert stranger.patch(path(row), {"name": "x"}).status_code == 404
    assert cast.as_viewer.patch(path(row), {"name": "x"}).status_code == 403


def test_the_issue_shows_its_workspace_in_full(cast, work):  # W-136, W-137
    issue, row = work
    RuntimeService.objects.create(
        company=cast.company, execution_workspace=row, scope_type="execution_workspace", service_name="web",
        status="running", lifecycle="shared", url="http://127.0.0.1:1/",
    )  # fmt: skip
    secret = {"commands": [{"name": "web", "env": {"API_TOKEN": "hunter2-hunter2"}}]}
    row.metadata = {**row.metadata, "config": {"workspaceRuntime": secret}}
    row.save()
    agent = cast.as_agent(cast.peer)
    whole = agent.get(path(row)).json()
    for answer in (f"/api/issues/{issue.pk}/heartbeat-context", f"/api/issues/{issue.identifier}"):
        shown = agent.get(answer).json()["currentExecutionWorkspace"]
        assert shown == whole
    assert [service["serviceName"] for service in whole["runtimeServices"]] == ["web"]
    assert "hunter2" not in json.dumps(whole)

    ExecutionWorkspace.objects.update(status="archived", closed_at=clock.now())
    context = agent.get(f"/api/issues/{issue.pk}/heartbeat-context").json()
    assert context["currentExecutionWorkspace"]["status"] == "archived"
    other = factories.issue(cast.company)
    assert agent.get(f"/api/issues/{other.pk}/heartbeat-context").json()["currentExecutionWorkspace"] is None


def test_lists_are_filtered_and_ordered(cast, work):  # WC-59, W-124
    issue, row = work
    older = ExecutionWorkspace.objects.create(
        company=cast.company, mode="shared_workspace", name="older", status="idle",
        last_used_at=clock.now() - timedelta(days=1),
    )  # fmt: skip
    closed = ExecutionWorkspace.objects.create(
        company=cast.company, mode="isolated_workspace", name="closed", status="archived"
    )
    ExecutionWorkspace.objects.create(company=cast.elsewhere, mode="isolated_workspace", name="foreign")
    base = f"/api/companies/{cast.company.pk}/execution-workspaces"

    def names(query=""):
        answer = cast.as_owner.get(base + query)
        assert answer.status_code == 200, answer.content
        return [each["name"] for each in answer.json()]

    assert names() == [row.name, older.name, closed.name]
    assert names("?reuseEligible=true") == [row.name, older.name]
    assert names("?status=archived,idle") == [older.name, closed.name]
    assert names(f"?issueId={issue.pk}") == names(f"?projectId={issue.project_id}") == [row.name]
    assert names(f"?projectWorkspaceId={issue.project_workspace_id}") == [row.name]
    assert names("?limit=1&offset=1") == [older.name]
    summary = cast.as_owner.get(f"{base}?summary=true&reuseEligible=true").json()
    assert [set(each) for each in summary] == [{"id", "name", "mode", "projectWorkspaceId"}] * 2
    assert cast.as_owner.get(f"{base}?status=lost").status_code == 400
    assert cast.as_owner.get(f"{base}?projectId=x").status_code == 400
    assert cast.as_outsider.get(base).status_code == 403


def test_people_change_what_is_theirs_to_change(cast, work):  # W-126, W-20
    _, row = work
    answer = cast.as_operator.patch(
        path(row), {"name": "Preview", "config": {"desiredState": "manual", "provisionCommand": None}}
    )
    assert answer.status_code == 200
    assert (answer.json()["name"], answer.json()["config"]["desiredState"]) == ("Preview", "manual")
    assert answer.json()["config"]["provisionCommand"] is None
    sent = {"metadata": {"source": "mine", "createdByRuntime": False}, "config": {"teardownCommand": "true"}}
    shown = cast.as_operator.patch(path(row), sent).json()
    assert shown["metadata"] == {
        "source": "mine",
        "config": {"teardownCommand": "true"},
        "createdByRuntime": True,
    }, "what the machine made is the machine's to say"
    assert cast.as_operator.patch(path(row), {"config": None}).json()["config"] is None
    logged = Activity.objects.filter(action="execution_workspace.updated").order_by("created_at")
    assert logged[0].details["changedKeys"] == ["config", "name"]


@pytest.mark.parametrize(
    ("body", "status"),
    [
        pytest.param({"colour": "red"}, 400, id="W-126 strict"),
        pytest.param({"config": {"command": "x"}}, 400, id="W-15 strict"),
        pytest.param({"config": {"serviceStates": {"0": "loud"}}}, 400, id="W-15 states"),
        pytest.param({"status": "lost"}, 400, id="W-10 status"),
        pytest.param({"status": "cleanup_failed"}, 422, id="W-64 for the cleanup to set"),
        pytest.param({"cwd": "relative/path"}, 422, id="WW-12 path"),
        pytest.param({"branchName": "--delete"}, 422, id="WW-17 hostile branch"),
        pytest.param({"name": ""}, 400, id="C-5 name"),
    ],
)
def test_what_is_refused(cast, work, body, status):
    _, row = work
    assert cast.as_owner.patch(path(row), body).status_code == status
    row.refresh_from_db()
    assert row.status == "active"


@pytest.mark.parametrize(
    ("body", "named"),
    [
        pytest.param({"config": {"provisionCommand": None}}, "config.provisionCommand", id="WC-58 null too"),
        pytest.param({"config": {"workspaceRuntime": {}}}, "config.workspaceRuntime", id="WW-13"),
        pytest.param(
            {"metadata": {"config": {"cleanupCommand": "rm -rf /"}}},
            "metadata.config.cleanupCommand",
            id="WC-58 metadata",
        ),
        pytest.param({"cwd": "/"}, "cwd", id="WW-12 cwd"),
        pytest.param({"providerRef": "/"}, "providerRef", id="WW-12 ref"),
        pytest.param({"metadata": {"createdByRuntime": True}}, "metadata", id="WW-12 metadata"),
        pytest.param({"status": "archived"}, "status", id="WW-12 archive"),
        pytest.param({"branchName": "main"}, "branchName", id="WW-12 branch"),
    ],
)
def test_agents_neither_aim_nor_close_nor_configure(cast, work, body, named):  # W-123
    _, row = work
    answer = cast.as_agent(cast.ceo).patch(path(row), body)
    assert answer.status_code == 403
    assert named in answer.json()["error"]
    before = row.updated_at
    row.refresh_from_db()
    assert row.updated_at == before, "nothing is written"
    assert (
        cast.as_agent(cast.ceo).patch(path(row), {"name": "Mine", "status": "in_review"}).status_code == 200
    )


def test_closing_over_the_api(cast, work, tmp_path):  # W-60 to W-64, WC-29
    issue, row = work
    refused = cast.as_owner.patch(path(row), {"status": "archived"})
    assert refused.status_code == 409
    assert issue.identifier in refused.json()["error"]

    Issue.objects.filter(pk=issue.pk).update(status="done")
    (tmp_path / "repo" / ".paperclip" / "worktrees" / row.name / "loose").write_text("x\n")
    asked = cast.as_agent(cast.peer).get(path(row, "close-readiness")).json()
    assert (asked["state"], asked["isDestructiveCloseAllowed"]) == ("ready_with_warnings", True)
    assert asked["git"]["untrackedEntryCount"] == 1
    assert asked["linkedIssues"][0]["isTerminal"] is True

    answer = cast.as_owner.patch(path(row), {"status": "archived"})
    assert (answer.status_code, answer.json()["status"]) == (200, "archived")
    assert "refs/paperclip/archive" in answer.json()["cleanupReason"]
    assert run_git(tmp_path / "repo", "worktree", "list").count("\n") == 0
    done = [each["phase"] for each in cast.as_owner.get(path(row, "workspace-operations")).json()]
    assert done == ["worktree_cleanup", "worktree_cleanup", "workspace_provision", "worktree_prepare"]
    assert cast.as_owner.patch(path(row), {"status": "active"}).json()["closedAt"], "W-66"


def test_operations_and_their_logs_are_read_by_the_company(cast, work):  # W-113 to W-115
    issue, row = work
    run = factories.run(cast.engineer, issue=issue)
    WorkspaceOperation.objects.filter(phase="worktree_prepare").update(heartbeat_run=run)
    run.context_snapshot = {"executionWorkspaceId": str(row.pk)}
    run.save()
    of_run = cast.as_owner.get(f"/api/heartbeat-runs/{run.pk}/workspace-operations").json()
    assert [each["phase"] for each in of_run] == ["worktree_prepare", "workspace_provision"]

    provision = WorkspaceOperation.objects.get(phase="workspace_provision")
    log = f"/api/workspace-operations/{provision.pk}/log"
    page = cast.as_agent(cast.peer).get(log)
    assert page.headers["Cache-Control"] == "no-store"
    (line,) = page.json()["content"].splitlines()
    entry = json.loads(line)
    assert (entry["stream"], entry["chunk"], set(entry)) == ("stdout", "ready\n", {"ts", "stream", "chunk"})
    piece = cast.as_owner.get(f"{log}?limitBytes=10").json()
    assert (len(piece["content"]), piece["nextOffset"]) == (10, 10)
    rest = cast.as_owner.get(f"{log}?offset=10").json()
    assert piece["content"] + rest["content"] == page.json()["content"]
    assert "nextOffset" not in rest
    other = WorkspaceOperation.objects.get(phase="worktree_prepare")
    assert cast.as_owner.get(f"/api/workspace-operations/{other.pk}/log").status_code == 404
    assert cast.as_foreign_agent.get(log).status_code == 404


@pytest.mark.parametrize(
    "policy",
    [
        pytest.param({"workspaceRuntime": {"commands": [{"command": "evil"}]}}, id="WW-13 services"),
        pytest.param({"workspaceStrategy": {"worktreeParentDir": "/etc"}}, id="WW-13 folders"),
        pytest.param({"workspaceStrategy": {"teardownCommand": "evil"}}, id="WC-58 commands"),
    ],
)
def test_agents_put_nothing_for_the_host_into_policies(cast, policy):
    body = {"name": "A", "executionWorkspacePolicy": {"enabled": True, **policy}}
    base = f"/api/companies/{cast.company.pk}/projects"
    refused = cast.as_agent(cast.ceo).post(base, body)
    assert refused.status_code == 403
    assert "host-executed workspace commands" in refused.json()["error"]
    assert cast.as_owner.post(base, body).status_code == 201


@pytest.mark.parametrize("field", ["setupCommand", "cleanupCommand", "runtimeConfig"])
def test_agents_set_no_host_commands_of_projects(cast, field):  # WC-58, WW-13
    project = factories.project(cast.company)
    base = f"/api/projects/{project.pk}/workspaces"
    value = {"workspaceRuntime": {"commands": []}} if field == "runtimeConfig" else None
    refused = cast.as_agent(cast.ceo).post(base, {"cwd": "/a", field: value})
    assert refused.status_code == 403
    assert "host-executed workspace commands" in refused.json()["error"]
    made = cast.as_agent(cast.ceo).post(base, {"cwd": "/a"}).json()
    hidden = {"metadata": {"runtimeConfig": {}}}
    assert cast.as_agent(cast.ceo).patch(f"{base}/{made['id']}", hidden).status_code == 403
