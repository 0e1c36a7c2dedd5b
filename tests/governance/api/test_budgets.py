"""Budgets and what is decided about them, by the API."""

from __future__ import annotations

import pytest

from paperclip.companies.models import Activity, Agent, Company
from paperclip.core import clock
from paperclip.governance.models import Approval, BudgetIncident, BudgetPolicy
from tests import factories
from tests.governance.money import budget, spend, story


def put(caller, cast, **fields):
    body = {"scopeType": "agent", "scopeId": str(cast.peer.pk), "amount": 100} | fields
    return caller.post(f"/api/companies/{cast.company.pk}/budgets/policies", body)


def overview(cast):
    answer = cast.as_agent(cast.peer).get(f"/api/companies/{cast.company.pk}/budgets/overview")
    assert answer.status_code == 200
    return answer.json()


@pytest.fixture
def stopped(cast):
    """The peer has spent its 100 cents and 50 more."""
    policy = budget(cast.company, cast.peer, 100, now=clock.now())
    spend(cast.peer, 100, now=clock.now())
    spend(cast.peer, 50, now=clock.now())
    return policy


def resolve(caller, company, incident, **body):
    return caller.post(f"/api/companies/{company.pk}/budget-incidents/{incident.pk}/resolve", body)


def hard(policy):
    return BudgetIncident.objects.get(policy=policy, threshold_type="hard")


class TestSetting:
    def test_answer(self, cast):
        """C-91, C-94"""
        answer = put(cast.as_operator, cast)
        assert answer.status_code == 200
        made = answer.json()
        assert made.pop("policyId")
        month = clock.month_start(clock.now())
        assert made == {
            "companyId": str(cast.company.pk),
            "scopeType": "agent",
            "scopeId": str(cast.peer.pk),
            "scopeName": "Peer",
            "metric": "billed_cents",
            "windowKind": "calendar_month_utc",
            "amount": 100,
            "observedAmount": 0,
            "remainingAmount": 100,
            "utilizationPercent": 0,
            "warnPercent": 80,
            "hardStopEnabled": True,
            "notifyEnabled": True,
            "isActive": True,
            "status": "ok",
            "paused": False,
            "pauseReason": None,
            "windowStart": clock.iso(month),
            "windowEnd": clock.iso(clock.next_month_start(month)),
        }
        assert Agent.objects.get(pk=cast.peer.pk).budget_monthly_cents == 100
        assert Activity.objects.get().details == {
            "scopeType": "agent",
            "scopeId": str(cast.peer.pk),
            "amount": 100,
            "windowKind": "calendar_month_utc",
        }

    def test_what_is_left_out_stays(self, cast):
        """CW-25"""
        put(cast.as_owner, cast, warnPercent=50, hardStopEnabled=False, notifyEnabled=False)
        again = put(cast.as_owner, cast, amount=200).json()
        assert (again["warnPercent"], again["hardStopEnabled"], again["notifyEnabled"]) == (50, False, False)
        assert BudgetPolicy.objects.count() == 1

    def test_nothing_switches_it_off(self, cast, stopped):
        """C-91"""
        answer = put(cast.as_owner, cast, amount=0).json()
        assert (answer["isActive"], answer["amount"], answer["status"]) == (False, 0, "ok")
        agent = Agent.objects.get(pk=cast.peer.pk)
        assert (agent.status, agent.budget_monthly_cents) == ("idle", 0)
        approval = Approval.objects.get()
        assert (approval.status, approval.decision_note) == ("approved", "Resolved via budget update")

    def test_switched_off_below_the_spend_stops_nobody(self, cast):
        """CW-25"""
        spend(cast.peer, 500, now=clock.now())
        assert put(cast.as_owner, cast, isActive=False).json()["paused"] is False
        assert put(cast.as_owner, cast, isActive=True).json()["paused"] is True

    def test_lifetime_has_no_mirror(self, cast):
        """C-91"""
        made = put(cast.as_owner, cast, windowKind="lifetime").json()
        assert (made["windowStart"], made["windowEnd"]) == (
            "1970-01-01T00:00:00.000Z",
            "9999-01-01T00:00:00.000Z",
        )
        assert Agent.objects.get(pk=cast.peer.pk).budget_monthly_cents == 0

    def test_scopes_are_checked(self, cast):
        """B-85, C-91"""
        for kind, row in (
            ("agent", cast.foreign_agent),
            ("project", factories.project(cast.elsewhere)),
            ("company", cast.elsewhere),
        ):
            answer = put(cast.as_owner, cast, scopeType=kind, scopeId=str(row.pk))
            assert (answer.status_code, answer.json()["error"]) == (
                422,
                "Budget scope does not belong to company",
            )
            gone = put(cast.as_owner, cast, scopeType=kind, scopeId=factories.NO_SUCH_ID)
            assert (gone.status_code, gone.json()["error"]) == (404, "Budget scope not found")
        assert not BudgetPolicy.objects.exists()

    @pytest.mark.parametrize(
        ("fields", "where"),
        [
            pytest.param({"amount": -1}, "amount", id="C-88 amount"),
            pytest.param({"amount": None}, "amount", id="C-88 amount required"),
            pytest.param({"warnPercent": 0}, "warnPercent", id="C-88 warn from 1"),
            pytest.param({"warnPercent": 100}, "warnPercent", id="C-88 warn to 99"),
            pytest.param({"scopeType": "goal"}, "scopeType", id="C-88 scope"),
            pytest.param({"windowKind": "week"}, "windowKind", id="C-88 window"),
            pytest.param({"metric": "tokens"}, "metric", id="C-88 metric"),
            pytest.param({"scopeId": "peer"}, "scopeId", id="C-88 scope id"),
        ],
    )
    def test_bad_budget_is_refused(self, cast, fields, where):
        assert put(cast.as_owner, cast, **fields).json()["details"][0]["path"] == [where]

    def test_agents_and_viewers_set_none(self, cast):
        """B-86, B-87"""
        assert put(cast.as_agent(cast.ceo), cast).json()["error"] == "Board access required"
        assert put(cast.as_viewer, cast).json()["error"] == "Viewer access is read-only"
        assert put(cast.as_outsider, cast).status_code == 403
        assert not BudgetPolicy.objects.exists()

    def test_figure_makes_a_policy(self, cast):
        """B-84"""
        path = f"/api/companies/{cast.company.pk}/budgets"
        assert cast.as_owner.patch(path, {"budgetMonthlyCents": 900}).json()["budgetMonthlyCents"] == 900
        policy = BudgetPolicy.objects.get()
        assert (policy.scope_type, policy.amount, policy.window_kind) == (
            "company",
            900,
            "calendar_month_utc",
        )
        actions = set(Activity.objects.values_list("action", flat=True))
        assert actions == {"company.budget_updated", "budget.policy_upserted"}


