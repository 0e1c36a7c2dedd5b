"""What can be done on the board: by POST, by those who may, through the verbs."""

from __future__ import annotations

import pytest

from heartbeat.models import Run, WakeupRequest
from issues.models import Issue
from paperclip.companies.models import Activity, Agent, AgentApiKey, Company, Goal, Project
from paperclip.governance.models import Approval
from tests import factories
from tests.board import addresses
from tests.board import scene as scenes
from tests.board.conftest import browse


def messages_of(response) -> str:
    return " ".join(str(message) for message in response.context["messages"])


@pytest.fixture
def scene(kept_scene) -> scenes.Scene:
    return kept_scene


@pytest.mark.parametrize("name", addresses.DEED_NAMES)
def test_deed_is_a_post(scene, name):
    assert browse(scene.owner).get(addresses.deeds(scene)[name]).status_code == 405


@pytest.mark.parametrize("name", addresses.DEED_NAMES)
def test_viewer_may_do_nothing(scene, viewer, name):
    before = Activity.objects.count()
    assert browse(viewer).post(addresses.deeds(scene)[name], {"body": "x", "status": "done"}).status_code in (
        403,
        404,
    )
    assert Activity.objects.count() == before


@pytest.mark.parametrize("name", addresses.DEED_NAMES)
def test_outsider_meets_nothing_to_do_it_to(scene, outsider, name):
    before = Activity.objects.count()
    assert browse(outsider).post(addresses.deeds(scene)[name], {"body": "x"}).status_code == 404
    assert Activity.objects.count() == before


@pytest.mark.parametrize("name", addresses.DEED_NAMES)
def test_deed_needs_the_token_of_our_page(scene, name):
    client = browse(scene.owner)
    client.handler.enforce_csrf_checks = True
    assert client.post(addresses.deeds(scene)[name], {"body": "x"}).status_code == 403


def test_unknown_deed_is_not_found(scene):
    assert browse(scene.owner).post(f"/admin/issues/issue/{scene.issue.pk}/do/delete/").status_code == 404


@pytest.mark.parametrize(
    "next_url", ["https://evil.example/", "//evil.example/", "javascript:alert(1)", "/\\evil.example"]
)
def test_way_back_stays_on_the_board(scene, next_url):
    url = f"/admin/issues/issue/{scene.issue.pk}/do/comment/"
    response = browse(scene.owner).post(url, {"body": "Hello", "next": next_url})
    assert response["Location"] == f"/admin/issues/issue/{scene.issue.pk}/change/"


@pytest.mark.parametrize("name", addresses.DEED_NAMES)
def test_deed_with_text_the_database_cannot_hold_is_refused(scene, name):
    fields = dict.fromkeys(("body", "title", "reason", "said", "note", "name", "key", "revision"), "a\x00b")
    assert browse(scene.owner).post(addresses.deeds(scene)[name], fields).status_code == 400


@pytest.mark.parametrize("name", addresses.DEED_NAMES)
def test_deed_with_nonsense_is_answered_with_a_sentence(scene, name):
    fields = dict.fromkeys(
        ("title", "status", "reason", "key", "revision", "assignee", "project"), "💥" * 300
    )
    response = browse(scene.owner).post(addresses.deeds(scene)[name], fields, follow=True)
    assert response.status_code == 200
    assert messages_of(response) or name in ("agent, new key", "agent, wake")


# --- Issues ----------------------------------------------------------------------------------------------


def test_issue_is_created_and_its_agent_called(scene):
    values = {
        "title": "Look at the cellar", "description": "**Now**", "status": "todo", "priority": "high",
        "assignee": f"agent:{scene.ceo.pk}", "project": str(scene.project.pk), "goal": "",
    }  # fmt: skip
    response = browse(scene.owner).post("/admin/issues/issue/add/", values)
    issue = Issue.objects.get(title="Look at the cellar")
    assert response["Location"] == f"/admin/issues/issue/{issue.pk}/change/"
    assert (issue.created_by_user, issue.assignee_agent, issue.project) == (
        scene.owner,
        scene.ceo,
        scene.project,
    )
    assert WakeupRequest.objects.filter(agent=scene.ceo, issue=issue, reason="issue_assigned").exists()


def test_issue_form_keeps_what_was_typed_and_names_the_fault(scene):
    response = browse(scene.owner).post(
        "/admin/issues/issue/add/", {"title": "", "description": "Kept", "status": "todo"}
    )
    html = response.content.decode()
    assert "Kept" in html
    assert "This field is required" in html


