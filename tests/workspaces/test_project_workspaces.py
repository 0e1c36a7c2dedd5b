from __future__ import annotations

from pathlib import Path

import pytest

from paperclip.companies.models import Activity
from tests import factories
from workspaces import selection
from workspaces.models import ProjectWorkspace

pytestmark = pytest.mark.django_db


@pytest.fixture
def path(cast):
    return f"/api/projects/{factories.project(cast.company).pk}/workspaces"


def test_a_project_comes_with_its_first_workspace(cast):  # C-66, C-68
    made = cast.as_owner.post(
        f"/api/companies/{cast.company.pk}/projects", {"name": "Site", "workspace": {"cwd": "/srv/site"}}
    )
    assert made.status_code == 201
    body = made.json()
    (workspace,) = body["workspaces"]
    assert (workspace["name"], workspace["isPrimary"], workspace["sourceType"]) == (
        "site",
        True,
        "local_path",
    )
    assert body["primaryWorkspace"]["id"] == body["codebase"]["workspaceId"] == workspace["id"]
    assert (body["codebase"]["effectiveLocalFolder"], body["codebase"]["origin"]) == (
        "/srv/site",
        "local_folder",
    )
    assert Activity.objects.get(action="project.workspace_created").details["cwd"] == "/srv/site"


def test_faults_of_a_first_workspace_are_named_and_undo_the_project(cast):
    answer = cast.as_owner.post(
        f"/api/companies/{cast.company.pk}/projects", {"name": "Site", "workspace": {"cwd": 5}}
    )
    assert answer.status_code == 400
    assert answer.json()["details"][0]["path"] == ["workspace", "cwd"]
    assert cast.as_owner.get(f"/api/companies/{cast.company.pk}/projects").json() == []


def test_there_is_always_exactly_one_primary(cast, path):  # C-66
    first = cast.as_owner.post(path, {"cwd": "/a"}).json()
    second = cast.as_owner.post(path, {"repoUrl": "https://example.com/b.git", "isPrimary": True}).json()
    assert (first["isPrimary"], second["isPrimary"], second["name"]) == (True, True, "b")
    assert [row["id"] for row in cast.as_owner.get(path).json()] == [second["id"], first["id"]]

    cast.as_owner.patch(f"{path}/{second['id']}", {"isPrimary": False})
    assert ProjectWorkspace.objects.get(is_primary=True).name == "b", (
        "it stays so until another takes its place"
    )
    cast.as_owner.patch(f"{path}/{first['id']}", {"isPrimary": True})
    assert str(ProjectWorkspace.objects.get(is_primary=True).pk) == first["id"]

    gone = cast.as_owner.delete(f"{path}/{first['id']}")
    assert gone.json()["id"] == first["id"]
    assert ProjectWorkspace.objects.get().is_primary


@pytest.mark.parametrize(
    ("body", "status", "error"),
    [
        pytest.param(
            {"name": "x"}, 400, "Workspace requires at least one of cwd or repoUrl.", id="C-66 no place"
        ),
        pytest.param({"sourceType": "remote_managed"}, 400, "A remote workspace requires", id="C-66 remote"),
        pytest.param(
            {"cwd": "/a", "runtimeConfig": {"x": 1}}, 400, "Validation error", id="C-6 strict runtimeConfig"
        ),
        pytest.param({"cwd": "/a", "visibility": "loud"}, 400, "Validation error", id="C-5 enum"),
    ],
)
def test_what_a_workspace_needs(cast, path, body, status, error):
    answer = cast.as_owner.post(path, body)
    assert answer.status_code == status
    assert answer.json()["error"].startswith(error)


@pytest.mark.parametrize("field", ["cleanupCommand", "setupCommand"])
def test_host_commands_are_the_boards(cast, path, field):  # C-67, field note 2
    body = {"cwd": "/a", field: "rm -rf /"}
    refused = cast.as_agent(cast.ceo).post(path, body)
    assert refused.status_code == 403
    assert field in refused.json()["error"]
    assert cast.as_owner.post(path, body).status_code == 201


def test_workspaces_of_others_are_not_found(cast, path):
    made = cast.as_owner.post(path, {"cwd": "/a"}).json()
    assert cast.as_outsider.get(path).status_code == 404
    assert cast.as_foreign_agent.patch(f"{path}/{made['id']}", {"name": "x"}).status_code == 404
    other = f"/api/projects/{factories.project(cast.company).pk}/workspaces/{made['id']}"
    assert cast.as_owner.delete(other).json() == {"error": "Project workspace not found"}
    assert cast.as_viewer.post(path, {"cwd": "/b"}).status_code == 403


def workspace(cwd, **fields):
    return ProjectWorkspace(cwd=cwd, **fields)


def choose(workspaces, **options):
    options = {"preferred_id": None, "configured_cwd": None, "agent_home": Path("/home/agent")} | options
    return selection.decide(workspaces=workspaces, **options)


def test_a_run_works_in_the_first_folder_that_exists(tmp_path):  # H-77
    old, primary = workspace(str(tmp_path)), workspace(str(tmp_path / ".."), is_primary=True)
    assert choose([old, primary]).workspace is primary
    assert choose([old, primary], preferred_id=old.pk).workspace is old
    assert choose([workspace("/gone/x", is_primary=True), old]).workspace is old


def test_without_a_project_folder_the_configured_one_or_the_home_is_used():
    gone = [workspace("/gone/x")]
    chosen = choose(gone, configured_cwd="/configured")
    assert (chosen.cwd, chosen.source) == (Path("/configured"), "agent_config")
    assert "/gone/x" in chosen.warnings[0]
    assert choose([]).source == "agent_home"


def test_a_workspace_is_filled_in_from_what_is_known(cast, path):  # W-7, W-8
    both = cast.as_owner.post(
        path, {"cwd": "/srv/a", "repoUrl": "https://example.com/b.git", "repoRef": "dev"}
    ).json()
    assert (both["name"], both["sourceType"], both["defaultRef"]) == ("a", "git_repo", "dev")
    item = f"{path}/{both['id']}"
    assert cast.as_owner.patch(item, {"repoRef": "main"}).json()["name"] == "a"
    assert cast.as_owner.patch(item, {"cwd": None}).json()["name"] == "b", "a new place, a new name"
    assert cast.as_owner.patch(item, {"cwd": "/srv/c", "name": "Mine"}).json()["name"] == "Mine"
    refused = cast.as_owner.patch(item, {"cwd": None, "repoUrl": None})
    assert refused.status_code == 422