class TestDeciding:
    def test_raise_must_exceed_the_spend_of_now(self, cast, stopped):
        """B-80"""
        raised = {"action": "raise_budget_and_resume"}
        missing = resolve(cast.as_owner, cast.company, hard(stopped), **raised)
        assert (missing.status_code, missing.json()["error"]) == (
            400,
            "amount is required when raising a budget",
        )
        for amount in (120, 150):
            answer = resolve(cast.as_owner, cast.company, hard(stopped), **raised, amount=amount)
            assert (answer.status_code, answer.json()["error"]) == (
                422,
                "New budget must exceed current observed spend",
            )
        assert Agent.objects.get(pk=cast.peer.pk).status == "paused"

    def test_raise(self, cast, stopped):
        """B-81"""
        body = {"action": "raise_budget_and_resume", "amount": 200, "decisionNote": "worth it"}
        answer = resolve(cast.as_owner, cast.company, hard(stopped), **body)
        assert answer.status_code == 200
        told = answer.json()
        assert (told["status"], told["approvalStatus"], told["scopeName"]) == ("resolved", "approved", "Peer")
        agent = Agent.objects.get(pk=cast.peer.pk)
        assert (agent.status, agent.pause_reason, agent.budget_monthly_cents) == ("idle", None, 200)
        assert BudgetPolicy.objects.get().amount == 200
        approval = Approval.objects.get()
        assert (approval.decision_note, approval.decided_by_user_id) == ("worth it", cast.owner.pk)
        assert Activity.objects.get(action="budget.incident_resolved").details == {
            "action": "raise_budget_and_resume",
            "amount": 200,
            "scopeType": "agent",
            "scopeId": str(cast.peer.pk),
        }
        again = resolve(cast.as_owner, cast.company, hard(stopped), **body)
        assert (again.status_code, again.json()["error"]) == (409, "Budget incident is resolved already")

    def test_keep_paused(self, cast, stopped):
        """B-82, CW-7"""
        answer = resolve(cast.as_owner, cast.company, hard(stopped), action="keep_paused").json()
        assert (answer["status"], answer["approvalStatus"]) == ("dismissed", "rejected")
        assert Agent.objects.get(pk=cast.peer.pk).status == "paused"
        spend(cast.peer, 10, now=clock.now())
        assert story(stopped)[-1] == ("hard", "dismissed"), "late costs ask no second time"
        assert Approval.objects.count() == 1

    def test_incident_of_another_company(self, cast, stopped):
        """B-83"""
        for company, incident in ((cast.elsewhere, hard(stopped).pk), (cast.elsewhere, "none")):
            answer = cast.as_outsider.post(
                f"/api/companies/{company.pk}/budget-incidents/{incident}/resolve", {"action": "keep_paused"}
            )
            assert (answer.status_code, answer.json()["error"]) == (404, "Budget incident not found")
        assert hard(stopped).status == "open"

    def test_approving_the_question_raises(self, cast, stopped):
        """CW-6"""
        question = Approval.objects.get()
        assert question.payload["proposedAmount"] == 200, "a quarter more, in whole dollars"
        assert cast.as_owner.post(f"/api/approvals/{question.pk}/approve").json()["status"] == "approved"
        assert hard(stopped).status == "resolved"
        assert BudgetPolicy.objects.get().amount == 200
        assert Agent.objects.get(pk=cast.peer.pk).status == "idle"
        assert cast.as_owner.post(f"/api/approvals/{question.pk}/approve").status_code == 200

    def test_approving_late_allows_what_is_needed_by_then(self, cast, stopped):
        """CW-6"""
        spend(cast.peer, 1_000, now=clock.now())
        cast.as_owner.post(f"/api/approvals/{Approval.objects.get().pk}/approve")
        assert BudgetPolicy.objects.get().amount == 1_500
        assert Agent.objects.get(pk=cast.peer.pk).status == "idle"

    def test_rejecting_the_question_keeps_it_paused(self, cast, stopped):
        """CW-6"""
        cast.as_owner.post(f"/api/approvals/{Approval.objects.get().pk}/reject", {"decisionNote": "enough"})
        assert hard(stopped).status == "dismissed"
        assert Agent.objects.get(pk=cast.peer.pk).status == "paused"
        assert BudgetPolicy.objects.get().amount == 100

    def test_agents_decide_nothing(self, cast, stopped):
        """C-28"""
        answer = resolve(cast.as_agent(cast.ceo), cast.company, hard(stopped), action="keep_paused")
        assert (answer.status_code, answer.json()["error"]) == (403, "Board access required")


