"""C-40 to C-54, C-57: reading agents and taking them on."""

from __future__ import annotations

import pytest

from paperclip.companies.models import Activity, Agent, Grant, Member
from paperclip.core import clock
from tests import factories

SECRET = {
    "env": {
        "API_KEY": {"type": "plain", "value": "sk-very-secret"},
        "MODE": {"type": "plain", "value": "fast"},
    }
}


def agents_path(cast) -> str:
    return f"/api/companies/{cast.company.id}/agents"


def test_list_leaves_terminated_out(cast):
    """C-43"""
    Agent.objects.filter(pk=cast.peer.pk).update(status="terminated")
    names = [one["name"] for one in cast.as_owner.get(agents_path(cast)).json()]
    assert names == ["Ceo", "Manager", "Engineer"]


@pytest.mark.parametrize(
    ("query", "error"),
    [
        pytest.param("status=idle&foo=1", "Unsupported query parameters: foo, status", id="B-41 two"),
        pytest.param("limit=5", "Unsupported query parameter: limit", id="C-43 K-49 one"),
    ],
)
def test_list_takes_no_query(cast, query, error):
    answer = cast.as_owner.get(f"{agents_path(cast)}?{query}")
    assert (answer.status_code, answer.json()["error"]) == (400, error)


def test_configurations_are_hidden_from_those_who_manage_no_agents(cast):
    """B-29, B-30, B-32, B-33, C-47"""
    Agent.objects.filter(pk=cast.engineer.pk).update(adapter_config=SECRET)
    for caller in (cast.as_operator, cast.as_agent(cast.peer), cast.as_agent(cast.engineer)):
        rows = caller.get(agents_path(cast)).json()
        assert all(row["adapterConfig"] == {} == row["runtimeConfig"] for row in rows)
    for caller in (cast.as_operator, cast.as_agent(cast.peer)):
        assert caller.get(f"/api/agents/{cast.engineer.id}").json()["adapterConfig"] == {}
    own = cast.as_agent(cast.engineer).get(f"/api/agents/{cast.engineer.id}").json()
    assert own["adapterConfig"] == SECRET


def test_secrets_of_others_are_hidden_from_agents_that_see_configurations(cast):
    """CW-23"""
    Agent.objects.filter(pk=cast.engineer.pk).update(adapter_config=SECRET)
    for answer in (
        cast.as_agent(cast.ceo).get(f"/api/agents/{cast.engineer.id}").content,
        cast.as_agent(cast.ceo).get(agents_path(cast)).content,
        cast.as_agent(cast.ceo).patch(f"/api/agents/{cast.engineer.id}", {"title": "x"}).content,
    ):
        assert b"sk-very-secret" not in answer
        assert b"fast" in answer
    assert b"sk-very-secret" in cast.as_owner.get(f"/api/agents/{cast.engineer.id}").content


def test_detail_holds_chain_of_command_and_access(cast):
    """C-40, B-46"""
    found = cast.as_agent(cast.peer).get(f"/api/agents/{cast.engineer.id}").json()
    assert [one["name"] for one in found["chainOfCommand"]] == ["Manager", "Ceo"]
    assert set(found["chainOfCommand"][0]) == {"id", "name", "role", "title"}
    access = found["access"]
    assert (access["canAssignTasks"], access["taskAssignSource"]) == (True, "explicit_grant")
    assert access["membership"]["membershipRole"] == "member"
    assert [grant["permissionKey"] for grant in access["grants"]] == ["tasks:assign"]


@pytest.mark.parametrize(
    ("fields", "source"),
    [
        pytest.param({"role": "ceo"}, "ceo_role", id="C-40 ceo"),
        pytest.param({"permissions": {"canCreateAgents": True}}, "agent_creator", id="C-40 creator"),
        pytest.param({}, "explicit_grant", id="C-40 grant"),
    ],
)
def test_source_of_the_right_to_assign(cast, fields, source):
    agent = factories.agent(cast.company, **fields)
    access = cast.as_owner.get(f"/api/agents/{agent.id}").json()["access"]
    assert (access["taskAssignSource"], access["canAssignTasks"]) == (source, True)