def test_refusal_of_the_verb_is_shown_on_the_form(scene):
    values = {
        "title": "No owner",
        "status": "in_progress",
        "priority": "high",
        "assignee": "",
        "project": "",
        "goal": "",
    }
    response = browse(scene.owner).post("/admin/issues/issue/add/", values)
    assert response.status_code == 200
    assert "assignee" in response.content.decode().lower()
    assert not Issue.objects.filter(title="No owner").exists()


@pytest.mark.parametrize(
    ("field", "value", "stored"),
    [
        ("status", "done", "done"),
        ("priority", "critical", "critical"),
        ("title", "Another name", "Another name"),
        ("description", "Another text", "Another text"),
    ],
)
def test_one_property_changes_and_no_other(scene, field, value, stored):
    before = (
        Issue.objects.filter(pk=scene.issue.pk)
        .values("title", "description", "priority", "assignee_agent_id")
        .get()
    )
    browse(scene.owner).post(f"/admin/issues/issue/{scene.issue.pk}/do/update/", {field: value})
    after = Issue.objects.get(pk=scene.issue.pk)
    assert getattr(after, field) == stored
    for name, was in before.items():
        if name != field:
            assert getattr(after, name) == was
    assert Activity.objects.filter(
        action="issue.updated", entity_id=str(after.pk), actor_type="user"
    ).exists()


def test_issue_changes_hands_between_agent_person_and_nobody(scene):
    client = browse(scene.owner)
    url = f"/admin/issues/issue/{scene.blocked.pk}/do/update/"
    for value, agent, user in (
        (f"agent:{scene.ceo.pk}", scene.ceo.pk, None),
        (f"user:{scene.owner.pk}", None, scene.owner.pk),
        ("", None, None),
    ):
        client.post(url, {"assignee": value})
        row = Issue.objects.get(pk=scene.blocked.pk)
        assert (row.assignee_agent_id, row.assignee_user_id) == (agent, user)


@pytest.mark.parametrize(
    "sent", [{}, {"status": "nonsense"}, {"title": "  "}, {"priority": ""}, {"assignee": "agent:1"}]
)
def test_bad_change_of_an_issue_is_refused_with_a_sentence(scene, sent):
    before = Issue.objects.filter(pk=scene.issue.pk).values("status", "title", "priority").get()
    response = browse(scene.owner).post(f"/admin/issues/issue/{scene.issue.pk}/do/update/", sent, follow=True)
    assert response.status_code == 200
    assert Issue.objects.filter(pk=scene.issue.pk).values("status", "title", "priority").get() == before


def test_comment_is_added_by_the_person_and_rendered_safely(scene):
    client = browse(scene.owner)
    body = "Look <script>alert(1)</script> **here** [x](javascript:alert(1))"
    client.post(f"/admin/issues/issue/{scene.issue.pk}/do/comment/", {"body": body})
    html = client.get(f"/admin/issues/issue/{scene.issue.pk}/change/").content.decode()
    assert "<script>alert(1)" not in html
    assert "<strong>here</strong>" in html
    assert 'href="javascript' not in html
    assert scene.issue.comments.get(body=body).author_user == scene.owner


def test_empty_comment_is_refused(scene):
    before = scene.issue.comments.count()
    response = browse(scene.owner).post(
        f"/admin/issues/issue/{scene.issue.pk}/do/comment/", {"body": "  "}, follow=True
    )
    assert "Write something first" in messages_of(response)
    assert scene.issue.comments.count() == before


# --- Agents ----------------------------------------------------------------------------------------------


def test_agent_is_paused_and_resumed(scene):
    client = browse(scene.owner)
    client.post(addresses.deeds(scene)["agent, pause"])
    assert Agent.objects.get(pk=scene.backend.pk).status == "paused"
    client.post(addresses.deeds(scene)["agent, resume"])
    assert Agent.objects.get(pk=scene.backend.pk).status == "idle"


def test_terminated_agent_leaves_the_list_and_cannot_come_back(scene):
    client = browse(scene.owner)
    client.post(addresses.deeds(scene)["agent, terminate"], follow=True)
    assert Agent.objects.get(pk=scene.backend.pk).status == "terminated"
    assert "Backend" not in client.get("/admin/companies/agent/").content.decode()
    assert "Backend" in client.get("/admin/companies/agent/?status=terminated").content.decode()
    response = client.post(addresses.deeds(scene)["agent, resume"], follow=True)
    assert "Cannot resume terminated agent" in messages_of(response)


def test_operator_without_the_right_manages_no_agents(scene):
    person = factories.user(member_of=scene.company, role="operator")
    response = browse(person).post(addresses.deeds(scene)["agent, pause"], follow=True)
    assert "Missing permission" in messages_of(response)
    assert Agent.objects.get(pk=scene.backend.pk).status == "running"
    html = browse(person).get(f"/admin/companies/agent/{scene.backend.pk}/change/").content.decode()
    assert "agent.py" not in html


