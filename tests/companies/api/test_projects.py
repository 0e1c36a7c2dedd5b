"""C-65 to C-68: projects."""

from __future__ import annotations

import pytest

from paperclip.companies import projects
from paperclip.companies.models import Activity, Project
from tests import factories


def path(cast) -> str:
    return f"/api/companies/{cast.company.id}/projects"


def test_defaults(cast):
    """C-65"""
    answer = cast.as_agent(cast.peer).post(path(cast), {"name": "Alpha One"})
    assert answer.status_code == 201
    made = answer.json()
    assert (made["status"], made["urlKey"], made["color"]) == ("backlog", "alpha-one", "#6366f1")
    assert (made["goalId"], made["goalIds"], made["goals"]) == (None, [], [])
    assert made["workspaces"] == []
    assert made["codebase"]["origin"] == "managed_checkout"
    entry = Activity.objects.get(action="project.created")
    assert entry.details == {"name": "Alpha One", "workspaceId": None, "envKeys": []}
    assert entry.agent_id == cast.peer.id
    assert cast.as_owner.post(path(cast), {"name": "Beta"}).json()["color"] == "#8b5cf6"


def test_goal_ids_are_the_truth(cast):
    """C-65: `goalId` is the first of them."""
    one, two = factories.goal(cast.company, title="One"), factories.goal(cast.company, title="Two")
    body = {"name": "A", "goalIds": [str(two.id), str(one.id), str(two.id)], "goalId": str(one.id)}
    made = cast.as_owner.post(path(cast), body).json()
    assert made["goalIds"] == [str(two.id), str(one.id)]
    assert made["goalId"] == str(two.id)
    assert made["goals"] == [{"id": str(two.id), "title": "Two"}, {"id": str(one.id), "title": "One"}]
    changed = cast.as_owner.patch(f"/api/projects/{made['id']}", {"goalId": str(one.id)}).json()
    assert changed["goalIds"] == [str(one.id)]
    kept = cast.as_owner.patch(f"/api/projects/{made['id']}", {"description": "x"}).json()
    assert kept["goalIds"] == [str(one.id)]
    assert cast.as_owner.patch(f"/api/projects/{made['id']}", {"goalIds": []}).json()["goalIds"] == []


def test_names_are_kept_apart(cast):
    """C-65"""
    made = [
        cast.as_owner.post(path(cast), {"name": name}).json()
        for name in ("Alpha", "alpha!", "Älpha", "Älpha")
    ]
    assert [one["name"] for one in made] == ["Alpha", "alpha! 2", "Älpha", "Älpha"]
    assert made[2]["urlKey"] == f"lpha-{made[2]['id'][:8]}"
    assert made[2]["urlKey"] != made[3]["urlKey"]


def test_patch_logs_keys_and_no_values(cast):
    """C-68: of an environment, names only."""
    project = factories.project(cast.company)
    body = {"status": "in_progress", "targetDate": "2026-12-31", "env": {"B": "very-secret", "A": "x"}}
    found = cast.as_owner.patch(f"/api/projects/{project.id}", body).json()
    assert (found["status"], found["targetDate"]) == ("in_progress", "2026-12-31")
    assert found["env"] == {
        "B": {"type": "plain", "value": "very-secret"},
        "A": {"type": "plain", "value": "x"},
    }
    entry = Activity.objects.get(action="project.updated")
    assert entry.details == {"changedKeys": ["env", "status", "targetDate"], "envKeys": ["A", "B"]}


def test_secrets_of_an_environment_are_for_those_who_manage_agents(cast):
    env = {"API_KEY": {"type": "plain", "value": "very-secret"}}
    project = factories.project(cast.company, env=env)
    for caller in (cast.as_operator, cast.as_viewer, cast.as_agent(cast.peer), cast.as_agent(cast.ceo)):
        for where in (path(cast), f"/api/projects/{project.id}"):
            assert b"very-secret" not in caller.get(where).content
    assert cast.as_owner.get(f"/api/projects/{project.id}").json()["env"] == env


def test_delete_answers_the_row_and_keeps_issues(cast):
    """C-67"""
    project = factories.project(cast.company, name="Gone")
    issue = factories.issue(cast.company, project=project)
    answer = cast.as_owner.delete(f"/api/projects/{project.id}")
    assert (answer.status_code, answer.json()["name"]) == (200, "Gone")
    assert not Project.objects.filter(pk=project.pk).exists()
    issue.refresh_from_db()
    assert issue.project_id is None
    assert Activity.objects.get(action="project.deleted").entity_id == str(project.id)


class TestShortname:
    """C-67"""

    def test_agents_own_company(self, cast):
        project = factories.project(cast.company, name="Alpha")
        factories.project(cast.elsewhere, name="Alpha")
        assert cast.as_agent(cast.peer).get("/api/projects/alpha").json()["id"] == str(project.id)

    def test_named_company(self, cast):
        project = factories.project(cast.company, name="Alpha")
        assert cast.as_owner.get(f"/api/projects/alpha?companyId={cast.company.id}").json()["id"] == str(
            project.id
        )
        assert cast.as_owner.get("/api/projects/alpha").status_code == 404
        assert cast.as_outsider.get(f"/api/projects/alpha?companyId={cast.company.id}").status_code == 403

    def test_ambiguous(self, cast):
        """B-118"""
        factories.project(cast.company, name="Alpha")
        factories.project(cast.company, name="ALPHA")
        answer = cast.as_owner.get(f"/api/projects/alpha?companyId={cast.company.id}")
        assert answer.status_code == 409
        assert answer.json()["error"] == "Project shortname is ambiguous in this company. Use the project ID."


