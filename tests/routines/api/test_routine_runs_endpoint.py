"""`/routines/:id/run` and `/routines/:id/runs` (R-121, R-126)."""

from __future__ import annotations

import pytest

from heartbeat.models import WakeupRequest
from issues.models import Issue
from paperclip.companies.models import Activity, Grant
from paperclip.core import clock
from routines.models import RoutineRun
from tests import factories
from tests.routines import recipes
from tests.routines.api.test_routines_endpoint import UNKNOWN, caller
from workspaces.models import ExecutionWorkspace, ProjectWorkspace

pytestmark = pytest.mark.django_db


def run(cast, routine, body=None, who="owner"):
    return caller(cast, who).post(f"/api/routines/{routine.pk}/run", body)


def test_a_run_by_hand_answers_its_row(cast):  # R-62, RC-45
    routine = recipes.routine(cast)
    answer = run(cast, routine, {"payload": {"branch": "main"}})
    assert answer.status_code == 202, answer.json()
    row = answer.json()
    issue = Issue.objects.get(origin_id=str(routine.pk))
    assert (row["status"], row["source"], row["linkedIssueId"]) == ("issue_created", "manual", str(issue.pk))
    assert (row["triggerPayload"], row["failureReason"], row["reason"]) == ({"branch": "main"}, None, None)
    assert len(row["dispatchFingerprint"]) == 64
    written = Activity.objects.get(action="routine.run_triggered")
    assert (written.actor_type, written.actor_id) == ("user", str(cast.owner.pk))
    again = run(cast, routine, {"payload": {"branch": "main"}}).json()
    assert (again["status"], again["coalescedIntoRunId"]) == ("coalesced", row["id"])
    assert issue.identifier in again["reason"]
    assert again["failureReason"] is None


def test_a_run_that_fails_is_answered_like_any_other(cast):
    type(cast.engineer).objects.filter(pk=cast.engineer.pk).update(status="paused")
    answer = run(cast, recipes.routine(cast))
    assert answer.status_code == 202
    assert answer.json()["failureReason"] == "Agent is not invokable in its current state"


def test_overrides_go_to_the_issue(cast):  # RC-24, R-65
    project = factories.project(cast.company)
    draft = recipes.routine(cast, assignee_agent=None, status="paused")
    assert run(cast, draft).json() == {"error": "Default agent required"}
    assert not RoutineRun.objects.exists()
    answer = run(cast, draft, {"projectId": str(project.pk), "assigneeAgentId": str(cast.peer.pk)})
    assert answer.status_code == 202
    issue = Issue.objects.get(origin_id=str(draft.pk))
    assert (issue.project_id, issue.assignee_agent_id) == (project.pk, cast.peer.pk)


@pytest.mark.parametrize(
    ("body", "field"),
    [
        pytest.param({"source": "schedule"}, "source", id="RC-52 source schedule"),
        pytest.param({"source": "webhook"}, "source", id="R-8 source webhook"),
        pytest.param({"payload": []}, "payload", id="R-62 payload is an object"),
        pytest.param({"idempotencyKey": "x" * 256}, "idempotencyKey", id="R-11 long key"),
        pytest.param({"triggerId": "x"}, "triggerId", id="R-19 uuid"),
    ],
)
def test_a_malformed_run_is_refused_by_field(cast, body, field):
    answer = run(cast, recipes.routine(cast), body)
    assert answer.status_code == 400
    assert answer.json()["details"][0]["path"] == [field]


