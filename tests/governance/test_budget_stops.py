"""Costs are held against budgets, and what is used up stops."""

from __future__ import annotations

import pytest
from django.db import IntegrityError, connection, transaction
from django.test.utils import CaptureQueriesContext

from heartbeat.models import Run, WakeupRequest
from paperclip.companies import actors, agents
from paperclip.companies.models import Activity, Agent, Company, Project
from paperclip.core import clock
from paperclip.governance import approvals, budgets, signals, targets
from paperclip.governance.models import Approval, BudgetIncident, BudgetPolicy, CostEvent, Notice
from tests import factories
from tests.governance.money import NOW, SYSTEM, budget, spend, story, wake


def crossings() -> list[str]:
    rows = Activity.objects.filter(action__contains="threshold_crossed").order_by("created_at")
    return list(rows.values_list("action", flat=True))


@pytest.mark.parametrize(
    ("fields", "costs", "stories", "status"),
    [
        pytest.param({}, [79], [], "idle", id="C-89 below the warning"),
        pytest.param({}, [40, 40], [("soft", "open")], "idle", id="B-74 warning at 80"),
        pytest.param(
            {}, [80, 20], [("soft", "resolved"), ("hard", "open")], "paused", id="B-75 hard stop at 100"
        ),
        pytest.param({}, [250], [("soft", "resolved"), ("hard", "open")], "paused", id="C-89 at one stroke"),
        pytest.param(
            {}, [100, 50, 1], [("soft", "resolved"), ("hard", "open")], "paused", id="CW-7 crossed only once"
        ),
        pytest.param(
            {"hard_stop_enabled": False}, [90, 60], [("soft", "open")], "idle", id="B-76 without a hard stop"
        ),
        pytest.param({"notify_enabled": False}, [80], [], "idle", id="B-77 no warning"),
        pytest.param(
            {"notify_enabled": False}, [80, 20], [("hard", "open")], "paused", id="B-77 still stops"
        ),
        pytest.param({"warn_percent": 33}, [33], [("soft", "open")], "idle", id="C-89 warn percent"),
        pytest.param({"is_active": False}, [500], [], "idle", id="CW-25 switched off"),
    ],
)
def test_what_costs_do_to_an_agents_budget(cast, fields, costs, stories, status):
    policy = budget(cast.company, cast.peer, 100, **fields)
    for cents in costs:
        spend(cast.peer, cents)
    assert story(policy) == stories
    assert Agent.objects.get(pk=cast.peer.pk).status == status
    assert len(crossings()) == len(stories)


def test_warning_amount_is_rounded_up(cast):
    """C-89: ceil(amount x percent / 100)"""
    policy = budget(cast.company, cast.peer, 101)
    spend(cast.peer, 80)
    assert story(policy) == []
    spend(cast.peer, 1)
    assert story(policy) == [("soft", "open")]


def test_stop_asks_the_board_and_cancels_the_work(cast):
    """B-75"""
    policy = budget(cast.company, cast.peer, 100)
    running, queued = factories.run(cast.peer), factories.run(cast.peer, status="queued")
    other = factories.run(cast.engineer)
    spend(cast.peer, 100)

    agent = Agent.objects.get(pk=cast.peer.pk)
    assert (agent.status, agent.pause_reason, agent.paused_at) == ("paused", "budget", NOW)
    running.refresh_from_db()
    queued.refresh_from_db()
    other.refresh_from_db()
    assert (running.status, running.cancel_reason) == ("running", "Cancelled due to budget pause")
    assert (queued.status, queued.error) == ("cancelled", "Cancelled due to budget pause")
    assert queued.result_json["stopReason"] == "budget_paused"
    assert (other.status, other.cancel_requested_at) == ("running", None)

    incident = BudgetIncident.objects.get(policy=policy, threshold_type="hard")
    assert (incident.amount_limit, incident.amount_observed) == (100, 100)
    approval = Approval.objects.get()
    assert incident.approval_id == approval.pk
    assert (approval.type, approval.status) == ("budget_override_required", "pending")
    assert {name: approval.payload[name] for name in ("scopeType", "scopeId", "scopeName", "policyId")} == {
        "scopeType": "agent",
        "scopeId": str(cast.peer.pk),
        "scopeName": "Peer",
        "policyId": str(policy.pk),
    }
    assert (approval.payload["budgetAmount"], approval.payload["observedAmount"]) == (100, 100)
    assert (approval.payload["windowStart"], approval.payload["windowEnd"]) == (
        "2026-05-01T00:00:00.000Z",
        "2026-06-01T00:00:00.000Z",
    )
    entry = Activity.objects.get(action="budget.hard_threshold_crossed")
    assert (entry.actor_type, entry.actor_id, entry.entity_type) == (
        "system",
        "budget_service",
        "budget_incident",
    )
    assert entry.details == {
        "scopeType": "agent",
        "scopeId": str(cast.peer.pk),
        "amountObserved": 100,
        "amountLimit": 100,
        "approvalId": str(approval.pk),
    }


