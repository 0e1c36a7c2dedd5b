"""Months end, and with them what their budgets had stopped."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from paperclip.companies import agents
from paperclip.companies.models import Agent, Company
from paperclip.governance import budget_decisions, budget_figures, budget_windows
from paperclip.governance.choices import BudgetWindow
from paperclip.governance.models import Approval, BudgetIncident, BudgetPolicy, Notice
from tests.governance.money import NOW, SYSTEM, budget, spend, story, wake

JUNE = datetime(2026, 6, 1, tzinfo=UTC)
LAST = JUNE - timedelta(milliseconds=1)


def test_turn_of_the_month_lets_the_stopped_go_on(cast):
    """CW-24."""
    policy = budget(cast.company, cast.peer, 100)
    spend(cast.peer, 100, now=LAST)
    assert budget_windows.next_due(LAST) == JUNE
    assert budget_windows.roll_due(now=LAST) == budget_windows.Rolled()
    assert budget_windows.roll_due(now=JUNE) == budget_windows.Rolled(rolled=1, resumed=1)
    agent = Agent.objects.get(pk=cast.peer.pk)
    assert (agent.status, agent.pause_reason, agent.paused_at) == ("idle", None, None)
    policy.refresh_from_db()
    assert (policy.window_start, policy.observed_amount) == (JUNE, 0)
    assert story(policy)[-1] == ("hard", "resolved")
    assert Approval.objects.get().status == "cancelled"
    assert not Notice.objects.filter(kind="budget_incident", closed_at=None).exists()
    assert wake(cast.peer, now=JUNE).refused is None
    assert budget_windows.roll_due(now=JUNE) == budget_windows.Rolled(), "twice is once"


def test_company_goes_on_too(cast):
    budget(cast.company, cast.company, 100)
    spend(cast.peer, 100)
    budget_windows.roll_due(now=JUNE)
    assert Company.objects.get(pk=cast.company.pk).status == "active"


def test_pause_by_hand_stays(cast):
    budget(cast.company, cast.peer, 100)
    agents.pause(agent=cast.peer, actor=SYSTEM, now=NOW)
    spend(cast.peer, 100)
    budget_windows.roll_due(now=JUNE)
    agent = Agent.objects.get(pk=cast.peer.pk)
    assert (agent.status, agent.pause_reason) == ("paused", "manual")


def test_lifetime_never_turns(cast):
    policy = budget(cast.company, cast.peer, 100, window_kind=BudgetWindow.LIFETIME)
    month = budget(cast.company, cast.peer, 100)
    spend(cast.peer, 100)
    assert budget_windows.roll_due(now=JUNE) == budget_windows.Rolled(rolled=1, resumed=0)
    assert Agent.objects.get(pk=cast.peer.pk).status == "paused", "the other budget still stops it"
    assert story(policy)[-1] == ("hard", "open")
    assert story(month)[-1] == ("hard", "resolved")


def test_keep_paused_ends_with_its_month(cast):
    policy = budget(cast.company, cast.peer, 100)
    spend(cast.peer, 100)
    incident = BudgetIncident.objects.get(policy=policy, threshold_type="hard")
    budget_decisions.resolve(
        company=cast.company, incident_id=incident.pk, action="keep_paused", actor=SYSTEM, now=NOW
    )
    budget_windows.roll_due(now=JUNE)
    assert Agent.objects.get(pk=cast.peer.pk).status == "idle"
    assert story(policy)[-1] == ("hard", "dismissed"), "what was decided stays on record"


def test_costs_reported_ahead_count_in_their_month(cast):
    policy = budget(cast.company, cast.peer, 100)
    spend(cast.peer, 100, occurred_at=JUNE)
    assert Agent.objects.get(pk=cast.peer.pk).status == "idle"
    budget_windows.roll_due(now=JUNE)
    assert Agent.objects.get(pk=cast.peer.pk).status == "paused"
    assert story(policy)[-1] == ("hard", "open")


@pytest.mark.parametrize(
    ("moment", "counted"),
    [
        pytest.param(LAST, 0, id="C-88 last instant of May"),
        pytest.param(JUNE, 7, id="C-88 first instant of June"),
    ],
)
def test_late_roll_is_made_up_by_the_next_cost(cast, moment, counted):
    policy = budget(cast.company, cast.peer, 100)
    spend(cast.peer, 100)
    assert Agent.objects.get(pk=cast.peer.pk).status == "paused"
    spend(cast.peer, 7, now=JUNE + timedelta(hours=1), occurred_at=moment)
    policy.refresh_from_db()
    assert (policy.window_start, policy.observed_amount) == (JUNE, counted)
    assert Agent.objects.get(pk=cast.peer.pk).status == "idle"


def test_host_whose_clock_is_behind_does_not_turn_back(cast):
    policy = budget(cast.company, cast.peer, 100)
    budget_windows.roll_due(now=JUNE)
    spend(cast.peer, 60, now=LAST, occurred_at=JUNE)
    budget(cast.company, cast.peer, 200, now=LAST)
    policy.refresh_from_db()
    assert (policy.window_start, policy.observed_amount) == (JUNE, 60)


def test_months_are_those_of_utc(cast):
    budget(cast.company, cast.peer, 100, now=datetime(2026, 12, 31, 23, 59, tzinfo=UTC))
    policy = BudgetPolicy.objects.get()
    assert (policy.window_start, policy.window_end) == (
        datetime(2026, 12, 1, tzinfo=UTC),
        datetime(2027, 1, 1, tzinfo=UTC),
    )


def test_window_that_ended_shows_nothing_spent(cast):
    policy = budget(cast.company, cast.peer, 100)
    spend(cast.peer, 90)
    policy.refresh_from_db()
    assert budget_figures.summary(policy, now=NOW)["status"] == "warning"
    late = budget_figures.summary(policy, now=JUNE)
    assert (late["observedAmount"], late["status"]) == (0, "ok")