class TestOverview:
    """C-94"""

    def test_figures(self, cast, stopped):
        budget(cast.company, cast.company, 10_000, now=clock.now())
        told = overview(cast)
        assert [policy["scopeType"] for policy in told["policies"]] == ["company", "agent"]
        peer = told["policies"][1]
        assert (peer["observedAmount"], peer["remainingAmount"], peer["utilizationPercent"]) == (150, 0, 150)
        assert (peer["status"], peer["paused"], peer["pauseReason"]) == ("hard_stop", True, "budget")
        (incident,) = told["activeIncidents"]
        assert (incident["thresholdType"], incident["approvalStatus"], incident["amountLimit"]) == (
            "hard",
            "pending",
            100,
        )
        counts = ("pausedAgentCount", "pausedProjectCount", "pendingApprovalCount")
        assert [told[name] for name in counts] == [1, 0, 1]

    def test_dashboard_counts_incidents(self, cast, stopped):
        """C-98"""
        told = cast.as_owner.get(f"/api/companies/{cast.company.pk}/dashboard").json()["budgets"]
        assert told == {"activeIncidents": 1, "pendingApprovals": 1, "pausedAgents": 1, "pausedProjects": 0}

    def test_other_companies_see_nothing(self, cast, stopped):
        """B-87"""
        path = f"/api/companies/{cast.company.pk}/budgets/overview"
        assert cast.as_outsider.get(path).status_code == 403
        assert cast.as_foreign_agent.get(path).status_code == 403


def test_company_stopped_by_budget_says_so(cast):
    """B-79"""
    budget(cast.company, cast.company, 100, now=clock.now())
    spend(cast.peer, 100, now=clock.now())
    answer = cast.as_owner.post(f"/api/agents/{cast.engineer.pk}/wakeup")
    assert (answer.status_code, answer.json()) == (
        409,
        {
            "error": "Company is paused because its budget hard-stop was reached.",
            "details": {"scopeType": "company", "scopeId": str(cast.company.pk)},
        },
    )
    cast.as_owner.patch(f"/api/companies/{cast.company.pk}", {"status": "active"})
    assert Company.objects.get(pk=cast.company.pk).status == "active"
    still = cast.as_owner.post(f"/api/agents/{cast.engineer.pk}/wakeup").json()
    assert still["error"] == "Company cannot start new work because its budget hard-stop is exceeded."