def test_stop_is_told_once_with_its_question(cast):
    """C-89: to whoever wants to hear of budgets or of questions, and to nobody twice."""
    both, money, questions, other = (
        targets.create(
            company=cast.company,
            channel="webhook",
            address="https://1.1.1.1/",
            kinds=kinds,
            actor=actors.for_user(cast.owner),
            now=NOW,
        )
        for kinds in (
            ["budget_incident", "approval_waiting"],
            ["budget_incident"],
            ["approval_waiting"],
            ["run_silent"],
        )
    )
    policy = budget(cast.company, cast.peer, 100)
    spend(cast.peer, 100)
    notice = Notice.objects.get(closed_at=None)
    asked = Approval.objects.get()
    assert (notice.kind, notice.title) == ("budget_incident", "Peer has used up its budget")
    assert notice.body == (
        "$1.00 of $1.00 is spent. Its work was stopped, and a question waits for an answer:"
        " raise the budget, or keep it paused."
    )
    assert notice.path == f"/admin/governance/approval/{asked.pk}/change/"
    assert set(notice.deliveries.values_list("target_id", flat=True)) == {both.pk, money.pk, questions.pk}
    assert not other.deliveries.exists()

    person = actors.for_user(cast.owner)
    approvals.request_revision(approval=asked, actor=person, now=NOW)
    approvals.resubmit(approval=asked, actor=person, now=NOW)
    assert Notice.objects.get(closed_at=None) == notice, "its incident is open all along"
    approvals.reject(approval=asked, actor=person, now=NOW)
    assert story(policy)[-1] == ("hard", "dismissed")
    assert not Notice.objects.filter(closed_at=None).exists()


def test_company_stops_with_all_its_agents(cast):
    """C-89"""
    budget(cast.company, cast.company, 100)
    runs = [factories.run(agent, status="queued") for agent in (cast.peer, cast.engineer)]
    spend(cast.peer, 60)
    spend(cast.engineer, 40)
    company = Company.objects.get(pk=cast.company.pk)
    assert (company.status, company.pause_reason) == ("paused", "budget")
    assert {run.status for run in Run.objects.filter(pk__in=[run.pk for run in runs])} == {"cancelled"}
    assert Agent.objects.get(pk=cast.peer.pk).status == "idle"


def test_project_stops_what_is_done_for_it(cast):
    """C-89, H-158"""
    project = factories.project(cast.company)
    budget(cast.company, project, 100)
    inside = factories.issue(cast.company, project=project, assignee_agent=cast.peer)
    outside = factories.issue(cast.company, assignee_agent=cast.peer)
    theirs = factories.run(cast.peer, status="queued", issue=inside)
    named = factories.run(
        cast.peer, status="queued", context_snapshot={"projectId": str(project.pk)}, project=project
    )
    other = factories.run(cast.peer, status="queued", issue=outside)
    spend(cast.peer, 100)
    assert Project.objects.get(pk=project.pk).paused_at is None, "only costs of the project count"
    spend(cast.peer, 100, project_id=project.pk)
    project.refresh_from_db()
    assert (project.paused_at, project.pause_reason) == (NOW, "budget")
    statuses = dict(Run.objects.values_list("pk", "status"))
    assert [statuses[run.pk] for run in (theirs, named, other)] == ["cancelled", "cancelled", "queued"]
    assert wake(cast.peer, issueId=str(inside.pk)).refused.code == "budget.blocked"
    assert wake(cast.peer, issueId=str(outside.pk)).refused is None


@pytest.mark.parametrize("status", ["paused", "pending_approval", "terminated"])
def test_agent_at_rest_is_left_as_it_is(cast, status):
    """C-89: only what works is paused"""
    Agent.objects.filter(pk=cast.peer.pk).update(status=status, pause_reason=None)
    policy = budget(cast.company, cast.peer, 100)
    spend(cast.peer, 100)
    agent = Agent.objects.get(pk=cast.peer.pk)
    assert (agent.status, agent.pause_reason) == (status, None)
    assert story(policy)[-1] == ("hard", "open")