def test_no_grant_no_right_to_assign(cast):
    Grant.objects.filter(principal_id=cast.peer.id).delete()
    access = cast.as_owner.get(f"/api/agents/{cast.peer.id}").json()["access"]
    assert (access["taskAssignSource"], access["canAssignTasks"], access["grants"]) == ("none", False, [])


def test_me_is_the_calling_agent_in_full(cast):
    """C-44"""
    Agent.objects.filter(pk=cast.engineer.pk).update(adapter_config=SECRET)
    me = cast.as_agent(cast.engineer).get("/api/agents/me").json()
    assert (me["id"], me["adapterConfig"], me["urlKey"]) == (str(cast.engineer.id), SECRET, "engineer")
    assert [one["name"] for one in me["chainOfCommand"]] == ["Manager", "Ceo"]
    person = cast.as_owner.get("/api/agents/me")
    assert (person.status_code, person.json()["error"]) == (401, "Agent authentication required")


def test_spend_is_of_this_month(cast):
    """B-95"""
    now = clock.now()
    for cents, at in ((40, now), (2, clock.month_start(now)), (900, "2020-01-01T00:00:00Z")):
        cast.peer.cost_events.create(
            company=cast.company, provider="p", biller="p", model="m", cost_cents=cents, occurred_at=at
        )
    assert cast.as_owner.get(f"/api/agents/{cast.peer.id}").json()["spentMonthlyCents"] == 42
    listed = {row["id"]: row["spentMonthlyCents"] for row in cast.as_owner.get(agents_path(cast)).json()}
    assert (listed[str(cast.peer.id)], listed[str(cast.ceo.id)]) == (42, 0)


class TestShortname:
    """C-42, K-53"""

    def test_agent_finds_colleagues(self, cast):
        assert cast.as_agent(cast.peer).get("/api/agents/engineer").json()["id"] == str(cast.engineer.id)

    def test_person_names_the_company(self, cast):
        answer = cast.as_owner.get(f"/api/agents/engineer?companyId={cast.company.id}")
        assert answer.json()["id"] == str(cast.engineer.id)

    def test_person_must_name_the_company(self, cast):
        answer = cast.as_owner.get("/api/agents/engineer")
        assert answer.status_code == 422
        assert answer.json()["error"] == "Agent shortname lookup requires companyId query parameter"

    def test_company_is_gated(self, cast):
        assert cast.as_outsider.get(f"/api/agents/engineer?companyId={cast.company.id}").status_code == 403
        assert cast.as_agent(cast.peer).get(f"/api/agents/x?companyId={cast.elsewhere.id}").status_code == 403

    def test_ambiguous(self, cast):
        factories.agent(cast.company, name="ENGINEER!")
        answer = cast.as_agent(cast.peer).get("/api/agents/engineer")
        assert answer.status_code == 409
        assert answer.json()["error"] == "Agent shortname is ambiguous in this company. Use the agent ID."

    def test_terminated_never_matches(self, cast):
        Agent.objects.filter(pk=cast.engineer.pk).update(status="terminated")
        assert cast.as_agent(cast.peer).get("/api/agents/engineer").status_code == 404

    def test_works_for_every_verb(self, cast):
        query = f"companyId={cast.company.id}"
        assert cast.as_owner.post(f"/api/agents/engineer/pause?{query}").json()["status"] == "paused"
        assert cast.as_owner.get(f"/api/agents/engineer/keys?{query}").json() == []


