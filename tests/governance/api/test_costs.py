"""What the work costs."""

from __future__ import annotations

import pytest

from paperclip.companies.models import Activity
from paperclip.core import clock
from paperclip.governance import signals
from paperclip.governance.models import CostEvent
from tests import factories


def body(agent, **fields):
    return {
        "agentId": str(agent.id),
        "provider": "anthropic",
        "model": "m",
        "costCents": 12,
        "occurredAt": "2026-01-31T08:15:00.000Z",
    } | fields


def report(caller, cast, agent, **fields):
    return caller.post(f"/api/companies/{cast.company.id}/cost-events", body(agent, **fields))


def test_agent_reports_its_own_cost(cast):
    """C-84"""
    answer = report(cast.as_agent(cast.peer), cast, cast.peer, inputTokens=5)
    assert answer.status_code == 201
    made = answer.json()
    assert (made["biller"], made["billingType"], made["costCents"]) == ("anthropic", "unknown", 12)
    assert (made["inputTokens"], made["cachedInputTokens"], made["outputTokens"]) == (5, 0, 0)
    assert made["occurredAt"] == "2026-01-31T08:15:00.000Z"
    assert Activity.objects.get(action="cost.reported").details == {"costCents": 12, "model": "m"}


def test_agent_reports_for_nobody_else(cast):
    """B-94"""
    answer = report(cast.as_agent(cast.ceo), cast, cast.peer)
    assert (answer.status_code, answer.json()["error"]) == (403, "Agent can only report its own costs")
    assert not CostEvent.objects.exists()


def test_references_belong_to_the_company(cast):
    """C-84, CW-16"""
    assert (
        report(cast.as_owner, cast, cast.foreign_agent).json()["error"] == "Agent does not belong to company"
    )
    unknown = report(cast.as_owner, cast, cast.peer, agentId="7f1c2f0e-5f0a-4a52-9d5b-0f6f3c0a1b2c")
    assert (unknown.status_code, unknown.json()["error"]) == (404, "Agent not found")
    foreign = {
        "issueId": factories.issue(cast.elsewhere),
        "projectId": factories.project(cast.elsewhere),
        "goalId": factories.goal(cast.elsewhere),
        "heartbeatRunId": factories.run(cast.foreign_agent),
    }
    for name, row in foreign.items():
        answer = report(cast.as_owner, cast, cast.peer, **{name: str(row.id)})
        assert (answer.status_code, answer.json()["error"]) == (422, f"{name} does not belong to company")
    assert not CostEvent.objects.exists()
    own = {
        "issueId": str(factories.issue(cast.company).id),
        "projectId": str(factories.project(cast.company).id),
        "goalId": str(factories.goal(cast.company).id),
        "heartbeatRunId": str(factories.run(cast.peer).id),
    }
    made = report(cast.as_owner, cast, cast.peer, **own).json()
    assert {name: made[name] for name in own} == own


def test_cost_and_what_follows_commit_together(cast):
    def fail(**_):
        raise RuntimeError("no budget today")

    cast.as_owner.may_fail = True
    signals.cost_recorded.connect(fail)
    try:
        assert report(cast.as_owner, cast, cast.peer).status_code == 500
    finally:
        signals.cost_recorded.disconnect(fail)
    assert not CostEvent.objects.exists()
    assert not Activity.objects.exists()


@pytest.mark.parametrize(
    ("fields", "where"),
    [
        pytest.param({"costCents": -1}, "costCents", id="C-83 negative"),
        pytest.param({"costCents": 1.5}, "costCents", id="C-83 fraction"),
        pytest.param({"costCents": 2**40 + 1}, "costCents", id="C-83 huge"),
        pytest.param({"costCents": None}, "costCents", id="C-83 required"),
        pytest.param({"provider": ""}, "provider", id="C-83 provider"),
        pytest.param({"model": ""}, "model", id="C-83 model"),
        pytest.param({"billingType": "gift"}, "billingType", id="C-83 billing type"),
        pytest.param({"occurredAt": "yesterday"}, "occurredAt", id="C-7 time"),
        pytest.param({"occurredAt": "2026-01-31T08:15:00+01:00"}, "occurredAt", id="C-7 offset"),
        pytest.param({"occurredAt": "0000-01-31T08:15:00Z"}, "occurredAt", id="C-7 no such year"),
        pytest.param({"inputTokens": -1}, "inputTokens", id="C-83 tokens"),
    ],
)
def test_bad_cost_is_refused(cast, fields, where):
    answer = report(cast.as_owner, cast, cast.peer, **fields)
    assert answer.status_code == 400
    assert answer.json()["details"][0]["path"] == [where]