def test_wake_of_what_is_stopped_leaves_its_reason(cast):
    """B-78, B-79, C-90"""
    budget(cast.company, cast.peer, 100)
    spend(cast.peer, 100)
    paused = cast.as_owner.post(f"/api/agents/{cast.peer.pk}/wakeup")
    assert paused.status_code == 409
    assert paused.json() == {
        "error": "Agent is paused because its budget hard-stop was reached.",
        "details": {"scopeType": "agent", "scopeId": str(cast.peer.pk)},
    }
    agents.resume(agent=cast.peer, actor=SYSTEM, now=NOW)
    still = cast.as_owner.post(f"/api/agents/{cast.peer.pk}/wakeup")
    assert still.status_code == 409
    assert still.json()["error"] == "Agent cannot start because its budget hard-stop is still exceeded."
    skipped = WakeupRequest.objects.filter(agent=cast.peer)
    assert set(skipped.values_list("status", "reason")) == {("skipped", "budget.blocked")}


def test_several_windows_each_stop(cast):
    """CW-25: a month's budget and one for all time stand side by side"""
    month = budget(cast.company, cast.peer, 1_000)
    budget(cast.company, cast.peer, 100, window_kind="lifetime")
    spend(cast.peer, 100)
    assert Agent.objects.get(pk=cast.peer.pk).status == "paused"
    budget(cast.company, cast.peer, 2_000)
    assert BudgetPolicy.objects.get(pk=month.pk).amount == 2_000
    assert Agent.objects.get(pk=cast.peer.pk).status == "paused", "the other one still stops it"


def test_second_stop_of_a_window_is_on_record(cast):
    """CW-5"""
    policy = budget(cast.company, cast.peer, 100)
    spend(cast.peer, 100)
    budget(cast.company, cast.peer, 200)
    assert Agent.objects.get(pk=cast.peer.pk).status == "idle"
    spend(cast.peer, 100)
    assert Agent.objects.get(pk=cast.peer.pk).status == "paused"
    hard = [status for threshold, status in story(policy) if threshold == "hard"]
    assert hard == ["resolved", "open"]
    assert Approval.objects.filter(status="pending").count() == 1


def test_failing_consequence_leaves_no_cost(cast):
    """CW-26, CW-27: all of it, or nothing"""
    policy = budget(cast.company, cast.peer, 100)

    def fail(**_):
        raise RuntimeError("no board today")

    signals.approval_requested.connect(fail)
    try:
        with pytest.raises(RuntimeError):
            spend(cast.peer, 100)
    finally:
        signals.approval_requested.disconnect(fail)
    assert not CostEvent.objects.exists()
    assert BudgetPolicy.objects.get(pk=policy.pk).observed_amount == 0
    assert Agent.objects.get(pk=cast.peer.pk).status == "idle"


def test_repeated_report_counts_once(cast):
    """CW-26"""
    path = f"/api/companies/{cast.company.pk}/cost-events"
    report = {
        "agentId": str(cast.peer.pk),
        "provider": "p",
        "model": "m",
        "costCents": 7,
        "occurredAt": "2026-05-12T09:00:00.000Z",
        "idempotencyKey": "turn-1",
    }
    caller = cast.as_agent(cast.peer)
    first, second = caller.post(path, report), caller.post(path, report)
    assert (first.status_code, second.status_code) == (201, 200)
    assert first.json()["id"] == second.json()["id"]
    assert CostEvent.objects.count() == 1
    other = caller.post(path, report | {"costCents": 8})
    assert (other.status_code, other.json()["error"]) == (
        409,
        "This idempotency key was used for another cost",
    )
    theirs = cast.as_agent(cast.engineer).post(path, report | {"agentId": str(cast.engineer.pk)})
    assert theirs.status_code == 201, "each agent has keys of its own"


def test_costs_of_other_months_and_projects_do_not_count(cast):
    """C-88, B-95"""
    policy = budget(cast.company, cast.peer, 100)
    spend(cast.peer, 500, occurred_at=NOW.replace(month=4))
    spend(cast.peer, 500, occurred_at=NOW.replace(month=6))
    spend(cast.engineer, 500)
    assert BudgetPolicy.objects.get(pk=policy.pk).observed_amount == 0
    assert story(policy) == []


@pytest.mark.parametrize(
    "fields",
    [
        pytest.param({"scope_type": "agent"}, id="C-88 an agent's names the agent"),
        pytest.param({"warn_percent": 0}, id="C-88 warns from 1"),
        pytest.param({"warn_percent": 100}, id="C-88 warns below 100"),
        pytest.param({"amount": 0}, id="C-91 nothing to spend is no budget"),
        pytest.param({"window_end": NOW}, id="C-88 the window has a length"),
        pytest.param({"window_kind": "week"}, id="C-88 known windows"),
        pytest.param({"metric": "tokens"}, id="C-88 known metrics"),
    ],
)
def test_database_refuses_a_budget_that_cannot_be(cast, fields):
    values = {
        "company": cast.company,
        "scope_type": "company",
        "amount": 1,
        "window_start": NOW,
        "window_end": NOW.replace(day=13),
    }
    with pytest.raises(IntegrityError), transaction.atomic():
        BudgetPolicy.objects.create(**values | fields)