def test_token_of_a_key_is_shown_once_and_kept_as_hash(scene):
    client = browse(scene.owner)
    response = client.post(addresses.deeds(scene)["agent, new key"], {"name": "Laptop"})
    html = response.content.decode()
    token = html.split('id="token">')[1].split("<")[0]
    key = AgentApiKey.objects.get(agent=scene.backend)
    assert token.startswith("pcp_")
    assert (key.name, token in key.key_hash) == ("Laptop", False)
    assert "no-store" in response["Cache-Control"]
    page = client.get(f"/admin/companies/agent/{scene.backend.pk}/change/").content.decode()
    assert "Laptop" in page
    assert token not in page


def test_key_is_revoked(scene):
    client = browse(scene.owner)
    client.post(addresses.deeds(scene)["agent, new key"], {"name": "Laptop"})
    key = AgentApiKey.objects.get(agent=scene.backend)
    client.post(addresses.deeds(scene)["agent, revoke key"], {"key": str(key.pk)})
    assert AgentApiKey.objects.get(pk=key.pk).revoked_at is not None


@pytest.mark.parametrize("key", ["", "nonsense", "00000000-0000-4000-8000-000000000000"])
def test_unknown_key_is_not_revoked(scene, key):
    response = browse(scene.owner).post(
        addresses.deeds(scene)["agent, revoke key"], {"key": key}, follow=True
    )
    assert "Key not found" in messages_of(response)


def test_waking_an_agent_leads_to_its_run(scene):
    response = browse(scene.owner).post(
        f"/admin/heartbeat/run/wake/{scene.ceo.pk}/", {"reason": "look_around"}
    )
    run = Run.objects.filter(agent=scene.ceo, status="queued").get()
    assert response["Location"] == f"/admin/heartbeat/run/{run.pk}/change/"
    assert run.wakeup_request.reason == "look_around"


def test_waking_an_agent_for_an_issue_with_words_leaves_them_there(scene):
    issue = factories.issue(scene.company, assignee_agent=scene.ceo, status="todo")
    response = browse(scene.owner).post(
        f"/admin/heartbeat/run/wake/{scene.ceo.pk}/",
        {"issue": str(issue.pk), "said": "Look at the **cellar**"},
    )
    run = Run.objects.get(agent=scene.ceo, status="queued", issue=issue)
    assert response["Location"] == f"/admin/heartbeat/run/{run.pk}/change/"
    assert issue.comments.get().body == "Look at the **cellar**"


def test_words_without_an_issue_are_not_lost_silently(scene):
    response = browse(scene.owner).post(
        f"/admin/heartbeat/run/wake/{scene.ceo.pk}/", {"said": "Hello"}, follow=True
    )
    assert "Choose the issue" in messages_of(response)


def test_paused_agent_is_not_woken_and_the_reason_is_said(scene):
    Agent.objects.filter(pk=scene.ceo.pk).update(status="paused")
    response = browse(scene.owner).post(f"/admin/heartbeat/run/wake/{scene.ceo.pk}/", follow=True)
    assert messages_of(response)
    assert not Run.objects.filter(agent=scene.ceo, status="queued").exists()


AGENT = {
    "name": "Courier", "title": "", "role": "general", "reports_to": "", "capabilities": "",
    "adapter_type": "process", "cwd": "/srv", "command": "python3", "args": "a.py\n--fast",
    "more_config": '{"env": {"NAME": "value"}}',
    "has_timer": "on", "interval_minutes": "5", "more_runtime": "",
}  # fmt: skip


def test_agent_is_hired_with_a_program(scene):
    browse(scene.owner).post("/admin/companies/agent/add/", AGENT)
    agent = Agent.objects.get(name="Courier")
    assert agent.adapter_config["args"] == ["a.py", "--fast"]
    assert agent.adapter_config["env"] == {"NAME": {"type": "plain", "value": "value"}}
    assert agent.runtime_config["heartbeat"]["intervalSec"] == 300
    assert agent.runtime_config["heartbeat"]["enabled"] is True


@pytest.mark.parametrize(
    "fault",
    [
        {"name": ""},
        {"more_config": "[1]"},
        {"more_config": "{"},
        {"more_config": '{"a": NaN}'},
        {"more_config": '{"a": "\\u0000"}'},
        {"more_config": "[" * 200 + "]" * 200},
        {"role": "king"},
        {"interval_minutes": "0"},
    ],
)
def test_bad_agent_is_refused_beside_its_field(scene, fault):
    response = browse(scene.owner).post("/admin/companies/agent/add/", {**AGENT, **fault})
    assert response.status_code == 200
    assert response.context["form"].errors.keys() == fault.keys()
    assert not Agent.objects.filter(name="Courier").exists()