class TestCreate:
    """C-54"""

    def test_defaults(self, cast):
        """B-40, B-42; one run at a time where the reference has twenty."""
        answer = cast.as_owner.post(agents_path(cast), {"name": "New One"})
        assert answer.status_code == 201
        made = answer.json()
        assert made["runtimeConfig"] == {"heartbeat": {"enabled": False, "maxConcurrentRuns": 1}}
        assert (made["status"], made["role"], made["adapterType"], made["urlKey"]) == (
            "idle",
            "general",
            "process",
            "new-one",
        )
        assert made["permissions"] == {"canCreateAgents": False}
        member = Member.objects.get(principal_id=made["id"])
        assert (member.membership_role, member.status) == ("member", "active")
        assert Grant.objects.get(principal_id=made["id"]).permission_key == "tasks:assign"
        entry = Activity.objects.get(action="agent.created")
        assert entry.details == {"name": "New One", "role": "general", "desiredSkills": None}
        assert entry.entity_id == made["id"]

    def test_given_values_are_kept(self, cast):
        body = {
            "name": "Worker",
            "role": "qa",
            "title": "Tester",
            "icon": "bug",
            "capabilities": "tests",
            "reportsTo": str(cast.manager.id),
            "adapterType": "claude_local",
            "budgetMonthlyCents": 2**40,
            "adapterConfig": {"model": "m", "env": {"A": "1"}},
            "runtimeConfig": {
                "heartbeat": {"enabled": True, "intervalSec": 60, "maxConcurrentRuns": 3},
                "x": 1,
            },
            "metadata": {"k": [1]},
            "permissions": {"canCreateAgents": True, "other": True},
        }
        made = cast.as_owner.post(agents_path(cast), body).json()
        for key in ("name", "role", "title", "icon", "capabilities", "reportsTo", "adapterType", "metadata"):
            assert made[key] == body[key], key
        assert made["budgetMonthlyCents"] == 2**40
        assert made["adapterConfig"] == {"model": "m", "env": {"A": {"type": "plain", "value": "1"}}}
        assert made["runtimeConfig"] == body["runtimeConfig"]
        assert made["permissions"] == {"canCreateAgents": True}

    def test_ceo_may_hire_by_default(self, cast):
        made = cast.as_owner.post(agents_path(cast), {"name": "Boss", "role": "ceo"}).json()
        assert made["permissions"] == {"canCreateAgents": True}

    def test_name_is_made_unique_by_shortname(self, cast):
        """B-54"""
        for name in ("openclaw", "openclaw-2", "openclaw-3"):
            factories.agent(cast.company, name=name)
        assert cast.as_owner.post(agents_path(cast), {"name": "OpenClaw"}).json()["name"] == "OpenClaw 4"

    def test_name_of_a_terminated_agent_is_free(self, cast):
        """B-55"""
        factories.agent(cast.company, name="Gone", status="terminated")
        assert cast.as_owner.post(agents_path(cast), {"name": "Gone"}).json()["name"] == "Gone"

    def test_names_without_a_shortname_do_not_collide(self, cast):
        for _ in range(2):
            made = cast.as_owner.post(agents_path(cast), {"name": "日本"}).json()
            assert (made["name"], made["urlKey"]) == ("日本", made["id"])

    def test_board_that_wants_to_be_asked_is_asked(self, cast):
        """B-37"""
        cast.company.require_board_approval_for_new_agents = True
        cast.company.save()
        answer = cast.as_owner.post(agents_path(cast), {"name": "New"})
        assert answer.status_code == 409
        assert answer.json()["error"] == (
            "Direct agent creation requires board approval."
            " Use POST /api/companies/:companyId/agent-hires to create a pending hire approval."
        )
        assert not Agent.objects.filter(name="New").exists()

    @pytest.mark.parametrize(
        ("body", "status", "error"),
        [
            pytest.param({"adapterType": "x"}, 422, "Unknown adapter type: x", id="B-45"),
            pytest.param(
                {"reportsTo": "7f1c2f0e-5f0a-4a52-9d5b-0f6f3c0a1b2c"},
                404,
                "Manager not found",
                id="B-59 unknown",
            ),
            pytest.param(
                {"reportsTo": "FOREIGN"}, 422, "Manager must belong to same company", id="B-59 foreign"
            ),
            pytest.param(
                {"defaultEnvironmentId": "7f1c2f0e-5f0a-4a52-9d5b-0f6f3c0a1b2c"},
                422,
                "defaultEnvironmentId: environment not found in this company",
                id="B-44",
            ),
            pytest.param(
                {"adapterConfig": {"env": {"A B": "1"}}},
                422,
                "Invalid environment variable name: A B",
                id="C-100 name",
            ),
            pytest.param(
                {"adapterConfig": {"env": {"A": {"type": "secret_ref", "secretId": "s-1"}}}},
                422,
                "A: secret not found: s-1",
                id="C-100 secret",
            ),
            pytest.param(
                {"adapterConfig": {"env": {"A": "***REDACTED***"}}},
                422,
                "A: a redacted value cannot be stored; send the real value or leave it out",
                id="C-100 marker",
            ),
            pytest.param(
                {"adapterConfig": {"apiKey": "***REDACTED***"}},
                422,
                "adapterConfig: a redacted value cannot be stored; send the real value",
                id="C-100 marker elsewhere",
            ),
        ],
    )
    def test_refused_by_rule(self, cast, body, status, error):
        body = {
            key: str(cast.foreign_agent.id) if value == "FOREIGN" else value for key, value in body.items()
        }
        answer = cast.as_owner.post(agents_path(cast), {"name": "New"} | body)
        assert (answer.status_code, answer.json()["error"]) == (status, error)
        assert not Agent.objects.filter(name="New").exists()
        assert not Activity.objects.exists()

    @pytest.mark.parametrize(
        ("body", "where"),
        [
            pytest.param({"name": ""}, ["name"], id="C-40 empty name"),
            pytest.param({"role": "king"}, ["role"], id="C-40 unknown role"),
            pytest.param({"icon": "skull"}, ["icon"], id="C-40 unknown icon"),
            pytest.param({"reportsTo": "x"}, ["reportsTo"], id="C-7 no uuid"),
            pytest.param({"adapterConfig": []}, ["adapterConfig"], id="C-40 config is no object"),
            pytest.param(
                {"adapterConfig": {"env": []}}, ["adapterConfig", "env"], id="C-100 env is no object"
            ),
            pytest.param(
                {"adapterConfig": {"env": {"A": 1}}}, ["adapterConfig", "env", "A"], id="C-100 number"
            ),
            pytest.param(
                {"runtimeConfig": {"heartbeat": 1}}, ["runtimeConfig", "heartbeat"], id="C-40 heartbeat"
            ),
            pytest.param(
                {"runtimeConfig": {"modelProfiles": {"dear": {}}}},
                ["runtimeConfig", "modelProfiles"],
                id="C-6 strict",
            ),
            pytest.param(
                {"runtimeConfig": {"modelProfiles": {"cheap": {"enabled": 1}}}},
                ["runtimeConfig", "modelProfiles", "cheap", "enabled"],
                id="C-40 profile",
            ),
            pytest.param(
                {"permissions": {"canCreateAgents": 1}}, ["permissions", "canCreateAgents"], id="C-40 flag"
            ),
        ],
    )
    def test_refused_by_shape(self, cast, body, where):
        answer = cast.as_owner.post(agents_path(cast), {"name": "New"} | body)
        assert (answer.status_code, answer.json()["error"]) == (400, "Validation error")
        assert answer.json()["details"][0]["path"] == where

    @pytest.mark.parametrize(
        ("body", "named"),
        [
            pytest.param(
                {"adapterConfig": {"instructionsFilePath": "/x"}},
                "adapterConfig.instructionsFilePath",
                id="B-35",
            ),
            pytest.param(
                {"adapterConfig": {"workspaceStrategy": {"provisionCommand": "x"}}},
                "provisionCommand",
                id="B-34",
            ),
            pytest.param({"role": "ceo"}, "Only the board can appoint a CEO", id="CW-11 role"),
        ],
    )
    def test_agents_may_not_decide_what_is_the_boards(self, cast, body, named):
        for tail in ("agents", "agent-hires"):
            answer = cast.as_agent(cast.ceo).post(
                f"/api/companies/{cast.company.id}/{tail}", {"name": "New"} | body
            )
            assert answer.status_code == 403
            assert named in answer.json()["error"]
        assert not Agent.objects.filter(name="New").exists()

    def test_only_a_ceo_hands_on_the_right_to_hire(self, cast):
        """CW-11"""
        creator = factories.agent(cast.company, permissions={"canCreateAgents": True})
        body = {"name": "New", "permissions": {"canCreateAgents": True}}
        assert cast.as_agent(creator).post(agents_path(cast), body).status_code == 403
        assert cast.as_agent(cast.ceo).post(agents_path(cast), body).status_code == 201