class TestReads:
    @pytest.fixture
    def spent(self, cast):
        run_one, run_two = factories.run(cast.peer), factories.run(cast.peer)
        at = {"occurredAt": "2026-01-10T00:00:00Z"}
        for run, kind in (
            (run_one, "metered_api"),
            (run_one, "metered_api"),
            (run_two, "subscription_included"),
        ):
            report(
                cast.as_owner,
                cast,
                cast.peer,
                costCents=100,
                billingType=kind,
                heartbeatRunId=str(run.id),
                inputTokens=3,
                cachedInputTokens=2,
                outputTokens=1,
                **at,
            )
        report(cast.as_owner, cast, cast.engineer, costCents=2**38, occurredAt="2026-02-01T00:00:00Z")
        return cast

    def get(self, cast, what, query=""):
        return cast.as_agent(cast.peer).get(f"/api/companies/{cast.company.id}/costs/{what}{query}")

    def test_summary(self, spent):
        """C-85, B-90"""
        found = self.get(spent, "summary").json()
        assert found == {
            "companyId": str(spent.company.id),
            "spendCents": 300 + 2**38,
            "budgetCents": 0,
            "utilizationPercent": 0,
        }
        spent.as_owner.patch(f"/api/companies/{spent.company.id}/budgets", {"budgetMonthlyCents": 900})
        january = self.get(spent, "summary", "?from=2026-01-01&to=2026-01-31T23:59:59Z").json()
        assert (january["spendCents"], january["utilizationPercent"]) == (300, 33.33)

    @pytest.mark.parametrize(
        ("query", "cents"),
        [
            pytest.param(
                "from=2026-01-10T00:00:00Z&to=2026-01-10T00:00:00Z", 300, id="C-85 both ends included"
            ),
            pytest.param("from=2026-01-10T02:00:00%2B02:00&to=2026-01-11", 300, id="C-85 offset"),
            pytest.param("from=2026-01-10T02:00:00+02:00&to=2026-01-11", 300, id="C-85 unescaped plus"),
            pytest.param("to=2026-01-09", 0, id="C-85 before"),
            pytest.param("from=", 300 + 2**38, id="C-85 empty"),
        ],
    )
    def test_range(self, spent, query, cents):
        assert self.get(spent, "summary", f"?{query}").json()["spendCents"] == cents

    @pytest.mark.parametrize("name", ["from", "to"])
    @pytest.mark.parametrize("value", ["nonsense", "2026-13-01", "0001-01-01T00:00:00%2B23:00", "9" * 50])
    def test_bad_date(self, spent, name, value):
        """B-88"""
        for what in ("summary", "by-agent"):
            answer = self.get(spent, what, f"?{name}={value}")
            assert (answer.status_code, answer.json()["error"]) == (400, f"invalid '{name}' date")

    def test_by_agent(self, spent):
        """C-85"""
        dear, cheap = self.get(spent, "by-agent").json()
        assert (dear["agentName"], dear["costCents"]) == ("Engineer", 2**38)
        assert cheap == {
            "agentId": str(spent.peer.id),
            "agentName": "Peer",
            "agentStatus": "idle",
            "costCents": 300,
            "inputTokens": 9,
            "cachedInputTokens": 6,
            "outputTokens": 3,
            "apiRunCount": 1,
            "subscriptionRunCount": 1,
            "subscriptionCachedInputTokens": 2,
            "subscriptionInputTokens": 3,
            "subscriptionOutputTokens": 1,
        }

    def test_other_companies_do_not_count(self, spent):
        assert spent.as_outsider.get(f"/api/companies/{spent.company.id}/costs/summary").status_code == 403
        other = spent.as_outsider.get(f"/api/companies/{spent.elsewhere.id}/costs/summary").json()
        assert other["spendCents"] == 0


class TestBudgetFigures:
    """C-92"""

    def test_company(self, cast):
        answer = cast.as_owner.patch(
            f"/api/companies/{cast.company.id}/budgets", {"budgetMonthlyCents": 2**40}
        )
        assert answer.json()["budgetMonthlyCents"] == 2**40
        entry = Activity.objects.get(action="company.budget_updated")
        assert entry.details == {"budgetMonthlyCents": 2**40}

    def test_agent(self, cast):
        answer = cast.as_owner.patch(f"/api/agents/{cast.peer.id}/budgets", {"budgetMonthlyCents": 7})
        assert answer.json()["budgetMonthlyCents"] == 7
        entry = Activity.objects.get(action="agent.budget_updated")
        assert (entry.entity_id, entry.details) == (str(cast.peer.id), {"budgetMonthlyCents": 7})

    @pytest.mark.parametrize("value", [-1, None, "5", 1.5, 2**60, True])
    def test_bad_figure(self, cast, value):
        answer = cast.as_owner.patch(f"/api/agents/{cast.peer.id}/budgets", {"budgetMonthlyCents": value})
        assert answer.json()["details"][0]["path"] == ["budgetMonthlyCents"]

    def test_agents_set_none(self, cast):
        """B-86"""
        for path in (f"agents/{cast.peer.id}", f"companies/{cast.company.id}"):
            answer = cast.as_agent(cast.ceo).patch(f"/api/{path}/budgets", {"budgetMonthlyCents": 1})
            assert (answer.status_code, answer.json()["error"]) == (403, "Board access required")


def test_month_spend_is_of_the_month_of_now(cast):
    from paperclip.governance import costs

    now = clock.parse_zulu("2026-02-28T23:59:59.999Z")
    for at in (
        "2026-01-31T23:59:59.999Z",
        "2026-02-01T00:00:00Z",
        "2026-02-28T23:59:59Z",
        "2026-03-01T00:00:00Z",
    ):
        report(cast.as_owner, cast, cast.peer, costCents=1, occurredAt=at)
    assert costs.month_spend(cast.company.id, now=now) == 2