def test_editing_an_agent_keeps_the_secrets_it_never_showed(scene):
    client = browse(scene.owner)
    url = f"/admin/companies/agent/{scene.backend.pk}/edit/"
    shown = client.get(url).context["form"].initial
    sent = {
        **AGENT,
        "name": "Backend",
        "command": shown["command"],
        "more_config": '{"timeoutSec": 60}',
        "args": "",
    }
    client.post(url, sent)
    config = Agent.objects.get(pk=scene.backend.pk).adapter_config
    assert config["env"]["API_KEY"]["value"] == "s3cret-value"
    assert config["args"] == ["agent.py", "--token", "s3cret-value"]
    assert config["timeoutSec"] == 60


# --- Runs and approvals ----------------------------------------------------------------------------------


def test_run_is_stopped_by_name_of_the_person(scene):
    browse(scene.owner).post(addresses.deeds(scene)["run, cancel"])
    run = Run.objects.get(pk=scene.running.pk)
    assert run.cancel_requested_at is not None
    assert scene.owner.display_name in run.cancel_reason
    assert Activity.objects.filter(
        action="heartbeat.cancelled", entity_id=str(run.pk), actor_type="user"
    ).exists()


def test_run_that_ended_is_not_stopped_again(scene):
    response = browse(scene.owner).post(f"/admin/heartbeat/run/{scene.failed.pk}/do/cancel/", follow=True)
    assert "already ended" in messages_of(response)


@pytest.mark.parametrize(
    ("deed", "status"), [("approve", "approved"), ("reject", "rejected"), ("send-back", "revision_requested")]
)
def test_approval_is_decided_with_a_note(scene, deed, status):
    client = browse(scene.owner)
    client.post(f"/admin/governance/approval/{scene.approval.pk}/do/{deed}/", {"note": "Because"})
    row = Approval.objects.get(pk=scene.approval.pk)
    assert (row.status, row.decision_note, row.decided_by_user) == (status, "Because", scene.owner)


def test_settled_approval_is_not_settled_otherwise(scene):
    client = browse(scene.owner)
    client.post(f"/admin/governance/approval/{scene.approval.pk}/do/reject/")
    response = client.post(f"/admin/governance/approval/{scene.approval.pk}/do/approve/", follow=True)
    assert messages_of(response)
    assert Approval.objects.get(pk=scene.approval.pk).status == "rejected"


# --- Companies, projects, goals --------------------------------------------------------------------------


def test_company_is_paused_made_active_and_archived(scene):
    client = browse(scene.owner)
    for deed, status in (("pause", "paused"), ("resume", "active"), ("archive", "archived")):
        client.post(f"/admin/companies/company/{scene.company.pk}/do/{deed}/")
        assert Company.objects.get(pk=scene.company.pk).status == status


def test_project_is_started_and_changed(scene):
    client = browse(scene.owner)
    values = {
        "name": "Cellar", "description": "", "status": "planned", "target_date": "2027-01-31",
        "lead_agent": str(scene.ceo.pk), "goal": str(scene.goal.pk),
    }  # fmt: skip
    client.post("/admin/companies/project/add/", values)
    project = Project.objects.get(name="Cellar")
    assert (project.lead_agent, list(project.goals.all())) == (scene.ceo, [scene.goal])
    client.post(f"/admin/companies/project/{project.pk}/edit/", {**values, "status": "completed", "goal": ""})
    project.refresh_from_db()
    assert (project.status, list(project.goals.all())) == ("completed", [])


def test_goal_is_set_and_changed(scene):
    client = browse(scene.owner)
    values = {
        "title": "Warm cellar",
        "description": "",
        "level": "team",
        "status": "active",
        "parent": str(scene.goal.pk),
        "owner_agent": "",
    }
    client.post("/admin/companies/goal/add/", values)
    goal = Goal.objects.get(title="Warm cellar")
    assert goal.parent == scene.goal
    client.post(f"/admin/companies/goal/{goal.pk}/edit/", {**values, "status": "achieved", "parent": ""})
    goal.refresh_from_db()
    assert (goal.status, goal.parent) == ("achieved", None)


def test_rows_of_other_companies_cannot_be_chosen_in_forms(scene):
    foreign = factories.agent(factories.company(), name="Foreigner")
    values = {
        "title": "x",
        "status": "todo",
        "priority": "high",
        "assignee": f"agent:{foreign.pk}",
        "project": "",
        "goal": "",
    }
    response = browse(scene.owner).post("/admin/issues/issue/add/", values)
    assert "assignee" in response.context["form"].errors
