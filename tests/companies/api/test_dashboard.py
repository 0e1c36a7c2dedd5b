"""C-98, C-99: the dashboard's pieces of this floor and of governance, and the badges."""

from __future__ import annotations

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from paperclip.companies import dashboard
from paperclip.companies.models import Agent, Company
from paperclip.core import clock
from tests import factories


def get(cast, what="dashboard"):
    return cast.as_agent(cast.peer).get(f"/api/companies/{cast.company.id}/{what}").json()


def spend(agent, cents, at):
    agent.cost_events.create(
        company=agent.company, provider="p", biller="p", model="m", cost_cents=cents, occurred_at=at
    )


def test_agents(cast):
    for status in ("active", "idle", "running", "error", "error", "paused", "pending_approval", "terminated"):
        factories.agent(cast.company, status=status)
        factories.agent(cast.elsewhere, status=status)
    assert get(cast)["agents"] == {"active": 4 + 2, "running": 1, "paused": 1, "error": 2}


@pytest.mark.parametrize(
    ("budget", "percent"),
    [
        pytest.param(0, 0, id="B-97 no budget"),
        pytest.param(3_000, 33.33, id="C-98 two decimals"),
        pytest.param(500, 200, id="C-98 overspent"),
    ],
)
def test_costs_of_this_month(cast, budget, percent):
    Company.objects.filter(pk=cast.company.pk).update(budget_monthly_cents=budget)
    spend(cast.peer, 1_000, clock.now())
    spend(cast.peer, 70_000, "2020-01-01T00:00:00Z")
    spend(cast.foreign_agent, 5, clock.now())
    assert get(cast)["costs"] == {
        "monthSpendCents": 1_000,
        "monthBudgetCents": budget,
        "monthUtilizationPercent": percent,
    }


def test_sums_above_32_bits_are_exact(cast):
    """B-90"""
    for _ in range(3):
        spend(cast.peer, 2**52, clock.now())
    assert get(cast)["costs"]["monthSpendCents"] == 3 * 2**52
    assert cast.as_owner.get(f"/api/companies/{cast.company.id}").json()["spentMonthlyCents"] == 3 * 2**52


def test_approvals_and_budgets(cast):
    for kind, status in (
        ("request_board_approval", "pending"),
        ("budget_override_required", "pending"),
        ("budget_override_required", "approved"),
        ("request_board_approval", "revision_requested"),
    ):
        cast.company.approvals.create(type=kind, status=status)
    Agent.objects.filter(pk=cast.engineer.pk).update(status="paused", pause_reason="budget")
    Agent.objects.filter(pk=cast.manager.pk).update(status="paused", pause_reason="manual")
    factories.project(cast.company, pause_reason="budget", paused_at=clock.now())
    found = get(cast)
    assert found["pendingApprovals"] == 2
    assert found["budgets"] == {
        "activeIncidents": 0,
        "pendingApprovals": 1,
        "pausedAgents": 1,
        "pausedProjects": 1,
    }
    assert get(cast, "sidebar-badges")["approvals"] == 3


def test_pieces_of_all_floors_are_there(cast):
    """C-98"""
    assert {"companyId", "agents", "costs", "pendingApprovals", "budgets"} <= set(get(cast))


def test_questions_to_the_database_do_not_grow(cast):
    caller = cast.as_agent(cast.peer)
    path = f"/api/companies/{cast.company.id}/dashboard"

    def questions() -> int:
        caller.get(path)
        with CaptureQueriesContext(connection) as seen:
            assert caller.get(path).status_code == 200
        return len(seen)

    before = questions()
    for _ in range(30):
        agent = factories.agent(cast.company, status="error")
        spend(agent, 1, clock.now())
        factories.issue(cast.company, assignee_agent=agent)
        cast.company.approvals.create(type="request_board_approval")
    assert questions() == before


class TestBadges:
    """C-99"""

    @pytest.fixture(autouse=True)
    def _only_known_badges(self, monkeypatch):
        monkeypatch.setattr(dashboard, "_badges", dict(dashboard._badges))
        dashboard.register_badge("failedRuns", lambda company_id, now: 0)

    def test_nothing_waits(self, cast):
        assert get(cast, "sidebar-badges") == {"inbox": 0, "approvals": 0, "failedRuns": 0, "joinRequests": 0}

    def test_agents_in_error_count_once_unless_runs_failed(self, cast):
        Agent.objects.filter(pk__in=[cast.engineer.pk, cast.manager.pk]).update(status="error")
        assert get(cast, "sidebar-badges")["inbox"] == 1
        dashboard.register_badge("failedRuns", lambda company_id, now: 2)
        assert get(cast, "sidebar-badges") == {"inbox": 2, "approvals": 0, "failedRuns": 2, "joinRequests": 0}

    @pytest.mark.parametrize(
        ("cents", "alerts"),
        [pytest.param(79, 0, id="C-99 below"), pytest.param(80, 1, id="C-99 at 80 per cent")],
    )
    def test_budget_alert(self, cast, cents, alerts):
        Company.objects.filter(pk=cast.company.pk).update(budget_monthly_cents=100)
        spend(cast.peer, cents, clock.now())
        assert get(cast, "sidebar-badges")["inbox"] == alerts