def test_variables_fill_the_texts_and_are_kept(cast):  # RC-20, RC-21, R-36
    declared = [
        {"name": "repo", "label": None, "type": "text", "defaultValue": None, "required": True, "options": []},
        {
            "name": "priority", "label": None, "type": "select", "defaultValue": "high", "required": True,
            "options": ["high", "low"],
        },
    ]  # fmt: skip
    routine = recipes.routine(
        cast, title="Check {{repo}}", description="As {{priority}} of {{repo}}", variables=declared
    )
    row = run(cast, routine, {"variables": {"repo": "api"}}).json()
    assert row["triggerPayload"] == {"variables": {"repo": "api", "priority": "high"}}
    issue = Issue.objects.get(pk=row["linkedIssueId"])
    assert (issue.title, issue.description) == ("Check api", "As high of api")
    other = run(cast, routine, {"payload": {"variables": {"repo": "web"}, "a": 1}}).json()
    assert (other["status"], other["triggerPayload"]["a"]) == ("issue_created", 1)
    assert other["dispatchFingerprint"] != row["dispatchFingerprint"]
    missing = run(cast, routine)
    assert (missing.status_code, missing.json()["error"]) == (422, "Missing routine variables: repo")
    assert missing.json()["details"] == {"variables": ["repo"]}
    wrong = run(cast, routine, {"variables": {"repo": "api", "priority": "mid"}})
    assert wrong.json()["error"] == 'Variable "priority" must match one of: high, low'
    assert RoutineRun.objects.count() == 2


def test_the_branch_of_the_workspace_is_filled_in(cast):  # RC-23, R-35
    workspace = ExecutionWorkspace.objects.create(
        company=cast.company, mode="isolated_workspace", name="w", branch_name="feature/x"
    )
    routine = recipes.routine(
        cast, title="On {{workspaceBranch}}", variables=[recipes.text("workspaceBranch")]
    )
    row = run(
        cast, routine, {"executionWorkspaceId": str(workspace.pk), "variables": {"workspaceBranch": "lie"}}
    ).json()
    assert Issue.objects.get(pk=row["linkedIssueId"]).title == "On feature/x"
    assert row["triggerPayload"] == {"variables": {"workspaceBranch": "feature/x"}}
    ExecutionWorkspace.objects.update(mode="shared_workspace")
    answer = run(cast, routine, {"executionWorkspaceId": str(workspace.pk)})
    assert answer.json()["error"] == "Missing routine variables: workspaceBranch"


def test_the_chosen_workspace_goes_to_the_issue(cast):  # RC-22, R-85
    project = factories.project(cast.company)
    base = ProjectWorkspace.objects.create(
        company=cast.company, project=project, name="checkout", is_primary=True
    )
    chosen = ExecutionWorkspace.objects.create(
        company=cast.company, project=project, project_workspace=base, mode="isolated_workspace", name="w"
    )
    row = run(
        cast,
        recipes.routine(cast, project=project),
        {
            "executionWorkspaceId": str(chosen.pk),
            "executionWorkspacePreference": "reuse_existing",
            "executionWorkspaceSettings": {"mode": "isolated_workspace"},
        },
    ).json()
    issue = Issue.objects.get(pk=row["linkedIssueId"])
    assert (issue.project_workspace_id, issue.execution_workspace_id) == (base.pk, chosen.pk)
    assert issue.execution_workspace_preference == "reuse_existing"
    assert issue.execution_workspace_settings == {"mode": "isolated_workspace"}


def test_the_answer_comes_when_the_agent_is_called(cast):  # RC-16, R-88
    row = run(cast, recipes.routine(cast)).json()
    request = WakeupRequest.objects.get(issue_id=row["linkedIssueId"])
    assert (request.status, request.agent) == ("queued", cast.engineer)
    assert request.run.status == "queued"


def test_workspaces_tell_work_apart(cast):
    routine = recipes.routine(cast)
    bodies = [
        {},
        {"executionWorkspacePreference": "shared_workspace"},
        {"executionWorkspaceSettings": {"mode": "inherit"}},
    ]
    rows = [run(cast, routine, body).json() for body in bodies]
    assert [row["status"] for row in rows] == ["issue_created"] * 3
    assert len({row["dispatchFingerprint"] for row in rows}) == 3


@pytest.mark.parametrize(
    ("body", "status", "path"),
    [
        pytest.param({"executionWorkspaceId": UNKNOWN}, 404, None, id="R-62 no such workspace"),
        pytest.param(
            {"executionWorkspacePreference": "best"}, 400, ["executionWorkspacePreference"], id="R-62 word"
        ),
        pytest.param(
            {"executionWorkspaceSettings": {"x": 1}}, 400, ["executionWorkspaceSettings"], id="R-62 strict"
        ),
        pytest.param({"variables": {"x": None}}, 400, ["variables", "x"], id="R-31 null"),
        pytest.param({"variables": {"x": []}}, 400, ["variables", "x"], id="R-31 array"),
    ],
)
def test_what_cannot_be_run_is_refused_by_field(cast, body, status, path):
    answer = run(cast, recipes.routine(cast), body)
    assert answer.status_code == status, answer.json()
    if path:
        assert answer.json()["details"][0]["path"] == path


