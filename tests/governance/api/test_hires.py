"""Hiring, with and without the board's leave."""

from __future__ import annotations

import pytest

from paperclip.companies.models import Activity, Agent, Grant, Member
from paperclip.governance.models import Approval
from tests import factories


@pytest.fixture
def asks(cast):
    """The company wants to be asked."""
    cast.company.require_board_approval_for_new_agents = True
    cast.company.save()
    return cast


def hire(caller, cast, **fields):
    return caller.post(f"/api/companies/{cast.company.id}/agent-hires", {"name": "Newcomer"} | fields)


def actions() -> list[str]:
    return list(Activity.objects.order_by("created_at").values_list("action", flat=True))


def test_at_once_when_nobody_wants_to_be_asked(cast):
    """B-39, B-43"""
    answer = hire(cast.as_agent(cast.ceo), cast)
    assert answer.status_code == 201
    made = answer.json()
    assert (made["agent"]["status"], made["approval"]) == ("idle", None)
    assert made["agent"]["runtimeConfig"] == {"heartbeat": {"enabled": False, "maxConcurrentRuns": 1}}
    assert actions() == ["agent.hire_created"]
    assert Activity.objects.get().details == {
        "name": "Newcomer",
        "role": "general",
        "requiresApproval": False,
        "approvalId": None,
        "issueIds": [],
        "desiredSkills": None,
    }


def test_board_is_asked(asks):
    """B-38, B-40, C-55"""
    cast = asks
    one, two = factories.issue(cast.company), factories.issue(cast.company)
    body = {
        "role": "qa",
        "desiredSkills": ["testing"],
        "sourceIssueId": str(one.id),
        "sourceIssueIds": [str(two.id), str(one.id)],
        "adapterConfig": {"env": {"API_KEY": "very-secret", "MODE": "fast"}},
    }
    made = hire(cast.as_agent(cast.ceo), cast, **body).json()
    agent, approval = made["agent"], made["approval"]
    assert (agent["status"], approval["status"], approval["type"]) == (
        "pending_approval",
        "pending",
        "hire_agent",
    )
    assert approval["requestedByAgentId"] == str(cast.ceo.id)
    payload = approval["payload"]
    assert set(payload) == {
        "name",
        "role",
        "title",
        "icon",
        "reportsTo",
        "capabilities",
        "adapterType",
        "adapterConfig",
        "runtimeConfig",
        "budgetMonthlyCents",
        "desiredSkills",
        "metadata",
        "agentId",
        "requestedByAgentId",
        "requestedConfigurationSnapshot",
    }
    assert (payload["agentId"], payload["requestedByAgentId"]) == (agent["id"], str(cast.ceo.id))
    assert set(payload["requestedConfigurationSnapshot"]) == {
        "adapterType",
        "adapterConfig",
        "runtimeConfig",
        "desiredSkills",
    }
    assert "very-secret" not in str(Approval.objects.get().payload)
    assert {link.issue_id for link in Approval.objects.get().issue_links.all()} == {one.id, two.id}
    assert Member.objects.get(principal_id=agent["id"]).status == "active"
    assert Grant.objects.get(principal_id=agent["id"]).permission_key == "tasks:assign"
    assert actions() == ["agent.hire_created", "approval.created"]
    first, second = Activity.objects.order_by("created_at")
    assert (first.details["approvalId"], first.details["issueIds"]) == (
        approval["id"],
        [str(one.id), str(two.id)],
    )
    assert second.details == {"type": "hire_agent", "linkedAgentId": agent["id"]}


def test_hire_with_an_unknown_issue_leaves_nothing(asks):
    answer = hire(asks.as_owner, asks, sourceIssueId="7f1c2f0e-5f0a-4a52-9d5b-0f6f3c0a1b2c")
    assert answer.status_code == 404
    assert not Agent.objects.filter(name="Newcomer").exists()
    assert not Approval.objects.exists()