@pytest.mark.parametrize(
    ("body", "status", "error"),
    [
        pytest.param(
            {"leadAgentId": "FOREIGN"}, 422, "Lead agent not found in this company", id="CW-16 lead"
        ),
        pytest.param({"goalIds": ["GOAL"]}, 422, "Goal not found in this company", id="CW-16 goal"),
        pytest.param({"env": {"1A": "x"}}, 422, "Invalid environment variable name: 1A", id="C-100"),
        pytest.param(
            {"env": {"A": {"type": "secret_ref", "secretId": "s"}}}, 422, "A: secret not found: s", id="B-115"
        ),
        pytest.param(
            {
                "executionWorkspacePolicy": {
                    "enabled": True,
                    "environmentId": "7f1c2f0e-5f0a-4a52-9d5b-0f6f3c0a1b2c",
                }
            },
            422,
            "executionWorkspacePolicy.environmentId: environment not found in this company",
            id="C-67 environment",
        ),
    ],
)
def test_refused_by_rule(cast, body, status, error):
    foreign_goal = factories.goal(cast.elsewhere)
    if "leadAgentId" in body:
        body = {"leadAgentId": str(cast.foreign_agent.id)}
    if "goalIds" in body:
        body = {"goalIds": [str(foreign_goal.id)]}
    answer = cast.as_owner.post(path(cast), {"name": "A"} | body)
    assert (answer.status_code, answer.json()["error"]) == (status, error)
    assert not Project.objects.filter(company=cast.company).exists()


@pytest.mark.parametrize(
    ("body", "where"),
    [
        pytest.param({"name": ""}, ["name"], id="C-65 name"),
        pytest.param({"status": "x"}, ["status"], id="C-65 status"),
        pytest.param({"targetDate": "31.12.2026"}, ["targetDate"], id="C-65 date"),
        pytest.param({"targetDate": "2026-13-01"}, ["targetDate"], id="C-65 no such day"),
        pytest.param({"goalIds": ["x"]}, ["goalIds", 0], id="C-7"),
        pytest.param(
            {"executionWorkspacePolicy": {}}, ["executionWorkspacePolicy", "enabled"], id="C-65 enabled"
        ),
        pytest.param(
            {"executionWorkspacePolicy": {"enabled": True, "x": 1}}, ["executionWorkspacePolicy"], id="C-6"
        ),
        pytest.param(
            {"executionWorkspacePolicy": {"enabled": True, "workspaceStrategy": {"x": 1}}},
            ["executionWorkspacePolicy", "workspaceStrategy"],
            id="C-6 strategy",
        ),
    ],
)
@pytest.mark.parametrize("verb", ["post", "patch"])
def test_refused_by_shape(cast, verb, body, where):
    if verb == "post":
        answer = cast.as_owner.post(path(cast), {"name": "A"} | body)
    else:
        answer = cast.as_owner.patch(f"/api/projects/{factories.project(cast.company).id}", body)
    assert answer.status_code == 400
    assert answer.json()["details"][0]["path"] == where


def test_workspace_commands_are_closed_to_agents(cast):
    """C-67: as C-56, on create and on patch; what is stored may be sent back."""
    policy = {"enabled": True, "workspaceStrategy": {"type": "git_worktree", "provisionCommand": "make"}}
    agent = cast.as_agent(cast.ceo)
    refused = agent.post(path(cast), {"name": "A", "executionWorkspacePolicy": policy})
    assert refused.status_code == 403
    assert "executionWorkspacePolicy.workspaceStrategy.provisionCommand" in refused.json()["error"]
    made = cast.as_owner.post(path(cast), {"name": "A", "executionWorkspacePolicy": policy}).json()
    assert made["executionWorkspacePolicy"] == policy
    same = {"executionWorkspacePolicy": policy | {"defaultMode": "isolated_workspace"}}
    assert agent.patch(f"/api/projects/{made['id']}", same).status_code == 200
    other = {"executionWorkspacePolicy": {"enabled": True, "workspaceStrategy": {"provisionCommand": "evil"}}}
    assert agent.patch(f"/api/projects/{made['id']}", other).status_code == 403


def test_what_higher_floors_add_is_asked_for_once_per_answer(cast, monkeypatch):
    asked: list[int] = []

    def extender(rows):
        asked.append(len(rows))
        return {row.id: {"workspaces": [{"name": f"of {row.name}"}]} for row in rows}

    for name in ("A", "B"):
        cast.as_owner.post(path(cast), {"name": name})
    monkeypatch.setattr(projects, "_extenders", [extender])

    rows = cast.as_owner.get(path(cast)).json()

    assert [row["workspaces"] for row in rows] == [[{"name": "of A"}], [{"name": "of B"}]]
    assert asked == [2]