class TestPermissions:
    """C-57"""

    @pytest.mark.parametrize(
        ("creates", "assigns", "held", "source"),
        [
            pytest.param(True, False, True, "agent_creator", id="B-47"),
            pytest.param(False, True, True, "explicit_grant", id="C-57 assigns"),
            pytest.param(False, False, False, "none", id="C-57 neither"),
        ],
    )
    def test_grant_follows(self, cast, creates, assigns, held, source):
        body = {"canCreateAgents": creates, "canAssignTasks": assigns}
        found = cast.as_owner.patch(f"/api/agents/{cast.peer.id}/permissions", body).json()
        assert found["permissions"] == {"canCreateAgents": creates}
        assert found["access"]["taskAssignSource"] == source
        assert Grant.objects.filter(principal_id=cast.peer.id, permission_key="tasks:assign").exists() is held
        assert Activity.objects.get(action="agent.permissions_updated").details == body

    def test_ceo_keeps_the_grant(self, cast):
        body = {"canCreateAgents": False, "canAssignTasks": False}
        found = cast.as_owner.patch(f"/api/agents/{cast.ceo.id}/permissions", body).json()
        assert found["access"]["taskAssignSource"] == "ceo_role"
        assert Grant.objects.filter(principal_id=cast.ceo.id, permission_key="tasks:assign").exists()

    def test_others_may_not(self, cast):
        """B-48"""
        body = {"canCreateAgents": True, "canAssignTasks": True}
        answer = cast.as_agent(cast.manager).patch(f"/api/agents/{cast.peer.id}/permissions", body)
        assert (answer.status_code, answer.json()["error"]) == (403, "Only CEO can manage permissions")

    def test_both_flags_are_required(self, cast):
        answer = cast.as_owner.patch(f"/api/agents/{cast.peer.id}/permissions", {"canCreateAgents": True})
        assert answer.json()["details"][0]["path"] == ["canAssignTasks"]


class TestOrg:
    """C-50"""

    def test_tree(self, cast):
        (root,) = cast.as_agent(cast.peer).get(f"/api/companies/{cast.company.id}/org").json()
        assert set(root) == {"id", "name", "role", "status", "reports"}
        assert [one["name"] for one in root["reports"][0]["reports"]] == ["Engineer", "Peer"]

    def test_reports_of_a_terminated_manager_are_roots(self, cast):
        """CW-18"""
        Agent.objects.filter(pk=cast.manager.pk).update(status="terminated")
        roots = cast.as_owner.get(f"/api/companies/{cast.company.id}/org").json()
        assert [root["name"] for root in roots] == ["Ceo", "Engineer", "Peer"]

    def test_deep_tree_is_shown_whole(self, cast):
        manager = cast.peer
        for _ in range(90):
            manager = factories.agent(cast.company, reports_to=manager)
        answer = cast.as_owner.get(f"/api/companies/{cast.company.id}/org")
        assert str(manager.id) in answer.content.decode()
        assert len(cast.as_owner.get(f"/api/agents/{manager.id}").json()["chainOfCommand"]) == 50