class TestDecision:
    @pytest.fixture
    def hired(self, asks):
        return hire(asks.as_agent(asks.ceo), asks).json()

    def decide(self, cast, hired, verb):
        return cast.as_owner.post(f"/api/approvals/{hired['approval']['id']}/{verb}")

    def status(self, hired) -> str:
        return Agent.objects.get(pk=hired["agent"]["id"]).status

    def test_yes(self, asks, hired):
        """C-80"""
        assert self.decide(asks, hired, "approve").status_code == 200
        assert self.status(hired) == "idle"
        assert actions()[2:] == ["approval.approved", "agent.approved", "approval.requester_wakeup_queued"]
        assert Activity.objects.get(action="agent.approved").details == {"source": "approval"}

    def test_no(self, asks, hired):
        """B-72"""
        key = factories.agent_key(Agent.objects.get(pk=hired["agent"]["id"]))
        assert self.decide(asks, hired, "reject").status_code == 200
        agent = Agent.objects.get(pk=hired["agent"]["id"])
        assert agent.status == "terminated"
        assert not agent.api_keys.filter(revoked_at__isnull=True).exists()
        assert key
        assert Approval.objects.get().status == "rejected"

    def test_agreeing_to_the_agent_settles_the_question(self, asks, hired):
        """CW-9: rejecting it later terminates nobody."""
        asks.as_owner.post(f"/api/agents/{hired['agent']['id']}/approve")
        approval = Approval.objects.get()
        assert (approval.status, approval.decided_by_user_id) == ("approved", asks.owner.id)
        assert actions().count("approval.approved") == 1
        assert self.decide(asks, hired, "reject").status_code == 422
        assert self.decide(asks, hired, "approve").status_code == 200
        assert self.status(hired) == "idle"

    def test_letting_the_agent_go_withdraws_the_question(self, asks, hired):
        asks.as_owner.post(f"/api/agents/{hired['agent']['id']}/terminate")
        assert Approval.objects.get().status == "cancelled"
        assert self.decide(asks, hired, "approve").status_code == 422
        assert self.status(hired) == "terminated"

    def test_pause_is_no_way_around_the_board(self, asks, hired):
        """CW-8"""
        for verb in ("pause", "resume"):
            assert asks.as_owner.post(f"/api/agents/{hired['agent']['id']}/{verb}").status_code == 409
        assert self.status(hired) == "pending_approval"

    def test_new_payload_asks_about_the_same_agent(self, asks, hired):
        approval = f"/api/approvals/{hired['approval']['id']}"
        asks.as_owner.post(f"{approval}/request-revision")
        body = {"payload": {"name": "Better", "agentId": str(asks.peer.id)}}
        changed = asks.as_agent(asks.ceo).post(f"{approval}/resubmit", body).json()
        assert changed["payload"] == {"name": "Better", "agentId": hired["agent"]["id"]}


class TestPayloadWithoutAgent:
    """C-80: an agent is taken on as the payload describes."""

    def ask(self, cast, payload):
        body = {"type": "hire_agent", "payload": payload}
        return cast.as_agent(cast.peer).post(f"/api/companies/{cast.company.id}/approvals", body).json()

    def test_yes(self, cast):
        question = self.ask(
            cast, {"name": "Newcomer", "role": "qa", "reportsTo": str(cast.manager.id), "note": "x"}
        )
        assert cast.as_owner.post(f"/api/approvals/{question['id']}/approve").status_code == 200
        agent = Agent.objects.get(name="Newcomer")
        assert (agent.role, agent.status, agent.reports_to_id) == ("qa", "idle", cast.manager.id)
        assert "agent.created" in actions()

    @pytest.mark.parametrize(
        "payload",
        [
            pytest.param({}, id="C-80 nothing"),
            pytest.param({"name": 5}, id="C-80 name is a number"),
            pytest.param({"name": "x", "adapterType": "nonsense"}, id="C-80 unknown adapter"),
            pytest.param({"name": "x", "adapterConfig": {"apiKey": "***REDACTED***"}}, id="C-80 redacted"),
        ],
    )
    def test_payload_that_describes_no_agent(self, cast, payload):
        question = self.ask(cast, payload)
        before = Agent.objects.count()
        answer = cast.as_owner.post(f"/api/approvals/{question['id']}/approve")
        assert answer.status_code == 422
        assert Approval.objects.get().status == "pending"
        assert Agent.objects.count() == before

    @pytest.mark.parametrize("verb", ["approve", "reject"])
    def test_payload_cannot_reach_another_agent(self, cast, verb):
        """An agent that names a colleague, or a stranger, in a hire does them no harm when it is decided."""
        for agent in (cast.ceo, cast.foreign_agent):
            question = self.ask(cast, {"agentId": str(agent.id), "name": "x"})
            assert cast.as_owner.post(f"/api/approvals/{question['id']}/{verb}").status_code == 200
            assert Agent.objects.get(pk=agent.pk).status == "idle"

    @pytest.mark.parametrize("named", [5, "x", ["a"], {"a": 1}, ""])
    def test_agent_id_that_is_none(self, cast, named):
        question = self.ask(cast, {"agentId": named, "name": "x"})
        assert cast.as_owner.post(f"/api/approvals/{question['id']}/reject").status_code == 200