def test_an_agent_has_no_commands_run_on_the_host(cast):  # RW-13
    body = {"executionWorkspaceSettings": {"workspaceStrategy": {"provisionCommand": "rm -rf /"}}}
    answer = run(cast, recipes.routine(cast), body, who="engineer")
    assert (answer.status_code, answer.json()["error"]) == (403, "Agents cannot set host commands")
    assert run(cast, recipes.routine(cast), body).status_code == 202


def test_the_named_trigger_must_be_the_routines_and_on(cast):  # R-64, RW-16
    routine = recipes.routine(cast)
    own = recipes.schedule(routine, due=clock.now(), enabled=False)
    others = recipes.schedule(recipes.routine(cast), due=clock.now())
    elsewhere = recipes.routine(cast, company=cast.elsewhere, assignee_agent=cast.foreign_agent)
    foreign = recipes.schedule(elsewhere, due=clock.now())
    for trigger_id, status, text in (
        (own.pk, 409, "Routine trigger is not active"),
        (others.pk, 403, "Trigger does not belong to routine"),
        (foreign.pk, 404, "Routine trigger not found"),
        (UNKNOWN, 404, "Routine trigger not found"),
    ):
        answer = run(cast, routine, {"triggerId": str(trigger_id)})
        assert (answer.status_code, answer.json()["error"]) == (status, text)


@pytest.mark.parametrize(
    ("who", "status", "text"),
    [
        pytest.param("nobody", 401, "Unauthorized", id="R-110 nobody"),
        pytest.param("viewer", 403, None, id="R-110 viewer"),
        pytest.param("outsider", 404, "Routine not found", id="R-110 other company"),
        pytest.param(
            "unentitled", 403, "Missing permission: tasks:assign", id="RC-42 board without the grant"
        ),
        pytest.param(
            "peer", 403, "Agents can only manage routines assigned to themselves", id="R-107 not its own"
        ),
        pytest.param("engineer", 202, None, id="R-107 its own"),
        pytest.param("operator", 202, None, id="R-107 board"),
    ],
)
def test_who_may_set_a_routine_off(cast, who, status, text):
    answer = run(cast, recipes.routine(cast), who=who)
    assert answer.status_code == status, answer.json()
    if text:
        assert answer.json()["error"] == text


def test_an_agent_gives_work_to_others_only_with_the_right_to_assign(cast):  # RW-13
    routine = recipes.routine(cast)
    body = {"assigneeAgentId": str(cast.peer.pk)}
    assert run(cast, routine, body, who="engineer").status_code == 202
    Grant.objects.filter(principal_id=cast.engineer.pk).delete()
    answer = run(cast, routine, body, who="engineer")
    assert (answer.status_code, answer.json()["error"]) == (403, "Missing permission: tasks:assign")


def test_runs_are_listed_newest_first(cast):
    trigger = recipes.due_routine(cast, clock.now(), concurrency_policy="always_enqueue")
    recipes.fire()
    by_hand = [str(recipes.start(trigger.routine).pk) for _ in range(2)]
    path = f"/api/routines/{trigger.routine_id}/runs"

    rows = cast.as_agent(cast.peer).get(path).json()

    assert [row["id"] for row in rows[:2]] == by_hand[::-1]
    assert rows[2]["trigger"] == {"id": str(trigger.pk), "kind": "schedule", "label": None}
    assert rows[2]["scheduledAt"] is not None
    assert (rows[0]["trigger"], rows[0]["scheduledAt"]) == (None, None)
    assert set(rows[0]["linkedIssue"]) == {"id", "identifier", "title", "status", "priority", "updatedAt"}
    for query, count in (("limit=1", 1), ("limit=0", 1), ("limit=x", 3), ("limit=9999", 3)):
        assert len(cast.as_owner.get(f"{path}?{query}").json()) == count