def test_database_holds_one_budget_per_scope_and_one_open_incident(cast):
    """C-88"""
    policy = budget(cast.company, cast.company, 100)
    window = {"window_start": policy.window_start, "window_end": policy.window_end}
    with pytest.raises(IntegrityError), transaction.atomic():
        BudgetPolicy.objects.create(company=cast.company, scope_type="company", amount=5, **window)
    incident = {
        "company": cast.company,
        "policy": policy,
        "threshold_type": "hard",
        "amount_limit": 1,
        "amount_observed": 1,
        **window,
    }
    BudgetIncident.objects.create(**incident)
    with pytest.raises(IntegrityError), transaction.atomic():
        BudgetIncident.objects.create(**incident)
    with pytest.raises(IntegrityError), transaction.atomic():
        BudgetIncident.objects.create(**incident | {"status": "resolved"})


class TestFigures:
    """CW-12, CW-13: whoever writes the figure, a budget stands behind it."""

    def policy(self, **scope):
        return BudgetPolicy.objects.get(**scope)

    def test_patch_of_an_agent(self, cast):
        cast.as_owner.patch(f"/api/agents/{cast.peer.pk}", {"budgetMonthlyCents": 500})
        assert self.policy(agent=cast.peer).amount == 500
        cast.as_owner.patch(f"/api/agents/{cast.peer.pk}", {"budgetMonthlyCents": 0})
        assert self.policy(agent=cast.peer).is_active is False

    def test_patch_of_a_company(self, cast):
        cast.as_owner.patch(f"/api/companies/{cast.company.pk}", {"budgetMonthlyCents": 500})
        assert self.policy(scope_type="company").amount == 500

    def test_new_company_and_new_agent(self, cast):
        made = cast.as_owner.post("/api/companies", {"name": "New", "budgetMonthlyCents": 700}).json()
        assert self.policy(company=made["id"], scope_type="company").amount == 700
        agent = cast.as_owner.post(
            f"/api/companies/{cast.company.pk}/agents", {"name": "New", "budgetMonthlyCents": 300}
        ).json()
        assert self.policy(agent=agent["id"]).amount == 300

    @pytest.mark.parametrize("asks", [True, False], ids=["C-80 with approval", "CW-13 without"])
    def test_hire(self, cast, asks):
        Company.objects.filter(pk=cast.company.pk).update(require_board_approval_for_new_agents=asks)
        answer = cast.as_owner.post(
            f"/api/companies/{cast.company.pk}/agent-hires", {"name": "New", "budgetMonthlyCents": 300}
        ).json()
        assert (answer["approval"] is not None) is asks
        assert self.policy(agent=answer["agent"]["id"]).amount == 300

    def test_hire_from_a_payload(self, cast):
        asked = cast.as_owner.post(
            f"/api/companies/{cast.company.pk}/approvals",
            {"type": "hire_agent", "payload": {"name": "New", "budgetMonthlyCents": 300}},
        ).json()
        assert cast.as_owner.post(f"/api/approvals/{asked['id']}/approve").status_code == 200
        assert self.policy(agent__name="New").amount == 300

    def test_figure_below_the_spend_stops_at_once(self, cast):
        spend(cast.peer, 100, now=clock.now())
        cast.as_owner.patch(f"/api/agents/{cast.peer.pk}", {"budgetMonthlyCents": 50})
        agent = Agent.objects.get(pk=cast.peer.pk)
        assert (agent.status, agent.pause_reason, agent.budget_monthly_cents) == ("paused", "budget", 50)


def test_asking_what_is_spent_is_one_question_however_many_budgets(cast):
    """C-90"""
    for _ in range(12):
        agent = factories.agent(cast.company)
        budget(cast.company, agent, 1)
        spend(agent, 1)
    with CaptureQueriesContext(connection) as seen:
        block = budgets.invocation_block(company=cast.company, agent=cast.peer)
    assert (block, len(seen)) == (None, 1)


def test_counting_a_cost_asks_as_often_in_a_long_month(cast):
    policy = budget(cast.company, cast.company, 10**9)
    budget(cast.company, cast.peer, 10**9)

    def questions() -> int:
        with CaptureQueriesContext(connection) as seen:
            spend(cast.peer, 1)
        return len(seen)

    few = questions()
    for _ in range(30):
        spend(cast.peer, 1)
    assert questions() == few
    assert few <= 16
    assert BudgetPolicy.objects.get(pk=policy.pk).observed_amount == 32


def test_budget_service_is_who_pauses(cast):
    budget(cast.company, cast.peer, 1)
    spend(cast.peer, 1)
    entry = Activity.objects.get(action="agent.paused")
    assert (entry.actor_id, entry.details) == ("budget_service", {"reason": "budget"})
    assert actors.system("budget_service").type == entry.actor_type
