"""Twenty agents report what they spent at the same moment: the budget stops at the first report that crosses it."""

from __future__ import annotations

from functools import partial

import pytest

from heartbeat import lifecycle
from heartbeat.adapters.base import Result
from heartbeat.lifecycle import Remains
from heartbeat.models import Run
from paperclip.companies.models import Activity, Agent, Company
from paperclip.core import clock
from paperclip.governance import budget_decisions
from paperclip.governance.models import Approval, BudgetIncident, BudgetPolicy, CostEvent
from tests import cast as standing
from tests import factories
from tests.governance.money import SYSTEM, budget, spend, wake
from tests.issues.race import together

pytestmark = pytest.mark.django_db(transaction=True)
CALLERS = 20


@pytest.fixture
def crew():
    cast = standing.make()
    return cast, [factories.agent(cast.company) for _ in range(CALLERS)]


def test_parallel_reports_cross_once(crew):
    """C-89, CW-26"""
    cast, agents = crew
    now = clock.now()
    policy = budget(cast.company, cast.company, 1_000, now=now)
    together([partial(spend, agent, 100, now=now) for agent in agents])
    policy.refresh_from_db()
    assert (CostEvent.objects.count(), policy.observed_amount) == (CALLERS, 2_000)
    assert BudgetIncident.objects.filter(threshold_type="hard").count() == 1
    assert BudgetIncident.objects.get(threshold_type="hard").amount_observed == 1_000, (
        "the first that crosses"
    )
    assert Approval.objects.count() == 1
    assert Activity.objects.filter(action="budget.hard_threshold_crossed").count() == 1
    assert Company.objects.get(pk=cast.company.pk).pause_reason == "budget"


def test_nothing_is_accepted_after_the_crossing(crew):
    """C-89, C-90: reports and calls side by side; what was accepted is cancelled by the stop"""
    cast, agents = crew
    now = clock.now()
    budget(cast.company, cast.company, 1_000, now=now)

    def report_and_call(agent):
        spend(agent, 100, now=now)
        return wake(agent, now=now)

    outcomes = together([partial(report_and_call, agent) for agent in agents])
    refused = [outcome for outcome in outcomes if outcome.refused is not None]
    assert len(refused) >= CALLERS - 10, "the first nine reports leave room, and each called after its own"
    assert {outcome.refused.code for outcome in refused} == {"budget.blocked"}
    late = [wake(agent, now=now).refused.code for agent in agents]
    assert set(late) == {"budget.blocked"}
    assert not Run.objects.filter(status="running").exists()


def test_runs_that_end_at_once_are_counted_like_reports(crew):
    """H-99, C-89: each end holds agent, issue and run, and none waits for another in a circle"""
    cast, agents = crew
    now = clock.now()
    budget(cast.company, cast.company, 1_000, now=now)
    runs = [
        factories.run(agent, issue=factories.issue(cast.company, assignee_agent=agent, status="in_progress"))
        for agent in agents
    ]
    result = Result(cost_usd=1.0, provider="anthropic", model="m", billing_type="metered_api")

    def end(run):
        return lifecycle.finish(
            run_id=run.pk, claim_token=run.claim_token, result=result, remains=Remains(exit_code=0), now=now
        )

    ended = together([partial(end, run) for run in runs])
    assert all(run is not None for run in ended)
    assert CostEvent.objects.count() == CALLERS
    assert BudgetPolicy.objects.get().observed_amount == 100 * CALLERS
    assert BudgetIncident.objects.filter(threshold_type="hard").count() == 1
    assert not Run.objects.filter(status__in=["queued", "scheduled_retry"]).exists(), "nothing follows a stop"
    assert not Agent.objects.filter(status="running").exists()


def test_raise_and_reports_side_by_side_leave_one_truth(crew):
    """C-93: whoever comes first, the scope is paused exactly when its budget is spent"""
    cast, agents = crew
    now = clock.now()
    policy = budget(cast.company, cast.company, 500, now=now)
    spend(agents[0], 500, now=now)
    incident = BudgetIncident.objects.get(threshold_type="hard")
    raising = partial(
        budget_decisions.resolve,
        company=cast.company,
        incident_id=incident.pk,
        action="raise_budget_and_resume",
        amount=50_000,
        actor=SYSTEM,
        now=now,
    )
    together([raising, *[partial(spend, agent, 100, now=now) for agent in agents[1:]]])
    policy.refresh_from_db()
    assert (policy.amount, policy.observed_amount) == (50_000, 500 + 100 * (CALLERS - 1))
    assert Company.objects.get(pk=cast.company.pk).status == "active"
    assert not BudgetIncident.objects.filter(status="open").exists()


def test_same_report_sent_many_times_at_once_counts_once(crew):
    """CW-26"""
    cast, agents = crew
    now = clock.now()
    same = partial(spend, agents[0], 10, now=now, idempotency_key="turn-1")
    made = together([same] * 8)
    assert len({event.pk for event in made}) == 1
    assert CostEvent.objects.count() == 1
